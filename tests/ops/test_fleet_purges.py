"""What an origin does at its start, in a fleet, and what its purges tell and cost."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from typing import cast

import pytest

from origin.cache.mark_log import LATEST
from origin.cache.mark_log import MANY
from origin.cache.mark_log import MARKS
from origin.cache.marks import make_mark
from origin.cache.marks import object_name
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_original
from origin.cache.records import name_result
from origin.cache.records import name_version
from origin.cache.seen import FILE
from origin.cache.seen import Seen
from origin.cache.seen import read_seen
from origin.cache.seen import write_seen
from origin.delivery.handler import Handler
from origin.ops.purge import PurgeNotSpread
from origin.parts.machine import OwnMachine
from tests.support.fleet_model import JSON
from tests.support.fleet_model import Origin
from tests.support.fleet_model import World

DAY = 86_400.0
NAMES = {key: name_original("h", "source", key) for key in ("a/1.jpg", "b.jpg")}


async def started(world: World, offset: float = 0.0) -> Origin:
    origin = Origin(world, offset)
    await origin.start()
    return origin


def fill(origin: Origin) -> None:
    """Results of two pictures on the disk, as from before the start."""
    for name in NAMES.values():
        origin.disk.records[name_version(name)] = Version("v", None, origin.clock())
        origin.disk.records[name_result(name, "v", "w=1")] = Result(b"{}", JSON, bytes(16), None)


async def has(origin: Origin, key: str) -> bool:
    return (await origin.cache.find(NAMES[key], "w=1")).result is not None


# --- The start -------------------------------------------------------------------------------------


async def purged_world(world: World) -> None:
    """A purge of one picture, a day ago."""
    world.now -= DAY
    await (await started(world)).purges.purge("h", "a/1.jpg", None)
    world.now += DAY


@pytest.mark.parametrize(
    ("seen", "left"),
    [
        (Seen(), {"b.jpg"}),  # nobody knows
        (Seen(-2 * DAY, True), {"b.jpg"}),
        (Seen(-3600.0, True), {"a/1.jpg", "b.jpg"}),  # made after the purge, since it was made here
        (Seen(-DAY + 30.0, True), {"b.jpg"}),  # by clocks that are a minute apart
        (Seen(-3600.0, False), {"b.jpg"}),  # with other handlers
        (Seen(3600.0, True), {"b.jpg"}),  # by a clock that was wrong
        (Seen(-31 * DAY, True), set()),  # there may have been purges that nobody tells of any more
        (Seen(-31 * DAY, False), set()),
    ],
)
async def test_the_purges_that_a_folder_may_lack_are_made_at_the_start(seen: Seen, left: set[str]) -> None:
    world = World()
    await purged_world(world)
    origin = Origin(world, 0.0)
    assert seen.until is None or math.isfinite(seen.until)
    origin.seen = Seen(None if seen.until is None else world.now + seen.until, seen.is_of_these_handlers)
    fill(origin)
    await origin.start()
    assert {key for key in NAMES if await has(origin, key)} == left


async def test_a_folder_is_not_read_until_the_purges_are_known(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    origin = Origin(world, 0.0)
    fill(origin)
    origin.bucket.is_down = True
    await origin.start()
    await origin.purges.open()
    assert "the cache is not read until the bucket" in caplog.text
    assert not await has(origin, "b.jpg")
    assert origin.purges.log.age == math.inf
    origin.bucket.is_down = False
    await origin.look()
    assert await has(origin, "b.jpg")
    await origin.purges.close()


async def test_until_when_is_written_down_once_the_disk_has_deleted() -> None:
    world = World()
    origin = await started(world)
    assert origin.seen == Seen(world.now, True)
    world.now += 20
    origin.disk.writes.clear()
    await origin.cache.flush()
    purging = origin.begin_purge("h", "b.jpg", None)
    await origin.look()
    assert origin.seen == Seen(world.now - 20, True)
    origin.disk.writes.set()
    await purging
    world.now += 20
    await origin.look()
    assert origin.seen == Seen(world.now, True)


async def test_handlers_and_folders_that_come_later_are_purged_too() -> None:
    world = World()
    await purged_world(world)
    origin = await started(world)
    fill(origin)
    origin.purges.adopt()
    assert not await has(origin, "a/1.jpg")
    assert await has(origin, "b.jpg")


def test_the_note_of_a_folder(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    write_seen(folders[:1], "h", 7.5)
    assert read_seen(folders[:1], "h") == Seen(7.5, True)
    assert read_seen(folders[:1], "other") == Seen(7.5, False)
    assert read_seen(folders, "h") == Seen()
    write_seen(folders[1:], "h", 5.0)
    assert read_seen(folders, "h") == Seen(5.0, True)
    assert read_seen([], "h") == Seen()
    for text in ("", "7", "{}", '{"until": "x", "handlers": "h"}', "[" * 5000):
        (folders[0] / FILE).write_text(text)
        assert read_seen(folders, "h") == Seen()
    write_seen([tmp_path / "none"], "h", 1.0)  # is no error


# --- Looking ---------------------------------------------------------------------------------------


async def test_a_look_costs_one_small_request_while_nothing_is_purged() -> None:
    world = World()
    one, other = await started(world), await started(world)
    await one.purges.purge("h", "b.jpg", None)
    for _ in range(3):
        await other.look()
    other.bucket.calls.clear()
    for _ in range(5):
        world.now += 1.0
        await other.look()
    assert other.bucket.calls == [f"get {LATEST}"] * 5


async def test_two_purges_between_two_looks_are_both_seen() -> None:
    """Also where the first one is written down once more, so that it is the latest again."""
    world = World()
    one, other = await started(world), await started(world)
    other.bus.is_down = True
    await one.purges.purge("h", "b.jpg", None)
    await other.look()
    (first,) = one.marks.all()
    await one.purges.purge("h", "a/1.jpg", None)
    await one.purges.log._put(first)
    await other.look()
    assert {mark.id for mark in other.marks.all()} == {mark.id for mark in one.marks.all()}


@pytest.mark.slow
async def test_a_flood_of_marks_costs_one_purge_of_all() -> None:
    world = World()
    for number in range(MANY):
        mark = make_mark(world.now, "h", None, f"folder {number}/")
        world.objects.bodies[MARKS + object_name(mark, world.now)] = b"", world.now
    origin = Origin(world, 0.0)
    fill(origin)
    start = time.process_time()
    await origin.start()
    assert await origin.cache.begin_purge("") == set()  # nothing is left, and no other delete waits
    assert time.process_time() - start < 30  # 0.5 s; with a delete for each and a look at each, minutes
    assert not origin.disk.records
    original = name_original("h", "source", "folder 7/1.jpg")
    assert len(origin.marks.stamp(original)) == 1
    origin.cache.entry(original).keep_version(Version("v", None, world.now))
    assert (await origin.cache.find(original, "w=1")).version is not None


class Noting:
    """A handler that notes what it is to forget."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.forgotten: list[tuple[str | None, str | None]] = []

    def forget(self, key: str | None, prefix: str | None) -> None:
        self.forgotten.append((key, prefix))


async def test_a_purge_of_all_reaches_work_under_way_in_every_handler() -> None:
    handlers = [Noting("one"), Noting("two")]
    machine = OwnMachine({}, lambda: cast(list[Handler], handlers), lambda: False)
    await machine.begin_purge("", None, None)
    assert [handler.forgotten for handler in handlers] == [[(None, None)]] * 2


async def test_what_is_no_mark_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    origin = await started(world)
    origin.purges.log.hear("nonsense")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    world.objects.bodies["marks/1900000000000!nonsense"] = (b"", world.now)
    world.objects.bodies["marks/readme.txt"] = (b"", world.now)
    world.now += 31.0
    await origin.look()
    assert len(origin.marks) == 0


# --- A purge ---------------------------------------------------------------------------------------


async def test_a_purge_counts_what_this_origin_and_the_bucket_had() -> None:
    world = World()
    one, other = await started(world), await started(world)
    for origin, variants in ((one, ("w=1", "w=2")), (other, ("w=2", "w=3"))):
        entry = origin.cache.entry(NAMES["b.jpg"])
        entry.keep_version(Version("v", None, world.now))
        for variant in variants:
            entry.keep_result("v", variant, Result(b"{}", JSON, bytes(16), None))
        await origin.cache.flush()
    world.now += 1.0
    assert await one.purges.purge("h", "b.jpg", None) == 3
    assert not [name for name in world.objects.bodies if name.startswith("results/")]


async def test_a_purge_that_nobody_else_hears_of_says_so_and_is_told_later() -> None:
    world = World()
    one, other = await started(world), await started(world)
    one.bucket.is_down = one.bus.is_down = True
    with pytest.raises(PurgeNotSpread) as failed:
        await one.purges.purge("h", None, None)
    assert (failed.value.count, bool(failed.value.reached)) == (0, True)
    assert one.purges.log.unwritten == 1
    one.bucket.is_down = False
    world.now += 4.0
    await one.look()
    await other.look()
    assert one.purges.log.unwritten == 0
    assert len(other.marks) == 1


async def test_an_upload_does_not_wait_for_a_bucket_that_has_just_failed() -> None:
    world = World()
    one, other = await started(world), await started(world)
    one.bucket.is_down = True
    for _ in range(3):
        await one.purges.purge("h", "b.jpg", None, counts=False)
    one.bucket.calls.clear()
    await one.purges.purge("h", "b.jpg", None, counts=False)
    assert one.bucket.calls == []
    assert len(world.valkey.marks) >= 1
    assert {mark.id for mark in other.marks.all()} == {mark.id for mark in one.marks.all()}
    await one.purges.purge("h", "b.jpg", None)  # who asks for a purge waits for it
    assert one.bucket.calls
