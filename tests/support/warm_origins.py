"""`origin serve` in processes that are copies of one which has imported everything: each starts for an
eighth of the CPU.

They are processes of their own, with renderers of their own, to be paused and killed like any other. How the
program itself starts is tested in tests/cli/test_serve.py, and by all else that runs `python -m origin`. What
is drawn by lot at the import is the same in all copies: the name in `Via`, the first half of the ids of
requests. The built-in fallback image is another, small one (`tests.support.origin_program`).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from benchmarks import origins
from tests.support.copiers import Copier

_NUMBER = 16  # bytes that the number of a process has at most
# The program, on a machine whose clock is not right.
_WITH_A_CLOCK = """
import runpy, sys, time
real, ahead = time.time, float(sys.argv.pop(1))
time.time = lambda: real() + ahead
runpy.run_module("origin", run_name="__main__", alter_sys=True)
"""
copier = Copier("tests.support.origin_copier")


class Started:
    """An origin, as `subprocess.Popen` would show it. It is a child of the copier, which says how it ends."""

    def __init__(
        self, arguments: Sequence[str], given: bytes, log: Path, ahead: float, variables: Mapping[str, str]
    ) -> None:
        self.returncode: int | None = None
        self._messages, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        about = {
            "arguments": arguments,
            "variables": {**os.environ, **variables},
            "folder": os.getcwd(),
            "ahead": ahead,
            "config": (given or Path(arguments[-1]).read_bytes()).decode(),
        }
        with theirs, log.open("ab") as written, tempfile.TemporaryFile() as stdin:
            stdin.write(given)
            stdin.seek(0)
            files = [stdin.fileno(), written.fileno(), theirs.fileno()]
            socket.send_fds(copier.requests, [json.dumps(about).encode()], files)
        number, (self._descriptor,), _, _ = socket.recv_fds(self._messages, _NUMBER, 1)
        self.pid = int(number)

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("origin", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended
            if self.returncode is None:
                signal.pidfd_send_signal(self._descriptor, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._messages], [], [], timeout)[0]:
            self.returncode = int(self._messages.recv(_NUMBER))
            self._messages.close()
            os.close(self._descriptor)
        return self.returncode


def start(
    *arguments: str, given: bytes = b"", log: Path, ahead: float = 0.0
) -> Started | subprocess.Popen[bytes]:
    """`origin ...` with `given` as its stdin; what it writes to stderr is added to `log`. Its clock is ahead
    by so many seconds. Where the system has no descriptors of processes, the program itself is started."""
    if hasattr(os, "pidfd_open"):
        return Started(arguments, given, log, ahead, {})
    with log.open("ab") as written, tempfile.TemporaryFile() as stdin:
        stdin.write(given)
        stdin.seek(0)
        return subprocess.Popen(
            [sys.executable, "-c", _WITH_A_CLOCK, str(ahead), *arguments], stdin=stdin, stderr=written
        )


def serve(config: Path, log: Path, variables: Mapping[str, str]) -> origins.Process:
    """The same with a configuration file, as benchmarks start it (`benchmarks.origins`)."""
    if not hasattr(os, "pidfd_open"):
        return origins.serve(config, log, variables)
    return Started(("serve", "-c", str(config)), b"", log, 0.0, variables)
