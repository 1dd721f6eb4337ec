"""What the tests of the disk store share."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from pathlib import Path

import pytest

from origin.cache.disk import DiskTier
from origin.cache.disk_store import DiskStore
from origin.cache.health import BACK_OFF_SECONDS

LOGGERS = ("origin.cache.open_folder", "origin.cache.health")
MB = 1_000_000
BIG = bytes(range(256)) * 400  # 102,400 bytes: in a file of its own
SMALL = b"small" * 10  # in SQLite's row


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def get(store: DiskStore, name: str) -> bytes | None:
    value = store.get(name)
    return None if value is None else bytes(value)


def recover(store: DiskStore, clock: Clock) -> None:
    """Let the time pass after which a store that failed tries again."""
    clock.now += BACK_OFF_SECONDS


def value_files(store: DiskStore) -> list[Path]:
    return sorted(store.path.rglob("*.val"))


@contextmanager
def table(store: DiskStore) -> Iterator[sqlite3.Connection]:
    """The store's database as an attacker or another program writes it."""
    with closing(sqlite3.connect(store.path / "cache.db", isolation_level=None)) as connection:
        yield connection


def du(path: Path) -> int:
    """Bytes that a folder takes on the disk, folders and SQLite's log counted."""
    entries = [path, *path.rglob("*")]
    return sum(entry.lstat().st_blocks * 512 for entry in entries)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name in LOGGERS]


def may_hold(store: DiskStore, name: str) -> bool:
    """Whether the tier over the store looks on the disk."""
    return DiskTier(store).may_hold(name)


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
