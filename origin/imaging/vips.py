"""libvips as a renderer needs it: no cache of operations, one thread, its messages kept for the reason."""

from __future__ import annotations

import logging
from typing import Any

from origin.imaging.vendor import pyvips

_MOST = 20  # messages kept of one picture; half a PNG has hundreds
_NOISE = ("source: bad seek",)  # how a loader finds out where a file ends


class _Warnings(logging.Handler):
    """Keeps what libvips logs, which is where some decoders say what is wrong with a picture."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def handle(self, record: logging.LogRecord) -> bool:
        # In the place of `emit`, since the lock that comes before it is for handlers that write.
        if len(self.texts) < _MOST:
            self.texts.append(record.getMessage().removeprefix("VIPS: "))
        return True


_warnings = _Warnings()
_log: logging.Logger = pyvips.logger
_log.setLevel(logging.WARNING)
_log.propagate = False
_log.handlers = [_warnings]
pyvips.cache_set_max(0)
pyvips.concurrency_set(1)


def field(image: pyvips.Image, name: str, default: Any) -> Any:
    """A metadata field of the image, or the default where it has none of that name."""
    return image.get(name) if image.get_typeof(name) else default


def forget_messages() -> None:
    """Forget what libvips has said of the picture before."""
    _warnings.texts.clear()
    pyvips.vips_lib.vips_error_clear()


def reason(error: pyvips.Error) -> str:
    """Why an operation failed, in one line: what libvips says, or has warned of, or else which it was."""
    for texts in ([error.detail], _warnings.texts, [error.message]):
        lines = [line.strip() for text in texts for line in text.splitlines()]
        found = [line for line in dict.fromkeys(lines) if line and not line.startswith(_NOISE)]
        if found:
            return "; ".join(found)
    return "unknown"
