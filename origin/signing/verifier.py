"""Verification: whether a request may be served, and why not."""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from itsdangerous import Signer

from origin.signing.grants import Grant
from origin.signing.tokens import MAX_GRANT
from origin.signing.tokens import SIGNATURE
from origin.signing.tokens import check_secrets
from origin.signing.tokens import exact_signer
from origin.signing.tokens import grant_signer
from origin.signing.tokens import is_signature
from origin.signing.tokens import read_payload
from origin.signing.tokens import signed_by
from origin.urls.query import NAMES
from origin.urls.query import Pair
from origin.urls.query import Value
from origin.urls.query import escaped
from origin.urls.query import joined
from origin.urls.query import message
from origin.urls.query import parse_value

LEEWAY = 30  # seconds an expiry may have passed, for clocks that differ
_LINES = ("prefix", "key", "query")


class Reason(enum.Enum):
    """Why a request is accepted (the first three) or refused. For the log, never for the client."""

    SIGNED = "signed"
    GRANTED = "granted"
    UNSIGNED = "unsigned"
    MISSING = "missing"
    MALFORMED = "malformed"
    WRONG = "wrong"
    EXPIRED = "expired"
    OUTSIDE = "outside the grant"


_ACCEPTED = frozenset({Reason.SIGNED, Reason.GRANTED, Reason.UNSIGNED})


@dataclass(frozen=True)
class Verdict:
    """`key_index` counts the handler's keys from the oldest, 0; `expires` is the Unix second after which
    no cache may hold the answer."""

    reason: Reason
    detail: str = ""
    key_index: int | None = None
    expires: int | None = None

    @property
    def accepted(self) -> bool:
        return self.reason in _ACCEPTED

    def __str__(self) -> str:
        key = "" if self.key_index is None else f"with key {self.key_index + 1}"
        until = "" if self.expires is None else f"until {self.expires}"
        return ", ".join(part for part in (self.reason.value, self.detail, key, until) if part)


class _Refusal(Exception):
    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.verdict = Verdict(reason, detail)


class Verifier:
    """Checks the tokens of one handler. `keys` are secrets of 32 characters or more, oldest first.

    Raises ValueError where there is no key, or a shorter one.
    """

    def __init__(self, prefix: str, keys: Sequence[str], required: bool = True) -> None:
        check_secrets(keys)
        self._prefix = prefix
        self._required = required
        self._exact = [exact_signer([key]) for key in keys]
        self._grants = [grant_signer([key]) for key in keys]

    def verify(self, key: str, pairs: Sequence[Pair], now: float) -> Verdict:
        """Judges a request by its decoded key, its `decode_query` and the time, and by nothing else.

        The key has passed the checks of every path: no empty or dotted segment, no control character.
        """
        try:
            token = _token(pairs)
            if token:
                return (self._granted if b"." in token else self._signed)(token, key, pairs, now)
            return Verdict(Reason.MISSING if self._required else Reason.UNSIGNED)
        except _Refusal as refusal:
            return refusal.verdict

    def _signed(self, token: bytes, key: str, pairs: Sequence[Pair], now: float) -> Verdict:
        _check_shape(token)
        try:
            text = message(self._prefix, key, pairs)
        except ValueError as exc:
            raise _Refusal(Reason.MALFORMED, str(exc)) from exc
        index = _signed_by(self._exact, text, token)
        # Of the options only the expiry is judged: a key holder signed the others as they are.
        options = _options(pair for pair in pairs if NAMES.get(pair[0]) == "e")
        return Verdict(Reason.SIGNED, "", index, _unexpired([options.get("e")], now))

    def _granted(self, token: bytes, key: str, pairs: Sequence[Pair], now: float) -> Verdict:
        if len(token) > MAX_GRANT:
            raise _Refusal(Reason.MALFORMED, f"a grant has at most {MAX_GRANT} characters")
        payload, _, signature = token.rpartition(b".")
        _check_shape(signature)
        index = _signed_by(self._grants, payload, signature)
        try:
            grant = Grant.read(payload)
        except ValueError as exc:
            raise _Refusal(Reason.MALFORMED, f"a grant with {exc}") from exc
        options = _options(pairs)
        if fault := grant.violation(key, options):
            raise _Refusal(Reason.OUTSIDE, fault)
        return Verdict(Reason.GRANTED, "", index, _unexpired([grant.expires, options.get("e")], now))

    def describe(self, key: str, pairs: Sequence[Pair], now: float) -> list[str]:
        """Lines for a person who asks why a URL is accepted or refused: the message, the verdict, and
        between them a grant's content or the usual mistakes that would make a wrong token right."""
        verdict = self.verify(key, pairs, now)
        if verdict.reason in (Reason.GRANTED, Reason.OUTSIDE):
            lines = [f"grant: {read_payload(_token(pairs).rpartition(b'.')[0])}"]
        else:
            text = message(self._prefix, key, pairs).decode().split("\n")
            lines = [f"{name}: {line}" for name, line in zip(_LINES, text, strict=True)]
        if verdict.reason is Reason.WRONG:
            lines += [f"the token is right if {mistake}" for mistake in self._mistakes(key, pairs)]
        return [*lines, f"verdict: {verdict}"]

    def _mistakes(self, key: str, pairs: Sequence[Pair]) -> Iterator[str]:
        token = _token(pairs)
        for mistake, text in _mistaken_messages(self._prefix, key, pairs):
            if signed_by(self._exact, text, token) is not None:
                yield mistake


def _mistaken_messages(prefix: str, key: str, pairs: Sequence[Pair]) -> Iterator[tuple[str, bytes]]:
    """Messages that signers write by mistake for this request, and what is wrong with each."""
    signed = [pair for pair in pairs if NAMES.get(pair[0]) != "t"]
    unexpiring = [pair for pair in signed if NAMES.get(pair[0]) != "e"]
    yield "the message ends with a newline", message(prefix, key, pairs) + b"\n"
    yield "the key is percent-encoded", message(prefix, quote(key), pairs)
    yield "the key begins with a slash", message(prefix, "/" + key, pairs)
    yield "the key holds the prefix", message(prefix, f"{prefix}/{key}", pairs)
    yield "the prefix is written with slashes", message(f"/{prefix}/", key, pairs)
    for form in ("NFC", "NFD"):
        if (other := unicodedata.normalize(form, key)) != key:
            yield f"the key is normalised to {form}", message(prefix, other, pairs)
    if unexpiring != signed:
        yield "the expiry is left out of the query", message(prefix, key, unexpiring)
    if unexpiring:
        yield "the query is left out", message(prefix, key, [])
    if (unsorted := list(escaped(signed))) != sorted(unsorted):
        yield "the query is not sorted", f"{prefix}\n{key}\n{joined(unsorted)}".encode()


def _token(pairs: Iterable[Pair]) -> bytes:
    tokens = [value for name, value in pairs if NAMES.get(name) == "t"]
    if len(tokens) > 1:
        raise _Refusal(Reason.MALFORMED, "the token is repeated")
    return tokens[0] if tokens else b""


def _check_shape(signature: bytes) -> None:
    if not is_signature(signature):
        raise _Refusal(Reason.MALFORMED, f"a signature is {SIGNATURE} characters of base64url")


def _signed_by(signers: Sequence[Signer], text: bytes, signature: bytes) -> int:
    index = signed_by(signers, text, signature)
    if index is None:
        raise _Refusal(Reason.WRONG, "no key made this token for this URL")
    return index


def _options(pairs: Iterable[Pair]) -> dict[str, Value]:
    """What our options mean, the token's apart. Absent ones are left out; none is repeated."""
    options: dict[str, Value | None] = {}
    for name, raw in pairs:
        option = NAMES.get(name, "t")
        if option == "t":
            continue
        if option in options:
            raise _Refusal(Reason.MALFORMED, f"{option} is repeated")
        try:
            options[option] = parse_value(option, raw)
        except ValueError as exc:
            raise _Refusal(Reason.MALFORMED, f"{option}={quote(raw[:40])} has no meaning") from exc
    return {option: value for option, value in options.items() if value is not None}


def _unexpired(expiries: Iterable[Any], now: float) -> int | None:
    """The earliest of these Unix seconds; None where there is none."""
    expires = min((int(expiry) for expiry in expiries if expiry is not None), default=None)
    if expires is not None and now > expires + LEEWAY:
        raise _Refusal(Reason.EXPIRED, f"{now - expires:.0f} s ago")
    return expires
