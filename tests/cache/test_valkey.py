"""Valkey as the cache asks it: a real Redis that is stopped, hangs, is emptied and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from collections.abc import Iterator

import pytest

from origin.cache.mark_log import BusDown
from origin.cache.valkey import Valkey
from tests.support.redis_servers import RedisServer
from tests.support.redis_servers import redis_server
from tests.support.tcp_gate import tcp_gate


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def valkey(redis: RedisServer) -> AsyncIterator[Valkey]:
    valkey = Valkey(redis.url, "t:", pause=0.05, answer_seconds=2)
    await valkey.open()
    yield valkey
    await valkey.close()


async def until_it_is_back(valkey: Valkey) -> None:
    async with asyncio.timeout(60):
        while valkey.breaker.is_open:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_marks_are_told_to_all_and_held_until_written(valkey: Valkey, redis: RedisServer) -> None:
    heard, joined = asyncio.Queue[str](), asyncio.Event()

    async def join() -> None:
        joined.set()

    valkey.listen(heard.put_nowait, join)
    await joined.wait()
    other = Valkey(redis.url, "t:", answer_seconds=2)
    await other.publish("one")
    assert await heard.get() == "one"
    await other.hold("1", "text")
    assert await valkey.held() == ["text"]
    await valkey.release("1")
    assert await other.held() == []
    await other.close()


async def test_bytes_that_are_no_text_stop_nothing(valkey: Valkey, redis: RedisServer) -> None:
    """Whoever may write to the server may write anything."""
    heard, joined = asyncio.Queue[str](), asyncio.Event()

    async def join() -> None:
        joined.set()

    valkey.listen(heard.put_nowait, join)
    await joined.wait()
    redis.command("PUBLISH", "t:purges", b"\xff{}")
    redis.command("PUBLISH", "t:purges", "two")
    async with asyncio.timeout(60):
        assert [await heard.get(), await heard.get()] == ["\ufffd{}", "two"]
    redis.command("HSET", "t:marks", "1", b"\xff")
    redis.command("SET", "t:lease", b"\xff")
    assert (await valkey.held(), await valkey.run("GET", "t:lease")) == (["\ufffd"], "\ufffd")


async def test_a_mistake_of_who_hears_ends_no_listening(
    valkey: Valkey, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    heard, joins = asyncio.Queue[str](), asyncio.Queue[None]()

    async def join() -> None:
        joins.put_nowait(None)

    def hear(text: str) -> None:
        if text == "one":
            raise ArithmeticError
        heard.put_nowait(text)

    valkey.listen(hear, join)
    for text in ("one", "two"):
        async with asyncio.timeout(60):
            await joins.get()
        redis.command("PUBLISH", "t:purges", text)
    async with asyncio.timeout(60):
        assert await heard.get() == "two"
    assert "ArithmeticError" in caplog.text


async def test_a_server_that_goes_and_comes_is_used_again(
    valkey: Valkey, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    heard, joins = asyncio.Queue[str](), asyncio.Queue[None]()

    async def join() -> None:
        joins.put_nowait(None)

    valkey.listen(heard.put_nowait, join)
    await joins.get()
    redis.stop()
    for _ in range(50):
        with pytest.raises(BusDown):
            await valkey.run("PING")
    assert valkey.breaker.failures < 50
    redis.start()
    await until_it_is_back(valkey)
    assert await valkey.run("PING") in (True, "PONG")
    await joins.get()
    redis.command("PUBLISH", "t:purges", "two")
    assert await heard.get() == "two"
    texts = [record.message.partition(":")[0] for record in caplog.records]
    without = "each origin renders and writes for itself, and purges go through the bucket"
    assert texts[0] == f"Valkey fails, {without}"
    assert texts.count(texts[0]) == texts.count("Valkey works again")


async def test_who_has_not_learned_what_is_held_is_connected_anew(valkey: Valkey, redis: RedisServer) -> None:
    heard, joins = asyncio.Queue[str](), 0

    async def join() -> None:
        nonlocal joins
        joins += 1
        if joins == 1:
            raise BusDown("the server has just failed")
        redis.command("PUBLISH", "t:purges", "one")  # nothing that comes from now on is missed

    valkey.listen(heard.put_nowait, join)
    assert await heard.get() == "one"
    assert joins == 2


@pytest.mark.slow
async def test_a_connection_that_went_without_a_word_is_made_anew(redis: RedisServer) -> None:
    with tcp_gate(redis.port) as gate:
        valkey = Valkey(f"redis://127.0.0.1:{gate.port}", "t:", pause=0.05, silence_seconds=0.2)
        heard, joins = asyncio.Queue[str](), asyncio.Queue[None]()

        async def join() -> None:
            joins.put_nowait(None)

        valkey.listen(heard.put_nowait, join)
        await joins.get()
        await asyncio.to_thread(gate.set, "hanging")
        async with asyncio.timeout(60):
            while not valkey.breaker.failures:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.to_thread(gate.set, "open")
        await joins.get()
        redis.command("PUBLISH", "t:purges", "one")
        assert await heard.get() == "one"
        await valkey.close()


@pytest.mark.slow
async def test_a_server_that_hangs_holds_one_request_up(valkey: Valkey, redis: RedisServer) -> None:
    redis.pause()
    start = time.monotonic()
    with pytest.raises(BusDown):
        await valkey.run("PING")
    first = time.monotonic() - start
    assert first < 10  # 0.1 s on a quiet machine; it would be for ever
    start = time.process_time()
    for _ in range(100):
        with pytest.raises(BusDown):
            await valkey.run("PING")
    assert time.process_time() - start < 1


async def test_a_server_that_is_not_there_at_the_start_is_found_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with redis_server() as server:
        server.stop()
        valkey = Valkey(server.url, "t:", pause=0.05)
        await valkey.open()
        assert valkey.breaker.is_open
        server.start()
        await until_it_is_back(valkey)
        await valkey.close()
