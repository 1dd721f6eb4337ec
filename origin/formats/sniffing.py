"""What the bytes of a file are, whatever its name and its source say."""

from __future__ import annotations

from origin.formats.signatures import NOT_A_PICTURE
from origin.formats.signatures import OTHERS
from origin.formats.signatures import SIGNATURE_BYTES
from origin.formats.table import FORMATS
from origin.formats.table import Format


def sniff(data: bytes | memoryview) -> Format | None:
    """The format of these bytes by their signature; None when it is none of ours.

    The name of a file and what a source says of its type never count: what decoders are given is decided by
    content, so the allow-list has to look at content as well.
    """
    head = bytes(data[:SIGNATURE_BYTES])
    return next((format for format in FORMATS if format.matches(head)), None)


def describe(data: bytes | memoryview) -> str:
    """The name of what these bytes are, for people: a format of ours, another, or "not a picture"."""
    head = bytes(data[:SIGNATURE_BYTES])
    format = sniff(head)
    if format is not None:
        return format.name
    return next((name for name, matches in OTHERS.items() if matches(head)), NOT_A_PICTURE)


def refusal(data: bytes | memoryview) -> str:
    """Why an original is not taken, for a log line."""
    name = describe(data)
    if name == NOT_A_PICTURE:
        return name
    return f"{name}: not {'allowed here' if sniff(data) else 'supported'}"
