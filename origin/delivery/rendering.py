"""From an original to a result that is kept: bounds, render, what a failure is blamed on."""

from __future__ import annotations

import hashlib
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
from origin.errors import OriginError
from origin.formats import Format
from origin.http.caching import cache_status
from origin.ops import tracing
from origin.render.pool import Rendered
from origin.render.pool import RenderPool
from origin.render.quarantine import Quarantine
from origin.render.quarantine import Suspects
from origin.render.quarantine import asked_size
from origin.sources.object_metadata import crop_of
from origin.urls.options import Options

TRIAL = Options(width=16), Format.PNG.name
"""What is rendered of a picture that passes as it is, to see whether it decodes at all."""


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
        self._quarantine = Quarantine(clock)
        self._on_their_way: Counter[str] = Counter()  # variants, by original

    @asynccontextmanager
    async def admitted(self, variant: Variant, current: FetchedOriginal) -> AsyncIterator[None]:
        """Refuse what would render in vain: one variant too many, or an original that kills renderers.

        Raises BadRequest and Unprocessable.
        """
        original = variant.original
        if variant.format != AS_IT_IS:
            self._quarantine.check(_suspects(variant, current), asked_size(variant.options))
        if self._max_variants is not None and self._cache is not None:
            count = await self._cache.count_results(original)
            if count + self._on_their_way[original] >= self._max_variants:
                raise BadRequest(f"{count} variants of this original are kept, as many as `variants` allows")
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
        format = self._settings.identify(body)
        if variant.format == AS_IT_IS:
            return Rendered(bytes(body), format, 0, 0, 0.0, 0.0)
        passes = variant.options.passes(format)
        options, wanted = TRIAL if passes else (variant.options, variant.format)
        suspects = _suspects(variant, current)
        job = self._settings.job(options, wanted, crop_of(current.version.etag), suspects.of_crash)
        async with self._originals.admission.holding(len(body)):
            with self._quarantine.watching(lambda: suspects, asked_size(variant.options)):
                rendered = await self._pool.render(body, job, self._settings.timeout, handler=self._handler)
        ended = {"queue": rendered.took, "render": 0.0, "encode": 0.0}
        took = {"queue": rendered.waited, "render": rendered.took, "encode": rendered.encoding}
        tracing.record_stages({name: (took[name], ago) for name, ago in ended.items()})
        return replace(rendered, body=bytes(body), format=format) if passes else rendered


def _suspects(variant: Variant, current: FetchedOriginal) -> Suspects:
    """A crash is blamed on this version of the original, whatever was asked for.

    An overrun of time is blamed on it in this format alone: a large picture may be slow to encode in one and
    quick in the others. With effects it counts apart from the plain picture: they may be what is slow.
    """
    version = variant.original + current.version.etag
    look = "plain" if _is_plain(variant.options) else "changed"
    return Suspects(version, f"{version}|{variant.format}|{look}")


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
