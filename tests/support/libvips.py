"""A module `_libvips` that stands before the real one on the path, as a wrong one would in a bad install."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

WHEEL = importlib.metadata.distribution("pyvips-binary")
MODULE = WHEEL.locate_file("_libvips.abi3.so")
(LIBRARY,) = (
    WHEEL.locate_file(path) for path in WHEEL.files or () if path.name.startswith(("libvips.", "libvips-"))
)

_REAL = f"""
import importlib.util, sys
here = sys.modules["_libvips"]
spec = importlib.util.spec_from_file_location("_libvips", {str(MODULE)!r})
real = importlib.util.module_from_spec(spec)
spec.loader.exec_module(real)
sys.modules["_libvips"] = here  # the real one takes the place as it loads
ffi = real.ffi
class Old:
    VIPS_MAJOR_VERSION, VIPS_MINOR_VERSION = 8, {{minor}}
    def vips_version(self, part):
        return (8, 14, 1)[part]
    def __getattr__(self, name):
        return getattr(real.lib, name)
lib = Old()
"""


def old_module(folder: Path) -> None:
    """libvips 8.14.1 in API mode: built against the system's."""
    (folder / "_libvips.py").write_text(_REAL.format(minor=14))


def mismatched_module(folder: Path) -> None:
    """Built against libvips 8.13, with a later one at run time: pyvips takes to ABI mode."""
    (folder / "_libvips.py").write_text(_REAL.format(minor=13))


def missing_module(folder: Path) -> None:
    (folder / "_libvips.py").write_text("raise ImportError('gone')")
