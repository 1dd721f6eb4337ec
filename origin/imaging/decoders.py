"""The decoders: libvips' loaders, called by name; other libraries for the formats that they lack, and Pillow
for a second look at GIFs."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from collections.abc import Iterable
from contextlib import suppress
from types import ModuleType

from origin.errors import Unprocessable
from origin.formats import FORMATS
from origin.formats import Format
from origin.imaging.apng import load_frames
from origin.imaging.gif import images
from origin.imaging.vendor import pyvips
from origin.imaging.vips import load

_MAKES_SVG_SAFE = "origin.imaging.svg"
_blocked: set[Format] = set()
_modules: dict[Format, ModuleType] = {}


def allow_only(formats: Iterable[Format]) -> frozenset[Format]:
    """Let no other formats be decoded in this process, for good, and load what these need.

    libvips has a loader for everything, text matrices and its own dumps included. Returns the formats whose
    library is not installed: their originals are Unprocessable.
    """
    formats = frozenset(formats)
    _blocked.update(frozenset(FORMATS) - formats)
    pyvips.operation_block_set("VipsForeignLoad", True)
    load_decoders(formats)
    for format in formats:
        if format.loader is not None:
            loader = pyvips.type_find("VipsForeignLoad", format.loader)
            pyvips.operation_block_set(pyvips.type_name(loader), False)
    return frozenset(format for format in formats if format.loader is None) - _modules.keys()


def load_decoders(formats: Collection[Format]) -> None:
    """Import what decodes these formats in the place of libvips, and what makes SVGs safe, as far as it is
    installed."""
    if Format.SVG in formats:
        with suppress(ImportError):
            importlib.import_module(_MAKES_SVG_SAFE)
    for format in formats:
        if format.loader is None or format is Format.GIF:
            with suppress(Unprocessable):
                _module(format)


def count_pages(original: bytes, format: Format) -> int:
    """How many pictures there are in an original that libvips does not decode. Raises Unprocessable."""
    return int(_module(format).count_pages(original, format))


def read_size(original: bytes, format: Format, page: int = 0) -> tuple[int, int]:
    """The sides of one of them by its header: opening it decodes it. Raises Unprocessable."""
    width, height = _module(format).read_size(original, format, page)
    return width, height


def open_image(original: bytes, format: Format, page: int | None = None, **options: object) -> pyvips.Image:
    """The image. Where libvips decodes it, the header alone has been read.

    The loader is called by its name: libvips itself does not find the one for sequences of AVIF.
    Raises pyvips.Error and Unprocessable.
    """
    if format.loader is None:
        return _module(format).decode(original, format, page or 0)
    if format is Format.PNG and (page is not None or "n" in options):
        return load_frames(original, int(str(options.get("n", 1))), page or 0)
    options |= {} if page is None else {"page": page}
    return load(format.loader, original, access="sequential", fail_on=format.fail_on, **options)


def is_whole(gif: bytes, pages: int) -> bool:
    """Whether the first images of a GIF decode to their last pixel, for which libvips does not ask."""
    return all(map(_module(Format.GIF).decodes, images(gif, pages)))


def _module(format: Format) -> ModuleType:
    """The module that decodes it: `count_pages`, `read_size` and `decode`.

    Imported where a format needs it: that takes time, memory, and files that a sandbox does not show.
    Raises Unprocessable where its library is not installed.
    """
    if format in _blocked:
        raise Unprocessable(f"{format.name}: its decoder is blocked")
    if format not in _modules:
        try:
            _modules[format] = importlib.import_module(f"origin.imaging.{format.module}")
        except ImportError as exc:
            command = f"pip install 'image-origin[{format.extra}]'"
            raise Unprocessable(f"{format.name}: no decoder is installed; {command} does that") from exc
    return _modules[format]
