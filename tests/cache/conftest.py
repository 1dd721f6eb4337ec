"""A store over an empty folder, and its clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from origin.cache.disk_store import DiskStore
from tests.support.disk_stores import MB
from tests.support.disk_stores import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[DiskStore]:
    store = DiskStore(tmp_path / "cache", 50 * MB, clock)
    yield store
    store.close()
