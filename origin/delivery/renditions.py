"""How a result comes to be: from the cache, stale while it is renewed, or made now.

The three are told apart in `get`, in this order:

1  a fresh result in the cache is served
2  a stale one is served and renewed behind the answer, or served alone while the source is down
3  anything else is made, once for all who ask at the same time: the original is got here, and `rendering`
   renders it and keeps the result; while the source is down, that is the original which the cache keeps
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache

from origin.cache.leases import Leases
from origin.cache.records import Lookup
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.results import Entry
from origin.delivery.kept_results import STALE_IF_ERROR
from origin.delivery.kept_results import KeptResults
from origin.delivery.originals import FetchedOriginal
from origin.delivery.originals import Originals
from origin.delivery.rendering import Rendering
from origin.delivery.request import AS_IT_IS
from origin.delivery.request import ImageRequest
from origin.delivery.request import Outcome
from origin.delivery.request import Variant
from origin.delivery.settings import Freshness
from origin.delivery.settings import RenderSettings
from origin.delivery.singleflight import SingleFlight
from origin.delivery.singleflight import WaiterGone
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import SourceUnavailable
from origin.http.caching import cache_status
from origin.http.caching import collapsed
from origin.http.caching import with_detail
from origin.http.message import ClientGone
from origin.http.message import Request
from origin.render.pool import RenderPool
from origin.urls.options import Options

log = logging.getLogger(__name__)

LEASE_SECONDS = 2.0  # that a lease lasts longer than a render may take


class Renditions:
    """The results of one handler. Times are Unix seconds of `clock`."""

    def __init__(
        self,
        handler: str,
        originals: Originals,
        pool: RenderPool,
        settings: RenderSettings,
        freshness: Freshness,
        *,
        max_variants: int | None = None,
        clock: Callable[[], float] = time.time,
        leases: Leases | None = None,
    ) -> None:
        """With `leases`, a fleet renders each picture once. With `max_variants`, no more results of an
        original are kept."""
        self.originals = originals
        self._handler = handler
        self._cache = originals.cache
        self._pool = pool
        self._settings = settings
        self._settings_digest = ""
        self.kept = KeptResults(originals, freshness, clock)
        self._flights: SingleFlight[Outcome] = SingleFlight()
        self._leases = leases
        self._refreshes: set[asyncio.Task[None]] = set()
        self._rendering = Rendering(handler, originals, pool, settings, max_variants, clock)

    @property
    def settings(self) -> RenderSettings:
        return self._settings

    @property
    def waiting(self) -> int:
        """Requests and refreshes that wait for a result to be made."""
        return self._flights.waiters

    async def open(self) -> None:
        """Connect the source, once the pool has started.

        Raises SourceUnavailable where the source does not work; each request tries it again.
        """
        self._settings_digest = self._settings.digest(str(self._pool.hello.get("pipeline")))
        await self.originals.source.open()

    async def close(self) -> None:
        for task in self._refreshes:
            task.cancel()
        await asyncio.gather(*self._refreshes, return_exceptions=True)
        await self.originals.source.close()

    async def purge(self, prefix: str) -> int:
        """Forget results and originals whose name in the cache starts with `prefix`; how many there were.

        What is under way is not kept, and a request that comes now starts anew.
        """
        self.forget(prefix)
        return await self._cache.purge(prefix) if self._cache is not None else 0

    def forget(self, prefix: str) -> None:
        """Let no request that comes from now on join work for originals whose name starts so."""
        self._flights.forget(prefix)
        self.originals.forget(prefix)

    def variant(self, image: ImageRequest, format: str) -> Variant:
        """The variant that a request asks for in this output format.

        `f=auto` that comes to WebP and `f=webp` are two. Where WebP cannot hold the sides, the first becomes
        another format and the second is shrunk; which it is, nobody knows before the original is decoded.
        """
        variant = image.variants.get(format)
        if variant is None:
            watermark = self._settings.watermark_digest(image.options)
            name = f"{_canonical(image.options)}|{format}|{self._settings_digest}{watermark}"
            variant = image.variants[format] = Variant(
                image.source_key, image.options, image.original, format, name, image.original + name
            )
        return variant

    async def version(self, variant: Variant) -> str:
        """The version of a variant's original: the last one known, else the one that the source has.

        Raises what `get` raises.
        """
        lookup = await self.kept.find(variant)
        if lookup.version is not None:
            return lookup.version.etag
        return (await self.originals.current(variant.original, variant.key, None)).version.etag

    async def get(self, variant: Variant, request: Request) -> Outcome:
        """The result of a variant. Raises OriginError, and ClientGone where the client leaves first."""
        start = time.perf_counter()
        lookup = await self.kept.find(variant)
        outcome = self._serve(lookup, variant)
        if outcome is not None:
            if lookup.tier != "memory":
                outcome.stages["cache"] = time.perf_counter() - start
            return outcome
        renders = variant.format != AS_IT_IS
        if renders and lookup.result is None and not self._flights.flying(variant.full_name):
            self._pool.check_queue(self._handler)  # before the work is started for nothing
        return await self._make_once(variant, lookup, request)

    async def find_kept(self, variant: Variant) -> Outcome | None:
        """The result, where it need not be made: it is kept, and the original has not changed.

        Raises OriginError, also for a failure that is remembered.
        """
        lookup = await self.kept.find(variant)
        outcome = self._serve(lookup, variant)
        if outcome is not None or lookup.result is None:
            return outcome
        try:
            current = await self.originals.current(variant.original, variant.key, lookup.version)
        except (SourceUnavailable, Overloaded):
            outcome = self.kept.stale_if_error(lookup)
            if outcome is None:
                raise
            return outcome
        return _revalidated(lookup.result, current)

    async def make(self, variant: Variant) -> None:
        """Make a result that nobody waits for, unless it is there. Raises OriginError."""
        lookup = await self.kept.find(variant)
        if self._serve(lookup, variant) is None:
            await self._flights.run(variant.full_name, lambda: self._make(variant, lookup))

    # 1 and 2: what the cache has

    def _serve(self, lookup: Lookup, variant: Variant) -> Outcome | None:
        """What can be served from the cache; None where a result has to be made."""
        outcome = self.kept.serve(lookup, variant)
        if outcome is not None and outcome.cache == "stale":
            self._refresh(lookup, variant)
        return outcome

    def _refresh(self, lookup: Lookup, variant: Variant) -> None:
        """Renew a stale result behind the answer, once for all who ask."""
        if self._flights.flying(variant.full_name) or not self.originals.may_ask(variant.original):
            return

        async def refresh() -> None:
            try:
                await self._flights.run(variant.full_name, lambda: self._make(variant, lookup))
            except OriginError as error:
                log.warning(
                    "refresh failed, the stale result stays: handler=%s key=%r: %s",
                    self._handler,
                    variant.key,
                    error,
                )

        task = asyncio.ensure_future(refresh())
        self._refreshes.add(task)
        task.add_done_callback(self._refreshes.discard)

    # 3: the work

    async def _make_once(self, variant: Variant, lookup: Lookup, request: Request) -> Outcome:
        """The result of the work that is under way for this variant, which begins now where there is none."""
        leader = False

        def make() -> Awaitable[Outcome]:
            nonlocal leader
            leader = True
            return self._make(variant, lookup)

        client_gone = asyncio.ensure_future(request.gone())
        try:
            outcome = await self._flights.run(variant.full_name, make, client_gone)
        except WaiterGone:
            raise ClientGone from None
        finally:
            client_gone.cancel()
        if leader:
            return outcome
        status = collapsed(outcome.cache_status)
        return replace(outcome, cache_status=status, stages={})

    async def _make(self, variant: Variant, lookup: Lookup) -> Outcome:
        """Make a result that no origin has, or renew one."""
        cache = self._cache
        if self._leases is None or cache is None or lookup.result is not None or variant.format == AS_IT_IS:
            return await self._make_here(variant, lookup)

        async def look() -> Outcome | None:
            return self._serve(await cache.find(variant.original, variant.name, variant.may_be), variant)

        seconds = self._settings.timeout + LEASE_SECONDS
        return await self._leases.once(
            variant.full_name, seconds, look, lambda: self._make_here(variant, lookup)
        )

    async def _make_here(self, variant: Variant, lookup: Lookup) -> Outcome:
        """Ask the source, then take the result that is there or render a new one."""
        original, key = variant.original, variant.key
        entry = self._cache.entry(original) if self._cache else None
        if lookup.result is None and not self.originals.may_ask(original):
            made = await self._make_of_kept(variant, lookup.version, entry)
            if made is not None:
                return made
        try:
            with ExitStack() as reserved:
                if lookup.result is None and variant.format != AS_IT_IS:
                    reserved.enter_context(self._pool.reserve(self._handler))
                current = await self.originals.current(original, key, lookup.version)
                revalidated = _revalidated(lookup.result, current)
                if revalidated is not None:
                    return revalidated
                found = await self._made_by_others(variant, lookup, current)
                if found is not None:
                    return found
                async with self._rendering.admitted(variant, current):
                    current = await self.originals.body(original, key, current)
                    reserved.close()  # `render` takes a turn of its own
                    return await self._rendering.render_and_keep(variant, current, entry)
        except Overloaded:
            outcome = self.kept.stale_if_error(lookup)
            if outcome is None:
                raise
            return outcome
        except SourceUnavailable:
            outcome = self.kept.stale_if_error(lookup) or await self._make_of_kept(
                variant, lookup.version, entry
            )
            if outcome is None:
                raise
            return outcome

    async def _make_of_kept(
        self, variant: Variant, version: Version | None, entry: Entry | None
    ) -> Outcome | None:
        """A new result of the stale original that the cache keeps, for a source that is down; None where it
        keeps none, or one that is too old."""
        if version is None or self.originals.ttl(version) > 0 or not self.kept.may_be_stale(version):
            return None
        kept = await self.originals.kept(variant.original, version)
        if kept is None:
            return None
        async with self._rendering.admitted(variant, kept):
            made = await self._rendering.render_and_keep(variant, kept, entry)
        status = with_detail(made.cache_status, STALE_IF_ERROR)
        return replace(made, cache_status=status, is_brief=True)

    async def _made_by_others(
        self, variant: Variant, lookup: Lookup, current: FetchedOriginal
    ) -> Outcome | None:
        """The result of a new version of the original, where another origin has made it already."""
        old = lookup.version
        if self._cache is None or not self._cache.has_bucket or old is None:
            return None
        if old.etag == current.version.etag:
            return None
        lookup = await self._cache.find(variant.original, variant.name, variant.may_be)
        if lookup.version is None or lookup.version.etag != current.version.etag:
            return None
        return self._serve(lookup, variant)


def _revalidated(result: Result | None, current: FetchedOriginal) -> Outcome | None:
    """A result whose original has not changed, as the source has just said."""
    if result is None or current.asked != "unchanged":
        return None
    status = cache_status(fwd="stale", fwd_status=304)
    return Outcome(result, status, "revalidated", {"source": current.took}, current.version.etag)


@lru_cache(maxsize=512)  # what is spelled alike is equal
def _canonical(options: Options) -> str:
    return options.canonical()
