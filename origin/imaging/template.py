"""The process that render processes are copies of, `python -m origin.imaging.template`.

It imports libvips and all else that a renderer needs, and forks whenever it is asked to. So a renderer starts
with a third of the CPU, and all of them share the memory of what was imported. Pictures never come here. It
runs nothing of libvips, which would start threads: a copy of a process with threads hangs.

Its input is a socket. A request holds the arguments of `origin.imaging.worker`, and with it come the
renderer's own socket and, where there is one, the memory for originals. The answer is the number of the
process. A renderer is no child of this process but of the one that asks, which watches over it.
"""

from __future__ import annotations

import gc
import json
import os
import socket
from collections.abc import Callable
from collections.abc import Sequence
from typing import NoReturn

from origin.imaging import worker

_MAX_REQUEST = 65_536  # bytes
_MAX_DESCRIPTORS = 2
_NUMBER = 16  # bytes that the number of a process has at most


def main() -> None:
    worker.leave_signals_to_parent()
    worker.load(())  # what the usual configuration needs, before anybody asks
    gc.freeze()  # the collector of each copy would write to all of this memory, and so take its own of it
    with socket.socket(fileno=os.dup(0)) as requests:
        while _answer_request(requests):
            pass


def _answer_request(requests: socket.socket) -> bool:
    """Start the renderer that is asked for; False at the end of the requests."""
    request, descriptors, _, _ = socket.recv_fds(requests, _MAX_REQUEST, _MAX_DESCRIPTORS)
    if not request:
        return False
    arguments = json.loads(request)
    worker.load(arguments)
    ours, theirs = socket.socketpair()

    def render() -> None:
        ours.close()
        requests.close()
        # Not before the process between has ended: a renderer ends with its parent, which is the next one.
        is_adopted = theirs.recv(1)
        theirs.close()
        if is_adopted:
            _render(arguments, *descriptors)

    with ours, theirs:
        os.waitpid(_fork(lambda: theirs.sendall(str(_fork(render)).encode())), 0)
        number = ours.recv(_NUMBER, socket.MSG_DONTWAIT)
        ours.sendall(b"1")
    for descriptor in descriptors:
        os.close(descriptor)
    requests.sendall(number)
    return True


def _fork(work: Callable[[], None]) -> int:
    """The number of a process that does this and ends."""
    process = os.fork()
    if process == 0:
        _do(work)
    return process


def _do(work: Callable[[], None]) -> NoReturn:
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def _render(arguments: Sequence[str], link: int, memory: int = -1) -> None:
    os.setsid()  # where Linux shares out cores by session, each renderer is one of its own
    for number in (0, 1):
        os.dup2(link, number)
    os.close(link)
    worker.main([*arguments, "--shared-memory", str(memory)])


if __name__ == "__main__":
    main()
