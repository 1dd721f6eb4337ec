"""Entity tags, conditional requests and ranges (RFC 9110 sections 8.8, 13 and 14).

What comes from a client is only compared or counted and never raises: a header that cannot be read counts
as a header that was not sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from origin.http.dates import parse_http_date


def etag(digest: bytes) -> str:
    """A strong entity tag. The caller promises that equal digests mean equal bytes."""
    return f'"{digest.hex()}"'


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


def precondition_failed(
    etag: str, last_modified: float | None, if_match: str | None, if_unmodified_since: str | None
) -> bool:
    """Whether a GET or HEAD is answered 412 (RFC 9110 sections 13.1 and 13.2.2). A 304 comes after that.

    If-Match alone decides where it is sent, even when it is nonsense. The comparison is strong: a tag with
    `W/` before it is never ours.
    """
    if if_match is not None:
        return not _names(etag, if_match)
    if if_unmodified_since is None or last_modified is None:
        return False
    since = parse_http_date(if_unmodified_since)
    return since is not None and int(last_modified) > since


def _names(etag: str, header: str) -> bool:
    """Strong comparison (RFC 9110 section 8.8.3.2) of our tag, which is strong, with each one listed."""
    if header.strip(" \t") in (etag, "*"):
        return True
    return any(opaque == etag[1:-1] and not is_weak for is_weak, opaque in _tags(header))


def _matches(etag: str, header: str) -> bool:
    """Weak comparison (RFC 9110 section 8.8.3.2) of our tag with each one listed."""
    if header in (etag, "*"):
        return True
    return etag in header and any(opaque == etag[1:-1] for _, opaque in _tags(header))


def _tags(header: str) -> Iterator[tuple[bool, str]]:
    """Whether each tag is weak, and the text between its quotes, up to the first thing that is no tag.

    A tag may hold commas but neither quotes nor escapes (RFC 9110 section 8.8.3), so the quotes alone
    tell where one ends: even pieces stand between tags, odd ones are tags.
    """
    pieces = header.split('"')
    for at in range(1, len(pieces) - 1, 2):
        between = pieces[at - 1]
        mark = between.strip(" \t,")
        if mark not in ("", "W/") or (at > 1 and "," not in between):
            return
        yield mark == "W/", pieces[at]


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
