"""The path of an imgproxy URL, taken apart."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.imgproxy.names import find_name
from origin.urls.dialects.segments import MAX_OPTIONS
from origin.urls.dialects.segments import decode

UNSIGNED = frozenset({"", "unsafe", "insecure", "_"})  # in place of a signature
PLAIN = "plain"
_ENCRYPTED = "enc"
_BASE64URL = re.compile("[A-Za-z0-9_-]+={0,2}")
Arguments = Sequence[str]


class Source(NamedTuple):
    """Where the original is, in imgproxy's own words, and the format that stands behind it."""

    text: str
    extension: str = ""


def split_options(segments: Sequence[bytes]) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """The options behind the signature, and what stands behind them: the first segment without a colon
    begins the source. Of too many options one more than is taken is found."""
    end, most = 0, min(len(segments), MAX_OPTIONS + 1)
    while end < most and ":" in decode(segments[end : end + 1]):
        end += 1
    return segments[:end], segments[end:]


def read_options(segments: Sequence[bytes]) -> Iterator[tuple[str, str, Arguments]]:
    """Of each option the name as it is spelled, the full one (empty where imgproxy has none), and the
    arguments. Raises Refusal for too many."""
    if len(segments) > MAX_OPTIONS:
        raise Refusal("path", f"there are more than {MAX_OPTIONS} options")
    for segment in segments:
        # Where a colon is escaped, as some proxies do, it divides all the same.
        parts = segment.split(b":") if b":" in segment else decode([segment]).encode().split(b":")
        spelled, *arguments = (decode([part]) for part in parts)
        yield spelled, find_name(spelled) or "", arguments


def read_source(segments: Sequence[bytes]) -> Source:
    """Raises Refusal."""
    first = decode(segments[:1])
    if first == PLAIN:
        plain, *extensions = b"/".join(segments[1:]).split(b"@")
        if len(extensions) > 1:
            raise Refusal("source", "expected one format behind @; an @ of the source is %40")
        return Source(decode([plain]), decode(extensions))
    if first == _ENCRYPTED and len(segments) > 1:
        raise Refusal("source", "an encrypted one is not read here")
    if PLAIN.encode() in segments[1:]:  # as where imgproxy takes presets only
        raise Refusal("path", "expected options such as w:300 or pr:thumb in front of plain", first)
    encoded, _, extension = decode([b"".join(segments)]).partition(".")
    if not _BASE64URL.fullmatch(encoded):
        raise Refusal("source", "expected plain/ and the source, or the source in base64url")
    text = encoded.rstrip("=")
    try:
        return Source(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode(), extension)
    except ValueError:
        raise Refusal("source", "expected base64url of UTF-8") from None
