"""The server of tests leaves nothing open behind, whatever its clients do."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import warnings
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.certificates import self_signed
from tests.support.stream_server import Converse
from tests.support.stream_server import StreamServer
from tests.support.stream_server import hang_up
from tests.support.stream_server import stream_server

MUCH = bytes(20_000_000)  # more than the kernel takes for a client that does not read


async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def tell_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(MUCH)


def left_open(work: Callable[[ExitStack], Awaitable[None]]) -> list[str]:
    """What is found open when the loop of this work has ended. Its clients stay until then."""
    with ExitStack() as clients, warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        with asyncio.Runner() as runner:
            runner.get_loop().run_until_complete(work(clients))
        gc.collect()
    return [str(warning.message) for warning in found]


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest, tmp_path: Path) -> ssl.SSLContext | None:
    if request.param == "plain":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path))
    return context


async def connected(server: StreamServer, tls: ssl.SSLContext | None) -> socket.socket:
    """A client that has shaken hands, and does nothing by itself from then on."""
    client = socket.create_connection(("127.0.0.1", server.port))
    if tls is None:
        return client
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return await asyncio.to_thread(context.wrap_socket, client)


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - of sockets, which tell of nothing
        await asyncio.sleep(0)


@pytest.mark.parametrize("converse", [hang_up, listen, tell_much])
def test_a_client_that_does_nothing_more_is_left(tls: ssl.SSLContext | None, converse: Converse) -> None:
    async def work(clients: ExitStack) -> None:
        async with stream_server(converse, tls=tls) as server:
            clients.enter_context(await connected(server, tls))
            await until(lambda: server.connections)

    assert left_open(work) == []


@pytest.mark.parametrize("turns", range(6))
def test_a_client_that_has_just_come_and_never_speaks_is_left(tls: ssl.SSLContext | None, turns: int) -> None:
    async def work(clients: ExitStack) -> None:
        async with stream_server(listen, tls=tls) as server:
            clients.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            for _ in range(turns):
                await asyncio.sleep(0)

    assert left_open(work) == []


def test_what_a_conversation_fails_with_is_told(tls: ssl.SSLContext | None) -> None:
    async def mistake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise KeyError("a mistake")

    async def work(clients: ExitStack) -> None:
        async with stream_server(mistake, tls=tls) as server:
            clients.enter_context(await connected(server, tls)).close()
            await until(lambda: server.connections and not server.conversations)

    with pytest.raises(KeyError, match="a mistake"):
        left_open(work)


def test_a_body_that_fails_leaves_nothing_open(tls: ssl.SSLContext | None) -> None:
    async def body(clients: ExitStack) -> None:
        async with stream_server(listen, tls=tls) as server:
            clients.enter_context(await connected(server, tls))
            raise KeyError("a mistake")

    async def work(clients: ExitStack) -> None:
        with pytest.raises(KeyError, match="a mistake"):
            await body(clients)

    assert left_open(work) == []
