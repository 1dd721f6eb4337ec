"""One render for each picture in a fleet: leases, over a real Redis and over one that fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from origin.cache.leases import Leases
from origin.cache.mark_log import BusDown
from origin.cache.valkey import Valkey
from tests.support.redis_servers import RedisServer
from tests.support.redis_servers import ScriptedRedis

SECONDS = 12.0


class Picture:
    """A picture that many want. `bucket` holds it once it is written; `work` says when a render ends."""

    def __init__(self) -> None:
        self.bucket: str | None = None
        self.renders = 0
        self.work = asyncio.Event()
        self.begun = asyncio.Event()

    async def look(self) -> str | None:
        return self.bucket

    async def make(self) -> str:
        self.renders += 1
        self.begun.set()
        await self.work.wait()
        return "made"

    async def write(self) -> None:
        self.bucket = "found"


def leases(server: Any, picture: Picture, stamp: frozenset[str] = frozenset(), **more: Any) -> Leases:
    return Leases(server, picture.write, more.pop("is_useful", lambda: True), lambda name: stamp, **more)


def keys(redis_server: RedisServer) -> list[Any]:
    found = redis_server.command("KEYS", "t:lease:*")
    assert isinstance(found, list)
    return found


async def test_two_origins_render_once(valkey: Valkey, redis_server: RedisServer) -> None:
    picture = Picture()
    one, other = leases(valkey, picture), leases(valkey, picture)
    first = asyncio.ensure_future(one.once("a", SECONDS, picture.look, picture.make))
    await picture.begun.wait()
    (key,) = keys(redis_server)
    assert 0 < int(str(redis_server.command("PTTL", key))) <= 1000 * SECONDS
    second = asyncio.ensure_future(other.once("a", SECONDS, picture.look, picture.make))
    while not other.waits:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    picture.work.set()
    assert (await first, await second) == ("made", "found")
    assert (picture.renders, one.taken, other.taken, other.alone) == (1, 1, 0, 0)
    await one.close()
    # Who asks a moment later, after a look at the bucket from before, is told that it is there.
    assert await other.once("a", SECONDS, picture.look, picture.make) == "found"
    assert int(str(redis_server.command("PTTL", key))) <= 2000


async def test_a_lease_that_ends_is_taken_by_one_who_waits(valkey: Valkey, redis_server: RedisServer) -> None:
    picture = Picture()
    picture.work.set()
    holder = leases(valkey, picture)
    stuck = Picture()
    dead = asyncio.ensure_future(holder.once("a", 0.3, stuck.look, stuck.make))
    await stuck.begun.wait()
    (key,) = keys(redis_server)
    for task in asyncio.all_tasks() - {asyncio.current_task(), dead}:
        if "_keep" in repr(task):  # as if its process had been killed
            task.cancel()
    other = leases(valkey, picture)
    assert await other.once("a", SECONDS, picture.look, picture.make) == "made"
    assert other.taken == 1
    await other.close()
    stuck.work.set()
    assert await dead == "made"
    await holder.close()
    assert redis_server.command("GET", key) == "made"  # of the other; what is lost is not given back


async def test_a_lease_is_made_longer_while_the_work_goes_on() -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            picture.work.set()
        await asyncio.sleep(0)

    picture, server = Picture(), ScriptedRedis("OK", 1, BusDown("away"), 1)
    holder = leases(server, picture, sleep=sleep)
    assert await holder.once("a", SECONDS, picture.look, picture.make) == "made"
    await holder.close()
    assert server.commands[:4] == ["SET", "EVAL", "EVAL", "EVAL"]
    assert set(pauses) == {SECONDS / 3}


async def test_a_render_that_fails_gives_its_lease_back(valkey: Valkey, redis_server: RedisServer) -> None:
    picture = Picture()

    async def fail() -> str:
        raise ValueError("no picture")

    one = leases(valkey, picture)
    with pytest.raises(ValueError, match="no picture"):
        await one.once("a", SECONDS, picture.look, fail)
    await one.close()
    assert keys(redis_server) == []


async def test_a_request_that_is_given_up_gives_its_lease_back(
    valkey: Valkey, redis_server: RedisServer
) -> None:
    picture = Picture()
    one = leases(valkey, picture)
    working = asyncio.ensure_future(one.once("a", SECONDS, picture.look, picture.make))
    await picture.begun.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await one.close()
    assert keys(redis_server) == []


async def test_nobody_waits_for_a_render_from_before_a_purge(valkey: Valkey) -> None:
    picture = Picture()
    before = leases(valkey, picture)
    working = asyncio.ensure_future(before.once("a", SECONDS, picture.look, picture.make))
    await picture.begun.wait()
    after, new = leases(valkey, picture, frozenset({"mark"})), Picture()
    new.work.set()
    assert await after.once("a", SECONDS, new.look, new.make) == "made"
    picture.work.set()
    await working
    await before.close()
    await after.close()


async def test_without_valkey_everyone_renders() -> None:
    picture = Picture()
    picture.work.set()
    server = ScriptedRedis(BusDown("away"))
    alone = leases(server, picture)
    assert await alone.once("a", SECONDS, picture.look, picture.make) == "made"
    await alone.close()
    # It may have been given all the same, and the answer be late.
    assert (alone.alone, alone.taken, server.commands) == (1, 0, ["SET", "EVAL"])


async def test_without_the_bucket_nobody_asks_for_a_lease() -> None:
    picture = Picture()
    picture.work.set()
    server = ScriptedRedis()
    alone = leases(server, picture, is_useful=lambda: False)
    assert await alone.once("a", SECONDS, picture.look, picture.make) == "made"
    assert (alone.alone, server.commands) == (1, [])


async def test_a_result_that_is_not_in_the_bucket_is_made_again() -> None:
    picture = Picture()
    picture.work.set()
    alone = leases(ScriptedRedis(None, "made"), picture)
    assert await alone.once("a", SECONDS, picture.look, picture.make) == "made"
    assert alone.alone == 1


async def test_nobody_waits_for_ever() -> None:
    now, pauses = 0.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        pauses.append(seconds)

    picture = Picture()
    picture.work.set()
    server = ScriptedRedis(*[None, "another"] * 200)
    patient = leases(server, picture, ticks=lambda: now, sleep=sleep)
    assert await patient.once("a", SECONDS, picture.look, picture.make) == "made"
    assert 2 * SECONDS <= now < 2 * SECONDS + 1
    assert (patient.alone, patient.waits) == (1, 1)
    assert max(pauses) <= 0.25
