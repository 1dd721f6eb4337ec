"""The pool: real renderers that are killed and stopped, and false ones that talk nonsense."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import json
import math
import os
import signal
import socket
import struct
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Coroutine
from contextlib import asynccontextmanager
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvloop
from PIL import Image

from origin.errors import EncodingFailed
from origin.errors import Overloaded
from origin.errors import RenderFailed
from origin.errors import RenderStarved
from origin.errors import RenderTimeout
from origin.errors import Unprocessable
from origin.errors import UnsupportedFormat
from origin.formats import Format
from origin.imaging import protocol
from origin.imaging.protocol import Job
from origin.render import process as process_module
from origin.render import renderers as renderers_module
from origin.render.environment import environment
from origin.render.pool import Rendered
from origin.render.pool import Renderer
from origin.render.pool import RendererBroken
from origin.render.pool import RenderPool
from origin.urls.options import Options
from tests.support import pictures

ALLOWED = ("jpg", "png", "webp", "gif", "avif")
JOB = Job(Options(width=50), "png", {"jpg": 80, "webp": 78, "avif": 60}, ALLOWED, 100_000_000, 100)
LONG = 30.0  # seconds; a timeout that is not to be met


@asynccontextmanager
async def started(size: int = 1, **settings: Any) -> AsyncIterator[RenderPool]:
    """A renderer is warm the sooner the fewer formats it has."""
    pool = RenderPool(size, **{"formats": ("jpg", "png"), **settings})
    await pool.start()
    await until(lambda: len(pool.processes) == size)
    try:
        yield pool
    finally:
        await pool.close()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG):
        while not holds():  # noqa: ASYNC110 - processes set no event
            await asyncio.sleep(0.01)


def rendering(pool: RenderPool, timeout: float = LONG) -> asyncio.Task[Rendered]:
    return asyncio.ensure_future(pool.render(pictures.small(), JOB, timeout))


def has_ended(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


async def freeze(process: int) -> None:
    """Stop a process, and wait until all its threads have: the signal takes effect when one is next run."""
    os.kill(process, signal.SIGSTOP)
    await until(lambda: told(process, "stat").rpartition(b")")[2].split()[0] == b"T")


async def stopped(pool: RenderPool) -> tuple[asyncio.Task[Rendered], int]:
    """A render that does not go on, and the process it is in."""
    [process] = pool.processes
    await freeze(process)
    task = rendering(pool)
    await until(lambda: pool.busy)
    return task, process


# Real renderers


async def test_a_picture_is_rendered_in_another_process() -> None:
    async with started() as pool:
        rendered = await rendering(pool)
        assert (rendered.format, rendered.width, rendered.height) == (Format.PNG, 50, 40)
        assert pictures.opened(rendered.body).size == (50, 40)
        assert os.getpid() not in pool.processes
        assert pool.hello["libvips"] >= "8.18"


async def test_an_original_that_cannot_be_rendered_leaves_the_renderer_in_service() -> None:
    async with started() as pool:
        before = pool.processes
        with pytest.raises(Unprocessable):
            await pool.render(pictures.small()[:500], JOB, LONG)
        with pytest.raises(UnsupportedFormat):
            await pool.render(b"<html>", JOB, LONG)
        assert (await rendering(pool)).width == 50
        assert (pool.processes, pool.restarts) == (before, 0)


@pytest.mark.slow
async def test_an_animation_may_be_of_more_lines_than_a_picture() -> None:
    """All its frames together: libvips keeps them one below the other."""
    original = pictures.plain_webp(2, 10_100, frames=10)
    async with started(formats=ALLOWED) as pool:
        for format in ("webp", "gif"):
            job = dataclasses.replace(JOB, options=Options(), format=format)
            result = await pool.render(original, job, LONG)
            assert (result.width, result.height) == (2, 10_100)
            assert pictures.opened(result.body).n_frames == 10  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("side", "frames", "width", "format"), [(5_800, 1, 5_799, "jpg"), (2_950, 4, 100, "webp")]
)
async def test_a_picture_of_more_than_100_mb_is_rendered(
    side: int, frames: int, width: int, format: str
) -> None:
    """From there on libvips decodes into files by default, and a renderer can write none."""
    original = pictures.plain_webp(side, side, frames)
    assert side * side * 3 * frames > 100_000_000
    # Nearly as wide, or the decoder would make it smaller itself; what is cut off is decoded all the same.
    job = dataclasses.replace(JOB, options=Options(width=width, height=100, crop=True), format=format)
    async with started(formats=ALLOWED) as pool:
        result = await pool.render(original, job, LONG)
    assert (result.width, result.height) == (width, 100)
    if format == "webp":
        assert pictures.opened(result.body).n_frames == frames  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("killer", [signal.SIGSEGV, signal.SIGKILL, signal.SIGRTMIN + 1])
async def test_a_renderer_that_dies_costs_its_own_job_alone(killer: int) -> None:
    async with started(2) as pool:
        victim, survivor = pool.processes
        await freeze(victim)
        await freeze(survivor)  # or it may answer both, one after the other
        first, second = rendering(pool), rendering(pool)
        await until(lambda: pool.busy == 2)
        os.kill(survivor, signal.SIGCONT)
        done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED, timeout=LONG)
        queued = rendering(pool)
        os.kill(victim, killer)
        with suppress(ProcessLookupError):  # SIGKILL does not wait for it
            os.kill(victim, signal.SIGCONT)
        outcomes = await asyncio.gather(first, second, queued, return_exceptions=True)
        assert len(done) == 1
        assert [type(outcome) for outcome in outcomes].count(RenderFailed) == 1
        assert [type(outcome) for outcome in outcomes].count(Rendered) == 2
        await until(lambda: len(pool.processes) == 2)
        assert victim not in pool.processes
        assert survivor in pool.processes
        assert pool.restarts == 1
        assert {outcome.width for outcome in await asyncio.gather(rendering(pool), rendering(pool))} == {50}


@pytest.mark.slow
async def test_an_idle_renderer_that_dies_is_replaced_before_a_request_finds_out() -> None:
    async with started() as pool:
        [victim] = pool.processes
        os.kill(victim, signal.SIGKILL)
        await until(lambda: pool.processes != [victim] and pool.idle)
        assert (await rendering(pool)).width == 50
        assert pool.restarts == 1


@pytest.mark.slow
async def test_a_render_past_its_time_is_killed_and_answered_at_once() -> None:
    late: list[float] = []
    async with started() as pool:
        for _ in range(3):
            await until(lambda: pool.idle)
            [process] = pool.processes
            await freeze(process)
            start = time.monotonic()
            with pytest.raises(RenderTimeout):
                await rendering(pool, timeout=0.2)
            late.append(time.monotonic() - start - 0.2)
            await until(partial(has_ended, process))
        assert min(late) < 0.2  # the others may have met a busy machine
        assert max(late) < 5
        await until(lambda: pool.idle)
        assert (await rendering(pool)).width == 50


@pytest.mark.slow
async def test_an_answer_that_nobody_waits_for_is_no_complaint(caplog: pytest.LogCaptureFixture) -> None:
    async with started() as pool:
        [process] = pool.processes
        await freeze(process)
        with pytest.raises(RenderTimeout):
            await rendering(pool, timeout=0.1)
        await until(lambda: has_ended(process) and pool.idle)
        await rendering(pool)  # the connection of the other is gone
        gc.collect()
    assert "never retrieved" not in caplog.text


@pytest.mark.slow
async def test_a_render_that_nobody_waits_for_is_killed() -> None:
    async with started() as pool:
        task, process = await stopped(pool)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: has_ended(process))
        await until(lambda: pool.idle)
        assert (await rendering(pool)).width == 50


@pytest.mark.slow
async def test_the_queue_is_bounded_in_length_and_time() -> None:
    async with started(queue=2, queue_timeout=0.3) as pool:
        task, process = await stopped(pool)
        waiting = [rendering(pool), rendering(pool)]
        await until(lambda: pool.waiting == 2)
        with pytest.raises(Overloaded, match="2 renders are waiting"):
            await rendering(pool)
        for waiter in waiting:
            with pytest.raises(Overloaded, match="no renderer was free"):
                await waiter
        assert pool.waiting == 0
        os.kill(process, signal.SIGCONT)
        assert (await task).width == 50
        assert pool.restarts == 0


async def test_a_job_on_its_way_has_a_place() -> None:
    async with started(queue=2) as pool:
        with pool.reserve("h"), pool.reserve("h"), pool.reserve("h"):  # one to render and two to wait
            with pytest.raises(Overloaded):
                pool.check_queue("h")
            with pytest.raises(Overloaded), pool.reserve("h"):
                pass
            pool.check_queue("another")
        with pytest.raises(KeyError), pool.reserve("h"):
            raise KeyError("nothing came")
        task, process = await stopped(pool)
        with pool.reserve("h"):
            waiting = rendering(pool)
            await until(lambda: pool.waiting == 1)
            with pytest.raises(Overloaded):
                pool.check_queue("h")
        pool.check_queue("h")
        os.kill(process, signal.SIGCONT)
        await asyncio.gather(task, waiting)


@pytest.mark.slow
async def test_who_leaves_the_queue_frees_the_place() -> None:
    async with started(queue=1) as pool:
        task, process = await stopped(pool)
        leaving = rendering(pool)
        await until(lambda: pool.waiting == 1)
        leaving.cancel()
        await until(lambda: pool.waiting == 0)
        coming = rendering(pool)
        await until(lambda: pool.waiting == 1)
        os.kill(process, signal.SIGCONT)
        assert (await task).width == 50
        assert (await coming).width == 50
        assert pool.restarts == 0


async def test_a_renderer_handed_to_someone_who_just_left_goes_to_the_next() -> None:
    async with started() as pool:
        _, process = await stopped(pool)
        leaving, staying = rendering(pool), rendering(pool)
        await until(lambda: pool.waiting == 2)
        renderers = pool._renderers
        hand_over = renderers._on_free

        def to_someone_who_leaves(renderer: Renderer) -> None:
            hand_over(renderer)
            leaving.cancel()  # the renderer is in its hands, and it has not run since

        renderers._on_free = to_someone_who_leaves
        os.kill(process, signal.SIGCONT)
        assert (await staying).width == 50
        assert leaving.cancelled()
        assert (pool.waiting, pool.busy) == (0, 0)


async def test_who_may_not_wait_is_told_at_once() -> None:
    async with started() as pool:
        assert (await pool.render(pictures.small(), JOB, LONG, wait=False)).width == 50
        task, process = await stopped(pool)
        with pytest.raises(Overloaded):
            await pool.render(pictures.small(), JOB, LONG, wait=False)
        os.kill(process, signal.SIGCONT)
        await task


@pytest.mark.slow
async def test_a_worn_renderer_is_replaced_between_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderers_module, "MAX_JOBS", 3)
    async with started() as pool:
        [first] = pool.processes
        for _ in range(7):
            assert (await rendering(pool)).width == 50
        assert first not in pool.processes
        assert pool.restarts == 0  # nothing had gone wrong


@pytest.mark.slow
@pytest.mark.parametrize(("large", "jobs"), [(math.inf, renderers_module.JOBS_BETWEEN_LOOKS), (0.0, 1)])
async def test_a_renderer_whose_memory_grew_is_replaced(
    monkeypatch: pytest.MonkeyPatch, large: float, jobs: int
) -> None:
    """Every few jobs, and after each one that took long."""
    monkeypatch.setattr(renderers_module, "LARGE_JOB", large)
    async with started(memory=1_000_000_000) as pool:
        [first] = pool.processes
        pool._renderers.memory = 2_000_000  # less than any process takes
        for _ in range(jobs):
            assert pool.processes == [first]
            await rendering(pool)
        await until(lambda: pool.processes and pool.processes != [first])
        pool._renderers.memory = 1_000_000_000
        assert (await rendering(pool)).width == 50


@pytest.mark.slow
async def test_rendering_again_takes_no_new_memory_and_what_is_free_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = pictures.encoded(Image.effect_noise((1600, 1200), 50).convert("RGB"), "JPEG")
    job = dataclasses.replace(JOB, options=Options(width=500), format="jpg")
    with monkeypatch.context() as patch:
        patch.setattr(process_module, "_REST", bytes(16))  # never
        async with started() as pool:
            [process] = pool.processes
            for _ in range(15):
                await pool.render(original, job, LONG)
            before = page_faults(process)
            for _ in range(10):
                await pool.render(original, job, LONG)
            assert page_faults(process) - before < 10 * 20  # the original alone has 230 pages
            kept = memory_of_its_own(process)
    async with started() as pool:
        [process] = pool.processes
        await pool.render(original, job, LONG)
        await until(lambda: memory_of_its_own(process) < kept - 3_000_000)  # of twelve
        await pool.render(original, job, LONG)


def memory_of_its_own(process: int) -> int:
    """Bytes that no other process shares."""
    _, _, sizes = told(process, "smaps_rollup").partition(b"Private_Dirty:")
    return int(sizes.split()[0]) * 1024


def page_faults(process: int) -> int:
    return int(told(process, "stat").rpartition(b")")[2].split()[7])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no way to take cores away")
def test_there_is_a_renderer_more_than_cores_if_not_told() -> None:
    cores = os.sched_getaffinity(0)
    assert RenderPool(0).size == len(cores) + 1
    os.sched_setaffinity(0, {min(cores)})
    try:
        assert RenderPool(0).size == 2
    finally:
        os.sched_setaffinity(0, cores)
    assert RenderPool(5).size == 5


async def test_nothing_secret_reaches_a_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "SIGNING_KEY", "PYTHONSTARTUP", "HOME", "LD_PRELOAD_CANARY"):
        monkeypatch.setenv(name, "canary-in-the-environment")
    assert "canary" not in str(environment())
    ours, theirs = socket.socketpair()
    os.set_inheritable(theirs.fileno(), True)  # as careless code elsewhere in the process might
    with ours, theirs:
        async with started() as pool:
            [process] = pool.processes
            links = [os.readlink(f"/proc/{process}/fd/{name}") for name in os.listdir(f"/proc/{process}/fd")]
            assert os.readlink(f"/proc/self/fd/{theirs.fileno()}") not in links
            assert b"canary" not in told(process, "environ")
            assert b"canary" not in told(process, "cmdline")


async def test_closing_leaves_no_process_and_answers_who_waits() -> None:
    pool = RenderPool(2, queue=10)
    await pool.start()
    await until(lambda: len(pool.processes) == 2)
    processes = pool.processes
    for process in processes:
        await freeze(process)
    tasks = [rendering(pool) for _ in range(6)]
    await until(lambda: pool.waiting == 4)
    await pool.close()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {RenderFailed, Overloaded}
    assert not [process for process in processes if not has_ended(process)]
    assert pool.processes == []


async def test_closing_while_a_renderer_is_being_replaced_leaves_no_process() -> None:
    others = children()  # servers that other tests have started
    pool = RenderPool(1)
    await pool.start()
    task, process = await stopped(pool)
    os.kill(process, signal.SIGKILL)
    with pytest.raises(RenderFailed):
        await task
    before = children() - others
    await pool.close()
    await until(lambda: has_ended(process))
    await until(lambda: not children() & before)


@pytest.mark.slow
@pytest.mark.parametrize(
    "scenario",
    [
        test_an_original_that_cannot_be_rendered_leaves_the_renderer_in_service,
        test_an_idle_renderer_that_dies_is_replaced_before_a_request_finds_out,
        test_a_render_past_its_time_is_killed_and_answered_at_once,
        test_a_render_that_nobody_waits_for_is_killed,
        test_a_renderer_handed_to_someone_who_just_left_goes_to_the_next,
        test_closing_leaves_no_process_and_answers_who_waits,
        test_closing_while_a_renderer_is_being_replaced_leaves_no_process,
    ],
)
def test_on_the_loop_that_serves_it_is_the_same(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


def told(process: int, what: str) -> bytes:
    return Path(f"/proc/{process}/{what}").read_bytes()


def children() -> set[int]:
    """Processes that we have started and that run."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(process) for process in found.split()}


# False renderers

# It starts in half the time, since it imports the C part of `socket` alone, and `json` when it needs that.
PROLOGUE = """
import _socket as socket, os, struct, sys, time
link = socket.socket(fileno=os.dup(0))
def send(head, body=b"", length=None):
    text = TEXT_OF_GOOD if head is GOOD else head if isinstance(head, bytes) else to_json(head)
    link.sendall(struct.pack(">IQ", len(text), len(body) if length is None else length) + text + body)
def receive():
    prefix = link.recv(12, socket.MSG_WAITALL)
    if len(prefix) < 12:
        sys.exit()
    head, body = struct.unpack(">IQ", prefix)
    link.recv(head, socket.MSG_WAITALL), link.recv(body, socket.MSG_WAITALL)
def to_json(head):
    import json
    return json.dumps(head).encode()
GOOD = {"ok": True, "format": "png", "width": 1, "height": 1}
TEXT_OF_GOOD = b'{"ok": true, "format": "png", "width": 1, "height": 1}'
PNG = b"\\x89PNG\\r\\n\\x1a\\n"
"""
PNG = b"\x89PNG\r\n\x1a\n"
HELLO = """send(b'{"hello": {"libvips": "8.18.7", "error": null}}')\n"""


class Script:
    """Renderers started from now on run this text; no template knows of it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str, hello: str = HELLO) -> None:
        self.path.write_text(PROLOGUE + hello + textwrap.dedent(text))

    def serve(self, answer: str) -> None:
        self.write("while True:\n    receive()\n" + textwrap.indent(textwrap.dedent(answer), "    "))


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    path = tmp_path / "false_worker.py"
    monkeypatch.setattr(Renderer, "command", (sys.executable, "-IS", str(path)))  # half as long to start
    monkeypatch.setattr(RenderPool, "make_template", lambda: None)
    return Script(path)


NONSENSE = {
    "not a message": 'link.sendall(b"HTTP/1.1 200 OK" * 10)',
    "head of no bytes": 'send(b"")',
    "head over its limit": 'send(b" " * 70_000)',
    "head of 4 GB": 'link.sendall(b"\\xff" * 12)',
    "body of 2^63 bytes": "send(GOOD, length=1 << 63)",
    "body over its limit": "send(GOOD, length=300_000_000)",
    "body shorter than told": 'send(GOOD, b"x", length=10); sys.exit()',
    "no JSON": 'send(b"{not json}")',
    "no UTF-8": 'send(b"\\xff\\xfe{}")',
    "no object": "send([1])",
    "nested too deep": 'send(b"[" * 50_000)',
    "no ok": 'send({"format": "png"}, PNG)',
    "ok that is not true": 'send({**GOOD, "ok": 1}, PNG)',
    "no body": "send(GOOD)",
    "no format": 'send({"ok": True, "width": 1, "height": 1}, PNG)',
    "unknown format": 'send({**GOOD, "format": "html"}, b"<script>")',
    "format we never write": 'send({**GOOD, "format": "svg"}, b"<svg>")',
    "format that is a list": 'send({**GOOD, "format": []}, PNG)',
    "width of no number": 'send({**GOOD, "width": "wide"}, PNG)',
    "infinite width": 'send({**GOOD, "width": float("inf")}, PNG)',
    "HTML for a picture": 'send(GOOD, b"<html><script>")',
    "another format than it says": 'send(GOOD, b"GIF89a")',
    "another format than was asked for": 'send({**GOOD, "format": "gif"}, b"GIF89a")',
    "width of nothing": 'send({**GOOD, "width": 0}, PNG)',
    "height beyond all": 'send({**GOOD, "height": 100_001}, PNG)',
    "more bytes than pixels": "send(GOOD, PNG + bytes(70_000))",
    "no reason": 'send({"ok": False, "kind": "unprocessable"})',
    "kind that is a list": 'send({"ok": False, "kind": [], "reason": "x"})',
    "early end": "sys.exit(7)",
    "half a prefix": 'link.sendall(b"\\0\\0"); sys.exit()',
    "sudden death": "os.kill(os.getpid(), 9)",
}


@pytest.mark.many
@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE.keys())
async def test_a_renderer_that_talks_nonsense_fails_its_job_and_is_replaced(
    script: Script, nonsense: str
) -> None:
    script.serve(nonsense)
    async with started() as pool:
        [liar] = pool.processes
        script.serve('send(GOOD, PNG + b"picture")')  # the next one is honest
        with pytest.raises(RenderFailed) as failure:
            await rendering(pool)
        assert not isinstance(failure.value, RenderTimeout)
        assert (await rendering(pool)).body == PNG + b"picture"
        assert liar not in pool.processes
        assert has_ended(liar)
        assert pool.restarts == 1


@pytest.mark.slow
async def test_a_renderer_that_speaks_unasked_is_replaced_before_a_request_finds_out(script: Script) -> None:
    script.write(
        """
        receive()
        send(GOOD, PNG + b"picture")
        time.sleep(0.2)
        send(GOOD, b"the answer to a question not yet asked")
        time.sleep(1000)
        """
    )
    async with started() as pool:
        [liar] = pool.processes
        assert (await rendering(pool)).body == PNG + b"picture"
        script.serve('send(GOOD, PNG + b"another")')
        await until(lambda: pool.idle and pool.processes != [liar])
        assert (await rendering(pool)).body == PNG + b"another"
        assert has_ended(liar)


async def test_a_renderer_that_says_more_than_its_answer_fails_its_job(script: Script) -> None:
    script.serve('send(GOOD, PNG + b"more", length=8)')
    async with started() as pool:
        [liar] = pool.processes
        with pytest.raises(RenderFailed, match="behind the answer"):
            await rendering(pool)
        await until(lambda: has_ended(liar))


async def test_a_renderer_that_never_answers_is_killed_at_the_deadline(script: Script) -> None:
    script.serve("time.sleep(1000)")
    async with started() as pool:
        [sleeper] = pool.processes
        with pytest.raises(RenderTimeout):
            await rendering(pool, timeout=0.1)
        await until(lambda: has_ended(sleeper))


@pytest.mark.parametrize(
    ("hangs", "computed", "expected"),
    [
        (False, 0.02, RenderStarved),
        (False, 0.04, RenderTimeout),
        (True, 0.0, RenderTimeout),
        (False, None, RenderTimeout),
    ],
    ids=["starved", "slow", "hangs", "nobody knows"],
)
async def test_who_computes_and_hardly_has_a_core_is_starved(
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
    hangs: bool,
    computed: float | None,
    expected: type[RenderTimeout],
) -> None:
    script.serve("while True: pass")
    # At the beginning, and after 0.1 s.
    clock = iter([None, None] if computed is None else [5.0, 5.0 + computed])
    monkeypatch.setattr(Renderer, "cpu_seconds", staticmethod(lambda pid: next(clock)))
    async with started() as pool:
        if hangs:
            await freeze(pool.processes[0])
        with pytest.raises(RenderTimeout) as failure:
            await rendering(pool, timeout=0.1)
        assert type(failure.value) is expected
        assert ("the machine is too busy" in str(failure.value)) == (expected is RenderStarved)


async def test_a_renderer_that_never_reads_is_killed_at_the_deadline(script: Script) -> None:
    script.write("time.sleep(1000)")
    async with started() as pool:
        with pytest.raises(RenderTimeout):
            await pool.render(bytes(10_000_000), JOB, 0.1)


@pytest.mark.slow
async def test_a_renderer_that_drips_its_answer_is_killed_at_the_deadline(script: Script) -> None:
    script.serve('[(link.sendall(b"\\0"), time.sleep(0.05)) for _ in range(1000)]')
    async with started() as pool:
        with pytest.raises(RenderTimeout):
            await rendering(pool, timeout=0.3)


async def test_an_error_of_a_renderer_is_one_of_ours_and_its_reason_bounded(script: Script) -> None:
    script.serve('send({"ok": False, "kind": "a kind of its own", "reason": "x" * 5000})')
    async with started() as pool:
        with pytest.raises(RenderFailed) as failure:
            await rendering(pool)
        assert len(str(failure.value)) == 1000
        assert pool.restarts == 0


def tiny(name: str) -> bytes:
    return pictures.encoded(pictures.field(8, 8), "JPEG" if name == "jpg" else name.upper())


@pytest.mark.many
@pytest.mark.parametrize(
    ("format", "original", "possible"),
    [
        ("jpg", pictures.small, "jpg"),
        ("original", pictures.small, "jpg"),
        ("original", pictures.animation, "gif"),
        ("original", pictures.tiff, "jpg png"),
        ("original", pictures.svg, "jpg png"),
        ("auto:avif", pictures.small, "avif jpg png"),
        ("auto:webp", pictures.small, "webp jpg png"),
        ("auto:plain", pictures.small, "jpg png"),
        ("auto:avif", pictures.animation, "avif webp gif jpg png"),
        ("auto:plain", pictures.animation, "gif jpg png"),
    ],
)
async def test_a_result_is_of_a_format_that_the_job_can_have(
    script: Script, format: str, original: Callable[[], bytes], possible: str
) -> None:
    """Those that it can have come first, since the renderer of another one is ended."""
    job = dataclasses.replace(JOB, format=format)
    names = sorted(ALLOWED, key=lambda name: name not in possible.split())

    def write(names: list[str]) -> None:
        good = {"ok": True, "width": 1000, "height": 1000}
        heads = [json.dumps({**good, "format": name}).encode() for name in names]
        answers = [
            f"receive()\nsend({head!r}, {tiny(name)!r})" for head, name in zip(heads, names, strict=True)
        ]
        script.write("\n".join((*answers, "receive()")))

    write(names)
    async with started() as pool:
        for number, name in enumerate(names):
            await until(lambda: pool.idle)
            write(names[number + 1 :])  # for the one that takes the place of another
            if name in possible.split():
                assert (await pool.render(original(), job, LONG)).format.name == name
            else:
                with pytest.raises(RenderFailed, match="asked for"):
                    await pool.render(original(), job, LONG)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("unprocessable", Unprocessable),
        ("unsupported-format", UnsupportedFormat),
        ("render-failed", EncodingFailed),
        ("another", RenderFailed),
    ],
)
async def test_what_a_renderer_says_went_wrong_is_the_error(
    script: Script, kind: str, error: type[Exception]
) -> None:
    script.serve(f'send({{"ok": False, "kind": "{kind}", "reason": "too large"}})')
    async with started() as pool:
        with pytest.raises(error, match=r"^too large$") as failure:
            await rendering(pool)
        assert type(failure.value) is error
        assert pool.restarts == 0


async def test_an_answer_of_many_pieces_is_put_together(script: Script) -> None:
    script.serve('send({**GOOD, "width": 1250, "height": 1000}, PNG + b"0123456789" * 500_000)')
    async with started() as pool:
        rendered = await pool.render(pictures.small() + bytes(5_000_000), JOB, LONG)
        assert rendered.body == PNG + b"0123456789" * 500_000


@pytest.mark.parametrize(
    ("hello", "told"),
    [
        ('send({"hello": {"error": "libvips 8.18 is needed, found 8.14"}})\n', "libvips 8.18 is needed"),
        ("sys.exit(1)\n", "did not start"),
        ('send({"hello": 7})\n', "did not start"),
        ('send({"good": "day"})\n', "did not start"),
        ('send(b"nonsense")\n', "did not start"),
    ],
)
async def test_renderers_that_cannot_start_are_told_of_in_one_line(
    script: Script, hello: str, told: str
) -> None:
    script.write("", hello)
    before = children()
    with pytest.raises(RendererBroken, match=told) as failure:
        await RenderPool(2).start()
    assert "\n" not in str(failure.value)
    await until(lambda: children() <= before)


LOCKS = ("rlimits", "no_new_privs", "landlock", "seccomp")


@pytest.mark.parametrize(
    ("missing", "warnings"),
    [
        ({}, []),
        (
            {"landlock": "the kernel does not have it", "seccomp": "libseccomp is not installed"},
            [
                "renderers run without landlock (the kernel does not have it), "
                "seccomp (libseccomp is not installed)"
            ],
        ),
        (
            dict.fromkeys(LOCKS, "only Linux has it"),
            [
                "renderers run without a sandbox (only Linux has it): "
                "serve only pictures that you trust from here"
            ],
        ),
    ],
)
async def test_locks_that_are_missing_are_told_of_once(
    script: Script, caplog: pytest.LogCaptureFixture, missing: dict[str, str], warnings: list[str]
) -> None:
    hello = {"sandbox": {name: name not in missing for name in LOCKS}, "sandbox_missing": missing}
    script.write("receive()", f"send({{'hello': {hello!r}}})\n")
    async with started(2):
        pass
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == warnings


async def test_a_program_that_is_not_there_is_told_of_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Renderer, "command", ("/nowhere/python",))
    monkeypatch.setattr(RenderPool, "make_template", lambda: None)
    with pytest.raises(RendererBroken, match="did not start"):
        await RenderPool(1).start()


async def test_a_pool_whose_renderers_cannot_start_any_more_tries_again(
    script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    script.serve('send(GOOD, PNG + b"picture")')
    async with started() as pool:
        script.write("", "sys.exit(1)\n")
        [process] = pool.processes
        os.kill(process, signal.SIGKILL)
        await until(lambda: "cannot be started" in caplog.text)
        script.serve('send(GOOD, PNG + b"picture again")')
        assert (await rendering(pool)).body == PNG + b"picture again"


def test_a_message_is_as_the_worker_reads_it() -> None:
    message = protocol.pack_head(JOB.to_head(), 5)
    head, body = struct.unpack(">IQ", message[:12])
    assert (len(message) - 12, body) == (head, 5)


async def test_results_of_one_original_are_made_where_it_was_decoded() -> None:
    """Others are made by the renderer that had nothing to do for longest."""
    async with started(3) as pool:
        for _ in range(3):
            for name in ("cat", "dog"):
                await pool.render(pictures.small(), dataclasses.replace(JOB, original=name), LONG)
        jobs = {renderer.last_original: renderer.jobs for renderer in pool._renderers}
        assert jobs == {"cat": 3, "dog": 3, "": 0}
        cat = next(renderer for renderer in pool._renderers if renderer.last_original == "cat")
        others = [pool._acquire("", "cat") for _ in range(3)]
        assert [await other is cat for other in others] == [True, False, False]
