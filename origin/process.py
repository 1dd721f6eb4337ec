"""One render process and the socket to it, as the origin sees them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any
from typing import ClassVar

from .frames import PREFIX_SIZE
from .frames import Job
from .frames import pack_head
from .frames import unpack_head
from .frames import unpack_prefix

START_TIMEOUT = 30.0  # seconds to import libvips and warm up
MAX_RESULT = 256_000_000  # bytes that a renderer may answer with
NONSENSE = (ValueError, KeyError, TypeError, OverflowError)  # what reading an odd answer raises
_PAGE = os.sysconf("SC_PAGE_SIZE")


class RendererBroken(Exception):
    """Renderers cannot start here at all. The message is one line for people."""


class Renderer:
    """One render process and the socket to it."""

    command: ClassVar[Sequence[str]] = (sys.executable, "-m", "origin.worker")

    def __init__(self, process: asyncio.subprocess.Process, link: socket.socket) -> None:
        self.process = process
        self.link = link
        self.jobs = 0
        self.running = False
        self.hello: dict[str, Any] = {}

    @classmethod
    async def start(cls, arguments: Sequence[str]) -> Renderer:
        """A renderer that is warm. Raises RendererBroken."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(*cls.command, *arguments),
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=asyncio.subprocess.DEVNULL,  # a picture could fill the log with GLib's warnings
                    env=_environment(),
                    start_new_session=True,  # the terminal's Ctrl-C is for us alone
                )
        except BaseException as exc:
            ours.close()
            if isinstance(exc, OSError):
                raise RendererBroken(f"a renderer did not start: {exc}") from exc
            raise
        renderer = cls(process, ours)
        try:
            async with asyncio.timeout(START_TIMEOUT):
                head, _ = await renderer._receive()
                renderer.hello = dict(head["hello"])
        except (OSError, EOFError, *NONSENSE) as exc:
            await renderer.kill()
            raise RendererBroken(f"a renderer did not start: {type(exc).__name__}: {exc}") from exc
        except asyncio.CancelledError:
            await renderer.kill()
            raise
        if renderer.hello.get("error"):
            await renderer.kill()
            raise RendererBroken(str(renderer.hello["error"])[:300])
        return renderer

    async def run(self, job: Job, original: bytes) -> tuple[dict[str, Any], bytes]:
        """The answer's head and body. Raises OSError, EOFError or ValueError where it has gone wrong."""
        self.jobs += 1
        self.running = True
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self.link, pack_head(job.to_head(), len(original)))
            await loop.sock_sendall(self.link, original)
            return await self._receive()
        finally:
            self.running = False

    def end(self) -> None:
        """End the process at once, whatever it is doing. Who waits for its answer reads the end."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    async def kill(self) -> None:
        """End the process and wait for that. Not while someone waits for its answer: a socket that is
        closed under a reader never wakes it."""
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

    async def _receive(self) -> tuple[dict[str, Any], bytes]:
        head_length, body_length = unpack_prefix(await self._read(PREFIX_SIZE), MAX_RESULT)
        head = unpack_head(await self._read(head_length))
        return head, await self._read(body_length)

    async def _read(self, length: int) -> bytes:
        loop = asyncio.get_running_loop()
        buffer = bytearray(length)
        view = memoryview(buffer)
        while view:
            count = await loop.sock_recv_into(self.link, view)
            if not count:
                raise EOFError("the renderer closed its end")
            view = view[count:]
        return bytes(buffer)


def _environment() -> dict[str, str]:
    """What a renderer may know: where the code is, and nothing of ours that is secret."""
    environment = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "2",  # glibc's arenas are where memory that "leaks" in libvips stays
        "VIPS_CONCURRENCY": "1",  # one core a renderer
        "VIPS_MAX_COORD": "100000",  # px of a side; libvips refuses more at the header
    }
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return environment
