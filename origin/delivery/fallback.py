"""The picture that stands in for one we cannot give: the handler's, or a small neutral one of ours.

It never waits. The sizes asked for lately are at hand; another one is rendered when a renderer has
nothing to do; otherwise the one prepared at start-up goes out as it is.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path

from origin.cache.results import Lru
from origin.cache.results import Result
from origin.delivery.singleflight import SingleFlight
from origin.errors import OriginError
from origin.formats import OUTPUTS
from origin.formats import Format
from origin.formats import sniff
from origin.imaging.protocol import AUTO_FORMATS
from origin.imaging.protocol import Job
from origin.render.pool import RenderPool
from origin.urls.options import Options

log = logging.getLogger(__name__)

MEMORY = 8_000_000  # bytes of rendered sizes
LARGEST = 2000  # px of a side
RENDER_TIMEOUT = 2.0  # seconds
START_TIMEOUT = 30.0  # seconds, before the first request
MAX_PIXELS = 100_000_000
FORMATS = tuple(format.name for format in OUTPUTS)


class Fallback:
    """A fallback image, for every handler that has the same one."""

    def __init__(self, image: bytes, pool: RenderPool, quality: Mapping[str, int]) -> None:
        self._image = image
        self._pool = pool
        self._quality = dict(quality)
        self._prepared: dict[str, Result] = {}
        self._sizes: Lru[str, Result] = Lru(MEMORY, lambda result: len(result.body) + 500)
        self._flights: SingleFlight[Result] = SingleFlight()

    async def open(self) -> None:
        """Render it in every format at its own size, unless that is done.

        A large one is made smaller first. One that does not render gives way to our own.
        """
        if self._prepared:
            return
        most = Options(width=LARGEST, height=LARGEST)
        try:
            self._image = (await self._render(most, "original", START_TIMEOUT)).body
        except OriginError as error:
            log.error("error_image cannot be rendered; the built-in one is used: %s", error)
            self._image = built_in()
        for name in ("original", *AUTO_FORMATS, *FORMATS):
            try:
                self._prepared[name] = await self._render(Options(format=name), name, START_TIMEOUT)
            except OriginError as error:
                log.error("the fallback image cannot be made into %s: %s", name, error)

    async def get(self, options: Options, target: str) -> Result:
        """The image for these options, with `target` as in a job. Quality is the handler's: it would only
        make more of them."""
        if options.width is None and options.height is None:
            return self.prepared(target)
        options = replace(options, quality=None)
        key = f"{options.canonical()}|{target}"
        found = self._sizes.get(key)
        if found is not None:
            return found
        if not self._pool.idle and not self._flights.flying(key):
            return self.prepared(target)
        try:
            result = await self._flights.run(
                key, lambda: self._render(options, target, RENDER_TIMEOUT, wait=False)
            )
        except OriginError:
            return self.prepared(target)
        self._sizes.put(key, result)
        return result

    def prepared(self, target: str) -> Result:
        """The image at its own size."""
        return self._prepared.get(target) or _result(self._image, sniff(self._image) or Format.PNG)

    async def _render(self, options: Options, target: str, timeout: float, wait: bool = True) -> Result:
        job = Job(options, target, self._quality, allowed=FORMATS, max_pixels=MAX_PIXELS, max_frames=1)
        rendered = await self._pool.render(self._image, job, timeout, wait=wait)
        return _result(rendered.body, rendered.format)


def load_image(path: Path | None) -> bytes:
    """The bytes of the configured image, or of our own where there is none or it cannot be used."""
    if path is not None:
        try:
            image = path.read_bytes()
        except OSError as exc:
            log.warning("error_image %s cannot be read (%s); the built-in one is used", path, exc.strerror)
        else:
            found = sniff(image)
            if found is not None and found.name in FORMATS:
                return image
            log.warning("error_image %s is not a %s; the built-in one is used", path, "/".join(FORMATS))
    return built_in()


def built_in() -> bytes:
    return resources.files("origin.delivery").joinpath("placeholder.png").read_bytes()


def _result(body: bytes, format: Format) -> Result:
    return Result(body, format, hashlib.sha256(body).digest()[:16], None)
