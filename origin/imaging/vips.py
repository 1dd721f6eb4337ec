"""libvips as a renderer needs it: no cache of operations, one thread, its messages kept for the reason."""

from __future__ import annotations

import logging
from typing import Any

from origin.imaging.vendor import pyvips

_MAX_MESSAGES = 20  # of one picture; half a PNG has hundreds
# Warnings that mean lost pixels. libjpeg gives many others, of pictures that browsers show whole.
_DAMAGE = (
    "premature end of data segment",
    "found marker",
    "bad Huffman code",
    "incorrect data check",  # zlib, of PNG
)
_NOISE = ("source: bad seek",)  # how a loader finds out where a file ends


class _Warnings(logging.Handler):
    """Keeps what libvips logs, which is where some decoders say what is wrong with a picture."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def handle(self, record: logging.LogRecord) -> bool:
        # In the place of `emit`, since the lock that comes before it is for handlers that write.
        if len(self.texts) < _MAX_MESSAGES:
            self.texts.append(record.getMessage().removeprefix("VIPS: "))
        return True


_warnings = _Warnings()
_log = logging.getLogger(pyvips.__name__)
_log.setLevel(logging.WARNING)
_log.propagate = False
_log.handlers = [_warnings]
pyvips.cache_set_max(0)
pyvips.concurrency_set(1)


def load(loader: str, data: bytes, **options: object) -> pyvips.Image:
    """The image in these bytes, by the loader of this name, which ends in `_source`.

    One that ends in `_buffer` would be the same, but for a copy of the bytes, which takes as long as 1 % of a
    render. Raises pyvips.Error.
    """
    source = pyvips.Source.new_from_memory(data)
    image = pyvips.Operation.call(loader, source, **options)
    image._references.append(source)  # as pyvips does: the bytes have to live as long as what is made of them
    return image


def field(image: pyvips.Image, name: str, default: Any) -> Any:
    """A metadata field of the image, or the default where it has none of that name."""
    return image.get(name) if image.get_typeof(name) else default


def forget_messages() -> None:
    """Forget what libvips has said of the picture before."""
    _warnings.texts.clear()
    pyvips.vips_lib.vips_error_clear()


def damage() -> str | None:
    """A warning of lost pixels, which libvips has shown grey or smeared; None where there was none."""
    lines = (line for text in _warnings.texts for line in text.splitlines())
    return next((line for line in lines if any(words in line for words in _DAMAGE)), None)


def reason(error: pyvips.Error) -> str:
    """Why an operation failed, in one line: what libvips says, or has warned of, or else which it was."""
    for texts in ([error.detail], _warnings.texts, [error.message]):
        lines = dict.fromkeys(line.strip() for text in texts for line in text.splitlines())
        telling = [line for line in lines if line and not line.startswith(_NOISE)]
        if telling:
            return "; ".join(telling)
    return "unknown"
