"""Valkey or Redis, which holds no request up: bounds on time, and nobody asks while it is away."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any

from origin.cache.breaker import PAUSE_SECONDS
from origin.cache.breaker import Breaker
from origin.cache.mark_log import BusDown
from origin.cache.valkey_faults import fault_of
from origin.errors import ConfigError

try:
    from redis.asyncio import BlockingConnectionPool
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
except ImportError:  # an extra: one origin alone has no use for it
    raise ConfigError(
        "shared.url needs the client of Valkey and Redis: pip install 'image-origin[fleet]'"
    ) from None

log = logging.getLogger(__name__)

ANSWER_SECONDS = 0.1  # that a request waits for an answer
CONNECT_SECONDS = 2.0  # for a new connection, which no request waits for
SILENCE_SECONDS = 5.0  # after which the connection that listens is tried: it may have gone without a word
CONNECTIONS = 32
# As the scripts of leases.
_TRIAL = """
if redis.call('get', KEYS[1]) then redis.call('pexpire', KEYS[1], 1000) end
redis.call('set', KEYS[1], 'made', 'PX', 1000)
return redis.call('del', KEYS[1])
"""
HELD_SECONDS = 30 * 86_400  # for which a mark that the bucket did not take is kept


class Valkey:
    """The server at a URL. `namespace` is in front of every key, and of the channel of purges.

    `pause` is how many seconds there are between two tries while it is away, `answer_seconds` how long a
    request waits for an answer, and `silence_seconds` how long who listens waits for anything. Raises
    ConfigError where the URL has an option that is none.
    """

    def __init__(
        self,
        url: str,
        namespace: str,
        clock: Callable[[], float] = time.monotonic,
        pause: float = PAUSE_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self.breaker = Breaker(
            "Valkey",
            "each origin renders and writes for itself, and purges go through the bucket",
            clock=clock,
        )
        self.namespace = namespace
        self._pause = pause
        self._answer_seconds = answer_seconds
        self._silence_seconds = silence_seconds
        self._channel = f"{namespace}purges"
        self._held = f"{namespace}marks"
        pool = _make_pool(url)
        self._url = url
        self._redis: Any = Redis.from_pool(pool)
        self._trying: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect; where that fails, it is tried again each second."""
        await self._try()

    async def close(self) -> None:
        tasks = [task for task in (self._trying, self._listening) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._redis.aclose()

    async def run(self, *command: str | int) -> Any:
        """The answer to a command. Raises BusDown."""
        return await self._run(self._answer_seconds, *command)

    async def _run(self, seconds: float, *command: str | int) -> Any:
        if self.breaker.is_open:
            raise BusDown(self.breaker.reason)
        try:
            async with asyncio.timeout(seconds):
                return await self._redis.execute_command(*command)
        except (RedisError, OSError, TimeoutError) as error:
            raise self._failed(error, seconds) from error

    async def try_all(self) -> None:
        """Do once what an origin does, under names that no origin uses. Raises BusDown."""
        key = f"{self.namespace}check"
        await self.run("SET", f"{key}:lease", "1", "NX", "PX", 1000)
        await self.run("EVAL", _TRIAL, 1, f"{key}:lease")
        await self.run("HSET", f"{key}:marks", "1", "1")
        await self.run("EXPIRE", f"{key}:marks", 1)
        await self.run("HGETALL", f"{key}:marks")
        await self.run("HDEL", f"{key}:marks", "1")
        await self.run("PUBLISH", key, "1")
        try:
            async with asyncio.timeout(CONNECT_SECONDS), self._redis.pubsub() as channel:
                await channel.subscribe(key)
                await channel.parse_response()  # which says whether it may
        except (RedisError, OSError, TimeoutError) as error:
            raise self._failed(error, CONNECT_SECONDS) from error

    # Marks of purges

    async def publish(self, text: str) -> None:
        await self.run("PUBLISH", self._channel, text)

    async def hold(self, id: str, text: str) -> None:
        await self.run("HSET", self._held, id, text)
        await self.run("EXPIRE", self._held, HELD_SECONDS)

    async def held(self) -> list[str]:
        # No request waits for it, and there may be the marks of a day.
        answer = await self._run(CONNECT_SECONDS, "HGETALL", self._held)
        return list(answer.values())

    async def release(self, id: str) -> None:
        await self.run("HDEL", self._held, id)

    def listen(self, hear: Callable[[str], object], joined: Callable[[], Awaitable[None]]) -> None:
        """Call `hear` with each mark that is published from then on, and `joined` each time it is connected:
        where that raises BusDown, it is connected anew."""
        self._listening = asyncio.create_task(self._listen(hear, joined))

    async def _listen(self, hear: Callable[[str], object], joined: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    async with asyncio.timeout(CONNECT_SECONDS):
                        await channel.subscribe(self._channel)
                        await channel.parse_response()  # from now on nothing is missed
                    await joined()
                    await self._hear_all(channel, hear)
            except BusDown as error:
                log.debug("what Valkey keeps is not read yet: %s", error)
            except (RedisError, OSError, TimeoutError) as error:
                self._failed(error, CONNECT_SECONDS)
            except Exception:  # a mistake of ours must not end it: purges would be heard of late, for good
                log.exception("listening to Valkey failed, and is tried again")
            await asyncio.sleep(self._pause)

    async def _hear_all(self, channel: Any, hear: Callable[[str], object]) -> None:
        """Until the connection fails. Raises TimeoutError where it has gone without a word."""
        is_asked = False
        while True:
            message = await channel.get_message(timeout=self._silence_seconds)
            if message is not None and message["type"] == "message":
                hear(message["data"])
            if message is None and is_asked:
                raise TimeoutError
            is_asked = message is None
            if is_asked:
                await channel.ping()

    # Away and back

    def _failed(self, error: BaseException, seconds: float) -> BusDown:
        """Count it, begin to try again, and say what it means."""
        failure = BusDown(fault_of(error, self._url, seconds))
        self.breaker.failed(failure)
        if self._trying is None or self._trying.done():
            self._trying = asyncio.create_task(self._keep_trying())
        return failure

    async def _keep_trying(self) -> None:
        while self.breaker.is_open:
            await asyncio.sleep(self._pause)
            await self._try()

    async def _try(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._redis.execute_command("PING")
        except (RedisError, OSError, TimeoutError) as error:
            if not self.breaker.is_open:
                self._failed(error, CONNECT_SECONDS)
            return
        self.breaker.succeeded()


def _make_pool(url: str) -> Any:
    """Raises ConfigError where the URL has what the client does not know."""
    try:
        pool: Any = BlockingConnectionPool.from_url(
            url,
            decode_responses=True,
            encoding_errors="replace",  # others may write there, and what they write is no text of ours
            max_connections=CONNECTIONS,
            timeout=CONNECT_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        pool.make_connection()  # which connects nowhere yet, and is the first to look at what follows the `?`
    except (TypeError, ValueError) as error:
        named = re.search(r"argument '(\w+)'", str(error))
        fault = f"{named[1]} is no option" if named else str(error)
        raise ConfigError(f"shared.url: what follows the `?` is not understood: {fault}") from None
    return pool
