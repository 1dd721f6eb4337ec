"""One mounted prefix: the life of a request, top to bottom.

1  read     the URL into a plan: key and options, or what is wrong with them
2  check    the token, before anything costs
3  cache    a hit goes to 5, with no source call and no render slot
4  make     once for all who ask: original, render, keep
5  answer   200, 304, 206 or 416; any OriginError ends in the fallback image
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
from collections.abc import Mapping
from contextlib import ExitStack
from contextlib import asynccontextmanager

from origin.cache.results import Lookup
from origin.cache.results import Result
from origin.cache.results import ResultCache
from origin.cache.results import name_original
from origin.delivery.fallback import Fallback
from origin.delivery.originals import FetchedOriginal
from origin.delivery.originals import Originals
from origin.delivery.request import Authorizer
from origin.delivery.request import ImageRequest
from origin.delivery.request import Outcome
from origin.delivery.request import Pairs
from origin.delivery.request import RenderSettings
from origin.delivery.request import Variant
from origin.delivery.request import allow_all
from origin.delivery.responses import Freshness
from origin.delivery.responses import ResponseBuilder
from origin.delivery.singleflight import SingleFlight
from origin.delivery.singleflight import WaiterGone
from origin.errors import BadRequest
from origin.errors import EncodingFailed
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import RenderFailed
from origin.errors import RenderTimeout
from origin.errors import SourceUnavailable
from origin.errors import UnsupportedFormat
from origin.formats import refusal
from origin.formats import sniff
from origin.http import caching
from origin.http import negotiation
from origin.http.message import ClientGone
from origin.http.message import Request
from origin.http.message import Response
from origin.http.message import header_value
from origin.render.pool import RenderPool
from origin.render.quarantine import Quarantine
from origin.urls.options import OptionDefaults
from origin.urls.options import Options
from origin.urls.options import lenient
from origin.urls.options import parse
from origin.urls.path import check_key

log = logging.getLogger(__name__)

MAX_PAIRS = 100  # of a query; each costs microseconds before a token is looked at


class Handler:
    """One mounted prefix, bound to one source. Times are Unix seconds of `clock`."""

    def __init__(
        self,
        *,
        name: str,
        source_id: str,
        originals: Originals,
        pool: RenderPool,
        fallback: Fallback,
        rules: OptionDefaults,
        recipe: RenderSettings,
        freshness: Freshness,
        decode_query: Callable[[bytes], Pairs],
        check: Authorizer = allow_all,
        check_lasts: bool = True,  # whether a check says the same for the same URL until the expiry
        exact_status: bool = False,
        tag_header: str | None = "Surrogate-Key",
        variants: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.originals = originals
        self.cache: ResultCache | None = originals.cache
        self.fallback = fallback
        self.check = check
        self._check_lasts = check_lasts
        self._source_id = source_id
        self._pool = pool
        self._rules = rules
        self._recipe = recipe
        self._recipe_digest = ""
        self._freshness = freshness
        self._responses = ResponseBuilder(name, freshness, exact_status, tag_header)
        self._decode_query = decode_query
        self._variants = variants
        self._clock = clock
        self._quarantine = Quarantine()
        self._flights: SingleFlight[Outcome] = SingleFlight()
        self._refreshes: set[asyncio.Task[None]] = set()
        self._rendering: Counter[str] = Counter()  # variants on their way, by original

    async def open(self) -> None:
        """Get ready, once the pool has started. Raises SourceUnavailable where the source is not; it is
        tried again with every request."""
        self._recipe_digest = self._recipe.digest(str(self._pool.hello.get("pipeline")))
        await self.fallback.open()
        await self.originals.source.open()

    async def close(self) -> None:
        for task in self._refreshes:
            task.cancel()
        await asyncio.gather(*self._refreshes, return_exceptions=True)
        await self.originals.source.close()

    async def purge(self, key: str | None, prefix: str | None) -> int:
        """Forget results and originals of one key, of all keys that start with `prefix`, or of all keys.

        Returns how many there were. What is under way is not kept, and who asks from now on starts anew.
        """
        name = f"{self.name}\0"
        if key is not None:
            name = name_original(self.name, self._source_id, key)
        elif prefix is not None:
            name = name_original(self.name, self._source_id, prefix).removesuffix("\0")
        self._flights.forget(name)
        self.originals.forget(name)
        return await self.cache.purge(name) if self.cache is not None else 0

    # 1  The URL

    def read(self, key: str, query: bytes, error: BadRequest | None = None) -> ImageRequest:
        """The plan for a decoded key and a raw query; `error` is what is wrong with the path already."""
        many = query.count(b"&") > MAX_PAIRS
        pairs = [] if many else self._decode_query(query)
        try:
            if many:
                raise BadRequest(f"the query has more than {MAX_PAIRS} pairs")
            check_key(key)
            options = parse(pairs, self._rules)
        except BadRequest as exc:
            error = error or exc
            options = lenient(pairs, self._rules)  # for the fallback image
        return ImageRequest(key, pairs, options, name_original(self.name, self._source_id, key), error)

    # A hit in memory ends here; 2 to 5 are for whatever else there is

    def try_cached(self, plan: ImageRequest, fields: Mapping[bytes, bytes]) -> Response | None:
        """The answer that nobody has to wait for; None where it takes more."""
        if self.cache is None or plan.error is not None or plan.permitted_until <= self._clock():
            return None
        target = _target(plan.options, fields)
        wish, variant_headers = plan.variants_by_format.get(target), plan.headers_by_format.get(target)
        if wish is None or variant_headers is None:
            return None
        found = self.cache.peek(plan.original, wish.variant)
        if found.version is None or found.result is None or not variant_headers.fits(found.result):
            return None
        ttl = self.originals.ttl(found.version)
        if ttl <= 0:
            return None
        return self._responses.try_cached(
            found.result, variant_headers, _hit(ttl, "memory"), self._left(plan), fields
        )

    # 2  The token

    async def answer(self, plan: ImageRequest, request: Request) -> Response:
        """Answer a GET or HEAD. Raises ClientGone."""
        target = _target(plan.options, request.fields)
        try:
            if plan.permitted_until <= self._clock():
                await self._ask_permission(plan, request)
            if plan.error is not None:
                raise plan.error
            served = await self.picture(plan, target, request)
        except OriginError as error:
            return await self.refuse(error, plan, target)
        variant_headers = plan.headers_by_format.get(target)
        if variant_headers is None or not variant_headers.fits(served.result):
            variant_headers = plan.headers_by_format[target] = self._responses.variant_headers(
                served.result, plan.key, plan.options
            )
        how = (served.status, served.outcome, self._left(plan), request)
        answer = self._responses.picture(served.result, variant_headers, *how)
        answer.stages = served.stages
        return answer

    async def _ask_permission(self, plan: ImageRequest, request: Request) -> None:
        expires = self.check(plan.key, plan.pairs, request)
        plan.expires = await expires if isinstance(expires, Awaitable) else expires
        if self._check_lasts:
            plan.permitted_until = math.inf if plan.expires is None else plan.expires

    # 3  The cache

    async def picture(self, plan: ImageRequest, target: str, request: Request) -> Outcome:
        """The result for a plan: from the cache, or made now. Raises OriginError, ClientGone."""
        wish = plan.variants_by_format.get(target)
        if wish is None:
            variant = f"{plan.options.canonical()}|{target}|{self._recipe_digest}"
            wish = plan.variants_by_format[target] = Variant(
                plan.key, plan.options, plan.original, target, variant, plan.original + variant
            )
        found = Lookup(None)
        if self.cache is not None:
            found = self.cache.peek(plan.original, wish.variant)
            start = time.perf_counter()
            if found.result is None:
                found = await self.cache.find(plan.original, wish.variant)
            served = self._from_cache(found, wish)
            if served is not None:
                if found.tier == "disk":
                    served.stages["cache"] = time.perf_counter() - start
                return served
            for name in (plan.original, wish.name):
                failure = self.cache.failure(name, self._clock())
                if failure is not None:
                    raise failure
        if found.result is None and not self._flights.flying(wish.name):
            self._pool.check_queue(self.name)  # before a task is started for nothing
        made: list[bool] = []  # stays empty where another request's work gives the result

        def make() -> Awaitable[Outcome]:
            made.append(True)
            return self._make(wish, found)

        served = await self._wait_or_disconnect(wish.name, make, request)
        return served if made else Outcome(served.result, f"{served.status}; collapsed", served.outcome)

    def _from_cache(self, found: Lookup, wish: Variant) -> Outcome | None:
        """What can be served without waiting; a refresh behind it where it is stale."""
        if found.version is None or found.result is None:
            return None
        ttl = self.originals.ttl(found.version)
        if ttl > 0:
            return Outcome(found.result, _hit(ttl, found.tier), "hit")
        if -ttl <= self._freshness.stale_while_revalidate:
            self._refresh(found, wish)
            return _stale(found.result, ttl, "stale-while-revalidate")
        return self._stale_if_error(found) if self.originals.is_down() else None

    def _stale_if_error(self, found: Lookup) -> Outcome | None:
        """The stale result, where the source is down and the result not too old."""
        if found.version is None or found.result is None:
            return None
        ttl = self.originals.ttl(found.version)
        return _stale(found.result, ttl, "stale-if-error") if -ttl <= self._freshness.stale_if_error else None

    def _refresh(self, found: Lookup, wish: Variant) -> None:
        """Renew a stale result behind the answer, once however many ask."""
        if self._flights.flying(wish.name) or self.originals.is_down():
            return

        async def refresh() -> None:
            try:
                await self._flights.run(wish.name, lambda: self._make(wish, found))
            except OriginError as error:
                log.warning("refresh failed: handler=%s key=%r: %s", self.name, wish.key, error)

        task = asyncio.ensure_future(refresh())
        self._refreshes.add(task)
        task.add_done_callback(self._refreshes.discard)

    # 4  The work, once for all who ask

    async def _wait_or_disconnect(
        self, name: str, make: Callable[[], Awaitable[Outcome]], request: Request
    ) -> Outcome:
        """Wait for the work, or for the client to go away, which leaves the work to whoever else waits."""
        leaving = asyncio.ensure_future(request.gone())
        try:
            return await self._flights.run(name, make, leaving)
        except WaiterGone:
            raise ClientGone from None
        finally:
            leaving.cancel()

    async def _make(self, wish: Variant, found: Lookup) -> Outcome:
        """What the source says, then the kept result or a new one."""
        original, key = wish.original, wish.key
        since = self.cache.mark() if self.cache else 0
        try:
            with ExitStack() as place:
                if found.result is None:
                    place.enter_context(self._pool.reserve(self.name))
                current = await self.originals.current(original, key, found.version)
                if current.asked == "unchanged" and found.result is not None:
                    status = caching.cache_status(fwd="stale", fwd_status=304)
                    return Outcome(found.result, status, "revalidated", {"source": current.took})
                async with self._admitted(wish, current):
                    current = await self.originals.body(original, key, current)
                    place.close()
                    return await self._render(wish, current, since)
        except (SourceUnavailable, Overloaded):
            served = self._stale_if_error(found)
            if served is None:
                raise
            return served
        except OriginError as error:
            # Of this picture alone: another size of the same original may do well. What the source said is
            # remembered of the original, where it is asked.
            if error.remembered and self.cache is not None:
                self.cache.keep_failure(wish.name, error, self._clock() + self.originals.remember, since)
            raise

    @asynccontextmanager
    async def _admitted(self, wish: Variant, current: FetchedOriginal) -> AsyncIterator[None]:
        """Refuse what would render in vain: one variant too many, or an original that kills renderers."""
        original = wish.original
        for suspect in self._suspects(wish, current):
            self._quarantine.check(suspect, self._clock())
        if self._variants is not None and self.cache is not None:
            kept = await self.cache.count_results(original)
            if kept + self._rendering[original] >= self._variants:
                raise BadRequest(f"{kept} variants of this original are kept, and there may be no more")
        self._rendering[original] += 1
        try:
            yield
        finally:
            self._rendering[original] -= 1
            if not self._rendering[original]:
                del self._rendering[original]

    @staticmethod
    def _suspects(wish: Variant, current: FetchedOriginal) -> tuple[str, str]:
        """What is blamed for a crash: the original; and for an overrun: it in this format, since a large
        picture may be slow to encode in one and quick in the others."""
        version = wish.original + current.version.etag
        return version, f"{version}|{wish.target}"

    async def _render(self, wish: Variant, current: FetchedOriginal, since: int) -> Outcome:
        body, version = current.body or b"", current.version
        seen = sniff(body)
        if seen is None or seen.name not in self._recipe.allowed:
            raise UnsupportedFormat(refusal(body))
        crashed, overran = self._suspects(wish, current)
        try:
            async with self.originals.admission.holding(len(body)):
                job = self._recipe.job(wish.options, wish.target)
                rendered = await self._pool.render(body, job, self._recipe.timeout)
        except EncodingFailed:
            raise
        except RenderFailed as error:
            self._quarantine.record_crash(
                overran if isinstance(error, RenderTimeout) else crashed, self._clock()
            )
            raise
        self._quarantine.clear(crashed)
        self._quarantine.clear(overran)
        digest = hashlib.sha256(rendered.body).digest()[:16]
        result = Result(rendered.body, rendered.format, digest, version.last_modified)
        if self.cache is not None:
            self.cache.keep_result(wish.original, version.etag, wish.variant, result, since)
        fetched = 200 if current.asked == "fetched" else None
        status = caching.cache_status(fwd="uri-miss", fwd_status=fetched, stored=self.cache is not None)
        stages = {"source": current.took, "queue": rendered.waited, "render": rendered.took}
        return Outcome(result, status, "miss", stages)

    # 5  The answer to an error

    async def refuse(self, error: OriginError, plan: ImageRequest, target: str) -> Response:
        """The fallback image, as far as the request can be understood."""
        if isinstance(error, Overloaded):
            result = self.fallback.prepared(target)
        else:
            result = await self.fallback.get(plan.options, target)
        return self._responses.fallback(error, result, plan.key, plan.options, self._left(plan))

    async def refuse_broken(self, error: OriginError, plan: ImageRequest, request: Request) -> Response:
        """The answer to a mistake of ours, of which nothing is known."""
        return await self.refuse(error, plan, _target(plan.options, request.fields))

    def _left(self, plan: ImageRequest) -> int | None:
        """Seconds until the permission ends."""
        return None if plan.expires is None else int(plan.expires - self._clock())


def _target(options: Options, fields: Mapping[bytes, bytes]) -> str:
    """`auto` becomes one of three classes, so that Accept makes three results at most."""
    if options.format != "auto":
        return options.format
    return "auto:" + negotiation.accept_class(header_value(fields, b"accept"))


def _hit(ttl: int, tier: str) -> str:
    return f"origin; hit; ttl={ttl}; detail={tier}"


def _stale(result: Result, ttl: int, why: str) -> Outcome:
    return Outcome(result, caching.cache_status(hit=True, ttl=ttl, detail=why), "stale")
