"""The socket to a render process: who waited for an answer may have gone when the process ends."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import Any

import pytest

from origin.render.connection import RendererConnection


class Watched(RendererConnection):
    """Tells when it is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


@pytest.mark.slow
@pytest.mark.parametrize("waits", [True, False])
async def test_a_renderer_that_ends_is_told_to_whom_it_concerns(waits: bool) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    connection = await Watched.over(ours)
    assert isinstance(connection, Watched)
    answer = connection.request(b"a job")
    theirs.close()
    await connection.lost.wait()
    if waits:
        with pytest.raises((EOFError, ConnectionError)):
            await answer
    del answer, connection
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
