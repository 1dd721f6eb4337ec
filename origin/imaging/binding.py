"""Which libvips this process loads. A wrong one is refused, with the command that installs the right one.

`pyvips-binary` brings libvips and the module `_libvips` that binds it. Another package of the environment,
most often a pyvips that was built against the libvips of the system, can write its own module over that one.
"""

from __future__ import annotations

import importlib.util
import shlex
import sys
from pathlib import Path

OLDEST = (8, 18)
WHEEL = "pyvips-binary>=8.18.7,<8.19"  # as in pyproject.toml


class WrongLibvips(RuntimeError):
    """There is no libvips here that can render, or one of another kind. The text says what to do."""


def load_libvips() -> str:
    """Load libvips and return its version, such as `8.18.7`. Raises WrongLibvips."""
    try:
        from origin.imaging.vendor import pyvips
    except (ImportError, OSError) as exc:
        raise WrongLibvips(_message(f"none ({str(exc).splitlines()[0]})")) from exc
    version = tuple(pyvips.version(part) for part in range(3))
    text = ".".join(map(str, version))
    # In ABI mode each call takes ten times as long.
    if not pyvips.API_mode or version < OLDEST:
        mode = "API" if pyvips.API_mode else "ABI"
        raise WrongLibvips(_message(f"{text} in {mode} mode ({', '.join(_files())})"))
    return text


def _message(found: str) -> str:
    return f"libvips 8.18 in API mode is needed, found {found}. To mend it, run: {shlex.join(_mend())}"


def _mend() -> list[str]:
    """The command that installs the module and the library of `pyvips-binary` anew."""
    if importlib.util.find_spec("pip"):
        install = [sys.executable, "-m", "pip", "install", "--force-reinstall"]
    else:  # an environment that uv made
        install = ["uv", "pip", "install", "--python", sys.executable, "--reinstall"]
    return [*install, "--no-deps", WHEEL]


def _files() -> list[str]:
    """The files that libvips came from: the module that binds it, and the library."""
    module = getattr(sys.modules.get("_libvips"), "__file__", None)
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    mapped = {line.split(maxsplit=5)[5] for line in lines if "/libvips" in line}
    return [*([module] if module else []), *sorted(mapped)]
