"""The pool of render processes: queue, deadlines, replacement. libvips never runs in this process.

One renderer more than cores, one job at a time each: while one waits for its next job, another has its
core. A renderer that dies, overruns its time or breaks the protocol is killed and replaced; only the
request it was rendering for fails.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any
from typing import ClassVar

from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import RenderFailed
from origin.errors import RenderTimeout
from origin.formats import DEFAULT_ORIGINALS
from origin.imaging.protocol import Job
from origin.render.connection import PROTOCOL_ERRORS
from origin.render.connection import Message
from origin.render.cores import count_cores
from origin.render.process import Renderer
from origin.render.process import RendererBroken
from origin.render.process import warn_of_absent_decoders
from origin.render.process import warn_of_missing_locks
from origin.render.rendered import Rendered
from origin.render.rendered import read_answer
from origin.render.template import Template
from origin.render.template import make_template
from origin.render.turns import FairQueue

__all__ = ["RenderPool", "Rendered", "Renderer", "RendererBroken"]

log = logging.getLogger(__name__)

LEAVE_SECONDS = 1.0  # in which a job may end that nobody waits for any more
MAX_JOBS = 2_000  # of one process, against what leaks in forty C libraries
_FORMATS = tuple(format.name for format in DEFAULT_ORIGINALS)
JOBS_BETWEEN_LOOKS = 8  # at the memory of a renderer, each of which takes longer than sending a job
LARGE_JOB = 1.0  # seconds: after one that took longer it is looked at, since animations leave much behind


class RenderPool:
    """`size` renderers (0: one more than cores) and the queue before them.

    Raises what a render raises: BadRequest, Unprocessable, UnsupportedFormat, RenderFailed, EncodingFailed
    and RenderTimeout; and Overloaded where the queue is full or a turn in it took over `queue_timeout`
    seconds.
    """

    make_template: ClassVar[Callable[[], Template | None]] = staticmethod(make_template)

    def __init__(
        self,
        size: int,
        *,
        formats: Sequence[str] = _FORMATS,
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
        self.template: Template | None = None
        self._arguments = ("--render-memory", str(memory), "--formats", ",".join(formats))
        self._renderers: set[Renderer] = set()
        self._idle: list[Renderer] = []
        self._spare = asyncio.Event()  # whether so many are idle that one may do what is in no hurry
        self._turns: FairQueue[Renderer] = FairQueue(queue)
        self._reserved: Counter[str] = Counter()  # jobs whose originals are on their way, by handler
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def waiting(self) -> int:
        return len(self._turns)

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
        """Start every renderer, and wait until the first is warm. Raises RendererBroken.

        The others come one by one, so that the first does not share its core with them.
        """
        self.template = self.template or type(self).make_template()
        try:
            first = await Renderer.start(self._arguments, self.template)
        except BaseException:
            await self.close()
            raise
        self.hello = first.hello
        self._add(first)
        self._spawn(self._start_others())
        warn_of_missing_locks(self.hello)
        warn_of_absent_decoders(self.hello)

    async def _start_others(self) -> None:
        for _ in range(self.size - 1):
            await self._start_another()

    async def _start_another(self) -> None:
        """Start a renderer, and try again until there is one."""
        pause = 0.1  # seconds, doubled with every failure
        while not self._closing:
            try:
                self._add(await Renderer.start(self._arguments, await self._living_template()))
                return
            except RendererBroken as exc:
                log.error("a renderer cannot be started, next try in %s s: %s", pause, exc)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    async def _living_template(self) -> Template | None:
        if self.template is not None and not self.template.alive:
            await self._renew_template()
        return self.template

    async def _renew_template(self) -> None:
        old, self.template = self.template, type(self).make_template()
        if old is not None:
            await old.close()

    async def close(self) -> None:
        self._closing = True
        self._spare.set()  # a render fails now, which tells those that wait
        self._turns.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for renderer in self._renderers:
            renderer.end()
        await asyncio.gather(*(renderer.process.wait() for renderer in self._renderers))
        for renderer in self._renderers:
            renderer.close()
        if self.template is not None:
            await self.template.close()
            self.template = None
        self._renderers.clear()
        self._idle.clear()

    async def render(
        self, original: bytes | memoryview, job: Job, timeout: float, *, handler: str = "", wait: bool = True
    ) -> Rendered:
        """Render within `timeout` seconds of getting a renderer. Without `wait`, only where one is free.

        A job whose caller leaves may end within `LEAVE_SECONDS`, so that its renderer need not be replaced.
        """
        if not (wait or self._idle):
            raise Overloaded("no renderer is free")
        start = time.perf_counter()
        renderer = await self._acquire(handler, job.original)
        renderer.last_original = job.original
        begun = time.perf_counter()
        healthy = abandoned = False
        try:
            answer = renderer.run(job, original)
            async with asyncio.timeout(timeout):
                head, body = await asyncio.shield(answer)
            took = time.perf_counter() - begun
            rendered = read_answer(head, body, job, original, waited=begun - start, took=took)
            healthy = True
            return rendered
        except OriginError:
            healthy = True
            raise
        except TimeoutError:
            raise RenderTimeout(f"no result after {timeout} s; the renderer was killed") from None
        except (OSError, EOFError, *PROTOCOL_ERRORS) as exc:
            await renderer.kill()
            raise RenderFailed(f"the renderer ended by {renderer.ended_by}: {exc}") from exc
        except asyncio.CancelledError:
            abandoned = True
            self._spawn(self._let_end(renderer, answer))
            raise
        finally:
            if not abandoned:
                self._release(renderer, healthy, time.perf_counter() - begun)

    async def _let_end(self, renderer: Renderer, answer: asyncio.Future[Message]) -> None:
        """Wait a little for an answer that nobody wants any more, and use its renderer again."""
        await asyncio.wait({answer}, timeout=LEAVE_SECONDS)
        self._release(renderer, answer.done() and not answer.cancelled() and answer.exception() is None)

    def check_queue(self, handler: str) -> None:
        """Raise Overloaded where a job that this handler began now would be turned away.

        Its own reservations count; those of others do not, or a source that hangs would stop every handler.
        """
        reserved = self._reserved[handler]
        if reserved >= len(self._idle) and not self._turns.admits(handler, reserved - len(self._idle)):
            raise Overloaded(f"{self.waiting} renders are waiting")

    @contextmanager
    def reserve(self, handler: str) -> Iterator[None]:
        """Reserve a turn for a job whose original is being fetched, so that few are fetched in vain.

        Raises Overloaded. Leave before `render`, which takes a turn of its own.
        """
        self.check_queue(handler)
        self._reserved[handler] += 1
        try:
            yield
        finally:
            self._reserved[handler] -= 1

    async def _acquire(self, handler: str, original: str = "") -> Renderer:
        """A renderer that is free, once it is this job's turn. Raises Overloaded.

        Where there is a choice, it is the one that had this original last, since it may have its pixels
        still, or else the one that had nothing to do for longest.
        """
        if self._idle:
            known = [renderer for renderer in self._idle if original and renderer.last_original == original]
            renderer = (known or self._idle)[0]
            self._idle.remove(renderer)
            self._note_idle()
            return renderer
        turn = self._turns.join(handler)
        try:
            async with asyncio.timeout(self.queue_timeout):
                return await turn
        except TimeoutError:
            self._leave_queue(turn)
            raise Overloaded(f"no renderer was free within {self.queue_timeout} s") from None
        except asyncio.CancelledError:
            self._leave_queue(turn)
            if self._closing:
                raise Overloaded("the origin is closing") from None
            raise

    def _leave_queue(self, turn: asyncio.Future[Renderer]) -> None:
        """Give up a turn; a renderer that was handed over in the same moment goes to the next job."""
        if self._turns.leave(turn) or not turn.done() or turn.cancelled():
            return
        if turn.exception() is None:
            self._hand_over(turn.result())

    def _release(self, renderer: Renderer, healthy: bool, took: float = 0.0) -> None:
        """`took`: seconds of its job."""
        if self._closing:
            renderer.connection.close()
            return
        worn_out = self._is_worn_out(renderer, took)
        if healthy and renderer.alive and not worn_out:
            self._hand_over(renderer)
        else:
            self._spawn(self._replace(renderer, counted=not (healthy and worn_out)))

    def _is_worn_out(self, renderer: Renderer, took: float) -> bool:
        looked_at = took > LARGE_JOB or renderer.jobs % JOBS_BETWEEN_LOOKS == 0
        if looked_at and renderer.memory() > self.memory // 2:
            return True
        return renderer.jobs >= MAX_JOBS

    def _hand_over(self, renderer: Renderer) -> None:
        """Give a free renderer to the first in the queue."""
        if renderer not in self._renderers:
            return
        if not self._turns.serve(renderer):
            self._idle.append(renderer)
            self._note_idle()

    async def wait_for_spare(self) -> None:
        """Return once a job would leave a renderer free for the next one, where there are several. So what
        is in no hurry waits for idle time."""
        await self._spare.wait()

    def _note_idle(self) -> None:
        if len(self._idle) >= min(2, self.size):
            self._spare.set()
        elif not self._closing:
            self._spare.clear()

    def _add(self, renderer: Renderer) -> None:
        self._renderers.add(renderer)
        self._spawn(self._watch(renderer))
        self._hand_over(renderer)

    async def _watch(self, renderer: Renderer) -> None:
        """Replace a renderer that dies while it has nothing to do, before a request meets it."""
        await renderer.process.wait()
        if renderer in self._idle:
            self._idle.remove(renderer)
            self._note_idle()
            log.warning("an idle renderer ended by %s; starting another", renderer.ended_by)
            self._spawn(self._replace(renderer))

    async def _replace(self, renderer: Renderer, counted: bool = True) -> None:
        await renderer.kill()
        self._renderers.discard(renderer)
        self.restarts += counted
        if renderer.has_crashed and renderer.template is not None and renderer.template is self.template:
            # Copies of one process have one layout of memory: who crashed this one by trying to guess it has
            # to begin anew. Of several that crash at once the first is enough.
            await self._renew_template()
        await self._start_another()

    def _spawn(self, work: Any) -> None:
        if self._closing:
            work.close()
            return
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
