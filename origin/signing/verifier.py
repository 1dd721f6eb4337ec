"""Verification: whether a request may be served, and why not."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from itsdangerous import Signer

from origin.signing.grants import Grant
from origin.signing.grants import read_values
from origin.signing.message import find_token
from origin.signing.message import message
from origin.signing.mistakes import describe_misspelling
from origin.signing.mistakes import list_mistaken_messages
from origin.signing.tokens import MAX_GRANT
from origin.signing.tokens import SIGNATURE
from origin.signing.tokens import check_secrets
from origin.signing.tokens import exact_signer
from origin.signing.tokens import grant_signer
from origin.signing.tokens import is_signature
from origin.signing.tokens import list_mistaken_signers
from origin.signing.tokens import read_payload
from origin.signing.tokens import signed_by
from origin.signing.verdict import Reason
from origin.signing.verdict import Verdict
from origin.urls.options import BY_NAME
from origin.urls.options import EXPIRES
from origin.urls.query import Pair

LEEWAY = 30  # seconds an expiry may have passed, for clocks that differ
HORIZON = 100 * 365 * 86_400  # seconds; an expiry beyond it is in milliseconds
_UNSIGNED = Verdict(Reason.UNSIGNED)
_LINES = ("prefix", "key", "query")  # of a message


class Verifier:
    """Checks the tokens of one handler. `keys` are secrets of 32 characters or more, oldest first.

    Where the query is a part of the original's URL, grants come `without_query`: they bound options, and a
    name that is no option is free beside them.

    Raises ValueError where there is no key, or a shorter one.
    """

    def __init__(
        self, prefix: str, keys: Sequence[str], required: bool = True, *, without_query: bool = False
    ) -> None:
        check_secrets(keys)
        self._without_query = without_query
        self._prefix = prefix
        self._secrets = list(keys)
        self._required = required
        self._exact = [exact_signer([secret]) for secret in keys]
        self._grants = [grant_signer([secret]) for secret in keys]

    def verify(self, key: str, pairs: Sequence[Pair], now: float) -> Verdict:
        """Judges a request by its decoded key, its `decode_query` and the time, and by nothing else.

        The key has passed the checks of every path: no control character, and unless it is a URL no empty or
        dotted segment.
        """
        try:
            token = _find_token(pairs)
            if not token:
                return Verdict(Reason.MISSING, "the URL has no t") if self._required else _UNSIGNED
            verify = self._verify_grant if b"." in token else self._verify_exact
            return verify(token, key, pairs, now)
        except _Refusal as refusal:
            return refusal.verdict

    def _verify_exact(self, token: bytes, key: str, pairs: Sequence[Pair], now: float) -> Verdict:
        _check_shape(token)
        try:
            text = message(self._prefix, key, pairs)
        except ValueError as exc:
            raise _Refusal(Reason.MALFORMED, str(exc)) from exc
        index = _find_signer(self._exact, text, token)
        # Of the options only the expiry is judged: a key holder signed the others as they are.
        values = _read_values(pair for pair in pairs if BY_NAME.get(pair[0]) is EXPIRES)
        return Verdict(Reason.SIGNED, "", index, _check_expiry([values.get(EXPIRES.name)], now))

    def _verify_grant(self, token: bytes, key: str, pairs: Sequence[Pair], now: float) -> Verdict:
        if len(token) > MAX_GRANT:
            raise _Refusal(Reason.MALFORMED, f"a grant has at most {MAX_GRANT} characters")
        payload, _, signature = token.rpartition(b".")
        _check_shape(signature)
        index = _find_signer(self._grants, payload, signature)
        try:
            grant = Grant.read(payload)
        except ValueError as exc:
            raise _Refusal(Reason.MALFORMED, f"a grant with {exc}") from exc
        values = _read_values(pairs)
        violation = grant.violation(key, values)
        if self._without_query and not all(_is_of_token(name) for name, _ in pairs):
            violation = "the query belongs to the original here, and no grant signs that"
        if violation:
            raise _Refusal(Reason.OUTSIDE, violation)
        return Verdict(
            Reason.GRANTED, "", index, _check_expiry([grant.expires, values.get(EXPIRES.name)], now)
        )

    def describe(self, key: str, pairs: Sequence[Pair], now: float, base: str = "") -> list[str]:
        """Lines for a person who asks why a URL is accepted or refused: the message, the verdict, and
        between them a grant's content or the usual mistakes that would make a wrong token right.

        `base` is the scheme and host of the URL, where they are known."""
        verdict = self.verify(key, pairs, now)
        if verdict.reason in (Reason.GRANTED, Reason.OUTSIDE):
            lines = [f"grant: {read_payload(find_token(pairs).rpartition(b'.')[0])}"]
        else:
            text = message(self._prefix, key, pairs).decode().split("\n")
            lines = [f"{name}: {line}" for name, line in zip(_LINES, text, strict=True)]
        if verdict.reason is Reason.WRONG:
            lines += [f"mistake: {mistake}" for mistake in self._find_mistakes(key, pairs, base)]
        if verdict.expires is not None and verdict.expires > now + HORIZON:
            lines.append("warning: the expiry is a hundred years away; it is in seconds, not milliseconds")
        return [*lines, f"verdict: {verdict}"]

    def _find_mistakes(self, key: str, pairs: Sequence[Pair], base: str) -> Iterator[str]:
        token = find_token(pairs)
        is_grant = b"." in token
        text, _, signature = token.rpartition(b".")
        if not is_grant:
            text = message(self._prefix, key, pairs)
            for mistake, other in list_mistaken_messages(self._prefix, key, pairs, base):
                if signed_by(self._exact, other, token) is not None:
                    yield mistake
        for mistake, signers in list_mistaken_signers(self._secrets, is_grant=is_grant):
            if signed_by(signers, text, signature) is not None:
                yield mistake


class _Refusal(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.verdict = Verdict(reason, detail)


def _find_token(pairs: Iterable[Pair]) -> bytes:
    try:
        return find_token(pairs)
    except ValueError as exc:
        raise _Refusal(Reason.MALFORMED, str(exc)) from exc


def _read_values(pairs: Iterable[Pair]) -> dict[str, Any]:
    try:
        return read_values(pairs)
    except ValueError as exc:
        raise _Refusal(Reason.MALFORMED, str(exc)) from exc


def _is_of_token(name: bytes) -> bool:
    option = BY_NAME.get(name)
    return option is not None and option.of_token


def _check_shape(signature: bytes) -> None:
    if not is_signature(signature):
        misspelling = describe_misspelling(signature, SIGNATURE)
        raise _Refusal(Reason.MALFORMED, f"a signature is {SIGNATURE} characters of base64url; {misspelling}")


def _find_signer(signers: Sequence[Signer], text: bytes, signature: bytes) -> int:
    index = signed_by(signers, text, signature)
    if index is None:
        raise _Refusal(Reason.WRONG, "no key made this token for this URL")
    return index


def _check_expiry(expiries: Iterable[int | None], now: float) -> int | None:
    """The earliest of these Unix seconds; None where there is none."""
    expires = min((expiry for expiry in expiries if expiry is not None), default=None)
    if expires is not None and now > expires + LEEWAY:
        raise _Refusal(Reason.EXPIRED, f"{now - expires:.0f} s ago")
    return expires
