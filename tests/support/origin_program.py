"""The program `origin`, with all imported that `origin serve` needs, and with a template that is a copy of
this process, which has imported what renderers need as well. Its built-in fallback image is a small one: to
render that of 800 by 600 pixels in every format is half of what is left of a start."""

from __future__ import annotations

import base64
import gc
import importlib
import os
import signal
import socket
from typing import NoReturn

import origin.app
import origin.server.run  # noqa: F401
from origin.__main__ import main
from origin.cli import serve
from origin.config.load import build_config
from origin.delivery import fallback
from origin.imaging import template
from origin.imaging import worker
from origin.render.environment import environment
from origin.render.template import Template

worker.load(())
# A PNG of 8 by 6 grey pixels.
_PLACEHOLDER = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAGCAAAAADbboAnAAAADklEQVR42mO4CwUMpDAAX0Ipca5XOPAAAAAASUVORK5CYII="
)
# Much is built when it is first used. The folder of this one need not be there.
build_config({"handlers": [{"name": "h", "source": {"type": "local", "root": "/"}}]})
# What is imported where a configuration has this in it.
_WHERE = {
    '"s3"': ("origin.sources.s3_source", "origin.sources.s3_store"),
    '"redis://': ("origin.cache.valkey",),
}


def load_for(config: str) -> None:
    """Import what an origin of this configuration will."""
    for word, modules in _WHERE.items():
        if word in config:
            for module in modules:
                importlib.import_module(module)


def run() -> None:
    """As `sys.argv` says."""
    setattr(serve, "make_template", _ForkedTemplate)  # noqa: B010
    setattr(fallback, "built_in", lambda: base64.b64decode(_PLACEHOLDER))  # noqa: B010
    main()


class _ForkedTemplate(Template):
    def _start(self, requests: socket.socket) -> _Child:
        number = os.fork()
        if number == 0:
            _be_template(requests)
        return _Child(number)


class _Child:
    """As much of `subprocess.Popen` as an origin needs for its template."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        return self._wait(os.WNOHANG)

    def kill(self) -> None:
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        code = self._wait(0)
        assert code is not None
        return code

    def _wait(self, options: int) -> int | None:
        if self._code is None:
            number, status = os.waitpid(self.pid, options)
            self._code = os.waitstatus_to_exitcode(status) if number else None
        return self._code


def _be_template(requests: socket.socket) -> NoReturn:
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for number, source in enumerate((requests.fileno(), nothing, nothing)):
            os.dup2(source, number)
        os.closerange(3, nothing + 1)
        os.environ.clear()
        os.environ.update(environment())
        gc.enable()
        template.main()
    finally:
        os._exit(1)
