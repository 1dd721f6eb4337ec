"""The table of formats: what is told apart by content, and what is derived from the rows."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable

import pytest
from pydantic import TypeAdapter

from origin.config.handler import Handler
from origin.config.types import OutputFormat
from origin.delivery import fallback
from origin.formats import ACCEPT_CLASSES
from origin.formats import DEFAULT_ORIGINALS
from origin.formats import FORMATS
from origin.formats import OUTPUTS
from origin.formats import QUALITY
from origin.formats import Format
from origin.formats import refusal
from origin.formats import sniff
from origin.http.negotiation import accept_class
from origin.imaging.protocol import AUTO_FORMATS
from tests.support import originals
from tests.support import pictures

ORIGINALS: dict[str, Callable[[], bytes]] = {
    "jpg": pictures.land,
    "png": pictures.port,
    "webp": pictures.wide,
    "gif": pictures.animation,
    "avif": pictures.avif,
    "tiff": pictures.tiff,
    "svg": pictures.svg,
    "bmp": lambda: pictures.encoded(pictures.field(100, 60), "BMP"),
    "ico": lambda: pictures.encoded(pictures.field(64, 64), "ICO"),
    **originals.MORE,
}


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_a_format_is_told_by_its_content(format: Format) -> None:
    assert sniff(ORIGINALS[format.name]()) is format
    assert [other for other in FORMATS if other.matches(ORIGINALS[format.name]())] == [format]


@pytest.mark.parametrize("data", [b"", b"\xff", b"<html>", b"RIFF\0\0\0\0WAVE", b"\0\0\0\x18ftypisom"])
def test_what_is_none_of_ours_is_none(data: bytes) -> None:
    assert sniff(data) is None


@pytest.mark.parametrize(
    "text",
    [
        b'<svg width="1" height="1"/>',
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- html -->\n<ns0:svg xmlns:ns0="http://www.w3.org/2000/svg"/>',
        b"<s:svg>",
        b"<!DOCTYPE svg><svg>",
    ],
)
def test_an_svg_is_told_by_its_root(text: bytes) -> None:
    assert sniff(text) is Format.SVG


@pytest.mark.parametrize("text", [b"<html><svg/></html>", b"<svgx>", b"<a:b:svg>", b"svg", b"<?xml ?><html>"])
def test_what_only_mentions_svg_is_none(text: bytes) -> None:
    assert sniff(text) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic: not allowed here"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic: not allowed here"),
        (b"\xff\x0a" + bytes(10), "jxl: not allowed here"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl: not allowed here"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2: not allowed here"),
        (b"%PDF-1.7", "pdf: not allowed here"),
        (b"8BPS\0\1", "psd: not allowed here"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42", "mp4: not supported"),
        (b"\x1f\x8b\x08", "gzip: not supported"),
        (b"<!DOCTYPE html><html>", "html: not supported"),
        (b"<html>", "html: not supported"),
        (b"", "not a picture"),
        (b"some text", "not a picture"),
        (pictures.land(), "jpg: not allowed here"),
        (pictures.svg(), "svg: not allowed here"),
    ],
)
def test_a_refusal_names_what_is_refused(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


@pytest.mark.parametrize(
    ("name", "format"),
    [("jpg", Format.JPG), (".JPEG", Format.JPG), ("jpe", Format.JPG), ("tif", Format.TIFF)],
)
def test_a_format_is_found_by_each_of_its_names(name: str, format: Format) -> None:
    assert Format.named(name) is format


@pytest.mark.parametrize("name", ["", "xcf", "jpg ", "image/png"])
def test_what_is_no_name_of_a_format_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a format"):
        Format.named(name)


def test_names_and_types_are_unique() -> None:
    names = [name for format in FORMATS for name in (format.name, *format.other_names)]
    assert len(set(names)) == len(names)
    assert len({format.mime for format in FORMATS}) == len(FORMATS)


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_a_copy_of_a_format_is_the_format(format: Format) -> None:
    assert copy.deepcopy([format])[0] is format
    assert pickle.loads(pickle.dumps(format)) is format  # noqa: S301 - our own
    assert Format.named(json.loads(json.dumps(format.name))) is format
    assert getattr(Format, format.name.upper()) is format


def test_the_lists_of_formats_are_derived_from_the_rows() -> None:
    written = [format.name for format in FORMATS if format.writer]
    assert [format.name for format in OUTPUTS] == list(fallback.FORMATS) == written
    assert [TypeAdapter(OutputFormat).validate_python(name) for name in written] == written
    assert {name: Format.named(name).default_quality for name in QUALITY} == QUALITY
    handler = Handler.model_validate({"name": "h", "source": {"type": "local", "root": "."}})
    assert handler.allowed_formats == DEFAULT_ORIGINALS
    assert handler.quality == QUALITY
    assert tuple(f"auto:{name}" for name in ACCEPT_CLASSES) == AUTO_FORMATS


def test_accept_asks_for_the_formats_with_a_rank_the_best_first() -> None:
    assert ACCEPT_CLASSES == ("avif", "webp", "plain")
    assert accept_class(",".join(format.mime for format in FORMATS)) == ACCEPT_CLASSES[0]
    for format in FORMATS:
        assert accept_class(format.mime) == (format.name if format.accept_rank else "plain")
