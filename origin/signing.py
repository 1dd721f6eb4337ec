"""Tokens: what a signed URL says, how it is written and how it is checked.

An exact token signs one URL by its meaning, so a cache that sorts the query or re-escapes the path does
not break it. A grant token carries its own bounds and serves every URL within them. This module imports
the standard library and itsdangerous alone, so that an application can write URLs without the server:

    >>> signer = UrlSigner("https://img.example.com", "photos", ["k" * 32])
    >>> signer.url("cat.jpg", w=300)
    'https://img.example.com/photos/cat.jpg?w=300&t=WV8vUaxodI2UhDPzgVq9gQnD2gUOAvAAIXmFnbsvUao'
"""

from __future__ import annotations

import enum
import hashlib
import json
import math
import re
import time
import unicodedata
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from urllib.parse import quote_from_bytes
from urllib.parse import unquote_to_bytes

from itsdangerous import BadData
from itsdangerous import Signer
from itsdangerous import URLSafeSerializer
from itsdangerous import base64_decode
from itsdangerous import base64_encode

SALT = b"origin/v1"
GRANT_SALT = b"origin/v1/grant"
LEEWAY = 30  # seconds an expiry may have passed, for clocks that differ
MIN_SECRET = 32  # characters
MAX_KEY = 1024  # bytes
MAX_GRANT = 2048  # characters of a token; deflate cannot blow that up to more than 1.6 MB
SIGNATURE = 43  # characters: 32 bytes in unpadded base64url

# The options in the order in which we write them, and their other spellings.
OPTIONS = ("w", "h", "c", "f", "q", "dpr", "e", "t")
ALIASES = {"width": "w", "height": "h", "crop": "c", "format": "f", "expires": "e", "token": "t"}
_NAMES = {name.encode(): ALIASES.get(name, name) for name in (*OPTIONS, *ALIASES)}
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_SECONDS = re.compile("0|[1-9][0-9]{0,14}")
_NUMBER = re.compile(rf"(?:{_SECONDS.pattern})(?:\.[0-9]{{1,15}})?")
# itsdangerous' own defaults are SHA-1 and "django-concat".
_SCHEME: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}

Pair = tuple[bytes, bytes]
Value = bool | str | Decimal  # what c, f and the numbers mean
Option = str | int | float | bool | None  # as a caller of UrlSigner writes them


# --- What is signed -------------------------------------------------------------------------------


def decode_query(query: bytes) -> list[Pair]:
    """Names and values as a form has them: `+` is a space, `%XX` a byte, `a` is `a=`.

    Empty pieces are skipped and an escape that is none stands for itself, so every text has a meaning.
    Bytes come out, since decoding them would let two values that are not UTF-8 become one text.
    """
    pairs = (piece.replace(b"+", b" ").partition(b"=") for piece in query.split(b"&") if piece)
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]


def message(prefix: str, key: str, pairs: Iterable[Pair]) -> bytes:
    """The text that an exact token signs: prefix, key and query, one line each; the token is left out.

    Raises ValueError where a prefix or key holds a newline or no Unicode text: such a message could be
    read in two ways.
    """
    if "\n" in prefix or "\n" in key:
        raise ValueError("a prefix or key with a newline cannot be signed")
    signed = (pair for pair in pairs if _NAMES.get(pair[0]) != "t")
    # By name, then value, never as joined text: "=" sorts after "-" and ".".
    query = _joined(sorted(_escaped(signed)))
    return f"{prefix}\n{key}\n{query}".encode()


def _escaped(pairs: Iterable[Pair]) -> Iterator[tuple[str, str]]:
    return ((quote_from_bytes(name, safe=""), quote_from_bytes(value, safe="")) for name, value in pairs)


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in pairs)


def _value(name: str, raw: bytes) -> Value | None:
    """What the text of an option means; None where that is the same as leaving it out.

    Raises ValueError for a text without a meaning. A side between 0 and 1 counts as one of these: it
    may round to 0, which asks for the original's size.
    """
    text = raw.decode("ascii")
    if not text:
        return None
    if name == "f":
        return _format(text)
    if name == "c":
        if text.lower() not in _BOOLEANS:
            raise ValueError("not true or false")
        return _BOOLEANS[text.lower()]
    if not (_SECONDS if name == "e" else _NUMBER).fullmatch(text):
        raise ValueError("not a number")
    number = Decimal(text)
    if name in ("w", "h") and 0 < number < 1:
        raise ValueError("less than a pixel")
    return number if number or name not in ("w", "h") else None


def _format(name: str) -> str:
    return "jpg" if name.lower() == "jpeg" else name.lower()


# --- Verification ---------------------------------------------------------------------------------


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
        _check_secrets(keys)
        self._prefix = prefix
        self._required = required
        self._exact = [Signer(key, salt=SALT, **_SCHEME) for key in keys]
        self._grants = [Signer(key, salt=GRANT_SALT, **_SCHEME) for key in keys]

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
        index = _signed_by(self._exact, message(self._prefix, key, pairs), token)
        # Of the options only the expiry is judged: a key holder signed the others as they are.
        options = _options(pair for pair in pairs if _NAMES.get(pair[0]) == "e")
        return Verdict(Reason.SIGNED, "", index, _unexpired([options.get("e")], now))

    def _granted(self, token: bytes, key: str, pairs: Sequence[Pair], now: float) -> Verdict:
        if len(token) > MAX_GRANT:
            raise _Refusal(Reason.MALFORMED, f"a grant has at most {MAX_GRANT} characters")
        payload, _, signature = token.rpartition(b".")
        index = _signed_by(self._grants, payload, signature)
        try:
            grant = Grant.read(payload)
        except ValueError as exc:
            raise _Refusal(Reason.MALFORMED, f"a grant with {exc}") from exc
        options = _options(pairs)
        if fault := grant.fault(key, options):
            raise _Refusal(Reason.OUTSIDE, fault)
        return Verdict(Reason.GRANTED, "", index, _unexpired([grant.expires, options.get("e")], now))

    def describe(self, key: str, pairs: Sequence[Pair], now: float) -> list[str]:
        """Lines for a person who asks why a URL is accepted or refused: what was signed, the verdict, and
        for a wrong exact token the usual mistake it was made with, where it is one."""
        verdict = self.verify(key, pairs, now)
        lines = zip(
            ("prefix", "key", "query"), message(self._prefix, key, pairs).decode().split("\n"), strict=True
        )
        text = [f"{name}: {line}" for name, line in lines]
        if verdict.reason in (Reason.GRANTED, Reason.OUTSIDE):
            text.append(f"grant: {_GRANTS.load_payload(_token(pairs).rpartition(b'.')[0])}")
        elif verdict.reason is Reason.WRONG:
            others = _mistakes(self._prefix, key, pairs)
            text += [
                f"the token is right if {what}" for what, other in others if self._made(_token(pairs), other)
            ]
        return [*text, f"verdict: {verdict}"]

    def _made(self, token: bytes, text: bytes) -> bool:
        return any(signer.verify_signature(text, token) for signer in self._exact)


def _mistakes(prefix: str, key: str, pairs: Sequence[Pair]) -> Iterator[tuple[str, bytes]]:
    """Messages that signers write by mistake for this request, and what is wrong with each."""
    signed = [pair for pair in pairs if _NAMES.get(pair[0]) != "t"]
    unexpiring = [pair for pair in signed if _NAMES.get(pair[0]) != "e"]
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
    if (unsorted := list(_escaped(signed))) != sorted(unsorted):
        yield "the query is not sorted", f"{prefix}\n{key}\n{_joined(unsorted)}".encode()


def _check_secrets(keys: Sequence[str]) -> None:
    if isinstance(keys, str) or not keys:
        raise ValueError("signing needs a list of at least one key")
    if any(len(key) < MIN_SECRET for key in keys):
        raise ValueError(f"a signing key has fewer than {MIN_SECRET} characters")


def _token(pairs: Iterable[Pair]) -> bytes:
    tokens = [value for name, value in pairs if _NAMES.get(name) == "t"]
    if len(tokens) > 1:
        raise _Refusal(Reason.MALFORMED, "the token is repeated")
    return tokens[0] if tokens else b""


def _signed_by(signers: Sequence[Signer], text: bytes, signature: bytes) -> int:
    """The index of the signer that made the signature."""
    # Decoding is lenient (a padded text, or another last character, has the same bytes), so a signature
    # counts only in the one spelling that encoding gives it.
    try:
        is_canonical = len(signature) == SIGNATURE and base64_encode(base64_decode(signature)) == signature
    except BadData:
        is_canonical = False
    if not is_canonical:
        raise _Refusal(Reason.MALFORMED, f"a signature is {SIGNATURE} characters of base64url")
    matches = [signer.verify_signature(text, signature) for signer in signers]  # all, whichever matches
    if True not in matches:
        raise _Refusal(Reason.WRONG, "no key made this token for this URL")
    return matches.index(True)


def _options(pairs: Iterable[Pair]) -> dict[str, Value]:
    """What our options mean, the token's apart. Absent ones are left out; none is repeated."""
    options: dict[str, Value | None] = {}
    for name, raw in pairs:
        option = _NAMES.get(name, "t")
        if option == "t":
            continue
        if option in options:
            raise _Refusal(Reason.MALFORMED, f"{option} is repeated")
        try:
            options[option] = _value(option, raw)
        except ValueError as exc:
            raise _Refusal(Reason.MALFORMED, f"{option}={quote(raw)} has no meaning") from exc
    return {option: value for option, value in options.items() if value is not None}


def _unexpired(expiries: Iterable[Any], now: float) -> int | None:
    """The earliest of these Unix seconds; None where there is none."""
    expires = min((int(expiry) for expiry in expiries if expiry is not None), default=None)
    if expires is not None and now > expires + LEEWAY:
        raise _Refusal(Reason.EXPIRED, f"{now - expires:.0f} s ago")
    return expires


# --- Grants ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grant:
    """What a grant token holds: a key, or a prefix of keys that ends in `/*`; and for each option that a
    URL has to hold, by its canonical name, a test of its meaning."""

    key: str
    expires: int | None
    bounds: Mapping[str, Callable[[Any], bool]]

    @classmethod
    def read(cls, payload: bytes) -> Grant:
        """Raises ValueError for anything else than exactly the fields we know."""
        try:
            fields = _GRANTS.load_payload(payload)
        except BadData as exc:
            raise ValueError("no JSON in it") from exc
        if not isinstance(fields, dict) or not {"k"} <= fields.keys() <= {"k", "e", "o"}:
            raise ValueError("other fields than k, e and o")
        key, expires, bounds = fields["k"], fields.get("e", 0), fields.get("o", {})
        if (type(key), type(expires), type(bounds)) != (str, int, dict):
            raise ValueError("a field of another type")
        names = [ALIASES.get(name, name) for name in bounds]
        if len(set(names)) < len(names) or not set(names) <= set(OPTIONS) - {"t"}:
            raise ValueError("an option that is unknown or repeated")
        tests = {name: _bound(name, bound) for name, bound in zip(names, bounds.values(), strict=True)}
        return cls(key, expires if "e" in fields else None, tests)

    def fault(self, key: str, options: Mapping[str, Value]) -> str:
        """What puts a request outside the grant; empty where nothing does.

        An option that the grant names has to be there: leaving out `w` would ask for the original's size.
        """
        matches = key.startswith(self.key[:-1]) if self.key.endswith("/*") else key == self.key
        if not matches:
            return f"it is for {self.key!r}"
        for name in sorted(self.bounds.keys() | options.keys()):
            if name not in self.bounds:
                return f"it does not name {name}"
            if name not in options:
                return f"{name} is missing"
            if not self.bounds[name](options[name]):
                return f"{name}={options[name]}"
        return ""


def _bound(name: str, bound: object) -> Callable[[Any], bool]:
    """A test from `{"min": 1, "max": 9}`, a list or a single value; raises ValueError for any other."""
    if isinstance(bound, dict):
        if not bound or name in ("c", "f") or not bound.keys() <= {"min", "max"}:
            raise ValueError(f"no bounds for {name}")
        low, high = (_constant(name, bound[end]) if end in bound else None for end in ("min", "max"))
        return lambda value: (low is None or low <= value) and (high is None or value <= high)
    admitted = [_constant(name, value) for value in (bound if isinstance(bound, list) else [bound])]
    if not admitted:
        raise ValueError(f"no value of {name}")
    return lambda value: value in admitted


def _constant(name: str, value: object) -> Any:
    # By exact type: to Python True is the number 1.
    if type(value) not in {"c": (bool,), "f": (str,)}.get(name, (int, Decimal)):
        raise ValueError(f"another type of {name}")
    return _format(value) if isinstance(value, str) else value


def _once(fields: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in fields}) < len(fields):
        raise ValueError("a name is repeated")
    return dict(fields)


class _StrictJSON:
    """JSON without rounding and with one reading: no repeated names, and NaN is no number."""

    dumps = staticmethod(json.dumps)

    @staticmethod
    def loads(text: str) -> Any:
        return json.loads(text, object_pairs_hook=_once, parse_float=Decimal, parse_constant=str)


# Reads payloads whose signature has been checked; the key is never used.
_GRANTS = URLSafeSerializer("", serializer=_StrictJSON)


# --- Writing URLs ---------------------------------------------------------------------------------


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
        self._signer = Signer(keys, salt=SALT, **_SCHEME)
        self._grants = URLSafeSerializer(keys, salt=GRANT_SALT, signer_kwargs=_SCHEME)
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
        return f"{self._base}/{quote(self._prefix)}/{quote(key)}?{_joined(_escaped(pairs))}"

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
        fields: dict[str, Any] = {"k": key, "o": bounds}
        expires = self._expiry(expires_in, expires_at, time.time() if now is None else now)
        if expires is not None:
            fields["e"] = expires
        token = self._grants.dumps(fields)
        Grant.read(token.rpartition(".")[0].encode())
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
        is_absent = _value(option, text.encode()) is None
    except ValueError as exc:
        raise ValueError(f"{option}={value!r} has no meaning") from exc
    if is_absent:
        raise ValueError(f"{option}={value!r} is as absent; leave it out")
    return text.encode()


def _check_key(key: str) -> None:
    """Raises ValueError for a key that the origin refuses before it looks at a token."""
    if any(segment in ("", ".", "..") for segment in key.split("/")):
        raise ValueError(f"a key has no empty, . or .. segment: {key!r}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in key):
        raise ValueError(f"a key has no control character: {key!r}")
    if len(key.encode()) > MAX_KEY:
        raise ValueError(f"a key has at most {MAX_KEY} bytes")
