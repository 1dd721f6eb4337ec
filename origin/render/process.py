"""One render process and the socket to it, as the origin sees them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from typing import cast

from origin.imaging.protocol import PREFIX_SIZE
from origin.imaging.protocol import Job
from origin.imaging.protocol import pack_head
from origin.imaging.protocol import unpack_head
from origin.imaging.protocol import unpack_prefix

START_TIMEOUT = 30.0  # seconds to import libvips and warm up
MAX_RESULT = 256_000_000  # bytes that a renderer may answer with
PROTOCOL_ERRORS = (ValueError, KeyError, TypeError, OverflowError)  # what reading an odd answer raises
_PAGE = os.sysconf("SC_PAGE_SIZE")
# Bytes that the socket takes at once, where the system allows as many. What does not fit has to be sent
# when the renderer has read some, which wakes this process once more for each job.
_SOCKET_BUFFER = 1 << 20

Frame = tuple[dict[str, Any], bytes]  # head and body of a frame


class RendererBroken(Exception):
    """Renderers cannot start here at all. The message is one line for people."""


class RendererConnection(asyncio.Protocol):
    """Our end of the socket: whole frames go out, and one answer comes in for each."""

    def __init__(self) -> None:
        self.on_unasked: Callable[[], None] = self.close  # what to do about a renderer that speaks first
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Frame] | None = None
        self._pieces: list[bytes] = []
        self._length = 0  # bytes of the pieces
        self._needed = PREFIX_SIZE  # bytes, until more is known
        self._head_length = 0

    @classmethod
    async def over(cls, ours: socket.socket) -> RendererConnection:
        _, link = await asyncio.get_running_loop().create_unix_connection(cls, sock=ours)
        return link

    def answer(self, *frame: bytes) -> asyncio.Future[Frame]:
        """Send a frame; its answer. That fails with OSError, EOFError or one of `NONSENSE`."""
        self._waiter = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            self._waiter.set_exception(EOFError("the renderer is gone"))
            return self._waiter
        for part in frame:
            self._transport.write(part)
        return self._waiter

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or EOFError("the renderer closed its end"))

    def data_received(self, data: bytes) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            self.on_unasked()
            return
        self._pieces.append(data)
        self._length += len(data)
        if self._length < self._needed:
            return
        try:
            answer = self._whole()
        except PROTOCOL_ERRORS as exc:
            waiter.set_exception(exc)
            return
        if answer is not None:
            waiter.set_result(answer)

    def _whole(self) -> Frame | None:
        """The answer, where all of it is there. Raises ValueError."""
        data = b"".join(self._pieces)
        if not self._head_length:
            self._head_length, body_length = unpack_prefix(data[:PREFIX_SIZE], MAX_RESULT)
            self._needed = PREFIX_SIZE + self._head_length + body_length
        self._pieces = [data]
        if self._length < self._needed:
            return None
        if self._length > self._needed:
            raise ValueError(f"{self._length - self._needed} bytes behind the answer")
        end = PREFIX_SIZE + self._head_length
        self._pieces, self._length, self._needed, self._head_length = [], 0, PREFIX_SIZE, 0
        return unpack_head(data[PREFIX_SIZE:end]), data[end:]


class Renderer:
    """One render process and the socket to it."""

    command: ClassVar[Sequence[str]] = (sys.executable, "-m", "origin.imaging.worker")

    def __init__(self, process: asyncio.subprocess.Process, link: RendererConnection) -> None:
        self.process = process
        self.link = link
        self.jobs = 0
        self.hello: dict[str, Any] = {}
        link.on_unasked = self.end

    @classmethod
    async def start(cls, arguments: Sequence[str]) -> Renderer:
        """A renderer that is warm. Raises RendererBroken."""
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            with contextlib.suppress(OSError):  # Linux lowers what is too much, macOS refuses it
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)
        with theirs:
            link = await RendererConnection.over(ours)
            hello = link.answer()
            try:
                process = await asyncio.create_subprocess_exec(
                    *(*cls.command, *arguments),
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=asyncio.subprocess.DEVNULL,  # a picture could fill the log with GLib's warnings
                    env=environment(),
                    start_new_session=True,  # the terminal's Ctrl-C is for us alone
                )
            except BaseException as exc:
                hello.cancel()
                link.close()
                if isinstance(exc, OSError):
                    raise RendererBroken(f"a renderer did not start: {exc}") from exc
                raise
        renderer = cls(process, link)
        try:
            async with asyncio.timeout(START_TIMEOUT):
                head, _ = await hello
                renderer.hello = dict(head["hello"])
        except (OSError, EOFError, *PROTOCOL_ERRORS) as exc:
            await renderer.kill()
            raise RendererBroken(f"a renderer did not start: {type(exc).__name__}: {exc}") from exc
        except asyncio.CancelledError:
            await renderer.kill()
            raise
        if renderer.hello.get("error"):
            await renderer.kill()
            raise RendererBroken(str(renderer.hello["error"])[:300])
        return renderer

    async def run(self, job: Job, original: bytes) -> Frame:
        """The answer's head and body. Raises OSError, EOFError or one of `NONSENSE` where it goes wrong."""
        self.jobs += 1
        return await self.link.answer(pack_head(job.to_head(), len(original)), original)

    def end(self) -> None:
        """End the process at once, whatever it is doing. Who waits for its answer reads the end."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    async def kill(self) -> None:
        """End the process and wait for that. Who waits for its answer learns that there is none."""
        self.link.close()
        self.end()
        await self.process.wait()

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    @property
    def ended_by(self) -> str:
        code = self.process.returncode
        if code is None:
            return "still running"
        return f"signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"exit status {code}"

    def memory(self) -> int:
        """Bytes resident; 0 where the system does not tell."""
        try:
            with open(f"/proc/{self.process.pid}/statm", "rb") as file:
                return int(file.read().split()[1]) * _PAGE
        except (OSError, IndexError, ValueError):
            return 0


def environment() -> dict[str, str]:
    """What a renderer may know: where the code is, and nothing of ours that is secret."""
    environment = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "1",  # arenas are where memory that "leaks" in libvips stays
        # Or a buffer of some hundred kB, which each picture takes many of, is new pages each time.
        "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(32 << 20),
        "VIPS_CONCURRENCY": "1",  # one core a renderer
        "VIPS_MAX_COORD": "100000",  # px of a side; libvips refuses more at the header
    }
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return environment
