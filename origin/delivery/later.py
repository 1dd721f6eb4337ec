"""`"avif": "later"`: a miss is answered with the WebP, and the AVIF is made in idle time.

So no visitor waits for the slowest of the encoders. Until the AVIF is there, the WebP is fresh for a moment
alone, so that caches come back for it.
"""

from __future__ import annotations

from dataclasses import replace

from origin.delivery.idle import IdleQueue
from origin.delivery.idle import Work
from origin.delivery.renditions import Renditions
from origin.delivery.request import ImageRequest
from origin.delivery.request import Outcome
from origin.errors import OriginError
from origin.formats import Format
from origin.http.caching import with_detail
from origin.http.message import Request
from origin.imaging.protocol import AUTO
from origin.render.pool import RenderPool

AVIF, WEBP = AUTO + Format.AVIF.name, AUTO + Format.WEBP.name
DETAIL = "avif-later"
"""What Cache-Status says of a WebP that stands in for an AVIF."""


class LaterAvif:
    """AVIFs of one handler that are made in idle time."""

    def __init__(self, renditions: Renditions, idle: IdleQueue, pool: RenderPool) -> None:
        self._renditions = renditions
        self._idle = idle
        self._pool = pool

    async def get(self, image: ImageRequest, request: Request) -> Outcome:
        """The AVIF, where it is there, else the WebP. Raises OriginError and ClientGone."""
        avif = self._renditions.variant(image, AVIF)
        webp = self._renditions.variant(image, WEBP)
        try:
            kept = await self._renditions.find_kept(avif)
        except OriginError:  # no AVIF can be made of it; and no WebP, where the original is at fault
            return await self._renditions.get(webp, request)
        if kept is not None:
            return kept
        outcome = await self._renditions.get(webp, request)
        if outcome.cache != "stale":  # or the source may be down
            self._idle.add(
                Work(
                    avif.full_name,
                    self._renditions,
                    self._pool.wait_for_spare,
                    lambda: self._renditions.make(avif),
                )
            )
        return replace(outcome, cache_status=with_detail(outcome.cache_status, DETAIL), is_brief=True)

    def purge(self, prefix: str) -> None:
        """Give up what waits for originals whose name in the cache starts with `prefix`."""
        self._idle.purge(prefix)

    async def close(self) -> None:
        await self._idle.leave(self._renditions)
