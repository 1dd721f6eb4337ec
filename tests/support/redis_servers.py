"""A Redis or Valkey server on a free port of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from typing import BinaryIO

import pytest

from benchmarks.ports import closed_port
from origin.cache.mark_log import BusDown
from tests.support.running import wait_until


def redis_program() -> str:
    """The server's program; skips the test where there is none."""
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("neither valkey-server nor redis-server is installed")
        pytest.skip("neither valkey-server nor redis-server is installed")
    return program


class RedisServer:
    """It keeps nothing on the disk. `command` sends one command, as redis-cli would."""

    def __init__(self, program: str, *options: str) -> None:
        self._program = program
        self._options = options
        self.port = closed_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *self._options]
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), *options], stdout=subprocess.DEVNULL
        )
        wait_until(self._answers, "Redis answers")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it hang: connections are taken, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str | bytes) -> str | int | list[str | None] | None:
        """The answer to a command (the protocol RESP2)."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            parts = [word if isinstance(word, bytes) else word.encode() for word in words]
            connection.sendall(
                b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
            )
            with connection.makefile("rb") as stream:
                return _read(stream)

    def _answers(self) -> bool:
        try:
            return self.command("PING") == "PONG"
        except OSError:
            return False


def _read(stream: BinaryIO) -> str | int | list[str | None] | None:
    line = stream.readline().rstrip(b"\r\n").decode()
    kind, rest = line[:1], line[1:]
    if kind == "-":
        raise OSError(rest)
    if kind == ":":
        return int(rest)
    if kind == "+":
        return rest
    if rest == "-1":
        return None
    if kind == "$":
        data: bytes = stream.read(int(rest) + 2)
        return data[:-2].decode()
    return [_read(stream) for _ in range(int(rest))]  # type: ignore[misc]


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    server = RedisServer(redis_program(), *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class ScriptedRedis:
    """One for the locks and leases of a fleet that does as it is told: it gives these answers in turn, then
    `after` for ever. A BusDown is raised."""

    namespace = "t:"

    def __init__(self, *answers: Any, after: Any = None) -> None:
        self.commands: list[str] = []
        self._answers = list(answers)
        self._after = after

    async def run(self, *command: str | int) -> Any:
        self.commands.append(str(command[0]))
        answer = self._answers.pop(0) if self._answers else self._after
        if isinstance(answer, BusDown):
            raise answer
        return answer
