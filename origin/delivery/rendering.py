"""From an original to a result that is kept: bounds, render, what a failure is blamed on."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import AsyncIterator
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from origin.cache.records import Result
from origin.cache.results import Entry
from origin.delivery.originals import FetchedOriginal
from origin.delivery.originals import Originals
from origin.delivery.request import AS_IT_IS
from origin.delivery.request import Outcome
from origin.delivery.request import Variant
from origin.delivery.settings import RenderSettings
from origin.errors import BadRequest
from origin.errors import EncodingFailed
from origin.errors import OriginError
from origin.errors import RenderFailed
from origin.errors import RenderTimeout
from origin.errors import UnsupportedFormat
from origin.formats import Format
from origin.formats import refusal
from origin.formats import sniff
from origin.http.caching import cache_status
from origin.ops import tracing
from origin.render.pool import Rendered
from origin.render.pool import RenderPool
from origin.render.quarantine import Quarantine
from origin.sources.object_metadata import crop_of
from origin.urls.options import Options

_TRIAL = Options(width=16)  # whether an original that passes as it is decodes at all


class Rendering:
    """How one handler has a result rendered and kept. Times are Unix seconds of `clock`."""

    def __init__(
        self,
        handler: str,
        originals: Originals,
        pool: RenderPool,
        settings: RenderSettings,
        max_variants: int | None,
        clock: Callable[[], float],
    ) -> None:
        """With `max_variants`, no more results of an original are kept."""
        self._handler = handler
        self._originals = originals
        self._cache = originals.cache
        self._pool = pool
        self._settings = settings
        self._max_variants = max_variants
        self._clock = clock
        self._quarantine = Quarantine()
        self._on_their_way: Counter[str] = Counter()  # variants, by original

    @asynccontextmanager
    async def admitted(self, variant: Variant, current: FetchedOriginal) -> AsyncIterator[None]:
        """Refuse what would render in vain: one variant too many, or an original that kills renderers.

        Raises BadRequest and Unprocessable.
        """
        original = variant.original
        if variant.format != AS_IT_IS:
            version, in_format = _suspects(variant, current)
            self._quarantine.check(version, self._clock())
            self._quarantine.check(in_format, self._clock(), _size(variant))
        if self._max_variants is not None and self._cache is not None:
            count = await self._cache.count_results(original)
            if count + self._on_their_way[original] >= self._max_variants:
                raise BadRequest(f"{count} variants of this original are kept, and there may be no more")
        self._on_their_way[original] += 1
        try:
            yield
        finally:
            self._on_their_way[original] -= 1
            if not self._on_their_way[original]:
                del self._on_their_way[original]

    async def render_and_keep(
        self, variant: Variant, current: FetchedOriginal, entry: Entry | None
    ) -> Outcome:
        """A new result. `entry` is where it is kept, or the failure. Raises OriginError."""
        try:
            rendered = await self._render(variant, current)
        except OriginError as error:
            # Of this variant alone: another size of the same original may do well.
            if error.remembered and entry is not None:
                entry.keep_failure(error, self._clock() + self._originals.failure_seconds, variant.name)
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
        options, wanted = (_TRIAL, Format.PNG.name) if passes else (variant.options, variant.format)
        version, in_format = _suspects(variant, current)
        try:
            async with self._originals.admission.holding(len(body)):
                job = self._settings.job(options, wanted, crop_of(current.version.etag), version)
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
