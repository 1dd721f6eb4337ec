"""The pool of render processes: admission, deadlines, replacement. libvips never runs in this process.

One renderer more than cores, one job at a time each: while one waits for its next job, another has its
core. A renderer that dies, overruns its time or talks nonsense is killed and replaced, and costs only the
request it was rendering for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections import deque
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import RenderFailed
from origin.errors import RenderTimeout
from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.formats import Format
from origin.imaging.protocol import Job
from origin.render.cores import count_cores
from origin.render.process import PROTOCOL_ERRORS
from origin.render.process import Renderer
from origin.render.process import RendererBroken

__all__ = ["RenderPool", "Rendered", "Renderer", "RendererBroken"]

log = logging.getLogger(__name__)

MAX_JOBS = 2_000  # of one process, against what leaks in forty C libraries
LOOK_AFTER = 8  # jobs between looks at the memory of a renderer, which take longer than sending a job


@dataclass(frozen=True, slots=True)
class Rendered:
    body: bytes
    format: Format
    width: int  # px of one frame
    height: int
    waited: float  # seconds in the queue
    took: float  # seconds in the renderer


class RenderPool:
    """`size` renderers (0: one more than cores) and the queue before them.

    Raises what a render raises: Unprocessable, UnsupportedFormat, RenderFailed, RenderTimeout; and
    Overloaded where the queue is full or a place in it took longer than `queue_timeout` seconds.
    """

    def __init__(
        self,
        size: int,
        *,
        formats: Sequence[str] = ("jpg", "png", "webp", "gif", "avif"),
        memory: int = 1_000_000_000,
        queue: int = 64,
        queue_timeout: float = 5.0,
    ) -> None:
        self.size = size or count_cores() + 1
        self.queue = queue
        self.queue_timeout = queue_timeout
        self.memory = memory  # bytes of one renderer
        self.restarts = 0
        self.hello: dict[str, Any] = {}
        self._arguments = ("--render-memory", str(memory), "--formats", ",".join(formats))
        self._renderers: set[Renderer] = set()
        self._idle: list[Renderer] = []
        self._waiting: deque[asyncio.Future[Renderer]] = deque()
        self._expected: Counter[str] = Counter()  # jobs on their way here, by handler
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether a job would start at once."""
        return bool(self._idle)

    @property
    def busy(self) -> int:
        return len(self._renderers) - len(self._idle)

    @property
    def processes(self) -> list[int]:
        return [renderer.process.pid for renderer in self._renderers]

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        """Name, help and value of each number for the metrics."""
        yield "origin_render_queue", "Renders that wait for a renderer.", self.waiting
        yield "origin_renders", "Renders under way.", self.busy
        text = "Renderers replaced after a death or a kill."
        yield "origin_renderer_restarts_total", text, self.restarts

    async def start(self) -> None:
        """Start every renderer and wait until all are warm. Raises RendererBroken."""
        started = await asyncio.gather(
            *(Renderer.start(self._arguments) for _ in range(self.size)), return_exceptions=True
        )
        for renderer in started:
            if isinstance(renderer, Renderer):
                self._take_in(renderer)
        for failure in started:
            if isinstance(failure, BaseException):
                await self.close()
                raise failure
        self.hello = self._idle[0].hello
        _warn_of_missing_locks(self.hello)

    async def close(self) -> None:
        self._closing = True
        for waiter in self._waiting:
            waiter.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for renderer in self._renderers:
            renderer.end()
        await asyncio.gather(*(renderer.process.wait() for renderer in self._renderers))
        for renderer in self._renderers:
            renderer.link.close()
        self._renderers.clear()
        self._idle.clear()

    async def render(self, original: bytes, job: Job, timeout: float, *, wait: bool = True) -> Rendered:
        """Render within `timeout` seconds of getting a renderer. Without `wait`, only where one is free."""
        if not (wait or self._idle):
            raise Overloaded("no renderer is free")
        start = time.perf_counter()
        renderer = await self._acquire()
        begun = time.perf_counter()
        fit = False
        try:
            async with asyncio.timeout(timeout):
                head, body = await renderer.run(job, original)
            result = _result(head, body, begun - start, time.perf_counter() - begun)
            fit = True
            return result
        except OriginError:
            fit = True
            raise
        except TimeoutError:
            raise RenderTimeout(f"no result after {timeout} s; the renderer was killed") from None
        except (OSError, EOFError, *PROTOCOL_ERRORS) as exc:
            await renderer.kill()
            raise RenderFailed(f"the renderer ended by {renderer.ended_by}: {exc}") from exc
        finally:
            self._release(renderer, fit)

    def check_room(self, handler: str) -> None:
        """Raise Overloaded where a job that this handler began now would be turned away.

        Its jobs on their way count; those of others do not, or a source that hangs would stop them all.
        """
        if len(self._waiting) + self._expected[handler] >= self.queue + len(self._idle):
            raise Overloaded(f"{len(self._waiting)} renders are waiting")

    @contextmanager
    def expected(self, handler: str) -> Iterator[None]:
        """Hold a place for a job whose original is on its way, so that few come to be thrown away.

        Raises Overloaded. Leave before `render`, which takes a place of its own.
        """
        self.check_room(handler)
        self._expected[handler] += 1
        try:
            yield
        finally:
            self._expected[handler] -= 1

    async def _acquire(self) -> Renderer:
        if not self._idle and len(self._waiting) >= self.queue:
            raise Overloaded(f"{len(self._waiting)} renders are waiting")
        if self._idle:
            return self._idle.pop()
        place: asyncio.Future[Renderer] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self.queue_timeout):
                return await place
        except TimeoutError:
            self._give_back(place)
            raise Overloaded(f"no renderer was free within {self.queue_timeout} s") from None
        except asyncio.CancelledError:
            self._give_back(place)
            if self._closing:
                raise Overloaded("the origin is closing") from None
            raise

    def _give_back(self, place: asyncio.Future[Renderer]) -> None:
        """Leave the queue; a renderer that was handed over in the same moment goes to the next."""
        if place in self._waiting:
            self._waiting.remove(place)
        elif place.done() and not place.cancelled():
            self._offer(place.result())

    def _release(self, renderer: Renderer, fit: bool) -> None:
        if self._closing:
            renderer.link.close()
            return
        worn = self._worn(renderer)
        if fit and renderer.alive and not worn:
            self._offer(renderer)
        else:
            self._spawn(self._replace(renderer, counted=not (fit and worn)))

    def _worn(self, renderer: Renderer) -> bool:
        if renderer.jobs % LOOK_AFTER == 0 and renderer.memory() > self.memory // 2:
            return True
        return renderer.jobs >= MAX_JOBS

    def _offer(self, renderer: Renderer) -> None:
        """Hand a free renderer to the first in the queue."""
        if renderer not in self._renderers:
            return
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(renderer)
                return
        self._idle.append(renderer)

    def _take_in(self, renderer: Renderer) -> None:
        self._renderers.add(renderer)
        self._spawn(self._watch(renderer))
        self._offer(renderer)

    async def _watch(self, renderer: Renderer) -> None:
        """Replace a renderer that dies while it has nothing to do, before a request finds out."""
        await renderer.process.wait()
        if renderer in self._idle:
            self._idle.remove(renderer)
            log.warning("an idle renderer ended by %s; starting another", renderer.ended_by)
            self._spawn(self._replace(renderer))

    async def _replace(self, renderer: Renderer, counted: bool = True) -> None:
        await renderer.kill()
        self._renderers.discard(renderer)
        self.restarts += counted
        pause = 0.1  # seconds, doubled with every failure
        while not self._closing:
            try:
                self._take_in(await Renderer.start(self._arguments))
                return
            except RendererBroken as exc:
                log.error("a renderer cannot be started, next try in %s s: %s", pause, exc)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    def _spawn(self, work: Any) -> None:
        if self._closing:
            work.close()
            return
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _warn_of_missing_locks(hello: dict[str, Any]) -> None:
    locks, reasons = hello.get("sandbox") or {}, hello.get("sandbox_missing") or {}
    missing = [name for name, holds in locks.items() if not holds]
    if missing and len(missing) == len(locks):
        why = "; ".join(sorted({str(reason) for reason in reasons.values()}))
        log.warning("renderers run without a sandbox (%s): serve only pictures that you trust from here", why)
    elif missing:
        log.warning(
            "renderers run without %s", ", ".join(f"{name} ({reasons.get(name)})" for name in missing)
        )


def _result(head: dict[str, Any], body: bytes, waited: float, took: float) -> Rendered:
    """What a renderer answered; it may be lying, so nothing is taken for granted. Raises OriginError
    for a failed job and one of `NONSENSE`."""
    if head["ok"] is True:
        found = Format(head["format"])
        if not body or not found.is_output:
            raise ValueError("an empty result")
        return Rendered(body, found, int(head["width"]), int(head["height"]), waited, took)
    reason = str(head["reason"])[:1000]
    errors = {"unprocessable": Unprocessable, "unsupported-format": UnsupportedFormat}
    raise errors.get(head["kind"], RenderFailed)(reason)
