"""One contract for both registries; then the keys in Redis, and what happens while one is down."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from origin.errors import Forbidden
from origin.errors import RegistryDown
from origin.sources.redis_registry import RedisRegistry
from origin.sources.settings import Secret
from origin.sources.sqlite_registry import SqliteRegistry
from origin.sources.url_registry import FetchedRecord
from origin.sources.url_registry import RedisRegistrySettings
from origin.sources.url_registry import Refusal
from origin.sources.url_registry import SqliteRegistrySettings
from origin.sources.url_registry import UrlRegistry
from origin.sources.url_registry import UrlState
from origin.sources.url_registry import make_registry
from origin.sources.watched_registry import PAUSE_SECONDS
from origin.sources.watched_registry import WatchedRegistry
from tests.support.redis_servers import RedisServer

URL = "https://example.com/caf\u00e9.jpg?a=1 2"
RECORD = FetchedRecord("jpeg", "da39a3ee5e6b4b0d3255bfef95601890afd80709", '"e"', 1386852448.0)
NOW = 1_800_000_000.0


@pytest.fixture(params=["sqlite", "redis"])
async def registry(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[UrlRegistry]:
    registry: UrlRegistry
    if request.param == "sqlite":
        registry = SqliteRegistry(tmp_path / "urls.db", lambda: NOW)
    else:
        server: RedisServer = request.getfixturevalue("redis_server")
        server.command("FLUSHALL")
        registry = RedisRegistry(server.url, lambda: NOW)
    yield registry
    await registry.close()


async def test_a_url_is_unknown_until_it_is_added(registry: UrlRegistry) -> None:
    assert await registry.state(URL) == UrlState()
    assert await registry.add(URL)
    assert not await registry.add(URL)
    assert await registry.state(URL) == UrlState(is_registered=True)


async def test_a_block_holds_until_it_is_taken_back(registry: UrlRegistry) -> None:
    await registry.add(URL)
    await registry.block(URL)
    await registry.block(URL)
    await registry.add(URL)
    assert (await registry.state(URL)).is_blocked
    await registry.unblock(URL)
    assert await registry.state(URL) == UrlState(is_registered=True)


async def test_what_was_never_added_can_be_blocked(registry: UrlRegistry) -> None:
    await registry.block(URL)
    assert (await registry.state(URL)).is_blocked


async def test_refusals_are_remembered_until_the_url_is_added_again(registry: UrlRegistry) -> None:
    await registry.add(URL)
    for refusal in Refusal:
        await registry.note_refused(URL, refusal, 60)
        assert (await registry.state(URL)).refusal is refusal
    await registry.add(URL)
    assert (await registry.state(URL)).refusal is None


async def test_a_fetch_is_noted(registry: UrlRegistry) -> None:
    await registry.add(URL)
    await registry.note_refused(URL, Refusal.STATUS, 60)
    await registry.note_fetched(URL, RECORD, 60)
    assert await registry.state(URL) == UrlState(is_registered=True)


@pytest.mark.slow
async def test_all_urls_are_listed(registry: UrlRegistry) -> None:
    urls = {f"https://example.com/{number}" for number in range(1100)}
    for url in urls:
        await registry.add(url)
    await registry.block("https://example.com/7")
    listed = [entry async for entry in registry.urls()]
    assert {entry.url for entry in listed} == urls
    assert {entry.created_at for entry in listed} == {int(NOW)}
    assert [entry.url for entry in listed if entry.is_blocked] == ["https://example.com/7"]


async def test_a_registry_that_was_used_has_no_mistakes(registry: UrlRegistry) -> None:
    await registry.add(URL)
    await registry.note_fetched(URL, RECORD, 60)
    await registry.note_refused(URL, Refusal.SIZE, 60)
    await registry.block("https://example.com/b")
    assert [line async for line in registry.mistakes()] == []


# --- the keys of img-LinuxFr.org ----------------------------------------------------------------------


async def test_the_keys_and_fields_are_those_of_the_old_program(redis_server: RedisServer) -> None:
    redis = redis_server.command
    redis("FLUSHALL")
    registry = RedisRegistry(redis_server.url, lambda: NOW)
    for number in range(102):
        await registry.add(f"http://example.com/{number}")
    await registry.note_fetched("http://example.com/0", RECORD, 3600)
    await registry.note_refused("http://example.com/1", Refusal.TYPE, 3600)
    await registry.block("http://example.com/2")
    await registry.close()
    assert redis("HGETALL", "img/http://example.com/0") == [
        *("created_at", "1800000000", "type", "jpeg", "checksum", RECORD.checksum, "etag", '"e"')
    ]
    assert redis("GET", "img/updated/http://example.com/0") == "Thu, 12 Dec 2013 12:47:28 GMT"
    assert redis("GET", "img/err/http://example.com/1") == "invalid content-type"
    for key in ("img/updated/http://example.com/0", "img/err/http://example.com/1"):
        assert redis("TTL", key) in (3599, 3600)
    assert redis("HGET", "img/http://example.com/2", "status") == "Blocked"
    assert redis("LRANGE", "img/blocked", "0", "-1") == ["http://example.com/2"]
    assert redis("LLEN", "img/latest") == 100
    assert redis("LINDEX", "img/latest", "0") == "http://example.com/101"
    assert redis("TTL", "img/http://example.com/0") == -1


async def test_mistakes_in_redis_are_found(redis_server: RedisServer) -> None:
    redis = redis_server.command
    redis("FLUSHALL")
    redis("HSET", "img/http://a/1", "status", "Maybe", "type", "exe", "colour", "red")
    redis("HSET", "img/http://a/2", "created_at", "1", "status", "Blocked")
    redis("HSET", "img/http://a/3", "created_at", "1")
    redis("LPUSH", "img/blocked", "http://a/3")
    redis("SET", "img/err/http://a/4", "unexpected status code")
    registry = RedisRegistry(redis_server.url)
    found = {line async for line in registry.mistakes()}
    await registry.close()
    assert found == {
        "http://a/1: the field colour is not known",
        "http://a/1: no created_at",
        "http://a/1: the type 'exe' is not known",
        "http://a/1: the status 'Maybe' is not known",
        "http://a/2: blocked and not in img/blocked",
        "http://a/3: in img/blocked and not blocked",
        "img/err/http://a/4: it never expires",
    }


# --- down and slow ------------------------------------------------------------------------------------


class Registry:
    """A registry in memory, which fails and hangs as it is told."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False
        self.hangs = False
        self.answer = UrlState(is_registered=True)

    async def close(self) -> None: ...

    async def state(self, url: str) -> UrlState:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails:
            raise RegistryDown("down")
        return self.answer


@pytest.mark.parametrize("failing", ["fails", "hangs"])
async def test_a_registry_that_is_down_or_slow_holds_up_no_cached_picture(failing: str) -> None:
    fake, now = Registry(), [0.0]
    watched = WatchedRegistry(fake, lambda: now[0], fetch_seconds=0.3)  # type: ignore[arg-type]
    setattr(fake, failing, True)
    for _ in range(100):
        await watched.check_cached("x")
    assert fake.asked == 1  # then it is left alone for a while
    for _ in range(2):
        with pytest.raises(RegistryDown):
            await watched.check_fetch("x")
    assert fake.asked <= 2
    setattr(fake, failing, False)
    now[0] += PAUSE_SECONDS
    fake.answer = UrlState(is_registered=True, is_blocked=True)
    with pytest.raises(Forbidden):
        await watched.check_cached("x")
    assert watched.failures
    await watched.close()


async def test_a_registry_that_is_too_slow_for_hits_is_still_asked_before_a_fetch() -> None:
    fake, now = Registry(), [0.0]
    watched = WatchedRegistry(fake, lambda: now[0])  # type: ignore[arg-type]
    fake.hangs = True
    await watched.check_cached("x")
    fake.hangs = False
    assert (await watched.check_fetch("x")).is_registered
    await watched.close()


async def test_a_question_that_took_too_long_still_makes_the_connection() -> None:
    """Else a server that is far away would never be connected to."""
    fake, gate = Registry(), asyncio.Event()
    connected: list[str] = []

    async def connect_slowly(url: str) -> UrlState:
        if not connected:
            await gate.wait()
            connected.append(url)
        return UrlState(is_registered=True, is_blocked=True)

    fake.state = connect_slowly  # type: ignore[method-assign]
    now = [0.0]
    watched = WatchedRegistry(fake, lambda: now[0])  # type: ignore[arg-type]
    await watched.check_cached("x")
    gate.set()
    now[0] += PAUSE_SECONDS
    with pytest.raises(Forbidden):
        await watched.check_cached("x")
    assert connected == ["x"]
    await watched.close()


async def test_a_crowd_is_told_of_a_block_by_a_registry_that_is_well(redis_server: RedisServer) -> None:
    """More questions at once than there are connections wait for one."""
    redis_server.command("FLUSHALL")
    registry = RedisRegistry(redis_server.url)
    await registry.add(URL)
    await registry.block(URL)
    states = await asyncio.gather(*(registry.state(URL) for _ in range(300)))
    assert {state.is_blocked for state in states} == {True}
    await registry.close()


@pytest.mark.parametrize("key", ["img", "img/err"])
async def test_a_record_of_another_type_is_no_url_and_no_failure(redis_server: RedisServer, key: str) -> None:
    redis_server.command("FLUSHALL")
    redis_server.command("HSET", f"img/{URL}", "created_at", "1")
    redis_server.command("DEL", f"{key}/{URL}")
    redis_server.command("LPUSH", f"{key}/{URL}", "x")
    registry = RedisRegistry(redis_server.url)
    assert await registry.state(URL) == UrlState()
    await registry.close()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://no-such-host.invalid/0"])
async def test_a_redis_that_cannot_be_reached_is_down(url: str) -> None:
    registry = make_registry(RedisRegistrySettings("redis", Secret(url)))
    with pytest.raises(RegistryDown):
        await registry.state("x")
    await registry.close()


async def test_a_file_that_is_no_database_is_down(tmp_path: Path) -> None:
    (tmp_path / "urls.db").write_bytes(b"no database" * 100)
    registry = make_registry(SqliteRegistrySettings("sqlite", tmp_path / "urls.db"))
    with pytest.raises(RegistryDown, match=r"urls\.db"):
        await registry.state("x")
    await registry.close()


async def test_the_file_is_read_while_another_process_writes(tmp_path: Path) -> None:
    registry = SqliteRegistry(tmp_path / "urls.db")
    await registry.add(URL)
    other = sqlite3.connect(tmp_path / "urls.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(registry.note_refused(URL, Refusal.SIZE, 60))
    await asyncio.sleep(0)
    assert (await registry.state(URL)).is_registered
    assert not waiting.done()  # and nobody waits for what we would write meanwhile
    other.execute("UPDATE urls SET status = 'Blocked'")
    other.execute("COMMIT")
    assert (await registry.state(URL)).is_blocked
    await waiting
    other.close()
    await registry.close()


async def test_a_file_that_is_removed_is_down_and_another_one_is_read(tmp_path: Path) -> None:
    """What stands in a file without a name is nobody's word any more, and an empty one forbids everything."""
    registry = SqliteRegistry(tmp_path / "urls.db")
    await registry.add(URL)
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"urls.db{suffix}").unlink()
    for _ in range(2):
        with pytest.raises(RegistryDown, match=r"urls\.db"):
            await registry.state(URL)
        with pytest.raises(RegistryDown):
            await registry.block(URL)
    assert os.listdir(tmp_path) == []
    other = SqliteRegistry(tmp_path / "other.db")
    await other.block(URL)
    await other.close()
    (tmp_path / "other.db").rename(tmp_path / "urls.db")
    assert (await registry.state(URL)).is_blocked
    await registry.unblock(URL)
    assert not (await registry.state(URL)).is_blocked
    await registry.close()


def test_a_url_of_redis_is_shown_to_nobody() -> None:
    settings = RedisRegistrySettings("redis", Secret("redis://:canary@127.0.0.1/0"))
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://x",
            "redis://:canary@host:abc/0",
            "redis://:canary@host:99999/0",
            "redis://:canary@host/one",
        ),
        *("redis://", "redis://:6379/0", "redis://[::1/0", "unix://", "redis:host"),
    ],
)
def test_a_url_that_the_client_would_misread_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="a URL such as redis://") as caught:
        RedisRegistrySettings("redis", Secret(url))
    assert "canary" not in str(caught.value)


@pytest.mark.slow
def test_an_origin_without_the_client_of_redis_says_what_to_install() -> None:
    """And needs it for nothing else."""
    code = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "redis":
            raise ImportError(name)
sys.meta_path.insert(0, Block())
from origin.app import create_app
from origin.errors import ConfigError
source = {"type": "http", "keys": "hex"}
for registry in ({"type": "sqlite", "path": "/nowhere/urls.db"}, {"type": "redis", "url": "redis://a"}):
    try:
        create_app({"handlers": [{"name": "h", "source": {**source, "registry": registry}}]})
        print("made")
    except ConfigError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == [
        "made",
        "a registry of the type redis needs the Redis client: pip install 'image-origin[fleet]'",
    ]
