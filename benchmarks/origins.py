"""`origin serve` as a process, for runs in which things happen to it."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Process(Protocol):
    """What is used of subprocess.Popen."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


class Serve(Protocol):
    """Starts an origin of that configuration file. Its log is added to a file; `variables` are of its
    environment, beside ours."""

    def __call__(self, config: Path, log: Path, variables: Mapping[str, str]) -> Process: ...


def serve(config: Path, log: Path, variables: Mapping[str, str]) -> Process:
    """The program itself."""
    command = [sys.executable, "-m", "origin", "serve", "-c", str(config)]
    with log.open("ab") as file:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env={**os.environ, **variables}
        )


def wait_until_ready(process: Process, port: int, log: Path, seconds: float) -> None:
    """Returns once it can be asked. Raises RuntimeError with the end of its log."""
    deadline = time.monotonic() + seconds
    while not _is_ready(port):
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError(f"the origin does not start: {log.read_text()[-2000:]}")
        time.sleep(0.02)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    return False
