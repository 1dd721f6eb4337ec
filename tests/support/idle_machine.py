"""A machine with nothing else to do, for what is told by the CPU that a render had."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from origin.render.process import Renderer


@contextmanager
def idle_machine() -> Iterator[None]:
    """Renderers of this process are taken to have had a core all the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Renderer, "cpu_seconds", staticmethod(lambda pid: time.monotonic()))
        yield
