"""Purges on their way to a CDN: gathered, sent in batches, tried again, and never in the way of anything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from itertools import islice

from origin.ops.cdn.purge import CdnFailed
from origin.ops.cdn.purge import CdnPurge
from origin.ops.cdn.purge import CdnTarget

log = logging.getLogger(__name__)

MAX_WAITING = 10_000  # purges; then those of the handler with the most become one of the whole handler
GATHER = 0.25  # seconds for which purges are gathered before they are sent
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)  # seconds before each further try
MAX_PAUSE = 600.0  # seconds that a CDN may ask for in Retry-After
LAST_WORDS = 5.0  # seconds for what waits when the origin stops
_NAMED = 20  # tags that are named in the log


class CdnQueue:
    """The purges for one target. `gather` and the pauses are in seconds of `pause`."""

    def __init__(
        self,
        target: CdnTarget,
        *,
        gather: float = GATHER,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.sent = 0
        self.failures = 0
        self.lost = 0
        self._target = target
        self._gather = gather
        self._pause = pause
        self._waiting: dict[CdnPurge, None] = {}
        self._in_flight = 0
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def length(self) -> int:
        """Purges that the CDN has not confirmed."""
        return len(self._waiting) + self._in_flight

    def add(self, purge: CdnPurge) -> None:
        """Send it soon. What waits already is sent once."""
        if purge.whole in self._waiting:
            return
        if purge == purge.whole:
            self._waiting = {each: None for each in self._waiting if each.handler != purge.handler}
        self._waiting[purge] = None
        if len(self._waiting) > MAX_WAITING:
            self._make_room()
        self._some.set()
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Send what waits, for a few seconds; name in the log what could not be sent."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        try:
            async with asyncio.timeout(LAST_WORDS):
                while self._waiting:
                    await self._target.purge(batch := self._first())
                    self._take(batch)
                    self.sent += len(batch)
        except (TimeoutError, CdnFailed):
            pass
        except Exception:  # a mistake of ours must not keep what is closed next from being closed
            log.exception("cdn: a purge failed in an unexpected way")
        if self._waiting:
            self._give_up(list(self._waiting), "the origin stopped before they were sent")

    def _make_room(self) -> None:
        (handler, _), *_ = Counter(purge.handler for purge in self._waiting).most_common(1)
        whole = next(purge.whole for purge in self._waiting if purge.handler == handler)
        log.warning(
            "cdn: %d purges wait for %s; those of handler %s become one of the whole handler",
            len(self._waiting),
            self._target.name,
            handler,
        )
        self._waiting = {each: None for each in self._waiting if each.handler != handler} | {whole: None}

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            await self._pause(self._gather)
            while self._waiting:
                await self._send(self._first())
            self._some.clear()

    def _first(self) -> list[CdnPurge]:
        return list(islice(self._waiting, self._target.batch))

    def _take(self, batch: Iterable[CdnPurge]) -> None:
        for purge in batch:
            self._waiting.pop(purge, None)

    async def _send(self, batch: list[CdnPurge]) -> None:
        """Send a batch until the CDN has taken it, or there is no use in trying on.

        It leaves what waits at once, so that a purge of the same picture that comes meanwhile is sent too; an
        origin that stops puts it back.
        """
        self._take(batch)
        self._in_flight = len(batch)
        try:
            await self._try(batch)
        except asyncio.CancelledError:
            self._waiting = dict.fromkeys(batch) | self._waiting
            raise
        finally:
            self._in_flight = 0

    async def _try(self, batch: list[CdnPurge]) -> None:
        """Where the CDN refuses what is asked for, each half is tried by itself, so that nothing else is
        lost."""
        for pause in (*PAUSES, None):
            try:
                await self._target.purge(batch)
            except CdnFailed as error:
                self.failures += 1
                if error.of_content and len(batch) > 1:
                    half = len(batch) // 2
                    await self._try(batch[:half])
                    await self._try(batch[half:])
                    return
                if not error.passes or pause is None:
                    self._give_up(batch, str(error))
                    return
                if pause == PAUSES[0]:
                    log.warning(
                        "cdn: %s did not take %d purges, which are tried again: %s",
                        self._target.name,
                        len(batch),
                        error,
                    )
                await self._pause(max(pause, min(error.retry_after or 0.0, MAX_PAUSE)))
            except Exception:  # a mistake of ours must not end the queue: no purge would be sent any more
                log.exception("cdn: a purge failed in an unexpected way")
                self._give_up(batch, "see the error above")
                return
            else:
                self.sent += len(batch)
                return

    def _give_up(self, purges: Sequence[CdnPurge], why: str) -> None:
        self.lost += len(purges)
        named = " ".join(dict.fromkeys(purge.tag for purge in purges[:_NAMED]))
        log.error(
            "cdn: %s did not take %d purges, so it may show old pictures for as long as max_age says: %s; "
            "check `cdn` in the configuration, then purge there: tags %s%s",
            self._target.name,
            len(purges),
            why,
            named,
            " and more" if len(purges) > _NAMED else "",
        )


class CdnPurger:
    """All queues of a CDN, of which there are several where it has several addresses."""

    def __init__(self, queues: Sequence[CdnQueue] = ()) -> None:
        self._queues = queues

    def add(self, purge: CdnPurge) -> None:
        for queue in self._queues:
            queue.add(purge)

    async def close(self) -> None:
        await asyncio.gather(*(queue.close() for queue in self._queues))

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        queues = self._queues
        yield "origin_cdn_purges_total", "Purges that the CDN has taken.", sum(q.sent for q in queues)
        text = "Requests to the CDN's interface that failed; they are tried again."
        yield "origin_cdn_purge_failures_total", text, sum(q.failures for q in queues)
        text = "Purges that the CDN never took: see the log."
        yield "origin_cdn_lost_purges_total", text, sum(q.lost for q in queues)
        yield (
            "origin_cdn_purge_queue",
            "Purges that the CDN has not taken yet.",
            sum(q.length for q in queues),
        )
