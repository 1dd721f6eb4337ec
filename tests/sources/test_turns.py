"""Two origins that fetch a URL of one registry: who goes first, and who writes down what it has learned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from origin.cache.locks import FleetLocks
from origin.cache.valkey import Valkey
from origin.errors import NotFound
from origin.sources.http import HttpSettings
from origin.sources.http_source import HttpSource
from origin.sources.settings import Secret
from origin.sources.url_registry import RedisRegistrySettings
from origin.sources.watched_registry import WatchedRegistry
from tests.support import pictures
from tests.support.redis_servers import RedisServer
from tests.support.web_servers import WebServer


@dataclass
class Pair:
    """The sources of two origins, with the locks of one fleet."""

    sources: list[HttpSource]
    locks: list[FleetLocks]

    def registry(self, at: int) -> WatchedRegistry:
        registry = self.sources[at].registry
        assert registry is not None
        return registry


@pytest.fixture
async def pair(redis_server: RedisServer, valkey: Valkey) -> AsyncIterator[Pair]:
    registry = RedisRegistrySettings("redis", Secret(redis_server.url))
    settings = HttpSettings(keys="url", allow_private=("127.0.0.0/8",), registry=registry)
    made = Pair(
        [HttpSource(settings, timeout=60) for _ in range(2)],
        [FleetLocks(valkey, behind=60) for _ in range(2)],
    )
    for at, source in enumerate(made.sources):
        await source.open()
        made.registry(at).turns = made.locks[at]
    yield made
    for source in made.sources:
        await source.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_server_that_refuses_is_asked_by_one_origin(pair: Pair, web: WebServer) -> None:
    url = f"{web.url}/none.png"
    await pair.registry(0).moderate("add", url)
    web.gate.clear()
    fetches = [asyncio.ensure_future(pair.sources[0].get(url))]
    await until(lambda: web.asked)
    fetches.append(asyncio.ensure_future(pair.sources[1].get(url)))
    await until(lambda: pair.locks[1].waits)
    web.gate.set()
    errors = await asyncio.gather(*fetches, return_exceptions=True)
    assert [type(error) for error in errors] == [NotFound, NotFound]
    assert "not long ago" in str(errors[1])
    assert len(web.asked) == 1


async def test_a_refusal_from_before_a_url_was_added_anew_is_not_remembered(
    pair: Pair, web: WebServer, redis_server: RedisServer
) -> None:
    url = f"{web.url}/cat.png"
    await pair.registry(0).moderate("add", url)
    web.gate.clear()
    fetch = asyncio.ensure_future(pair.sources[0].get(url))
    await until(lambda: web.asked)
    await pair.registry(1).moderate("add", url)  # its picture is there by now, says the application
    web.gate.set()
    with pytest.raises(NotFound) as refused:
        await fetch
    assert refused.value.remember_for == 0
    assert redis_server.command("GET", f"img/err/{url}") is None
    web.put("/cat.png", pictures.small())
    for source in pair.sources:
        assert await source.get(url) is not None
