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

from . import address
from . import headers
from .answer import Answer
from .answer import ClientGone
from .answer import Request
from .answer import text
from .cache import Found
from .cache import Result
from .cache import ResultCache
from .cache import name_original
from .errors import BadRequest
from .errors import OriginError
from .errors import Overloaded
from .errors import RenderFailed
from .errors import RenderTimeout
from .errors import SourceUnavailable
from .errors import UnsupportedFormat
from .fallback import Fallback
from .flight import Left
from .flight import SingleFlight
from .formats import sniff
from .options import Options
from .options import Rules
from .options import lenient
from .options import parse
from .originals import Current
from .originals import Originals
from .plan import Check
from .plan import Pairs
from .plan import Plan
from .plan import Recipe
from .plan import Served
from .plan import Wish
from .plan import everyone
from .quarantine import Quarantine
from .renderer import RenderPool
from .replies import Freshness
from .replies import Replies

log = logging.getLogger("origin.handler")

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
        rules: Rules,
        recipe: Recipe,
        freshness: Freshness,
        decode_query: Callable[[bytes], Pairs],
        check: Check = everyone,
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
        self._replies = Replies(name, freshness, exact_status, tag_header)
        self._decode_query = decode_query
        self._variants = variants
        self._clock = clock
        self._quarantine = Quarantine()
        self._flights: SingleFlight[Served] = SingleFlight()
        self._refreshes: set[asyncio.Task[None]] = set()
        self._making: Counter[str] = Counter()  # variants on their way, by original

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

    def read(self, key: str, query: bytes, error: BadRequest | None = None) -> Plan:
        """The plan for a decoded key and a raw query; `error` is what is wrong with the path already."""
        many = query.count(b"&") > MAX_PAIRS
        pairs = [] if many else self._decode_query(query)
        try:
            if many:
                raise BadRequest(f"the query has more than {MAX_PAIRS} pairs")
            address.check_key(key)
            options = parse(pairs, self._rules)
        except BadRequest as exc:
            error = error or exc
            options = lenient(pairs, self._rules)  # for the fallback image
        return Plan(key, pairs, options, name_original(self.name, self._source_id, key), error)

    # A hit in memory ends here; 2 to 5 are for whatever else there is

    def at_once(self, plan: Plan, fields: Mapping[bytes, bytes]) -> Answer | None:
        """The answer that nobody has to wait for; None where it takes more."""
        if self.cache is None or plan.error is not None or plan.permitted_until <= self._clock():
            return None
        target = _target(plan.options, fields)
        wish, face = plan.wishes.get(target), plan.faces.get(target)
        if wish is None or face is None:
            return None
        found = self.cache.peek(plan.original, wish.variant)
        if found.version is None or found.result is None or not face.fits(found.result):
            return None
        ttl = self.originals.ttl(found.version)
        if ttl <= 0:
            return None
        return self._replies.at_once(found.result, face, _hit(ttl, "memory"), self._left(plan), fields)

    # 2  The token

    async def answer(self, plan: Plan, request: Request) -> Answer:
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
        face = plan.faces.get(target)
        if face is None or not face.fits(served.result):
            face = plan.faces[target] = self._replies.face(served.result, plan.key, plan.options)
        how = (served.status, served.outcome, self._left(plan), request)
        answer = self._replies.picture(served.result, face, *how)
        answer.stages = served.stages
        return answer

    async def _ask_permission(self, plan: Plan, request: Request) -> None:
        expires = self.check(plan.key, plan.pairs, request)
        plan.expires = await expires if isinstance(expires, Awaitable) else expires
        if self._check_lasts:
            plan.permitted_until = math.inf if plan.expires is None else plan.expires

    # 3  The cache

    async def picture(self, plan: Plan, target: str, request: Request) -> Served:
        """The result for a plan: from the cache, or made now. Raises OriginError, ClientGone."""
        wish = plan.wishes.get(target)
        if wish is None:
            variant = f"{plan.options.canonical()}|{target}|{self._recipe_digest}"
            wish = plan.wishes[target] = Wish(
                plan.key, plan.options, plan.original, target, variant, plan.original + variant
            )
        found = Found(None)
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
            self._pool.check_room(self.name)  # before a task is started for nothing
        made: list[bool] = []  # stays empty where another request's work gives the result

        def make() -> Awaitable[Served]:
            made.append(True)
            return self._make(wish, found)

        served = await self._unless_gone(wish.name, make, request)
        return served if made else Served(served.result, f"{served.status}; collapsed", served.outcome)

    def _from_cache(self, found: Found, wish: Wish) -> Served | None:
        """What can be served without waiting; a refresh behind it where it is stale."""
        if found.version is None or found.result is None:
            return None
        ttl = self.originals.ttl(found.version)
        if ttl > 0:
            return Served(found.result, _hit(ttl, found.tier), "hit")
        if -ttl <= self._freshness.stale_while_revalidate:
            self._refresh(found, wish)
            return _stale(found.result, ttl, "stale-while-revalidate")
        return self._despite_error(found) if self.originals.is_down() else None

    def _despite_error(self, found: Found) -> Served | None:
        """The stale result, where the source is down and the result not too old."""
        if found.version is None or found.result is None:
            return None
        ttl = self.originals.ttl(found.version)
        return _stale(found.result, ttl, "stale-if-error") if -ttl <= self._freshness.stale_if_error else None

    def _refresh(self, found: Found, wish: Wish) -> None:
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

    async def _unless_gone(
        self, name: str, make: Callable[[], Awaitable[Served]], request: Request
    ) -> Served:
        """Wait for the work, or for the client to go away, which leaves the work to whoever else waits."""
        leaving = asyncio.ensure_future(request.gone())
        try:
            return await self._flights.run(name, make, leaving)
        except Left:
            raise ClientGone from None
        finally:
            leaving.cancel()

    async def _make(self, wish: Wish, found: Found) -> Served:
        """What the source says, then the kept result or a new one."""
        original, key = wish.original, wish.key
        since = self.cache.mark() if self.cache else 0
        try:
            with ExitStack() as place:
                if found.result is None:
                    place.enter_context(self._pool.expected(self.name))
                current = await self.originals.current(original, key, found.version)
                if current.asked == "unchanged" and found.result is not None:
                    status = headers.cache_status(fwd="stale", fwd_status=304)
                    return Served(found.result, status, "revalidated", {"source": current.took})
                async with self._admitted(wish, current):
                    current = await self.originals.body(original, key, current)
                    place.close()
                    return await self._render(wish, current, since)
        except (SourceUnavailable, Overloaded):
            served = self._despite_error(found)
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
    async def _admitted(self, wish: Wish, current: Current) -> AsyncIterator[None]:
        """Refuse what would render in vain: one variant too many, or an original that kills renderers."""
        original = wish.original
        for suspect in self._suspects(wish, current):
            self._quarantine.check(suspect, self._clock())
        if self._variants is not None and self.cache is not None:
            kept = await self.cache.count_results(original)
            if kept + self._making[original] >= self._variants:
                raise BadRequest(f"{kept} variants of this original are kept, and there may be no more")
        self._making[original] += 1
        try:
            yield
        finally:
            self._making[original] -= 1
            if not self._making[original]:
                del self._making[original]

    @staticmethod
    def _suspects(wish: Wish, current: Current) -> tuple[str, str]:
        """What is blamed for a crash: the original; and for an overrun: it in this format, since a large
        picture may be slow to encode in one and quick in the others."""
        version = wish.original + current.version.etag
        return version, f"{version}|{wish.target}"

    async def _render(self, wish: Wish, current: Current, since: int) -> Served:
        body, version = current.body or b"", current.version
        seen = sniff(body)
        if seen is None or seen.value not in self._recipe.allowed:
            raise UnsupportedFormat(f"{seen.value if seen else 'no picture'}: not allowed here")
        crashed, overran = self._suspects(wish, current)
        try:
            async with self.originals.intake.holding(len(body)):
                job = self._recipe.job(wish.options, wish.target)
                rendered = await self._pool.render(body, job, self._recipe.timeout)
        except RenderFailed as error:
            self._quarantine.struck(overran if isinstance(error, RenderTimeout) else crashed, self._clock())
            raise
        self._quarantine.went_well(crashed)
        self._quarantine.went_well(overran)
        digest = hashlib.sha256(rendered.body).digest()[:16]
        result = Result(rendered.body, rendered.format, digest, version.last_modified)
        if self.cache is not None:
            self.cache.keep_result(wish.original, version.etag, wish.variant, result, since)
        fetched = 200 if current.asked == "fetched" else None
        status = headers.cache_status(fwd="uri-miss", fwd_status=fetched, stored=self.cache is not None)
        stages = {"source": current.took, "queue": rendered.waited, "render": rendered.took}
        return Served(result, status, "miss", stages)

    # 5  The answer to an error

    async def refuse(self, error: OriginError, plan: Plan, target: str) -> Answer:
        """The fallback image, as far as the request can be understood."""
        if isinstance(error, Overloaded):
            result = self.fallback.prepared(target)
        else:
            result = await self.fallback.get(plan.options, target)
        return self._replies.fallback(error, result, plan.key, plan.options, self._left(plan))

    async def refuse_broken(self, error: OriginError, plan: Plan, request: Request) -> Answer:
        """The answer to a mistake of ours, of which nothing is known."""
        return await self.refuse(error, plan, _target(plan.options, request.fields))

    def _left(self, plan: Plan) -> int | None:
        """Seconds until the permission ends."""
        return None if plan.expires is None else int(plan.expires - self._clock())


def _target(options: Options, fields: Mapping[bytes, bytes]) -> str:
    """`auto` becomes one of three classes, so that Accept makes three results at most."""
    if options.format != "auto":
        return options.format
    return "auto:" + headers.accept_class(text(fields, b"accept"))


def _hit(ttl: int, tier: str) -> str:
    return f"origin; hit; ttl={ttl}; detail={tier}"


def _stale(result: Result, ttl: int, why: str) -> Served:
    return Served(result, headers.cache_status(hit=True, ttl=ttl, detail=why), "stale")
