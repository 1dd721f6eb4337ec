"""The process that templates of renderers are copies of, `python -m tests.support.template_maker`.

What a template is for renderers (`origin.imaging.template`), this is for the templates of a test process,
which starts hundreds of origins: Python and libvips are loaded once. Its input is a socket, over which come
the inputs of the templates to make. The answer is the number of the process.
"""

from __future__ import annotations

import gc
import os
import signal
import socket

from origin.imaging import template
from origin.imaging import worker


def main() -> None:
    worker.leave_signals_to_parent()
    worker.load(())
    gc.freeze()
    with socket.socket(fileno=os.dup(0)) as orders:
        os.close(0)
        while _make_template(orders):
            pass


def _make_template(orders: socket.socket) -> bool:
    """False at the end of the orders."""
    _, links, _, _ = socket.recv_fds(orders, 1, 1)
    if not links:
        return False
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that the system forgets those that end
    process = os.fork()
    if process == 0:
        _be_template(orders, *links)
    os.close(links[0])
    orders.sendall(str(process).encode())
    return True


def _be_template(orders: socket.socket, link: int) -> None:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        orders.close()
        os.setsid()
        os.dup2(link, 0)
        if link != 0:
            os.close(link)
        template.main()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
