"""What a token says about a URL: its options, what they mean, and the text that an exact token signs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import quote_from_bytes
from urllib.parse import unquote_to_bytes

# The options in the order in which we write them, and their other spellings.
OPTIONS = ("w", "h", "c", "f", "q", "dpr", "e", "t")
ALIASES = {
    "width": "w",
    "height": "h",
    "crop": "c",
    "format": "f",
    "quality": "q",
    "expires": "e",
    "token": "t",
}
NAMES = {name.encode(): ALIASES.get(name, name) for name in (*OPTIONS, *ALIASES)}
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_SECONDS = re.compile("0|[1-9][0-9]{0,14}")
_NUMBER = re.compile(rf"(?:{_SECONDS.pattern})(?:\.[0-9]{{1,20}})?")

Pair = tuple[bytes, bytes]
Value = bool | str | Decimal  # what c, f and the numbers mean


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
    signed = (pair for pair in pairs if NAMES.get(pair[0]) != "t")
    # By name, then value, never as joined text: "=" sorts after "-" and ".".
    query = joined(sorted(escaped(signed)))
    return f"{prefix}\n{key}\n{query}".encode()


def escaped(pairs: Iterable[Pair]) -> Iterator[tuple[str, str]]:
    return ((quote_from_bytes(name, safe=""), quote_from_bytes(value, safe="")) for name, value in pairs)


def joined(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in pairs)


def parse_value(name: str, raw: bytes) -> Value | None:
    """What the text of an option means; None where that is the same as leaving it out.

    Raises ValueError for a text without a meaning. A side between 0 and 1 counts as one of these: it
    may round to 0, which asks for the original's size.
    """
    text = raw.decode("ascii")
    if not text:
        return None
    if name == "f":
        return format_name(text)
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


def format_name(name: str) -> str:
    return "jpg" if name.lower() == "jpeg" else name.lower()
