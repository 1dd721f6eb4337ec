"""The render processes of a pool: started, watched over and replaced.

One that dies, overruns its time or breaks the protocol is killed and another takes its place; so is one that
has grown, or has done as many jobs as one may.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from origin.render.process import Renderer
from origin.render.process import RendererBroken
from origin.render.process import warn_of_absent_decoders
from origin.render.process import warn_of_missing_locks
from origin.render.template import Template

log = logging.getLogger(__name__)

MAX_JOBS = 2_000  # of one process, against what leaks in forty C libraries
JOBS_BETWEEN_LOOKS = 8  # at the memory of a renderer, each of which takes longer than sending a job
LARGE_JOB = 1.0  # seconds: after one that took longer it is looked at, since animations leave much behind


class Renderers:
    """`size` render processes, as `RenderPool` uses them.

    `on_free` gets each one that may take a job: a new one, and one that has done its own. `take_idle` takes
    one back that has died meanwhile, and says whether it had nothing to do. `make_template` makes what they
    are forked from. `memory` is what one renderer may take, in bytes.
    """

    def __init__(
        self,
        size: int,
        arguments: Sequence[str],
        memory: int,
        *,
        on_free: Callable[[Renderer], None],
        take_idle: Callable[[Renderer], bool],
        make_template: Callable[[], Template | None],
    ) -> None:
        self.restarts = 0
        self.hello: dict[str, Any] = {}
        self.template: Template | None = None
        self.is_closing = False
        self._size = size
        self._arguments = arguments
        self.memory = memory
        self._on_free = on_free
        self._take_idle = take_idle
        self._make_template = make_template
        self._renderers: set[Renderer] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._renderers)

    def __iter__(self) -> Iterator[Renderer]:
        return iter(self._renderers)

    async def start(self) -> None:
        """Start all, and wait until the first is warm. Raises RendererBroken.

        The others come one by one, so that the first does not share its core with them.
        """
        self.template = self.template or self._make_template()
        try:
            first = await Renderer.start(self._arguments, self.template)
        except BaseException:
            await self.close()
            raise
        self.hello = first.hello
        self._add(first)
        self.spawn(self._start_others())
        warn_of_missing_locks(self.hello)
        warn_of_absent_decoders(self.hello)

    async def close(self) -> None:
        self.is_closing = True
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

    def release(self, renderer: Renderer, healthy: bool, took: float = 0.0) -> None:
        """Take one back from a job that took so many seconds: it may have the next one, or is replaced."""
        if self.is_closing:
            renderer.connection.close()
            return
        worn_out = self._is_worn_out(renderer, took)
        if healthy and renderer.alive and not worn_out:
            self._on_free(renderer)
        else:
            self.spawn(self._replace(renderer, counted=not (healthy and worn_out)))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Work that ends with the pool at the latest."""
        if self.is_closing:
            work.close()
            return
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_others(self) -> None:
        for _ in range(self._size - 1):
            await self._start_another()

    async def _start_another(self) -> None:
        """Start a renderer, and try again until there is one."""
        pause = 0.1  # seconds, doubled with every failure
        while not self.is_closing:
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
        old, self.template = self.template, self._make_template()
        if old is not None:
            await old.close()

    def _is_worn_out(self, renderer: Renderer, took: float) -> bool:
        looked_at = took > LARGE_JOB or renderer.jobs % JOBS_BETWEEN_LOOKS == 0
        if looked_at and renderer.memory() > self.memory // 2:
            return True
        return renderer.jobs >= MAX_JOBS

    def _add(self, renderer: Renderer) -> None:
        self._renderers.add(renderer)
        self.spawn(self._watch(renderer))
        self._on_free(renderer)

    async def _watch(self, renderer: Renderer) -> None:
        """Replace a renderer that dies while it has nothing to do, before a request meets it."""
        await renderer.process.wait()
        if self._take_idle(renderer):
            log.warning("an idle renderer ended by %s; starting another", renderer.ended_by)
            self.spawn(self._replace(renderer))

    async def _replace(self, renderer: Renderer, counted: bool = True) -> None:
        await renderer.kill()
        self._renderers.discard(renderer)
        self.restarts += counted
        if renderer.has_crashed and renderer.template is not None and renderer.template is self.template:
            # Copies of one process have one layout of memory: who crashed this one by trying to guess it has
            # to begin anew. Of several that crash at once the first is enough.
            await self._renew_template()
        await self._start_another()
