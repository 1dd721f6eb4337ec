"""An origin on a loopback port, inside the test process, and a client that sends paths as they are.

    with Running(settings(folder, cache)) as origin:
        answer = origin.get("/h/land.jpg?w=300", headers={"Accept": "image/avif"})

The app runs in a thread with a loop of its own, behind the very listener of `origin serve`.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from typing import TypeVar

import uvloop

from origin.app import create_app
from origin.cache.records import Result
from origin.config.model import Config
from origin.delivery.authorize import Verify
from origin.delivery.fallback import Fallback
from origin.delivery.fallback import built_in
from origin.errors import NotFound
from origin.errors import OriginError
from origin.parts.origin import Origin
from origin.server import listener
from origin.sources import Original
from origin.sources import ReserveMemory
from origin.sources import Source
from origin.sources.base import Access
from origin.sources.base import CheckResult
from origin.sources.base import no_limit

T = TypeVar("T")
PATIENCE = 60.0  # seconds before a test that waits gives up
PROGRAM = (sys.executable, "-m", "origin")
# The built-in fallback image in every format, by the qualities it has: what the first origin of a process
# prepared serves the others, or each would render it for longer than most tests take.
_prepared: dict[str, tuple[bytes, dict[str, Result]]] = {}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage  # `get` takes any case; `get_all` shows repeated ones
    body: bytes

    @property
    def type(self) -> str | None:
        return self.headers.get("Content-Type")

    @property
    def kind(self) -> str | None:
        """The class of a failure."""
        return self.headers.get("X-Origin-Error")


class Exchange:
    """A request that was sent, and its answer, read when a test wants it."""

    def __init__(self, port: int, head: bytes, method: str, source: str | None = None) -> None:
        self._method = method
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE, (source, 0) if source else None)
        self.socket.sendall(head)

    def answer(self) -> Answer:
        with self.socket:
            response = http.client.HTTPResponse(self.socket, method=self._method)
            with response:
                response.begin()
                return Answer(response.status, response.headers, response.read())

    def leave(self) -> None:
        """Close the connection without reading, as an impatient browser does."""
        self.socket.close()


class Client:
    """Speaks HTTP/1.1 to a port of this machine; changes nothing in what it is told to send."""

    def __init__(self, port: int) -> None:
        self.port = port

    def send(
        self,
        target: str | bytes,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        source: str | None = None,
    ) -> Exchange:
        """Send a request and do not wait. `target` is the request target, byte for byte; `source` the
        client's address, where it is another one of this machine."""
        if isinstance(target, str):
            target = target.encode("ascii")
        fields = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        head = method.encode() + b" " + target + b" HTTP/1.1\r\n" + lines.encode("latin-1") + b"\r\n"
        return Exchange(self.port, head, method, source)

    def get(
        self,
        target: str | bytes,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        source: str | None = None,
    ) -> Answer:
        return self.send(target, method, headers, source).answer()


class Running(Client):
    """`config` as for `create_app`; its ports do not count, a free one is taken. Renders wait for their turn
    as long as a busy machine takes, unless a configuration says otherwise.

    `source` stands in for the source of every handler, or `sources` by their names; `clock` for their Unix
    time.
    """

    def __init__(
        self,
        config: Config | Mapping[str, Any] | Path,
        *,
        source: Source | None = None,
        sources: Mapping[str, Source] | None = None,
        clock: Callable[[], float] | None = None,
        verify: Verify | None = None,
    ) -> None:
        super().__init__(port=0)
        if source is not None:
            sources = _ForEveryHandler(source)
        if isinstance(config, Mapping):
            config = {**config, "limits": {"queue_timeout": PATIENCE, **config.get("limits", {})}}
        self.app = create_app(config, verify, sources=sources, clock=clock or time.time)
        self.origin: Origin = self.app.origin
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="origin")
        self._loop: asyncio.AbstractEventLoop
        self._listener: Any

    def __enter__(self) -> Running:
        self._thread.start()
        self._started.result(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the origin does not stop"

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop of the origin."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def settle(self) -> None:
        """Wait until the caches have written behind the answers what there is to write."""
        for cache in self.origin.caches.by_folder.values():
            self.call(cache.flush())

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        with listener.bind("127.0.0.1", 0) as sock:
            sock.listen()  # now, so that a client may connect before uvicorn gets there
            self.port = sock.getsockname()[1]
            self._listener = listener.make_listener(self.app, self.port)
            fallbacks = list(self._built_in_fallbacks())
            for name, fallback in fallbacks:
                if name in _prepared:
                    fallback._image, fallback._prepared = _prepared[name]
            async with self.app.router.lifespan_context(self.app):
                for name, fallback in fallbacks:
                    if fallback._prepared:
                        _prepared[name] = fallback._image, fallback._prepared
                serving = asyncio.create_task(self._listener.serve([sock]))
                self._started.set_result(None)
                await serving

    def _built_in_fallbacks(self) -> Iterator[tuple[str, Fallback]]:
        """Each with a name for what it shows."""
        for handler in self.origin.handlers.values():
            fallback = handler.fallback
            if fallback._image == built_in():
                yield str(sorted(fallback._quality.items())), fallback


class _ForEveryHandler(dict[str, Source]):
    """The same source under every name."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def get(self, name: str, default: Any = None) -> Source:
        return self._source


def settings(root: Path, cache: Path, **handler: Any) -> dict[str, Any]:
    """A configuration of one handler, `h`, over a folder, with one renderer."""
    return {
        "handlers": [{"name": "h", "source": {"type": "local", "root": str(root)}, **handler}],
        "cache": {"path": str(cache)},
        "renderers": 1,
    }


class Shelf:
    """A source of originals in memory, which counts, waits and fails as it is told.

    `gets` holds the key and the version asked about of every call; `cancelled` counts those that were
    given up. `failures` are raised for their keys, and `failure` for all; `hold` lets calls wait for
    `release`.
    """

    def __init__(self, **originals: bytes) -> None:
        self.originals = originals
        self.gets: list[tuple[str, str | None]] = []
        self.cancelled = 0
        self.failure: OriginError | None = None
        self.failures: dict[str, OriginError] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._free: asyncio.Event

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._free = asyncio.Event()
        self._free.set()

    async def close(self) -> None: ...

    async def check(self) -> CheckResult:
        return CheckResult(Access.UNKNOWN, "the shelf")

    async def get(
        self, key: str, if_none_match: str | None = None, reserve_memory: ReserveMemory = no_limit
    ) -> Original | None:
        self.gets.append((key, if_none_match))
        try:
            await self._free.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        failure = self.failure or self.failures.get(key)
        if failure is not None:
            raise failure
        if key not in self.originals:
            raise NotFound(f"no {key!r} on the shelf")
        body = self.originals[key]
        etag = hashlib.sha256(body).hexdigest()
        return None if etag == if_none_match else Original(body, etag, 1_700_000_000.0)

    def hold(self) -> None:
        self._tell(lambda: self._free.clear())

    def release(self) -> None:
        self._tell(lambda: self._free.set())

    def _tell(self, action: Callable[[], None]) -> None:
        """Do it in the origin's loop, and return when it is done."""

        async def act() -> None:
            action()

        assert self._loop is not None, "the origin has not started"
        asyncio.run_coroutine_threadsafe(act(), self._loop).result(PATIENCE)


class Clock:
    """Unix time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Poll until `holds()` is true; fail, saying `what` was waited for, when it takes too long. The longer it
    takes, the rarer it looks: often a look is a request."""
    deadline = time.monotonic() + PATIENCE
    pause = 0.005  # seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(pause)
        pause = min(1.1 * pause, 0.05)


def command(*arguments: str, text: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `origin ...` to its end, `text` being its stdin."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, **environment},
    )


@contextmanager
def serving(folder: Path, *arguments: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`origin ...` as a process of its own, from when `port` answers; SIGTERM at the end.

    What it writes is in `folder`, in the files `stdout` and `stderr`.
    """
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen([*PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), "the port answers")
        yield process
        process.terminate()
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return Client(port).get("/status").status == 200
    except OSError:
        return False
