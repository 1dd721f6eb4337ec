"""The pool of render processes: whose turn it is, deadlines. libvips never runs in this process.

One renderer more than cores, one job at a time each: while one waits for its next job, another has its
core. Only the request whose renderer ends fails with it; `renderers` starts another.
"""

from __future__ import annotations

import asyncio
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
from origin.errors import RenderStarved
from origin.errors import RenderTimeout
from origin.formats import DEFAULT_ORIGINALS
from origin.imaging.protocol import Job
from origin.render.connection import PROTOCOL_ERRORS
from origin.render.connection import Message
from origin.render.cores import count_cores
from origin.render.process import Renderer
from origin.render.process import RendererBroken
from origin.render.rendered import Rendered
from origin.render.rendered import read_answer
from origin.render.renderers import Renderers
from origin.render.template import Template
from origin.render.template import make_template
from origin.render.turns import FairQueue

__all__ = ["RenderPool", "Rendered", "Renderer", "RendererBroken"]

LEAVE_SECONDS = 1.0  # in which a job may end that nobody waits for any more
_FORMATS = tuple(format.name for format in DEFAULT_ORIGINALS)


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
        """`memory` is what one renderer may take, in bytes; `formats` are those that it decodes."""
        self.size = size or count_cores() + 1
        self.queue = queue
        self.queue_timeout = queue_timeout
        self._renderers = Renderers(
            self.size,
            ("--render-memory", str(memory), "--formats", ",".join(formats)),
            memory,
            on_free=self._hand_over,
            take_idle=self._take_idle,
            make_template=lambda: type(self).make_template(),
        )
        self._idle: list[Renderer] = []
        self._spare = asyncio.Event()  # whether so many are idle that one may do what is in no hurry
        self._turns: FairQueue[Renderer] = FairQueue(queue)
        self._reserved: Counter[str] = Counter()  # jobs whose originals are on their way, by handler

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

    @property
    def hello(self) -> dict[str, Any]:
        """What the first renderer said of itself; empty before the start."""
        return self._renderers.hello

    @property
    def restarts(self) -> int:
        """Renderers replaced after a death or a kill."""
        return self._renderers.restarts

    @property
    def template(self) -> Template | None:
        """What renderers are forked from; None where each is a program that starts by itself."""
        return self._renderers.template

    def fork_from(self, template: Template | None) -> None:
        """Fork renderers from one that is there already, before the start."""
        self._renderers.template = template

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        """Name, help and value of each number for the metrics."""
        yield "origin_render_queue", "Renders that wait for a renderer.", self.waiting
        yield "origin_renders", "Renders under way.", self.busy
        text = "Renderers replaced after a death or a kill."
        yield "origin_renderer_restarts_total", text, self.restarts

    async def start(self) -> None:
        """Start every renderer, and wait until the first is warm. Raises RendererBroken."""
        await self._renderers.start()

    async def close(self) -> None:
        self._spare.set()  # a render fails now, which tells those that wait
        self._turns.cancel()
        await self._renderers.close()
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
            raise _late(renderer, timeout) from None
        except (OSError, EOFError, *PROTOCOL_ERRORS) as exc:
            await renderer.kill()
            raise RenderFailed(f"the renderer ended by {renderer.ended_by}: {exc}") from exc
        except asyncio.CancelledError:
            abandoned = True
            self._renderers.spawn(self._let_end(renderer, answer))
            raise
        finally:
            if not abandoned:
                self._renderers.release(renderer, healthy, time.perf_counter() - begun)

    async def _let_end(self, renderer: Renderer, answer: asyncio.Future[Message]) -> None:
        """Wait a little for an answer that nobody wants any more, and use its renderer again."""
        await asyncio.wait({answer}, timeout=LEAVE_SECONDS)
        self._renderers.release(
            renderer, answer.done() and not answer.cancelled() and answer.exception() is None
        )

    def check_queue(self, handler: str) -> None:
        """Raise Overloaded where a job that this handler began now would be turned away.

        Its own reservations count; those of others do not, or a source that hangs would stop every handler.
        """
        reserved = self._reserved[handler]
        if reserved >= len(self._idle) and not self._turns.admits(handler, reserved - len(self._idle)):
            raise Overloaded(f"{self.waiting} renders are waiting (limits.queue)")

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
            self._take_idle(renderer)
            return renderer
        turn = self._turns.join(handler)
        try:
            async with asyncio.timeout(self.queue_timeout):
                return await turn
        except TimeoutError:
            self._leave_queue(turn)
            raise Overloaded(
                f"no renderer was free within {self.queue_timeout} s (limits.queue_timeout)"
            ) from None
        except asyncio.CancelledError:
            self._leave_queue(turn)
            if self._renderers.is_closing:
                raise Overloaded("the origin is closing") from None
            raise

    def _leave_queue(self, turn: asyncio.Future[Renderer]) -> None:
        """Give up a turn; a renderer that was handed over in the same moment goes to the next job."""
        if self._turns.leave(turn) or not turn.done() or turn.cancelled():
            return
        if turn.exception() is None:
            self._hand_over(turn.result())

    def _hand_over(self, renderer: Renderer) -> None:
        """Give a free renderer to the first in the queue."""
        if renderer not in self._renderers:
            return
        if not self._turns.serve(renderer):
            self._idle.append(renderer)
            self._note_idle()

    def _take_idle(self, renderer: Renderer) -> bool:
        """Give this one no job any more; whether it had none."""
        is_idle = renderer in self._idle
        if is_idle:
            self._idle.remove(renderer)
            self._note_idle()
        return is_idle

    async def wait_for_spare(self) -> None:
        """Return once a job would leave a renderer free for the next one, where there are several. So what
        is in no hurry waits for idle time."""
        await self._spare.wait()

    def _note_idle(self) -> None:
        if len(self._idle) >= min(2, self.size):
            self._spare.set()
        elif not self._renderers.is_closing:
            self._spare.clear()


def _late(renderer: Renderer, timeout: float) -> RenderTimeout:
    """Why a renderer that is still at its job after so many seconds is killed."""
    text = f"no result after {timeout} s (limits.render_timeout); the renderer was killed"
    if renderer.is_starved(timeout):
        return RenderStarved(f"{text}; it had less than a third of a core, since the machine is too busy")
    return RenderTimeout(text)
