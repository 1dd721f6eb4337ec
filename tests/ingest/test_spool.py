"""Where bodies wait as they arrive: in memory as long as all of them together are few bytes there."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from origin.errors import Overloaded
from origin.ingest.spool import IN_MEMORY
from origin.ingest.spool import TOGETHER
from origin.ingest.spool import Space
from origin.ingest.spool import Spool
from origin.ingest.spool import most_files
from origin.server.listener import _connection_limits

NEARLY = IN_MEMORY - 1_000  # bytes


@pytest.fixture(autouse=True)
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []  # the files have no names


async def test_a_body_is_what_was_written() -> None:
    for size in (0, 1, IN_MEMORY, IN_MEMORY + 1):
        body = bytes(range(256)) * (size // 256 + 1)
        with Spool() as spool:
            for at in range(0, size, 60_000):
                spool.write(body[at : min(at + 60_000, size)])
            assert await spool.read() == body[:size]
            assert spool.is_on_disk == (size > IN_MEMORY)


async def test_many_that_drip_take_no_more_memory_than_is_meant_for_all() -> None:
    fit = TOGETHER // NEARLY
    with ExitStack() as stack:
        waiting = [stack.enter_context(Spool()) for _ in range(fit + 20)]
        for spool in waiting:
            spool.write(bytes(NEARLY))
        assert [spool.is_on_disk for spool in waiting] == [False] * fit + [True] * 20
        assert {len(await spool.read()) for spool in waiting} == {NEARLY}
        waiting[0].clear()
        waiting[1].write(bytes(2_000))  # to the disk
        for _ in range(2):  # their places are free
            spool = stack.enter_context(Spool())
            spool.write(bytes(NEARLY))
            assert not spool.is_on_disk
        late = stack.enter_context(Spool())
        late.write(bytes(NEARLY))
        assert late.is_on_disk
    with Spool() as spool:
        spool.write(bytes(NEARLY))
        assert not spool.is_on_disk


def test_what_waits_in_files_is_bounded_too() -> None:
    disk, piece = Space(lambda: 5 * IN_MEMORY), bytes(2 * IN_MEMORY)
    with Spool(disk) as first, Spool(disk) as second:
        first.write(piece)
        second.write(piece)
        for _ in range(2):
            with Spool(disk) as third, pytest.raises(Overloaded):
                third.write(piece)
        first.clear()
        first.write(piece)
    for _ in range(2):
        with Spool(disk) as spool:
            spool.write(piece)
            spool.write(piece)


def test_files_leave_descriptors_for_connections() -> None:
    files, piece = Space(lambda: 2), bytes(IN_MEMORY + 1)
    with Spool(files=files) as first, Spool(files=files) as second, Spool(files=files) as small:
        first.write(piece)
        second.write(piece)
        for _ in range(2):
            with Spool(files=files) as third, pytest.raises(Overloaded):
                third.write(piece)
        small.write(b"in memory")
        first.clear()
        first.write(piece)
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert 0 < most_files() < descriptors - sum(_connection_limits())
