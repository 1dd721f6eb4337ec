"""The decoders: libvips' loaders, called by name; Pillow for the formats that they lack, and for a second
look at GIFs."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from origin.errors import Unprocessable
from origin.formats import FORMATS
from origin.formats import Format
from origin.imaging.gif import images
from origin.imaging.vendor import pyvips

_blocked: set[Format] = set()


def allow_only(formats: Iterable[Format]) -> None:
    """Let no other formats be decoded in this process, for good, and load what these need.

    libvips has a loader for everything, text matrices and its own dumps included.
    """
    formats = frozenset(formats)
    _blocked.update(frozenset(FORMATS) - formats)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for format in formats:
        if format.loader is None or format is Format.GIF:
            _pillow(format)
        if format.loader is not None:
            loader = pyvips.type_find("VipsForeignLoad", format.loader)
            pyvips.operation_block_set(pyvips.type_name(loader), False)


def read_size(original: bytes, format: Format) -> tuple[int, int] | None:
    """The sides by the header, where opening the image decodes it; else None. Raises Unprocessable."""
    if format.loader is not None:
        return None
    width, height = _pillow(format).read_size(original, format)
    return width, height


def open_image(original: bytes, format: Format, **options: object) -> pyvips.Image:
    """The image. Where libvips decodes it, the header alone has been read.

    The loader is called by its name: libvips itself does not find the one for sequences of AVIF.
    Raises pyvips.Error and Unprocessable.
    """
    if format.loader is None:
        return _pillow(format).decode(original, format)
    return pyvips.Operation.call(
        format.loader, original, access="sequential", fail_on=format.fail_on, **options
    )


def is_whole(gif: bytes, pages: int) -> bool:
    """Whether the first images of a GIF decode to their last pixel, for which libvips does not ask."""
    return all(map(_pillow(Format.GIF).decodes, images(gif, pages)))


def _pillow(format: Format) -> ModuleType:
    """Imported where a format needs it: that takes 20 ms, 3 MB, and files that a sandbox does not show."""
    if format in _blocked:
        raise Unprocessable(f"{format.name}: its decoder is blocked")
    from origin.imaging import pillow

    return pillow
