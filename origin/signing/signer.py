"""Writing signed URLs, in an application that need not have the server."""

from __future__ import annotations

import math
import re
import time
import unicodedata
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from origin.signing.grants import Grant
from origin.signing.tokens import MAX_GRANT
from origin.signing.tokens import exact_signer
from origin.signing.tokens import make_grant
from origin.signing.verifier import Verifier
from origin.urls.query import ALIASES
from origin.urls.query import OPTIONS
from origin.urls.query import Pair
from origin.urls.query import escaped
from origin.urls.query import joined
from origin.urls.query import message
from origin.urls.query import parse_value

MAX_KEY = 1024  # bytes
HORIZON = 100 * 365 * 86_400  # seconds; an expiry beyond it is in milliseconds
_FORMATS = frozenset({"jpg", "png", "webp", "avif", "gif", "auto", "original"})
_RANGES = {"q": (1, 100), "dpr": (1, 4)}
Option = str | int | float | bool | None


class UrlSigner:
    """Writes URLs and tokens for one handler. `keys` are the handler's, oldest first; the newest signs.

    Expiries are rounded up to a multiple of `bucket` seconds, so that the pages of an hour share their
    URLs and the CDN its objects. Options are those of a URL, in either spelling; None is left out, and
    what the origin could not read raises ValueError (TypeError where the name is wrong), as does a key
    that it would refuse.
    """

    def __init__(self, base_url: str, prefix: str, keys: Sequence[str], bucket: int = 3600) -> None:
        if bucket < 1 or re.search(r"[?#\s]", base_url):
            raise ValueError("a bucket is at least a second, and a base URL has no query")
        self._base = base_url.rstrip("/")
        self._prefix = prefix.strip("/")
        self._verifier = Verifier(self._prefix, keys)
        self._signer = exact_signer(keys)
        self._keys = list(keys)
        self._bucket = bucket

    def url(
        self,
        key: str,
        *,
        expires_in: float | None = None,
        expires_at: float | None = None,
        now: float | None = None,
        grant: str | None = None,
        **options: Option,
    ) -> str:
        """The URL of a picture, with a token of its own, or with a grant if it is inside that one.

        `expires_in` counts seconds from now, `expires_at` is a Unix second.
        """
        _check_key(key)
        now = time.time() if now is None else now
        expires = self._expiry(expires_in, expires_at, now)
        pairs = _written(options)
        if expires is not None:
            pairs.append((b"e", b"%d" % expires))
        pairs.append((b"t", (grant or self.token(key, pairs)).encode()))
        verdict = self._verifier.verify(key, pairs, now)
        if not verdict.accepted:
            raise ValueError(f"the origin would refuse this URL: {verdict}")
        return f"{self._base}/{quote(self._prefix)}/{quote(key)}?{joined(escaped(pairs))}"

    def token(self, key: str, pairs: Iterable[Pair]) -> str:
        """The exact token of a URL that is written elsewhere, from its `decode_query`."""
        return self._signer.get_signature(message(self._prefix, key, pairs)).decode()

    def srcset(
        self,
        key: str,
        *,
        widths: Sequence[int] = (),
        densities: Sequence[float] = (),
        **arguments: Any,
    ) -> str:
        """The text of a `srcset` attribute over `w`, or over `dpr`; the rest is as for `url`.

        Whoever writes it into HTML escapes it like any attribute.
        """
        if bool(widths) == bool(densities):
            raise TypeError("a srcset is over widths or over densities")
        if densities and not {"w", "h", "width", "height"} & arguments.keys():
            raise TypeError("densities multiply w or h; give one")
        if any(type(width) is not int for width in widths):
            raise TypeError("the widths of a srcset are whole numbers")
        urls = [f"{self.url(key, w=width, **arguments)} {width}w" for width in widths]
        urls += [f"{self.url(key, dpr=density, **arguments)} {density:g}x" for density in densities]
        return ", ".join(urls)

    def grant(
        self,
        key: str,
        *,
        expires_in: float | None = None,
        expires_at: float | None = None,
        now: float | None = None,
        **bounds: Any,
    ) -> str:
        """A token for a key, or for every key below a prefix that ends in `/*`.

        Each bound is `{"min": 1, "max": 1600}` (either end may be left out), a list, or the one value.
        A URL has to hold each of the options that are bound here, and no other.
        """
        _check_key(key)
        if "*" in key.removesuffix("/*"):
            raise ValueError(
                "a grant is for a key, or for a prefix that ends in /*; no other * means anything"
            )
        fields: dict[str, Any] = {"k": key, "o": bounds}
        expires = self._expiry(expires_in, expires_at, time.time() if now is None else now)
        if expires is not None:
            fields["e"] = expires
        token = make_grant(self._keys, fields)
        Grant.read(token.rpartition(".")[0].encode())
        for option, bound in bounds.items():
            _check_bound(option, bound)
        if len(token) > MAX_GRANT:
            raise ValueError(f"a grant has at most {MAX_GRANT} characters")
        return token

    def _expiry(self, expires_in: float | None, expires_at: float | None, now: float) -> int | None:
        if expires_in is not None and expires_at is not None:
            raise TypeError("give expires_in or expires_at")
        if expires_in is not None:
            expires_at = now + expires_in
        if expires_at is None:
            return None
        if expires_at <= now:
            raise ValueError("the expiry has passed")
        if expires_at > now + HORIZON:
            raise ValueError("the expiry is a hundred years away; it is in seconds, not milliseconds")
        return math.ceil(expires_at / self._bucket) * self._bucket


def _written(options: Mapping[str, Option]) -> list[Pair]:
    """The query of these options, in one spelling and order, so that a picture has one URL."""
    written: dict[str, bytes] = {}
    for name, value in options.items():
        option = ALIASES.get(name, name)
        if option not in OPTIONS or option in ("e", "t") or option in written:
            raise TypeError(f"{name} is no option, or repeated (expires_in and expires_at write the expiry)")
        if value is not None:
            written[option] = _text(option, value)
    return [(option.encode(), written[option]) for option in OPTIONS if option in written]


def _text(option: str, value: str | int | float | bool) -> bytes:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, float):
        text = format(Decimal(text).normalize(), "f")  # 2.0 is 2, and never 1e-05
    try:
        found = parse_value(option, text.encode())
        _check_value(option, found)
    except ValueError as exc:
        raise ValueError(f"{option}={value!r} has no meaning") from exc
    if found is None:
        raise ValueError(f"{option}={value!r} is as absent; leave it out")
    return text.encode()


def _check_value(option: str, value: object) -> None:
    """Raises ValueError for what the origin refuses although it could read it."""
    if option in _RANGES and isinstance(value, Decimal):
        low, high = _RANGES[option]
        if not low <= value <= high or (option == "q" and value % 1):
            raise ValueError(f"not from {low} to {high}, or not whole")
    if option == "f" and value not in _FORMATS:
        raise ValueError("no such format")


def _check_bound(option: str, bound: Any) -> None:
    """Raises ValueError for a bound that no URL can meet."""
    option = ALIASES.get(option, option)
    if isinstance(bound, dict):
        low, high = bound.get("min"), bound.get("max")
        if low is not None and high is not None and low > high:
            raise ValueError(f"{option}: min is over max")
        return
    for value in bound if isinstance(bound, list | tuple) else [bound]:
        _text(option, value)


def _check_key(key: str) -> None:
    """Raises ValueError for a key that the origin refuses before it looks at a token."""
    if any(segment in ("", ".", "..") for segment in key.split("/")):
        raise ValueError(f"a key has no empty, . or .. segment: {key!r}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in key):
        raise ValueError(f"a key has no control character: {key!r}")
    if len(key.encode()) > MAX_KEY:
        raise ValueError(f"a key has at most {MAX_KEY} bytes")
