"""The fallback image: the handler's own, or a small neutral one that comes with the program.

An answer hardly ever waits for it. The sizes that were asked for lately are in memory; another one is
rendered where a renderer has nothing to do, one at a time; otherwise the one prepared at the start goes out.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Callable
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from origin.cache.memory import Lru
from origin.cache.memory import weigh_result
from origin.cache.records import Result
from origin.errors import BadRequest
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.formats import OUTPUTS
from origin.formats import Description
from origin.formats import Format
from origin.formats import ResultFormat
from origin.formats import sniff
from origin.formats.writers import EffortLevel
from origin.imaging.protocol import AUTO_FORMATS
from origin.imaging.protocol import Job
from origin.render.pool import RenderPool
from origin.urls.options import Options

log = logging.getLogger(__name__)

MEMORY = 8_000_000  # bytes of rendered sizes
MAX_SIDE = 2000  # px
MAX_REFUSED = 10_000  # sizes of which is remembered that they cannot be had
WAIT_SECONDS = 2.0  # for a size that is being rendered; the render goes on behind the answer
RENDER_SECONDS = 10.0
FORBIDDEN_SHARE = 0.05  # of a renderer's time, for clients without permission
START_SECONDS = 30.0  # before the first request
MAX_PIXELS = 100_000_000
FORMATS = tuple(format.name for format in OUTPUTS)
EFFORT: dict[str, EffortLevel] = {"avif": "fast"}  # a tenth of the time, for which a start has to wait


class Fallback:
    """A fallback image, for every handler that has the same one.

    `slot` admits one render of any fallback at a time: the other renderers are for pictures.
    """

    def __init__(
        self,
        image: bytes,
        pool: RenderPool,
        quality: Mapping[str, int],
        slot: asyncio.Semaphore | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._image = image
        self._pool = pool
        self._quality = dict(quality)
        self._slot = asyncio.Semaphore(1) if slot is None else slot
        self._clock = clock
        self._forbidden_until = 0.0  # seconds of `clock`
        self._prepared: dict[str, Result] = {}
        self._sizes: Lru[str, Result] = Lru(MEMORY, weigh_result)
        self._refused: Lru[str, bool] = Lru(MAX_REFUSED, lambda _: 1)  # sizes that failed or are too large
        self._rendering: dict[str, asyncio.Task[Result | None]] = {}

    async def open(self) -> None:
        """Render it in every format at its own size, unless that is done.

        A large one is made smaller first. One that does not render is replaced by the built-in one.
        """
        if self._prepared:
            return
        limits = Options(width=MAX_SIDE, height=MAX_SIDE)
        try:
            self._image = (await self._render(limits, "original", START_SECONDS)).body
        except OriginError as error:
            log.error("error_image cannot be rendered, the built-in one is used: %s", error)
            self._image = built_in()
        for format in ("original", *AUTO_FORMATS, *FORMATS):
            try:
                self._prepared[format] = self._in_format(format) or await self._render(
                    Options(format=format), format, START_SECONDS
                )
            except OriginError as error:
                log.error("the fallback image cannot be made into %s: %s", format, error)

    def _in_format(self, format: str) -> Result | None:
        """The image at its own size, where it was rendered in this format already, under another name."""
        return next((each for each in self._prepared.values() if each.format.name == format), None)

    async def close(self) -> None:
        for task in self._rendering.values():
            task.cancel()
        await asyncio.gather(*self._rendering.values(), return_exceptions=True)

    async def get(self, options: Options, format: str, *, forbidden: bool = False) -> Result:
        """The image in the size of these options, with `format` as in a render job; its own size where that
        one is not to be had quickly. Of the options only size and format count: with effects and qualities,
        strangers would have it made anew for every failure.

        `forbidden` is for clients without permission: they get `FORBIDDEN_SHARE` of a renderer's time.
        """
        result = self.in_memory(options, format)
        if result is not None:
            return result
        options = _of_size(options)
        name = _name(options, format)
        if self._refused.get(name):
            return self.prepared(format)
        task = self._rendering.get(name)
        if task is None:
            if (
                not self._pool.idle
                or self._slot.locked()
                or (forbidden and self._clock() < self._forbidden_until)
            ):
                return self.prepared(format)
            task = asyncio.ensure_future(self._render_size(name, options, format))
            self._rendering[name] = task
            task.add_done_callback(lambda _: self._rendering.pop(name, None))
        await asyncio.wait({task}, timeout=WAIT_SECONDS)
        result = task.result() if task.done() and not task.cancelled() else None
        return result or self.prepared(format)

    def in_memory(self, options: Options, format: str) -> Result | None:
        """The image in the size of these options, where nothing has to be rendered for it."""
        if options.width is None and options.height is None:
            return self.prepared(format)
        return self._sizes.get(_name(_of_size(options), format))

    def prepared(self, format: str) -> Result:
        """The image at its own size."""
        return self._prepared.get(format) or _result(self._image, sniff(self._image) or Format.PNG)

    async def _render_size(self, name: str, options: Options, format: str) -> Result | None:
        start = self._clock()
        try:
            async with self._slot:
                result = await self._render(options, format, RENDER_SECONDS, wait=False)
        except Overloaded:
            return None
        except BadRequest:  # as the request itself is: padding beyond the limit
            self._refused.put(name, True)
            return None
        except OriginError as error:
            log.warning("the fallback image cannot be made into %s, its own size is used: %s", name, error)
            self._refused.put(name, True)
            return None
        finally:
            now = self._clock()
            self._forbidden_until = now + (now - start) / FORBIDDEN_SHARE
        self._sizes.put(name, result)
        if self._sizes.get(name) is None:  # too large to be kept, so it would be rendered each time
            self._refused.put(name, True)
        return result

    async def _render(self, options: Options, format: str, timeout: float, wait: bool = True) -> Result:
        job = Job(
            options,
            format,
            self._quality,
            allowed=FORMATS,
            max_pixels=MAX_PIXELS,
            max_frames=1,
            effort=EFFORT,
        )
        rendered = await self._pool.render(self._image, job, timeout, wait=wait)
        return _result(rendered.body, rendered.format)


def failure_text(description: Description, kind: str) -> Result:
    """What a description is answered with in place of a fallback image: the class of the failure."""
    body = json.dumps({"error": kind}) if description.mime == "application/json" else kind
    return _result(body.encode(), description)


def load_image(path: Path | None) -> bytes:
    """The bytes of the configured image, or of the built-in one where there is none or it cannot be used."""
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


def _of_size(options: Options) -> Options:
    """The options that say how large the result is and what is behind it; the others are for the picture that
    is missing. The quality is the handler's: another one would only make more sizes."""
    quarters, rest = divmod(options.rotate, 90)
    on_its_side = quarters % 2 and not rest
    return Options(
        width=options.height if on_its_side else options.width,
        height=options.width if on_its_side else options.height,
        fit=options.fit,
        crop=options.crop,
        enlarge=options.enlarge,
        padding=options.padding,
        background=options.background,
        format=options.format,
    )


def _name(options: Options, format: str) -> str:
    return f"{options.canonical()}|{format}"


def _result(body: bytes, format: ResultFormat) -> Result:
    return Result(body, format, hashlib.sha256(body).digest()[:16], None)
