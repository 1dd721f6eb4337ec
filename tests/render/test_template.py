"""The process that renderers are copies of: whose children they are, and what its death does to them."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import partial

import pytest

from origin.errors import RenderFailed
from origin.render.pool import RenderPool
from origin.render.process import RendererBroken
from origin.render.template import Template
from origin.render.template import make_template
from tests.render.test_pool import LONG
from tests.render.test_pool import children
from tests.render.test_pool import has_ended
from tests.render.test_pool import rendering
from tests.render.test_pool import started
from tests.render.test_pool import told
from tests.render.test_pool import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has it")


@pytest.fixture(autouse=True)
def _own_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the program starts it: other tests have copies of one."""
    monkeypatch.setattr(RenderPool, "make_template", staticmethod(make_template))


GET_CHILD_SUBREAPER = 37  # prctl(2)
ARGUMENTS = ("--formats", "jpg,png")


def template_of(pool: RenderPool) -> Template:
    assert pool.template is not None
    return pool.template


async def another(pool: RenderPool, process: int) -> None:
    """Wait for the one that takes the place of this process, the only one of the pool."""
    await until(lambda: pool.processes not in ([], [process]))


def adopts() -> bool:
    """Whether orphans among our descendants become children of this process."""
    answer = ctypes.c_int(-1)
    assert ctypes.CDLL(None).prctl(GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0) == 0
    return bool(answer.value)


async def test_renderers_are_copies_of_it_and_children_of_ours() -> None:
    """Each with locks and a session of its own, and with nothing of the socket that asks for others."""
    async with started(2) as pool:
        template = template_of(pool)
        assert {*pool.processes, template.pid} <= children()
        assert not adopts()
        assert len(os.listdir(f"/proc/{template.pid}/task")) == 1, "a copy of a process with threads hangs"
        requests = {os.readlink(f"/proc/{template.pid}/fd/{name}") for name in ("0", "3")}
        for process in pool.processes:
            fields = told(process, "stat").rpartition(b")")[2].split()
            assert int(fields[3]) == process, "its session"
            assert b"Seccomp:\t2" in told(process, "status") or not pool.hello["sandbox"]["seccomp"]
            files = {os.readlink(f"/proc/{process}/fd/{name}") for name in os.listdir(f"/proc/{process}/fd")}
            assert not files & requests
            assert told(process, "comm") == b"renderer\n"
        assert b"Seccomp:\t0" in told(template.pid, "status")


@pytest.mark.slow
async def test_renderers_live_on_without_it_and_the_next_one_gets_another() -> None:
    async with started() as pool:
        first = template_of(pool)
        os.kill(first.pid, signal.SIGKILL)
        await until(lambda: is_gone(first.pid))
        assert (await rendering(pool)).width == 50
        [process] = pool.processes
        os.kill(process, signal.SIGKILL)
        await another(pool, process)
        assert (await rendering(pool)).width == 50
        assert template_of(pool) is not first
        assert has_ended(first.pid)
        assert pool.restarts == 1


@pytest.mark.parametrize(("number", "is_renewed"), [(signal.SIGSEGV, True), (signal.SIGKILL, False)])
async def test_who_crashes_a_renderer_has_learned_nothing_of_the_next(number: int, is_renewed: bool) -> None:
    """Copies of one process have one layout of memory. By crashing them a picture could try to guess it."""
    async with started() as pool:
        first, [process] = template_of(pool), pool.processes
        os.kill(process, number)
        await another(pool, process)
        assert (template_of(pool) is not first) == has_ended(first.pid) == is_renewed


@pytest.mark.slow
async def test_of_several_that_crash_at_once_the_first_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    async with started(2) as pool:
        await until(lambda: len(pool.processes) == 2)
        made: list[Template] = []

        def make() -> Template:
            made.append(Template())
            return made[-1]

        monkeypatch.setattr(RenderPool, "make_template", make)
        crashed = set(pool.processes)
        for process in crashed:
            os.kill(process, signal.SIGSEGV)
        await until(lambda: len(pool.processes) == 2 and not crashed & set(pool.processes))
        assert [template_of(pool)] == made


async def test_one_that_ends_before_it_answers_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Template, "command", (sys.executable, "-c", ""))
    before = children()
    with pytest.raises(RendererBroken, match="did not start: the template has ended"):
        await RenderPool(1).start()
    assert children() <= before
    assert not adopts()


async def test_one_that_has_ended_before_it_is_asked_is_told_of_in_the_same_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Template, "command", (sys.executable, "-c", ""))
    template = Template()
    await until(lambda: not template.alive)
    with pytest.raises(EOFError, match="the template has ended"):
        await template.fork(ARGUMENTS, [])
    await template.close()
    assert not adopts()


@pytest.mark.slow
async def test_a_renderer_that_nobody_waits_for_any_more_is_ended() -> None:
    before = children()
    template = Template()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        asked = asyncio.ensure_future(template.fork(ARGUMENTS, [theirs.fileno()]))
        await asyncio.sleep(0)  # the request is sent
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        wanted = await template.fork(ARGUMENTS, [theirs.fileno()])
        await until(lambda: children() - before == {template.pid, wanted.pid})
        asked = asyncio.ensure_future(template.fork(ARGUMENTS, [theirs.fileno()]))
        await asyncio.sleep(0)
        asked.cancel()
        await template.close()
        await until(lambda: children() - before == {wanted.pid})
        wanted.kill()
        assert await wanted.wait() == -signal.SIGKILL
        with suppress(asyncio.CancelledError):
            await asked
    assert children() <= before
    assert not adopts()


@pytest.mark.slow
async def test_signals_to_stop_are_for_the_origin() -> None:
    async with started() as pool:
        template = template_of(pool)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(template.pid, number)
            [process] = pool.processes
            os.kill(process, signal.SIGKILL)
            await another(pool, process)
            assert template_of(pool) is template
            assert template.alive


STARTS_ONE = """
import asyncio, sys
from origin.render.pool import RenderPool
async def main():
    pool = RenderPool(1)
    await pool.start()
    print(pool.processes[0], pool.template.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.slow
async def test_they_end_with_the_origin_in_the_middle_of_a_render() -> None:
    """One that is stopped cannot see the end of its input."""
    origin = await asyncio.create_subprocess_exec(sys.executable, "-c", STARTS_ONE, stdout=subprocess.PIPE)
    assert origin.stdout is not None
    renderer, template = map(int, (await origin.stdout.readline()).split())
    os.kill(renderer, signal.SIGSTOP)
    origin.kill()
    await origin.wait()
    for process in (renderer, template):
        await until(partial(is_gone, process))


def is_gone(process: int) -> bool:
    """Whether it has ended, though nobody may have waited for it yet."""
    try:
        return told(process, "stat").rpartition(b")")[2].split()[0] == b"Z"
    except FileNotFoundError:
        return True


async def test_the_death_of_a_renderer_is_told_as_that_of_any_process() -> None:
    async with started() as pool:
        [process] = pool.processes
        os.kill(process, signal.SIGSTOP)
        task = rendering(pool, LONG)
        await until(lambda: pool.busy)
        os.kill(process, signal.SIGKILL)
        with pytest.raises(RenderFailed, match=r"signal 9 .*where memory runs out"):
            await task
