"""The process that origins of tests are copies of (`tests.support.warm_origins`).

Its input is a socket. A request says how to run the program; with it come its stdin, its stderr, and a socket
for the answers: its number, with a descriptor of the process, and in the end its exit code.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

_MAX_REQUEST = 200_000  # bytes, with all variables of the environment
_real_time = time.time
_ahead = 0.0  # seconds


def _wait_for_request(
    requests: socket.socket, prepare: Callable[[str], None]
) -> tuple[dict[str, Any], list[int]] | None:
    """Copy this process whenever it is asked for, prepared for what the copy will read. Returns what is asked
    for in a copy, with its files, and in this process None, once nobody will ask any more."""
    running: dict[int, tuple[int, socket.socket]] = {}  # by the descriptor of each: its number
    while True:
        ready = set(select.select([requests.fileno(), *running], [], [])[0])
        for descriptor in ready & running.keys():
            number, messages = running.pop(descriptor)
            _, status = os.waitpid(number, 0)
            os.close(descriptor)
            with messages, contextlib.suppress(BrokenPipeError):  # nobody waits for it
                messages.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        if requests.fileno() not in ready:
            continue
        request, files, _, _ = socket.recv_fds(requests, _MAX_REQUEST, 3)
        if not request:
            return None
        about = json.loads(request)
        prepare(about["config"])
        gc.freeze()
        number = os.fork()
        if number == 0:
            os.close(files.pop())
            for descriptor, (_, messages) in running.items():
                os.close(descriptor)
                messages.close()
            return about, files
        messages = socket.socket(fileno=files.pop())
        for file in files:
            os.close(file)
        descriptor = os.pidfd_open(number)
        socket.send_fds(messages, [str(number).encode()], [descriptor])
        running[descriptor] = number, messages


def main() -> None:
    time.time = lambda: _real_time() + _ahead  # before anything is imported that keeps it
    from tests.support import origin_program

    with socket.socket(fileno=os.dup(0)) as requests:
        asked = _wait_for_request(requests, origin_program.load_for)
    if asked is not None:
        _set_up(*asked)
        origin_program.run()


def _set_up(about: dict[str, Any], files: list[int]) -> None:
    global _ahead
    _ahead = about["ahead"]
    for number, file in zip((0, 2), files, strict=True):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(about["variables"])
    os.chdir(about["folder"])
    sys.argv[1:] = about["arguments"]


if __name__ == "__main__":
    main()
