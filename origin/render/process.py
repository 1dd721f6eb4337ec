"""One render process, as the origin sees it: how it starts, answers and ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from typing import Protocol

from origin.formats import Format
from origin.imaging.protocol import REST_SECONDS
from origin.imaging.protocol import SHARED_BYTES
from origin.imaging.protocol import WATERMARK_BYTES
from origin.imaging.protocol import Job
from origin.imaging.protocol import pack_head
from origin.render.connection import PROTOCOL_ERRORS
from origin.render.connection import Message
from origin.render.connection import RendererConnection
from origin.render.cpu_time import LEAST_SHARE
from origin.render.cpu_time import cpu_seconds
from origin.render.cpu_time import is_computing
from origin.render.environment import environment
from origin.render.shared_memory import SharedMemory
from origin.render.shared_memory import make_shared_memory
from origin.render.template import Template

log = logging.getLogger(__name__)

START_TIMEOUT = 30.0  # seconds to import libvips and warm up
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Bytes that the socket takes at once, where the system allows as many. What does not fit has to be sent
# when the renderer has read some, which wakes this process once more for each job.
_SOCKET_BUFFER = 1 << 20
_whole, _part = divmod(REST_SECONDS, 1)
_REST = struct.pack("@ll", int(_whole), int(_part * 1_000_000))  # as SO_RCVTIMEO has it: socket(7)


class RendererBroken(Exception):
    """Renderers cannot start here at all. The message is one line for people."""


class Process(Protocol):
    """What is used of asyncio's own processes."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...

    def kill(self) -> None: ...


class Renderer:
    """One render process. It talks to the origin over one socket pair, its standard input and output, and
    reads originals from shared memory, where the system has that."""

    command: ClassVar[Sequence[str]] = (sys.executable, "-m", "origin.imaging.worker")
    make_shared_memory: ClassVar[Callable[[], SharedMemory | None]] = staticmethod(make_shared_memory)
    cpu_seconds: ClassVar[Callable[[int], float]] = staticmethod(cpu_seconds)

    def __init__(
        self,
        process: Process,
        connection: RendererConnection,
        shared: SharedMemory | None = None,
        template: Template | None = None,
    ) -> None:
        self.process = process
        self.connection = connection
        self.template = template  # what it was forked from; None for a program that started by itself
        self._shared = shared
        self.jobs = 0
        self._computed = 0.0  # seconds of CPU before its last job
        self.last_original = ""  # of the last job: what it may have decoded still
        self.hello: dict[str, Any] = {}
        self._watermarks: set[str] = set()  # digests of those that it keeps decoded
        connection.on_unasked = self.end

    @classmethod
    async def start(cls, arguments: Sequence[str], template: Template | None = None) -> Renderer:
        """A renderer that is warm; without a template, a program that starts by itself.

        Raises RendererBroken.
        """
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            with contextlib.suppress(OSError):  # Linux lowers what is too much, macOS refuses it
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)
        with contextlib.suppress(OSError):  # of a system with another form of it: they keep their memory
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _REST)
        shared = cls.make_shared_memory()
        memory = () if shared is None else (shared.theirs,)
        with theirs:
            connection = await RendererConnection.over(ours)
            hello = connection.request()
            try:
                if template is None:
                    process = await cls._run_program(arguments, theirs.fileno(), memory)
                else:
                    process = await template.fork(arguments, (theirs.fileno(), *memory))
            except BaseException as exc:
                hello.cancel()
                connection.close()
                if shared is not None:
                    shared.close()
                if isinstance(exc, OSError | EOFError):
                    raise RendererBroken(f"a renderer did not start: {exc}") from exc
                raise
        if shared is not None:
            shared.close_theirs()
        renderer = cls(process, connection, shared, template)
        try:
            await renderer._read_hello(hello)
        except BaseException:
            await renderer.kill()
            raise
        return renderer

    async def _read_hello(self, hello: asyncio.Future[Message]) -> None:
        """Wait for the first message of the process. Raises RendererBroken."""
        try:
            async with asyncio.timeout(START_TIMEOUT):
                head, _ = await hello
                self.hello = dict(head["hello"])
        except (OSError, EOFError, *PROTOCOL_ERRORS) as exc:
            raise RendererBroken(f"a renderer did not start: {type(exc).__name__}: {exc}") from exc
        if self.hello.get("error"):
            raise RendererBroken(str(self.hello["error"])[:2000])

    @classmethod
    async def _run_program(cls, arguments: Sequence[str], link: int, memory: Sequence[int]) -> Process:
        """Raises OSError."""
        named = [text for descriptor in memory for text in ("--shared-memory", str(descriptor))]
        return await asyncio.create_subprocess_exec(
            *(*cls.command, *arguments, *named),
            stdin=link,
            stdout=link,
            stderr=asyncio.subprocess.DEVNULL,  # a picture could fill the log with GLib's warnings
            env=environment(),
            start_new_session=True,  # the terminal's Ctrl-C is for us alone
            pass_fds=memory,
        )

    def run(self, job: Job, original: bytes | memoryview) -> asyncio.Future[Message]:
        """Head and body of the answer. It fails with OSError, EOFError or one of `PROTOCOL_ERRORS`."""
        self.jobs += 1
        self._computed = type(self).cpu_seconds(self.process.pid)
        head, body = job.to_head(), [original]
        if self._shared is not None and self._shared.write(original):
            head[SHARED_BYTES] = len(original)
            body = []
        watermark = job.watermark
        if watermark is not None and watermark.digest not in self._watermarks:
            self._watermarks.add(watermark.digest)
            head[WATERMARK_BYTES] = len(watermark.picture)
            body.append(watermark.picture)
        answer = self.connection.request(pack_head(head, sum(map(len, body))), *body)
        if self._shared is not None:
            answer.add_done_callback(self._trim)
        return answer

    def _trim(self, answer: object) -> None:
        if self._shared is not None:
            self._shared.trim()

    def is_starved(self, seconds: float) -> bool:
        """Whether its job, which it got so many seconds ago, goes on and hardly had a core in that time."""
        computed = type(self).cpu_seconds(self.process.pid) - self._computed
        return computed < seconds * LEAST_SHARE and is_computing(self.process.pid)

    def end(self) -> None:
        """End the process at once, whatever it is doing. A request to it fails with EOFError."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    async def kill(self) -> None:
        """End the process and wait until it has ended. A request to it fails with EOFError."""
        self.connection.close()
        self.end()
        await self.process.wait()
        self.close()

    def close(self) -> None:
        """Let go of what this process has of one that has ended."""
        self.connection.close()
        if self._shared is not None:
            self._shared.close()
            self._shared = None

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    @property
    def has_crashed(self) -> bool:
        """Whether it has ended, and neither by itself nor by us."""
        return self.process.returncode not in (None, 0, -signal.SIGKILL)

    @property
    def ended_by(self) -> str:
        code = self.process.returncode
        if code is None:
            return "still running"
        if code >= 0:
            return f"exit status {code}"
        sender = ", as the kernel does where memory runs out" if code == -signal.SIGKILL else ""
        return f"signal {-code} ({signal.strsignal(-code)}{sender})"

    def memory(self) -> int:
        """Bytes resident; 0 where the system does not tell."""
        try:
            with open(f"/proc/{self.process.pid}/statm", "rb") as file:
                return int(file.read().split()[1]) * _PAGE_BYTES
        except (OSError, IndexError, ValueError):
            return 0


def warn_of_missing_locks(hello: dict[str, Any]) -> None:
    """Tell operators what of the sandbox does not hold, as a renderer said when it started."""
    locks, reasons = hello.get("sandbox") or {}, hello.get("sandbox_missing") or {}
    missing = [name for name, holds in locks.items() if not holds]
    if missing and len(missing) == len(locks):
        why = "; ".join(sorted({str(reason) for reason in reasons.values()}))
        log.warning("renderers run without a sandbox (%s): serve only pictures that you trust from here", why)
    elif missing:
        log.warning(
            "renderers run without %s", ", ".join(f"{name} ({reasons.get(name)})" for name in missing)
        )


def warn_of_absent_decoders(hello: dict[str, Any]) -> None:
    """Tell operators which formats cannot be read here, and what to install."""
    for name in hello.get("absent") or ():
        extra = Format.named(str(name)).extra
        log.warning(
            "originals in %s are refused: no decoder is installed; pip install 'image-origin[%s]' does that",
            name,
            extra,
        )
