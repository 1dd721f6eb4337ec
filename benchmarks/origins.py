"""`origin serve` as a process, for runs in which things happen to it."""

from __future__ import annotations

import os
import subprocess
import sys
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
