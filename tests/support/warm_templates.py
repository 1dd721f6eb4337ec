"""Templates of renderers that are copies of one process which has imported everything: an origin in the test
process starts for a fifth of the CPU.

How the program itself starts is tested in tests/render/test_template.py, and by all that runs `origin serve`.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import subprocess
import threading
from typing import NoReturn

from origin.imaging import template
from origin.imaging import worker
from origin.render.template import Template
from tests.support.copiers import Copier

_NUMBER = 16  # bytes that the number of a process has at most
_one_at_a_time = threading.Lock()
copier = Copier("tests.support.warm_templates", subprocess.DEVNULL)


def warm_template() -> Template | None:
    """None where the system has no templates at all."""
    return _WarmTemplate() if hasattr(os, "pidfd_open") else None


class _WarmTemplate(Template):
    def _start(self, requests: socket.socket) -> _Copy:
        with _one_at_a_time:
            socket.send_fds(copier.requests, [b"copy"], [requests.fileno()])
            return _Copy(int(copier.requests.recv(_NUMBER)))


class _Copy:
    """The process, as `subprocess.Popen` would show it. It is a child of the copier."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor: int | None = os.pidfd_open(pid)

    def poll(self) -> int | None:
        return None if self._descriptor is not None and not self._has_ended(0) else 0

    def kill(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and nobody waits for it
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def wait(self) -> int:
        if self._descriptor is not None:
            self._has_ended(None)
            os.close(self._descriptor)
            self._descriptor = None
        return 0

    def _has_ended(self, timeout: float | None) -> bool:
        assert self._descriptor is not None
        return bool(select.select([self._descriptor], [], [], timeout)[0])


def main() -> None:
    worker.leave_signals_to_parent()
    worker.load(())
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for the copies
    with socket.socket(fileno=os.dup(0)) as requests:
        while True:
            request, descriptors, _, _ = socket.recv_fds(requests, _NUMBER, 1)
            if not request:
                return
            copy = os.fork()
            if copy == 0:
                requests.close()
                _be_template(*descriptors)
            os.close(*descriptors)
            requests.sendall(str(copy).encode())


def _be_template(requests: int) -> NoReturn:
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(requests, 0)
        os.close(requests)
        template.main()
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
