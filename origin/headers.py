"""What HTTP says about one picture: validators, ranges, negotiation, freshness, names and tags.

Pure functions of header text, with no clock and no ASGI. What comes from a client is only ever compared
or counted, never an error: a header we cannot read is a header that was not sent.
"""

from __future__ import annotations

import datetime
import hashlib
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

NO_STORE = "no-store"

# On every answer, failures and refusals included. The policy makes an SVG or a mislabelled file inert when
# it is opened on its own; CORS and CORP let any page embed what is public anyway, under COEP too.
SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"),
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)


def etag(digest: bytes) -> str:
    """A strong entity tag: whoever calls promises that equal digests mean equal bytes."""
    return f'"{digest.hex()}"'


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH = datetime.date(1970, 1, 1).toordinal()
# RFC 9110 section 5.6.7 reads a two-digit year as at most 50 years ahead. Seen from 2026, and fixed: the
# form died before 1999, and a pivot that moved with the clock would make the same text mean two things.
_LAST_TWO_DIGIT_YEAR_OF_2000 = "76"


def http_date(timestamp: float) -> str:
    """Unix seconds as an IMF-fixdate, cut to whole seconds as `not_modified` cuts them."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(int(timestamp))
    date = f"{_DAYS[weekday]}, {day:02d} {_MONTHS[month - 1]} {year:04d}"
    return f"{date} {hour:02d}:{minute:02d}:{second:02d} GMT"


def parse_http_date(text: str) -> float | None:
    """Unix seconds from any of the three forms of RFC 9110 section 5.6.7; None for anything else.

    The name of the weekday has to be one, but is not held against the date.
    """
    if not text.isascii():
        return None
    try:
        match text.split(" "):
            case [weekday, day, month, year, clock, "GMT"] if weekday[-1:] == "," and weekday[:-1] in _DAYS:
                return _unix(year, month, day, clock)
            case [weekday, date, clock, "GMT"] if weekday[-1:] == "," and weekday[:-1] in _LONG_DAYS:
                day, month, year = date.split("-")
                century = "20" if year <= _LAST_TWO_DIGIT_YEAR_OF_2000 else "19"
                return _unix(century + year, month, day, clock)
            case [weekday, month, "", day, clock, year] if weekday in _DAYS:
                return _unix(year, month, "0" + day, clock)
            case [weekday, month, day, clock, year] if weekday in _DAYS:
                return _unix(year, month, day, clock)
    except ValueError:
        pass
    return None


def _unix(year: str, month: str, day: str, clock: str) -> float:
    """Raises ValueError for a date that does not exist or fields of the wrong width."""
    hour, minute, second = clock.split(":")
    fields = (year, day, hour, minute, second)
    if [len(field) for field in fields] != [4, 2, 2, 2, 2] or not "".join(fields).isdigit():
        raise ValueError(clock)
    if hour > "23" or minute > "59" or second > "60":  # 60: a leap second is in the grammar
        raise ValueError(clock)
    date = datetime.date(int(year), _MONTHS.index(month) + 1, int(day))
    days = date.toordinal() - _EPOCH
    return float(((days * 24 + int(hour)) * 60 + int(minute)) * 60 + int(second))


def not_modified(
    etag: str, last_modified: float | None, if_none_match: str | None, if_modified_since: str | None
) -> bool:
    """Whether a GET or HEAD is answered 304 (RFC 9110 section 13.2.2).

    If-None-Match alone decides where it is sent, even when it is nonsense. Repeated fields of it come
    joined by a comma.
    """
    if if_none_match is not None:
        return _matches(etag, if_none_match)
    if if_modified_since is None or last_modified is None:
        return False
    since = parse_http_date(if_modified_since)
    return since is not None and int(last_modified) <= since


def _matches(etag: str, header: str) -> bool:
    """Weak comparison (RFC 9110 section 8.8.3.2) of our tag with each one listed."""
    if header in (etag, "*"):
        return True
    return etag in header and etag[1:-1] in _opaque_tags(header)


def _opaque_tags(header: str) -> Iterator[str]:
    """The text between the quotes of each tag, up to the first thing that is no tag.

    A tag may hold commas but neither quotes nor escapes (RFC 9110 section 8.8.3), so the quotes alone
    tell where one ends: even pieces stand between tags, odd ones are tags.
    """
    pieces = header.split('"')
    for at in range(1, len(pieces) - 1, 2):
        between = pieces[at - 1]
        if between.strip(" \t,") not in ("", "W/") or (at > 1 and "," not in between):
            return
        yield pieces[at]


_LONGEST_RANGE = 64  # two 25-digit positions fit: what is longer is a list or an attack


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes of a 206. Both ends are included."""

    first: int
    last: int

    def content_range(self, length: int) -> str:
        return f"bytes {self.first}-{self.last}/{length}"


class UnsatisfiableRange(Exception):
    """The range starts behind the end: 416, with `content_range` to say where the end is."""

    def __init__(self, length: int) -> None:
        super().__init__(f"no such range in {length} bytes")
        self.content_range = f"bytes */{length}"


def byte_range(
    header: str | None, if_range: str | None, etag: str, last_modified: float | None, length: int
) -> ByteRange | None:
    """The part of a picture of `length` bytes that Range asks for; None is the whole.

    One range only: lists, other units and whatever is malformed are ignored, as RFC 9110 section 14.2
    allows, and so is a Range whose If-Range fails.

    Raises UnsatisfiableRange.
    """
    if header is None or length == 0 or len(header) > _LONGEST_RANGE:
        return None
    if if_range is not None and not _unchanged(if_range, etag, last_modified):
        return None
    unit, _, positions = header.partition("=")
    first, dash, last = positions.partition("-")
    if unit.lower() != "bytes" or not dash or not _are_digits(first + last):
        return None
    return _suffix(int(last), length) if not first else _from(int(first), last, length)


def _unchanged(if_range: str, etag: str, last_modified: float | None) -> bool:
    """RFC 9110 section 13.1.5: strong comparison or the very date; a weak tag is never equal to ours."""
    if if_range == etag:
        return True
    return last_modified is not None and parse_http_date(if_range) == int(last_modified)


def _suffix(count: int, length: int) -> ByteRange:
    if count == 0:
        raise UnsatisfiableRange(length)
    return ByteRange(max(0, length - count), length - 1)


def _from(first: int, last_text: str, length: int) -> ByteRange | None:
    last = int(last_text) if last_text else max(first, length - 1)
    if last < first:
        return None
    if first >= length:
        raise UnsatisfiableRange(length)
    return ByteRange(first, min(last, length - 1))


def _are_digits(text: str) -> bool:
    """ASCII digits, at least one: `isdigit` alone takes superscripts, which `int` refuses."""
    return text.isascii() and text.isdigit()


AcceptClass = Literal["avif", "webp", "plain"]

_LONGEST_ACCEPT = 2048  # ten times what browsers send
_CLASS_OF: dict[str, AcceptClass] = {
    "image/avif": "avif",
    "image/webp": "webp",
    "image/jpeg": "plain",
    "image/png": "plain",
}


def accept_class(accept: str | None) -> AcceptClass:
    """The best format that Accept names outright (RFC 9110 section 12.5.1), avif before webp on a tie.

    Wildcards never imply a format: clients that cannot show AVIF send `image/*`. JPEG or PNG is asked for
    by a weight above both. What cannot be read is skipped. Repeated fields come joined by a comma.
    """
    if not accept or len(accept) > _LONGEST_ACCEPT:
        return "plain"
    accept = accept.lower()
    if "image/avif" not in accept and "image/webp" not in accept:
        return "plain"
    if '"' in accept:
        accept = _without_quoted(accept)
    weights = {"avif": 0, "webp": 0, "plain": 0}
    for piece in accept.split(","):
        media_type, _, parameters = piece.partition(";")
        named = _CLASS_OF.get(media_type.strip(" \t"))
        if named:
            weights[named] = max(weights[named], _weight(parameters) if parameters else 1000)
    best = max(weights["avif"], weights["webp"])
    if best == 0 or weights["plain"] > best:
        return "plain"
    return "avif" if weights["avif"] == best else "webp"


def _without_quoted(text: str) -> str:
    """The text with every quoted string made `?`, so that commas and types inside do not count."""
    text = text.replace("\\\\", "?").replace('\\"', "?")
    return "?".join(text.split('"')[::2])


def _weight(parameters: str) -> int:
    """q in thousandths (RFC 9110 section 12.4.2): 1000 without one, 0 for one that is malformed."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip(" \t") == "q":
            return _thousandths(value.rstrip(" \t"))
    return 1000


def _thousandths(value: str) -> int:
    whole, _, fraction = value.partition(".")
    if whole not in ("0", "1") or len(fraction) > 3 or not _are_digits(whole + fraction):
        return 0
    thousandths = int(whole + fraction.ljust(3, "0"))
    return thousandths if thousandths <= 1000 else 0


def cache_control(
    max_age: int, stale_while_revalidate: int, stale_if_error: int, expires_in: int | None = None
) -> str:
    """Freshness of a picture, all in seconds. Nothing may serve it once `expires_in` have passed.

    Stale windows (RFC 5861) begin where max-age ends, so only what max-age leaves over is theirs.
    """
    if expires_in is not None:
        if expires_in <= 0:
            return NO_STORE
        max_age = min(max_age, expires_in)
        left = expires_in - max_age
        stale_while_revalidate = min(stale_while_revalidate, left)
        stale_if_error = min(stale_if_error, left)
    text = f"public, max-age={max_age}"
    if stale_while_revalidate:
        text += f", stale-while-revalidate={stale_while_revalidate}"
    return f"{text}, stale-if-error={stale_if_error}" if stale_if_error else text


def missing_cache_control(error_max_age: int, expires_in: int | None) -> str:
    """Freshness of a failure that lies in the original: without stale windows, or uploads stay unseen."""
    seconds = error_max_age if expires_in is None else min(error_max_age, expires_in)
    return f"public, max-age={seconds}" if seconds > 0 else NO_STORE


Forward = Literal["bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale"]


def cache_status(
    *,
    hit: bool = False,
    fwd: Forward | None = None,
    fwd_status: int | None = None,
    ttl: int | None = None,
    stored: bool = False,
    collapsed: bool = False,
    detail: str | None = None,
) -> str:
    """Our member of Cache-Status (RFC 9211 section 2). `hit` and `fwd` exclude each other.

    `fwd` says why the source was asked, `fwd_status` what it answered, `ttl` how many seconds of
    freshness are left (negative when stale), `collapsed` that another request did the asking. `detail`
    is a token of ours, never text from elsewhere. With neither `hit` nor `fwd`, we refused by ourselves.
    """
    text = "origin; hit" if hit else "origin"
    for name, value in (("fwd", fwd), ("fwd-status", fwd_status), ("ttl", ttl)):
        if value is not None:
            text += f"; {name}={value}"
    text += "; stored" if stored else ""
    text += "; collapsed" if collapsed else ""
    return f"{text}; detail={detail}" if detail else text


_LONGEST_STEM = 200  # bytes of UTF-8: a file name may have 255 on every common file system
_UNSAFE_IN_NAMES = frozenset('"/\\<>:|?*')  # quoting, and what file systems reserve


def content_disposition(key: str, extension: str) -> str:
    """A name to save the picture under: the key's last segment, with the extension of what is served.

    `filename` is plain ASCII; `filename*` (RFC 8187) comes beside it only where that lost something.
    """
    name = f"{_safe_stem(key.rpartition('/')[2])}.{extension}"
    # A percent sign is legal in `filename`, but browsers differ on whether to decode (RFC 6266 appendix D).
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    if plain == name:
        return f'inline; filename="{plain}"'
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{urllib.parse.quote(name, safe='')}"


def _safe_stem(segment: str) -> str:
    """What stands before the last dot, without hidden-file dots and with `_` for what could do harm.

    `isprintable` refuses controls, line ends, lone surrogates and the invisible characters that turn
    the direction of text, by which `gpj.exe` is made to read as `exe.jpg`.
    """
    segment = segment.lstrip(". ")
    stem = segment.rpartition(".")[0] or segment
    safe = "".join(c if c.isprintable() and c not in _UNSAFE_IN_NAMES else "_" for c in stem[:_LONGEST_STEM])
    return safe.encode()[:_LONGEST_STEM].decode(errors="ignore").strip(". ") or "image"


def surrogate_tags(handler: str, key: str) -> tuple[str, str]:
    """The tags to purge by: one of the whole handler, one of this original in all its renderings.

    Lowercase hex is in the alphabet of every CDN's tag header. The handler's digest has a fixed width,
    so no other pair of handler and key reads the same.
    """
    whole = _digest(handler)
    return whole.hex()[:16], hashlib.sha256(whole + key.encode()).hexdigest()[:16]


@lru_cache(maxsize=256)
def _digest(handler: str) -> bytes:
    return hashlib.sha256(handler.encode()).digest()
