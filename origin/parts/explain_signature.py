"""What `explain` says of a URL's signature: the verdict, and for a wrong one the mistake behind it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote_from_bytes
from urllib.parse import unquote_to_bytes

from origin.config.handler import Handler
from origin.config.model import Config
from origin.parts.dialects import make_token_verifier
from origin.parts.dialects import make_verifier
from origin.signing import Pair
from origin.signing import Reason
from origin.signing import Verifier
from origin.urls.dialects import SIGNING
from origin.urls.path import ROOT
from origin.urls.path import raw_key

NOT_NEEDED = "signature: not needed here"
_NONE_FOUND_ELSEWHERE = "no usual mistake: the application signs with another secret, or another text"
_NONE_FOUND = "no usual mistake: the application signs with another key, or another text than the lines above"


def describe_signature(
    config: Config, handler: Handler, key: str, pairs: list[Pair], now: float, base: str
) -> tuple[list[str], bool]:
    """Lines on the token, and whether it admits the request. `base`: scheme and host of the URL, if known."""
    if handler.signing is None:
        return [NOT_NEEDED], True
    verifier = make_token_verifier(handler)
    verdict = verifier.verify(key, pairs, now)
    lines = verifier.describe(key, pairs, now, base)
    if verdict.reason is Reason.WRONG:
        others = _find_other_handlers(config, handler, key, pairs, now)
        lines[-1:-1] = [f"mistake: {mistake}" for mistake in others]
        if not any(line.startswith("mistake: ") for line in lines):
            lines.insert(-1, _NONE_FOUND)
    return ["signature:", *(f"  {line}" for line in lines)], verdict.accepted


def _keys(handler: Handler) -> list[str]:
    return [] if handler.signing is None else [key.get_secret_value() for key in handler.signing.keys]


def _find_other_handlers(
    config: Config, handler: Handler, key: str, pairs: list[Pair], now: float
) -> Iterator[str]:
    """Which other handler's prefix or keys the token was made with."""
    for other in config.handlers:
        if other is handler:
            continue
        tried = [
            (handler.prefix, _keys(other), f"it is made with a key of the handler {other.name}"),
            (other.prefix, _keys(handler), f"the first line is {other.prefix!r}, the prefix of {other.name}"),
            (other.prefix, _keys(other), f"it is made for the handler {other.name}, with its prefix and key"),
        ]
        for prefix, keys, mistake in tried:
            if keys and Verifier(prefix, keys).verify(key, pairs, now).reason is not Reason.WRONG:
                yield mistake
                break


def describe_foreign_signature(
    handler: Handler, dialect: str, raw_path: bytes, query: bytes, now: float
) -> tuple[list[str], bool]:
    """The same for a signature as the system of a dialect writes it."""
    verifier, behind = make_verifier(handler, dialect)
    path = raw_key(raw_path, behind)
    if path is None:
        return ["signature: the slash behind the prefix is escaped"], False
    verdict = verifier.verify(path, query, now)
    if handler.signing is None and verdict.accepted:
        return [NOT_NEEDED], True
    lines = verifier.describe(path, query, now)
    if verdict.reason is Reason.WRONG:
        mistakes = [
            f"mistake: {mistake}" for mistake in _find_foreign_mistakes(handler, dialect, raw_path, query)
        ]
        lines[-1:-1] = mistakes or [_NONE_FOUND_ELSEWHERE]
    return ["signature:", *(f"  {line}" for line in lines)], verdict.accepted


def _find_foreign_mistakes(handler: Handler, dialect: str, raw_path: bytes, query: bytes) -> Iterator[str]:
    """The usual mistakes that would make a wrong signature of another system right."""
    verifier, behind = make_verifier(handler, dialect)
    path = raw_key(raw_path, behind) or b""
    tried = [
        (
            "the path was signed before it was escaped; sign it as it stands in the URL",
            unquote_to_bytes(path),
        ),
        (
            "the path was signed escaped, and stands in the URL as it is",
            quote_from_bytes(path, "/:=").encode(),
        ),
    ]
    if SIGNING[dialect].signs_in_path:
        signature, _, rest = path[1:].partition(b"/")
        longer = b"/".join([b"", signature, *handler.prefix.encode().split(b"/"), rest])
        tried.append(("the prefix was signed, too; sign what stands behind the signature", longer))
    elif behind == ROOT:
        shorter = raw_key(raw_path, handler.prefix) or path
        tried.append(('the prefix is not signed; "signed_path": "key" in signing says so', shorter))
    else:
        tried.append(('the prefix was signed, too; "signed_path": "full" in signing says so', raw_path))
    for mistake, other in tried:
        if other != path and verifier.verify(other, query, 0).reason is Reason.SIGNED:
            yield mistake
