"""What listens to events of stores, from the configuration."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from origin.config.events import EventQueue as EventQueueConfig
from origin.config.model import Config
from origin.ops.events import PurgeChange
from origin.ops.events import S3Events
from origin.ops.outgoing import OutgoingHttp
from origin.parts.cdn import aws_access

if TYPE_CHECKING:
    from origin.sources.event_queue import EventQueue

log = logging.getLogger(__name__)


class EventListeners:
    """The events of S3, and the task that takes them from a queue where there is one."""

    def __init__(self, purge: PurgeChange, http: OutgoingHttp) -> None:
        self.s3 = S3Events(purge, http.visit)
        self._config: EventQueueConfig | None = None
        self._queue_failures = 0  # of queues that are no longer read
        self._queue: EventQueue | None = None
        self._task: asyncio.Task[None] | None = None

    async def follow(self, config: Config) -> None:
        """Listen as this configuration says, from now on."""
        self.s3.topics = config.events.topics
        if config.events.queue == self._config and self._task is not None:
            return
        await self.close()
        self._config = config.events.queue
        if self._config is None:
            return
        queue = make_queue(self._config, self.s3)
        self._queue = queue
        self._task = asyncio.ensure_future(queue.run())
        self._task.add_done_callback(_tell_of_its_end)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._queue is not None:
            self._queue_failures += self._queue.failures
            self._queue = None

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        yield from self.s3.numbers()
        failures = self._queue_failures + (0 if self._queue is None else self._queue.failures)
        yield (
            "origin_event_queue_failures_total",
            "Times that the queue of events could not be read.",
            failures,
        )


def make_queue(config: EventQueueConfig, events: S3Events) -> EventQueue:
    """The queue, which is read once it runs."""
    from origin.sources.event_queue import EventQueue  # it takes 0.4 s to import

    return EventQueue(config.url, aws_access(config), events.handle_message)


def _tell_of_its_end(task: asyncio.Task[None]) -> None:
    """Nothing but a mistake of ours ends it before it is cancelled."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("events: the queue is no longer read, until the origin restarts", exc_info=error)
