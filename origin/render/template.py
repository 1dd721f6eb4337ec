"""The process that renderers are forked from, as the origin sees it (`origin.imaging.template`).

With three renderers a start takes a quarter of a second of CPU less, and 40 MB of memory. Linux alone has it.
Elsewhere, or where `make_template` returns None, each renderer is a program that starts by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from typing import ClassVar
from typing import Protocol

from origin.render.environment import environment

_LEAVE_SECONDS = 5.0  # in which a template that is closed may end what it was asked for
_NUMBER = 16  # bytes that the number of a process has at most
_PR_SET_CHILD_SUBREAPER = 36
_UNKNOWN = 255  # as asyncio has it, where somebody else has waited for a process


class ForkedProcess:
    """A child of this process that another one has started. It is used as asyncio's own are."""

    def __init__(self, pid: int) -> None:
        """Raises OSError."""
        self.pid = pid
        self.returncode: int | None = None
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._descriptor = _open_process(pid)
        loop.add_reader(self._descriptor, self._on_end)

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self.returncode = _wait(self.pid)
        self._ended.set_result(None)

    async def wait(self) -> int:
        """Its exit status; that of one that a signal ended is negative."""
        await asyncio.shield(self._ended)
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        """Raises ProcessLookupError where it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, signal.SIGKILL)  # the number is its own until it is waited for


class TemplateProcess(Protocol):
    """What is used of subprocess.Popen."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def kill(self) -> None: ...

    def wait(self) -> int: ...


class Template:
    """It starts when it is made, which takes no event loop, and answers once it is ready."""

    command: ClassVar[Sequence[str]] = (sys.executable, "-m", "origin.imaging.template")

    def __init__(self) -> None:
        """Raises OSError."""
        self._waiting: deque[asyncio.Future[ForkedProcess]] = deque()
        self._ended: asyncio.Event | None = None  # once there is a loop
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests.setblocking(False)
        with theirs, contextlib.ExitStack() as undo:
            undo.callback(self._requests.close)
            self._process = self._start(theirs)
            undo.pop_all()

    def _start(self, requests: socket.socket) -> TemplateProcess:
        """The process that reads them. Raises OSError."""
        return subprocess.Popen(
            self.command,
            stdin=requests.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # a picture could fill the log with GLib's warnings
            env=environment(),
            start_new_session=True,  # the terminal's Ctrl-C is for us alone
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    async def fork(self, arguments: Sequence[str], descriptors: Sequence[int]) -> ForkedProcess:
        """A process that runs `origin.imaging.worker` with these arguments. Raises OSError and EOFError."""
        loop = asyncio.get_running_loop()
        if self._ended is None:
            self._ended = asyncio.Event()
            loop.add_reader(self._requests, self._on_answer)
        if self._ended.is_set():
            raise EOFError("the template has ended")
        request = json.dumps(list(arguments)).encode()
        _adopt(1)
        self._waiting.append(loop.create_future())
        try:
            socket.send_fds(self._requests, [request], list(descriptors))
        except OSError as exc:
            self._waiting.pop()
            _adopt(-1)
            if isinstance(exc, ConnectionError):
                raise EOFError("the template has ended") from exc
            raise
        return await self._waiting[-1]

    def _on_answer(self) -> None:
        try:
            number = self._requests.recv(_NUMBER)
        except BlockingIOError:
            return
        except OSError:
            number = b""
        if not number:
            self._on_end()
            return
        answer = self._waiting.popleft()
        _adopt(-1)
        try:
            process = ForkedProcess(int(number))
        except OSError as exc:  # no descriptor is left
            os.kill(int(number), signal.SIGKILL)
            _wait(int(number))
            if not answer.done():
                answer.set_exception(exc)
            return
        if answer.done():  # who asked has left
            process.kill()
        else:
            answer.set_result(process)

    def _on_end(self) -> None:
        assert self._ended is not None
        self._ended.set()
        asyncio.get_running_loop().remove_reader(self._requests)
        while self._waiting:
            answer = self._waiting.popleft()
            _adopt(-1)
            if not answer.done():
                answer.set_exception(EOFError("the template has ended"))

    async def close(self) -> None:
        """End it, and with it renderers that nobody waits for any more. Others live on."""
        try:
            if self._waiting and self._ended is not None:
                self._requests.shutdown(socket.SHUT_WR)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), _LEAVE_SECONDS)
        finally:
            if self._ended is not None and not self._ended.is_set():
                self._on_end()
            self.end()

    def end(self) -> None:
        """End it where it has no work to do."""
        self._requests.close()
        self._process.kill()
        self._process.wait()


def make_template() -> Template | None:
    """None where the system cannot watch over processes that another one starts, or starts none at all."""
    try:
        os.close(_open_process(os.getpid()))
        _adopt(1)
        _adopt(-1)
        return Template()
    except (OSError, AttributeError):  # no such call
        return None


def _open_process(pid: int) -> int:
    """A descriptor that tells when a process ends. Raises OSError where the system has none."""
    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    raise OSError("the system has no descriptors of processes")


def _wait(pid: int) -> int:
    """The exit status of a process that has ended."""
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return _UNKNOWN
    return os.waitstatus_to_exitcode(status)


_adopting_lock = threading.Lock()
_adopting = 0


def _adopt(more: int) -> None:
    """Let descendants whose own parent ends become children of this process, while renderers start.

    Not for longer: a program that the origin runs in may start processes of its own. Raises OSError.
    """
    global _adopting
    with _adopting_lock:
        _adopting += more
        _become_subreaper(_adopting > 0)


def _become_subreaper(is_one: bool) -> None:
    """prctl(2), PR_SET_CHILD_SUBREAPER. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(is_one), *[ctypes.c_ulong(0)] * 3) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
