"""One mounted prefix: the life of a request, top to bottom.

1  check        the token, before anything costs
2  options      what the URL asks for; f=auto is settled from Accept
3  cache        a hit goes to 5, with no source call and no render slot
4  make         once for all who ask: original, render, keep
5  answer       200, 304, 206 or 416; any OriginError ends in the fallback image
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Protocol

from . import address
from . import headers
from .answer import Answer
from .answer import ClientGone
from .answer import RawHeaders
from .answer import Request
from .cache import Found
from .cache import Result
from .cache import ResultCache
from .cache import name_original
from .errors import OriginError
from .errors import Overloaded
from .errors import SourceUnavailable
from .errors import UnsupportedFormat
from .fallback import Fallback
from .flight import SingleFlight
from .formats import sniff
from .frames import Job
from .options import Options
from .options import Rules
from .options import lenient
from .options import parse
from .originals import Current
from .originals import Originals
from .renderer import RenderPool

log = logging.getLogger("origin.handler")

Pairs = Sequence[tuple[bytes, bytes]]
STALE_MAX_AGE = 10  # seconds: what is stale here is asked for again soon
RETRY_AFTER = 2  # seconds


class Check(Protocol):
    """Decides who may see a picture."""

    def __call__(self, key: str, pairs: Pairs, request: Request) -> Awaitable[int | None] | int | None:
        """The Unix second at which the permission ends, or None. Raises Forbidden."""


def everyone(key: str, pairs: Pairs, request: Request) -> None:
    """The check of a handler without signing."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """What caches are told, in seconds."""

    max_age: int = 86_400
    stale_while_revalidate: int = 86_400
    stale_if_error: int = 604_800
    error_max_age: int = 10
    cdn_max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a handler renders, beyond what a URL says."""

    quality: dict[str, int]
    allowed: tuple[str, ...]
    max_pixels: int
    max_frames: int
    timeout: float  # seconds for one render

    def job(self, options: Options, target: str) -> Job:
        quality = dict.fromkeys(self.quality, options.quality) if options.quality else self.quality
        return Job(
            options.width,
            options.height,
            options.crop,
            target,
            quality,
            self.allowed,
            self.max_pixels,
            self.max_frames,
        )

    def digest(self, pipeline: str) -> str:
        """Part of every variant's name, so that a new recipe makes new results."""
        text = json.dumps([pipeline, self.quality, self.allowed, self.max_pixels, self.max_frames])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True)
class Served:
    """A result, and how it was come by."""

    result: Result
    status: str  # Cache-Status
    outcome: str  # for log and metrics
    stale: bool = False
    stages: dict[str, float] = field(default_factory=dict)


class Handler:
    """One mounted prefix, bound to one source."""

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
        check: Check = everyone,
        decode_query: Callable[[bytes], Pairs],
        exact_status: bool = False,
        tag_header: str | None = "Surrogate-Key",
        variants: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.source_id = source_id
        self.originals = originals
        self.cache: ResultCache | None = originals.cache
        self.fallback = fallback
        self.rules = rules
        self.check = check
        self._pool = pool
        self._recipe = recipe
        self._recipe_digest = ""
        self._freshness = freshness
        self._decode_query = decode_query
        self._exact_status = exact_status
        self._tag_header = tag_header.lower().encode() if tag_header else None
        self._variants = variants
        self._clock = clock
        self._flights: SingleFlight[Served] = SingleFlight()
        self._refreshes: set[asyncio.Task[None]] = set()

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
            name = name_original(self.name, self.source_id, key)
        elif prefix is not None:
            name = name_original(self.name, self.source_id, prefix).removesuffix("\0")
        self._flights.forget(name)
        self.originals.forget(name)
        return await self.cache.purge(name) if self.cache is not None else 0

    # The request

    async def answer(self, key: str, request: Request) -> Answer:
        """Answer a GET or HEAD for `key`, which is decoded and not yet checked. Raises ClientGone."""
        pairs = self._decode_query(request.query)
        try:
            address.check_key(key)
            expires = self.check(key, pairs, request)
            if isinstance(expires, Awaitable):
                expires = await expires
            options = parse(pairs, self.rules)
            target = _target(options, request)
            served = await self.picture(key, options, target, request)
        except OriginError as error:
            return await self.refuse(error, key, request)
        return self._picture_answer(served, key, options, expires, request)

    async def refuse(self, error: OriginError, key: str, request: Request) -> Answer:
        """The fallback image, as far as the request can be understood."""
        options = lenient(self._decode_query(request.query), self.rules)
        target = _target(options, request)
        if isinstance(error, Overloaded):
            result = self.fallback.prepared(target)
        else:
            result = await self.fallback.get(options, target)
        return self._fallback_answer(error, result, key, options)

    async def picture(self, key: str, options: Options, target: str, request: Request) -> Served:
        """The result for these options: from the cache, or made now. Raises OriginError, ClientGone."""
        original = name_original(self.name, self.source_id, key)
        variant = f"{options.canonical()}|{target}|{self._recipe_digest}"
        found = Found(None)
        if self.cache is not None:
            found = self.cache.peek(original, variant)
            if found.result is None:
                found = await self.cache.find(original, variant)
            served = self._from_cache(found, original, key, variant, options, target)
            if served is not None:
                return served
            failure = self.cache.failure(original, self._clock())
            if failure is not None:
                raise failure
        collapsed = self._flights.flying(original + variant)
        served = await _unless_gone(
            self._flights.run(
                original + variant, lambda: self._make(original, key, variant, options, target, found)
            ),
            request,
        )
        if collapsed:
            served = Served(served.result, f"{served.status}; collapsed", served.outcome, served.stale)
        return served

    def _from_cache(
        self, found: Found, original: str, key: str, variant: str, options: Options, target: str
    ) -> Served | None:
        """What can be served without waiting; a refresh behind it where it is stale."""
        if found.version is None or found.result is None:
            return None
        ttl = int(found.version.checked + self.originals.cache_time - self._clock())
        if ttl > 0:
            return Served(found.result, headers.cache_status(hit=True, ttl=ttl, detail=found.tier), "hit")
        if -ttl <= self._freshness.stale_while_revalidate:
            self._refresh(original, key, variant, options, target, found)
            return _stale(found.result, ttl, "stale-while-revalidate")
        if -ttl <= self._freshness.stale_if_error and self._clock() < self.originals.down_until:
            return _stale(found.result, ttl, "stale-if-error")
        return None

    def _refresh(
        self, original: str, key: str, variant: str, options: Options, target: str, found: Found
    ) -> None:
        """Renew a stale result behind the answer, once however many ask."""
        if self._flights.flying(original + variant) or self._clock() < self.originals.down_until:
            return

        async def refresh() -> None:
            try:
                await self._flights.run(
                    original + variant, lambda: self._make(original, key, variant, options, target, found)
                )
            except OriginError as error:
                log.warning("refresh failed: handler=%s key=%r: %s", self.name, key, error)

        task = asyncio.ensure_future(refresh())
        self._refreshes.add(task)
        task.add_done_callback(self._refreshes.discard)

    async def _make(
        self, original: str, key: str, variant: str, options: Options, target: str, found: Found
    ) -> Served:
        """The work for one variant: what the source says, then the kept result or a new one."""
        since = self.cache.mark() if self.cache else 0
        try:
            current = await self.originals.current(original, key, found.version)
        except (SourceUnavailable, Overloaded):
            served = self._despite_error(found)
            if served is None:
                raise
            return served
        if current.asked == "unchanged" and found.result is not None:
            status = headers.cache_status(fwd="stale", fwd_status=304)
            return Served(found.result, status, "revalidated", stages={"source": current.took})
        try:
            current = await self.originals.body(original, key, current)
            return await self._render(original, variant, current, self._recipe.job(options, target), since)
        except OriginError as error:
            if error.remembered and self.cache is not None:
                until = self._clock() + self.originals.remember
                self.cache.keep_failure(original, error, until, since)
            raise

    async def _render(self, original: str, variant: str, current: Current, job: Job, since: int) -> Served:
        body = current.body or b""
        if (seen := sniff(body)) is None or seen.value not in job.allowed:
            raise UnsupportedFormat(f"{seen.value if seen else 'not a picture'}: not allowed here")
        async with self.originals.intake.holding(len(body)):
            rendered = await self._pool.render(body, job, self._recipe.timeout)
        digest = hashlib.sha256(rendered.body).digest()[:16]
        result = Result(rendered.body, rendered.format, digest, current.version.last_modified)
        if self.cache is not None:
            self.cache.keep_result(original, current.version.etag, variant, result, since)
        status = headers.cache_status(
            fwd="uri-miss",
            fwd_status=200 if current.asked == "fetched" else None,
            stored=self.cache is not None,
        )
        stages = {"source": current.took, "queue": rendered.waited, "render": rendered.took}
        return Served(result, status, "miss", stages=stages)

    def _despite_error(self, found: Found) -> Served | None:
        """The stale result, where the source is down and the result not too old."""
        if found.version is None or found.result is None:
            return None
        ttl = int(found.version.checked + self.originals.cache_time - self._clock())
        if -ttl > self._freshness.stale_if_error:
            return None
        return _stale(found.result, ttl, "stale-if-error")

    # The answer

    def _picture_answer(
        self, served: Served, key: str, options: Options, expires: int | None, request: Request
    ) -> Answer:
        result = served.result
        tag = headers.etag(result.digest)
        head = [
            (b"cache-control", self._cache_control(served, expires)),
            (b"etag", tag.encode()),
            (b"accept-ranges", b"bytes"),
            (b"cache-status", served.status.encode()),
            (b"content-disposition", headers.content_disposition(key, result.format.value).encode()),
            *self._common(key, options),
        ]
        if result.last_modified is not None:
            head.append((b"last-modified", headers.http_date(result.last_modified).encode()))
        if self._freshness.cdn_max_age is not None:
            head.append((b"cdn-cache-control", self._cdn_cache_control(expires)))
        answer = Answer(200, head, result.body, self.name, outcome=served.outcome, stages=served.stages)
        none_match, since = request.header(b"if-none-match"), request.header(b"if-modified-since")
        if headers.not_modified(tag, result.last_modified, none_match, since):
            answer.status, answer.body = 304, b""
            return answer
        head.append((b"content-type", result.format.mime.encode()))
        if request.method == "GET":
            self._take_range(answer, tag, result, request)
        head.append((b"content-length", b"%d" % len(answer.body)))
        return answer

    def _take_range(self, answer: Answer, tag: str, result: Result, request: Request) -> None:
        """Make the answer the part that was asked for (RFC 9110 section 14.2)."""
        try:
            part = headers.byte_range(
                request.header(b"range"),
                request.header(b"if-range"),
                tag,
                result.last_modified,
                len(result.body),
            )
        except headers.UnsatisfiableRange as exc:
            answer.status, answer.body = 416, b""
            answer.headers = [h for h in answer.headers if h[0] not in (b"content-type", b"cache-control")]
            answer.headers += [
                (b"content-range", exc.content_range.encode()),
                (b"cache-control", headers.NO_STORE.encode()),
            ]
            return
        if part is not None:
            answer.status = 206
            answer.headers.append((b"content-range", part.content_range(len(result.body)).encode()))
            answer.body = result.body[part.first : part.last + 1]

    def _fallback_answer(self, error: OriginError, result: Result, key: str, options: Options) -> Answer:
        busy = isinstance(error, Overloaded)
        control = headers.NO_STORE
        if error.remembered:
            control = headers.missing_cache_control(self._freshness.error_max_age, None)
        head: RawHeaders = [
            (b"content-type", result.format.mime.encode()),
            (b"content-length", b"%d" % len(result.body)),
            (b"cache-control", control.encode()),
            (b"x-origin-error", error.kind.encode()),
            (b"cache-status", headers.cache_status(detail=error.kind).encode()),
            *self._common(key, options),
        ]
        if busy:
            head.append((b"retry-after", b"%d" % RETRY_AFTER))
        status = error.status if self._exact_status or busy else 404
        return Answer(status, head, result.body, self.name, error=error, kind=error.kind, outcome="error")

    def _common(self, key: str, options: Options) -> RawHeaders:
        """What pictures and fallbacks of one URL have alike."""
        head: RawHeaders = list(headers.SECURITY)
        if options.format == "auto":
            head.append((b"vary", b"Accept"))
        if self._tag_header is not None:
            # Fastly parts its keys by spaces, Cloudflare and the others their tags by commas.
            between = " " if self._tag_header in (b"surrogate-key", b"xkey") else ","
            head.append((self._tag_header, between.join(headers.surrogate_tags(self.name, key)).encode()))
        return head

    def _cache_control(self, served: Served, expires: int | None) -> bytes:
        fresh = self._freshness
        max_age = min(fresh.max_age, STALE_MAX_AGE) if served.stale else fresh.max_age
        left = None if expires is None else int(expires - self._clock())
        return headers.cache_control(
            max_age, fresh.stale_while_revalidate, fresh.stale_if_error, left
        ).encode()

    def _cdn_cache_control(self, expires: int | None) -> bytes:
        left = None if expires is None else int(expires - self._clock())
        return headers.cache_control(self._freshness.cdn_max_age or 0, 0, 0, left).encode()


def _target(options: Options, request: Request) -> str:
    """`auto` becomes one of three classes, so that Accept makes three results at most."""
    if options.format != "auto":
        return options.format
    return "auto:" + headers.accept_class(request.header(b"accept"))


def _stale(result: Result, ttl: int, why: str) -> Served:
    return Served(result, headers.cache_status(hit=True, ttl=ttl, detail=why), "stale", stale=True)


async def _unless_gone(work: Awaitable[Served], request: Request) -> Served:
    """Wait for the work, or for the client to go away, which leaves the work to whoever else waits."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(request.gone())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()
