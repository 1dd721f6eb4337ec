"""How a result comes to be: from the cache, stale while it is renewed, or made now.

The three are told apart in `get`, in this order:

1  a fresh result in the cache is served
2  a stale one is served and renewed behind the answer, or served alone while the source is down
3  anything else is made, once for all who ask at the same time: original, render, keep
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections import Counter
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import ExitStack
from contextlib import asynccontextmanager
from dataclasses import replace

from origin.cache.leases import Leases
from origin.cache.records import Lookup
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.results import Entry
from origin.delivery.originals import FetchedOriginal
from origin.delivery.originals import Originals
from origin.delivery.request import AS_IT_IS
from origin.delivery.request import ImageRequest
from origin.delivery.request import Outcome
from origin.delivery.request import Variant
from origin.delivery.settings import Freshness
from origin.delivery.settings import RenderSettings
from origin.delivery.singleflight import SingleFlight
from origin.delivery.singleflight import WaiterGone
from origin.errors import BadRequest
from origin.errors import EncodingFailed
from origin.errors import NotFound
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import RenderFailed
from origin.errors import RenderTimeout
from origin.errors import SourceUnavailable
from origin.errors import UnsupportedFormat
from origin.formats import Format
from origin.formats import refusal
from origin.formats import sniff
from origin.http.caching import cache_status
from origin.http.message import ClientGone
from origin.http.message import Request
from origin.ops import tracing
from origin.render.pool import Rendered
from origin.render.pool import RenderPool
from origin.render.quarantine import Quarantine
from origin.sources.marks import crop_of
from origin.urls.options import Options

log = logging.getLogger(__name__)

LEASE_SECONDS = 2.0  # that a lease lasts longer than a render may take
_TRIAL = Options(width=16)  # whether an original that passes as it is decodes at all


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
        flights: SingleFlight[Outcome] | None = None,
        leases: Leases | None = None,
    ) -> None:
        """With `leases`, a fleet renders each picture once."""
        self.originals = originals
        self._handler = handler
        self._cache = originals.cache
        self._pool = pool
        self._settings = settings
        self._settings_digest = ""
        self._freshness = freshness
        self._max_variants = max_variants
        self._clock = clock
        self._flights: SingleFlight[Outcome] = SingleFlight() if flights is None else flights
        self._leases = leases
        self._quarantine = Quarantine()
        self._refreshes: set[asyncio.Task[None]] = set()
        self._rendering: Counter[str] = Counter()  # variants on their way, by original

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
        """The variant that a request asks for in this output format."""
        variant = image.variants.get(format)
        if variant is None:
            watermark = self._settings.watermark_digest(image.options)
            name = f"{image.options.canonical()}|{format}|{self._settings_digest}{watermark}"
            variant = image.variants[format] = Variant(
                image.source_key, image.options, image.original, format, name, image.original + name
            )
        return variant

    async def version(self, variant: Variant) -> str:
        """The version of a variant's original: the last one known, else the one that the source has.

        Raises what `get` raises.
        """
        lookup = await self._look_up(variant)
        if lookup.version is not None:
            return lookup.version.etag
        return (await self.originals.current(variant.original, variant.key, None)).version.etag

    def fresh_in_memory(self, variant: Variant) -> Outcome | None:
        """The result, where memory has it and the source need not be asked."""
        if self._cache is None:
            return None
        lookup = self._cache.peek(variant.original, variant.name)
        if lookup.version is None or lookup.result is None:
            return None
        ttl = self.originals.ttl(lookup.version)
        if ttl <= 0:
            return None
        return Outcome(lookup.result, _hit(ttl, "memory"), "hit", version=lookup.version.etag)

    async def get(self, variant: Variant, request: Request) -> Outcome:
        """The result of a variant. Raises OriginError, and ClientGone where the client leaves first."""
        start = time.perf_counter()
        lookup = await self._look_up(variant)
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
        lookup = await self._look_up(variant)
        outcome = self._serve(lookup, variant)
        if outcome is not None or lookup.result is None:
            return outcome
        try:
            current = await self.originals.current(variant.original, variant.key, lookup.version)
        except (SourceUnavailable, Overloaded):
            outcome = self._stale_if_error(lookup)
            if outcome is None:
                raise
            return outcome
        return _revalidated(lookup.result, current)

    async def make(self, variant: Variant) -> None:
        """Make a result that nobody waits for, unless it is there. Raises OriginError."""
        lookup = await self._look_up(variant)
        if self._serve(lookup, variant) is None:
            await self._flights.run(variant.full_name, lambda: self._make(variant, lookup))

    # 1 and 2: what the cache has

    async def _look_up(self, variant: Variant) -> Lookup:
        """What the cache has. Raises the failure that it remembers where it has no result."""
        if self._cache is None:
            return Lookup(None)
        if self._cache.has_bucket:  # which need not be asked for what the source does not have
            failure = self._cache.failure(variant.original, variant.name, self._clock())
            if isinstance(failure, NotFound):
                raise failure
        lookup = await self._cache.find(variant.original, variant.name)
        if lookup.result is None:
            failure = self._cache.failure(variant.original, variant.name, self._clock())
            if failure is not None:
                raise failure
        return lookup

    def _serve(self, lookup: Lookup, variant: Variant) -> Outcome | None:
        """What can be served from the cache; None where a result has to be made."""
        if lookup.version is None or lookup.result is None:
            return None
        ttl = self.originals.ttl(lookup.version)
        if ttl > 0:
            return Outcome(lookup.result, _hit(ttl, lookup.tier), "hit", version=lookup.version.etag)
        if -ttl <= self._freshness.stale_while_revalidate:
            self._refresh(lookup, variant)
            return _stale(lookup.result, lookup.version, ttl, "stale-while-revalidate")
        return None if self.originals.may_ask(variant.original) else self._stale_if_error(lookup)

    def _stale_if_error(self, lookup: Lookup) -> Outcome | None:
        """The stale result, for a source that is down, unless the result is too old."""
        if lookup.version is None or lookup.result is None:
            return None
        ttl = self.originals.ttl(lookup.version)
        if -ttl > self._freshness.stale_if_error:
            return None
        return _stale(lookup.result, lookup.version, ttl, "stale-if-error")

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
        status = f"{outcome.cache_status}; collapsed"
        return Outcome(outcome.result, status, outcome.cache, version=outcome.version)

    async def _make(self, variant: Variant, lookup: Lookup) -> Outcome:
        """Make a result that no origin has, or renew one."""
        cache = self._cache
        if self._leases is None or cache is None or lookup.result is not None or variant.format == AS_IT_IS:
            return await self._make_here(variant, lookup)

        async def look() -> Outcome | None:
            return self._serve(await cache.find(variant.original, variant.name), variant)

        seconds = self._settings.timeout + LEASE_SECONDS
        return await self._leases.once(
            variant.full_name, seconds, look, lambda: self._make_here(variant, lookup)
        )

    async def _make_here(self, variant: Variant, lookup: Lookup) -> Outcome:
        """Ask the source, then take the result that is there or render a new one."""
        original, key = variant.original, variant.key
        entry = self._cache.entry(original) if self._cache else None
        try:
            with ExitStack() as expected:
                if lookup.result is None and variant.format != AS_IT_IS:
                    expected.enter_context(self._pool.reserve(self._handler))
                current = await self.originals.current(original, key, lookup.version)
                revalidated = _revalidated(lookup.result, current)
                if revalidated is not None:
                    return revalidated
                found = await self._made_by_others(variant, lookup, current)
                if found is not None:
                    return found
                async with self._admitted(variant, current):
                    current = await self.originals.body(original, key, current)
                    expected.close()
                    return await self._render_and_keep(variant, current, entry)
        except (SourceUnavailable, Overloaded):
            outcome = self._stale_if_error(lookup)
            if outcome is None:
                raise
            return outcome

    async def _made_by_others(
        self, variant: Variant, lookup: Lookup, current: FetchedOriginal
    ) -> Outcome | None:
        """The result of a new version of the original, where another origin has made it already."""
        old = lookup.version
        if self._cache is None or not self._cache.has_bucket or old is None:
            return None
        if old.etag == current.version.etag:
            return None
        lookup = await self._cache.find(variant.original, variant.name)
        if lookup.version is None or lookup.version.etag != current.version.etag:
            return None
        return self._serve(lookup, variant)

    @asynccontextmanager
    async def _admitted(self, variant: Variant, current: FetchedOriginal) -> AsyncIterator[None]:
        """Refuse what would render in vain: one variant too many, or an original that kills renderers."""
        original = variant.original
        if variant.format != AS_IT_IS:
            version, in_format = _suspects(variant, current)
            self._quarantine.check(version, self._clock())
            self._quarantine.check(in_format, self._clock(), _size(variant))
        if self._max_variants is not None and self._cache is not None:
            count = await self._cache.count_results(original)
            if count + self._rendering[original] >= self._max_variants:
                raise BadRequest(f"{count} variants of this original are kept, and there may be no more")
        self._rendering[original] += 1
        try:
            yield
        finally:
            self._rendering[original] -= 1
            if not self._rendering[original]:
                del self._rendering[original]

    async def _render_and_keep(
        self, variant: Variant, current: FetchedOriginal, entry: Entry | None
    ) -> Outcome:
        try:
            rendered = await self._render(variant, current)
        except OriginError as error:
            # Of this variant alone: another size of the same original may do well.
            if error.remembered and entry is not None:
                entry.keep_failure(error, self._clock() + self.originals.failure_seconds, variant.name)
            raise
        digest = hashlib.sha256(rendered.body).digest()[:16]
        result = Result(rendered.body, rendered.format, digest, current.version.last_modified)
        if entry is not None:
            with tracing.stage("store"):
                entry.keep_result(current.version.etag, variant.name, result)
        fwd_status = 200 if current.asked == "fetched" else None
        status = cache_status(fwd="uri-miss", fwd_status=fwd_status, stored=entry is not None)
        stages = {"source": current.took, "queue": rendered.waited, "render": rendered.took}
        return Outcome(result, status, "miss", stages, current.version.etag)

    async def _render(self, variant: Variant, current: FetchedOriginal) -> Rendered:
        body = current.body or b""
        format = sniff(body)
        if format is None or format.name not in self._settings.allowed:
            raise UnsupportedFormat(refusal(body))
        if variant.format == AS_IT_IS:
            return Rendered(bytes(body), format, 0, 0, 0.0, 0.0)
        passes = variant.options.only is not None and format.name not in variant.options.only
        options, target = (_TRIAL, Format.PNG.name) if passes else (variant.options, variant.format)
        version, in_format = _suspects(variant, current)
        try:
            async with self.originals.admission.holding(len(body)):
                job = self._settings.job(options, target, crop_of(current.version.etag), version)
                rendered = await self._pool.render(body, job, self._settings.timeout, handler=self._handler)
        except EncodingFailed:
            raise
        except RenderTimeout:
            self._quarantine.record_overrun(in_format, self._clock(), _size(variant))
            raise
        except RenderFailed:
            self._quarantine.record_crash(version, self._clock())
            raise
        ended = {"queue": rendered.took, "render": 0.0, "encode": 0.0}
        took = {"queue": rendered.waited, "render": rendered.took, "encode": rendered.encoding}
        tracing.record_stages({name: (took[name], ago) for name, ago in ended.items()})
        self._quarantine.clear(version)
        self._quarantine.clear(in_format)
        return replace(rendered, body=bytes(body), format=format) if passes else rendered


def _suspects(variant: Variant, current: FetchedOriginal) -> tuple[str, str]:
    """What a crash is blamed on, this version of the original; and what an overrun of time is blamed on: it
    in this format, since a large picture may be slow to encode in one and quick in the others. What other
    options than those of size make slow is not blamed on the picture without them."""
    version = variant.original + current.version.etag
    return version, f"{version}|{variant.format}|{'plain' if _is_plain(variant.options) else 'changed'}"


def _is_plain(options: Options) -> bool:
    """Whether only size, cut and format are asked for."""
    return options == Options(
        width=options.width,
        height=options.height,
        crop=options.crop,
        format=options.format,
        download=options.download,
        only=options.only,
        keeps_shape=options.keeps_shape,
        quality=options.quality if isinstance(options.quality, int) else None,
    )


def _size(variant: Variant) -> float:
    """The longer side that is asked for, in pixels; infinite for the original's own size."""
    return max(variant.options.width or 0, variant.options.height or 0) or math.inf


def _revalidated(result: Result | None, current: FetchedOriginal) -> Outcome | None:
    """A result whose original has not changed, as the source has just said."""
    if result is None or current.asked != "unchanged":
        return None
    status = cache_status(fwd="stale", fwd_status=304)
    return Outcome(result, status, "revalidated", {"source": current.took}, current.version.etag)


def _hit(ttl: int, tier: str) -> str:
    return f"origin; hit; ttl={ttl}; detail={tier}"


def _stale(result: Result, version: Version, ttl: int, why: str) -> Outcome:
    return Outcome(result, cache_status(hit=True, ttl=ttl, detail=why), "stale", version=version.etag)
