"""libvips as a renderer needs it: no cache of operations, one thread, no log."""

from __future__ import annotations

import logging
from typing import Any

import pyvips

pyvips.cache_set_max(0)
pyvips.concurrency_set(1)
# libvips reports each defect of a picture as a warning; half a PNG has hundreds.
logging.getLogger("pyvips").setLevel(logging.CRITICAL)


def field(image: pyvips.Image, name: str, default: Any) -> Any:
    """A metadata field of the image, or the default where it has none of that name."""
    return image.get(name) if image.get_typeof(name) else default
