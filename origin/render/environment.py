"""The environment of render processes."""

from __future__ import annotations

import os
import sys


def environment() -> dict[str, str]:
    """What a renderer may know: where the code is, and nothing of ours that is secret."""
    environment = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path),
        "MALLOC_ARENA_MAX": "1",  # arenas are where memory that "leaks" in libvips stays
        # Or the original, and each of the many buffers of some hundred kB that a picture takes, is new pages
        # every time: 5 of 50 ms of a JPEG of 24 megapixels.
        "MALLOC_MMAP_THRESHOLD_": str(16 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(32 << 20),
        "VIPS_CONCURRENCY": "1",  # one core a renderer
        # Lines of an image, of which an animation has those of all its frames. Other sides are bound before.
        "VIPS_MAX_COORD": "10000000",
        # Bytes from which on libvips keeps a picture in a file: never, since the sandbox lets it write none.
        # What bounds memory is the limit on address space.
        "VIPS_DISC_THRESHOLD": str(1 << 40),
    }
    for name in ("LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment
