"""Processes that have imported much and make copies of themselves, which start for a part of the CPU."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import IO

from origin.render.environment import environment


class Copier:
    """`python -m module`, from the first time that it is asked. Its input is a socket of messages, and it
    ends with this process."""

    def __init__(self, module: str, stderr: int | IO[bytes] | None = None) -> None:
        self._module = module
        self._stderr = stderr
        self._started: tuple[socket.socket, subprocess.Popen[bytes]] | None = None

    @property
    def requests(self) -> socket.socket:
        """Where it is asked for a copy."""
        if self._started is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-m", self._module],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=self._stderr,
                    env=environment(),
                    start_new_session=True,
                )
            self._started = ours, process
        return self._started[0]

    def close(self) -> None:
        """End it, if it has been started. Its copies go on."""
        if self._started is not None:
            requests, process = self._started
            requests.close()
            process.wait()
            self._started = None
