"""Templates of renderers that start with a fraction of the CPU: copies of one process of the test process."""

from __future__ import annotations

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from origin.render.environment import environment
from origin.render.template import Template

_NUMBER = 16  # bytes that the number of a process has at most


class _Maker:
    """The process that the templates are copies of, started when the first is made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: socket.socket | None = None

    def make(self, link: int) -> int:
        """The number of a new template, whose input is this descriptor."""
        with self._lock:
            if self._orders is None:
                self._orders = self._start()
            socket.send_fds(self._orders, [b"1"], [link])
            return int(self._orders.recv(_NUMBER))

    def _start(self) -> socket.socket:
        orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.template_maker"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(),
                start_new_session=True,
            )
        atexit.register(process.wait)
        atexit.register(orders.close)  # before, which ends it
        return orders


class _Process:
    """What a template does with its process, of one that is no child of this process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)
        self._has_ended = False

    def poll(self) -> int | None:
        return self._wait(0)

    def wait(self) -> int | None:
        return self._wait(None)

    def kill(self) -> None:
        if not self._has_ended:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def _wait(self, seconds: float | None) -> int | None:
        if not self._has_ended and select.select([self._descriptor], [], [], seconds)[0]:
            self._has_ended = True
            os.close(self._descriptor)
        return 0 if self._has_ended else None


class CopiedTemplate(Template):
    def _run_program(self, link: int) -> Any:
        return _Process(_MAKER.make(link))


_MAKER = _Maker()
