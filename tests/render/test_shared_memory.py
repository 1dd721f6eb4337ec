"""Originals in memory that a renderer reads: bounded, read only, and gone with the renderer."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from contextlib import suppress
from typing import Any
from typing import cast

import pytest

from origin.errors import RenderFailed
from origin.errors import RenderTimeout
from origin.imaging.protocol import SHARED_BYTES
from origin.render import shared_memory
from origin.render.pool import Renderer
from origin.render.pool import RenderPool
from origin.render.shared_memory import KEPT
from origin.render.shared_memory import SIZE
from origin.render.shared_memory import SharedMemory
from origin.render.shared_memory import make_shared_memory
from tests.render.test_pool import JOB
from tests.render.test_pool import freeze
from tests.render.test_pool import started
from tests.render.test_pool import stopped
from tests.render.test_process import NoProcess
from tests.render.test_process import Wire
from tests.render.test_process import mark
from tests.render.test_process import read
from tests.support import pictures
from tests.support.jobs import job

PAGE = resource.getpagesize()


def made() -> SharedMemory:
    shared = make_shared_memory()
    assert shared is not None  # Linux has it
    return shared


def taken(shared: SharedMemory) -> int:
    """Bytes of memory behind it, as the system counts them."""
    return os.fstat(shared.theirs).st_blocks * 512


def files() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the folder that is being listed
            found.add(name + os.readlink(f"/proc/self/fd/{name}"))
    return found


def test_what_is_written_is_read_through_the_other_descriptor() -> None:
    shared = made()
    assert shared.write(b"a cat and more")
    assert shared.write(memoryview(b"a dog"))
    assert os.pread(shared.theirs, 14, 0) == b"a dog and more"
    shared.close()


def test_the_renderer_can_neither_write_nor_resize() -> None:
    shared = made()
    for attempt in (
        lambda: os.pwrite(shared.theirs, b"x", 0),
        lambda: os.ftruncate(shared.theirs, 0),
        lambda: os.truncate(f"/proc/self/fd/{shared.theirs}", 0),  # as one could that may open files
    ):
        with pytest.raises(OSError, match=r"\[Errno"):
            attempt()
    shared.close()


def test_what_a_large_original_took_is_given_back() -> None:
    shared = made()
    shared.write(bytes(3 * KEPT + 5))
    assert taken(shared) == 3 * KEPT + PAGE
    shared.trim()
    assert taken(shared) == KEPT
    shared.write(b"small")
    shared.trim()
    assert taken(shared) == KEPT
    assert not shared.write(cast(Any, range(SIZE + 1)))
    assert taken(shared) == KEPT
    shared.close()


def test_an_original_that_does_not_fit_goes_through_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_memory, "SIZE", 8)
    shared = made()
    answers: list[asyncio.Future[Any]] = []

    class Answering(Wire):
        def request(self, *message: bytes) -> Any:
            super().request(*message)
            answers.append(asyncio.Future(loop=asyncio.new_event_loop()))
            return answers[-1]

    wire = Answering()
    renderer = Renderer(cast(Any, NoProcess()), cast(Any, wire), shared)
    for original, picture in ((b"fits", None), (b"too large", None), (b"fits too", b"logo")):
        renderer.run(job(watermark=None if picture is None else mark(picture)), original)
    messages = [read(message) for message in wire.sent]
    assert [head.get(SHARED_BYTES) for head, _, _ in messages] == [4, None, 8]
    assert [body for _, _, body in messages] == [(), (b"too large",), (b"logo",)]
    assert os.pread(shared.theirs, 8, 0) == b"fits too"
    shared.close()
    for answer in answers:
        answer.get_loop().close()


async def test_renderers_work_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Renderer, "make_shared_memory", lambda: None)
    async with started() as pool:
        rendered = await pool.render(pictures.small(), JOB, 30.0)
        assert pictures.opened(rendered.body).size == (50, 40)


@pytest.mark.slow
async def test_no_descriptor_is_left_whatever_happens_to_a_renderer() -> None:
    pool = RenderPool(1)
    before = files()
    await pool.start()
    task, process = await stopped(pool)
    os.kill(process, signal.SIGKILL)  # with an original in its hands
    with pytest.raises(RenderFailed):
        await task
    await pool.render(pictures.small(), JOB, 30.0)
    await freeze(pool.processes[0])
    with pytest.raises(RenderTimeout):
        await pool.render(pictures.small(), JOB, 0.05)
    await pool.render(pictures.small(), JOB, 30.0)
    await pool.close()
    assert files() <= before
