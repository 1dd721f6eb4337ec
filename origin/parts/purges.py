"""Purges on this origin: which of its handlers forget, and when the CDN is told."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from collections.abc import Iterator
from collections.abc import Mapping

from origin.config.handler import Handler as HandlerConfig
from origin.config.model import Config
from origin.delivery.handler import Handler
from origin.errors import SourceUnavailable
from origin.ingest.store import Purge
from origin.ops.cdn.purge import CdnPurge
from origin.ops.cdn.queue import CdnPurger
from origin.ops.outgoing import OutgoingHttp
from origin.ops.purge import SPREAD_SECONDS
from origin.ops.purge import PurgeNotSpread
from origin.ops.s3_events import ObjectChange
from origin.parts.cdn import make_cdn
from origin.parts.dialects import begins_with_key

log = logging.getLogger(__name__)


class Purges:
    """Purges the handlers that are there, and has the CDN follow. `handlers` are by prefix."""

    def __init__(
        self, config: Config, handlers: Mapping[str, Handler], http: OutgoingHttp, *, has_fleet: bool
    ) -> None:
        self._config = config
        self._handlers = handlers
        self._http = http
        self._has_fleet = has_fleet
        self.cdn = make_cdn(config, http)
        self._telling: set[asyncio.Task[None]] = set()  # the CDN, once others have learned of a purge
        self._for_cdn: deque[CdnPurge] = deque()  # which every origin has to know first

    def follow(self, config: Config, handlers: Mapping[str, Handler]) -> CdnPurger | None:
        """Purge these handlers from now on. Returns what told the CDN until now, if something else does."""
        old = self.cdn
        if config.cdn != self._config.cdn:
            self.cdn = make_cdn(config, self._http)
        self._config, self._handlers = config, handlers
        return old if old is not self.cdn else None

    async def close(self) -> None:
        """Tell the CDN of all that is left."""
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
        while self._for_cdn:
            self._tell_cdn_now()
        await self.cdn.close()

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        return self.cdn.numbers()  # of the CDN that is told now

    def of_writer(self, writer: HandlerConfig) -> Purge:
        """Forgets a key of this handler in every handler that reads the same bucket or folder by then."""
        own = writer.source.place()

        async def purge(key: str) -> None:
            there = [(self._handlers[other.prefix], other.source.place()) for other in self._config.handlers]
            for handler, place in there:
                if not f"{own}{key}".startswith(place):
                    continue
                try:
                    await self.purge(handler, f"{own}{key}".removeprefix(place), None, counts=False)
                except PurgeNotSpread as error:
                    log.error("handler %s: %s changed, and %s", handler.name, key, error)
                    self._tell_cdn_twice(handler, f"{own}{key}".removeprefix(place), error.spread)

        return purge

    def _tell_cdn_twice(self, handler: Handler, key: str, spread: Awaitable[None]) -> None:
        """Have the CDN forget what a write has changed, though other origins may give it the old picture; and
        once more when they have learned of it. Nobody asks for this purge again."""

        async def tell_again() -> None:
            await spread
            self.tell_cdn(handler, key, None)

        self.tell_cdn(handler, key, None)
        task = asyncio.ensure_future(tell_again())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def purge(
        self, handler: Handler, key: str | None, prefix: str | None, *, counts: bool = True
    ) -> int:
        """Forget results and originals of a handler as `Handler.purge` does, and tell the CDN.

        Raises PurgeNotSpread. Then the CDN is not told, or it would fetch the old picture again; the
        client that asked for the purge has to ask again.
        """
        count = await handler.purge(key, prefix, counts=counts)
        self.tell_cdn(handler, key, prefix)
        return count

    def tell_cdn(self, handler: Handler, key: str | None, prefix: str | None) -> None:
        """Have the CDN forget what this origin has forgotten. It follows behind the answer."""
        mount = next((mount for mount, each in self._handlers.items() if each.name == handler.name), None)
        if mount is None:  # a reload has taken the handler away meanwhile, and its URLs with it
            return
        source_key = "" if key is None else handler.source_key(key)
        config = next(each for each in self._config.handlers if each.prefix == mount)
        purge = CdnPurge(handler.name, mount, key, prefix, source_key, begins_with_key(config))
        if not self._has_fleet:
            self.cdn.add(purge)
            return
        # First every origin, then the CDN: it might ask one that does not know yet.
        self._for_cdn.append(purge)
        asyncio.get_running_loop().call_later(SPREAD_SECONDS, self._tell_cdn_now)

    def _tell_cdn_now(self) -> None:
        if self._for_cdn:
            self.cdn.add(self._for_cdn.popleft())

    async def purge_change(self, change: ObjectChange) -> int:
        """Forget an object of a bucket in every handler that reads it.

        Raises SourceUnavailable where not every origin could be told.
        """
        changed, count = f"s3://{change.bucket}/{change.key}", 0
        for own in self._config.handlers:
            handler, place = self._handlers[own.prefix], own.source.place()
            if changed.startswith(place) and changed != place:
                key = changed.removeprefix(place)
                named: tuple[str | None, str | None] = (None, key) if change.is_folder else (key, None)
            elif change.is_folder and place.startswith(changed):
                named = (None, None)
            else:
                continue
            try:
                count += await self.purge(handler, *named)
            except PurgeNotSpread as error:
                raise SourceUnavailable(str(error)) from error
        return count
