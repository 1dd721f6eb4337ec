"""Sockets that systemd hands over: a restart refuses nobody."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from origin.server.activation import inherited_sockets
from tests.support import pictures
from tests.support.commands import write_config
from tests.support.running import PATIENCE
from tests.support.running import PROGRAM
from tests.support.running import Client
from tests.support.running import settings
from tests.support.running import wait_until

HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.execve(sys.argv[2], sys.argv[2:], {**os.environ, "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})
"""


@contextmanager
def started(sock: socket.socket, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`origin serve` as systemd starts it: the socket as descriptor 3, its own id in LISTEN_PID.

    Its configuration is in a variable: there is no file.
    """
    command = [sys.executable, "-c", HAND_OVER, str(sock.fileno()), *PROGRAM, "serve", "-c", "env:WHOLE"]
    environment = {**os.environ, "WHOLE": (folder / "config.json").read_text()}
    with (folder / "stderr").open("ab") as log:
        process = subprocess.Popen(
            command, pass_fds=[sock.fileno()], env=environment, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_restart_under_load_loses_no_connection(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(pictures.small())
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        config = {**settings(tmp_path, tmp_path / "cache"), "http_port": port, "drain": 0}
        write_config(tmp_path, config)
        statuses: Counter[int] = Counter()
        enough = threading.Event()

        def ask() -> None:
            """Each time by a new connection, over both processes and the time between them."""
            while not enough.is_set():
                statuses[Client(port).get("/h/cat.jpg?w=20").status] += 1

        askers = [threading.Thread(target=ask) for _ in range(4)]
        with started(sock, tmp_path) as first:
            for asker in askers:
                asker.start()
            wait_until(lambda: statuses[200] > 20, "it answers")
            first.terminate()
            assert first.wait(PATIENCE) == 0
            answered = statuses[200]
        with started(sock, tmp_path) as second:
            wait_until(lambda: statuses[200] > answered + 20, "the next one answers")
            enough.set()
            for asker in askers:
                asker.join(PATIENCE)
            second.terminate()
            assert second.wait(PATIENCE) == 0
    assert statuses.keys() == {200}
    wait_until(lambda: b"stopped" in (tmp_path / "stderr").read_bytes(), "it has stopped")
    assert b"something else listens there" not in (tmp_path / "stderr").read_bytes()


def test_sockets_of_another_process_are_not_taken_and_the_variables_go() -> None:
    environment = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "x", "PATH": "y"}
    assert inherited_sockets(environment).take(80) is None
    assert environment == {"PATH": "y"}
    assert inherited_sockets({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"}).close() == []
