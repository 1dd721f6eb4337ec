"""Paths that are answered without a picture: fixed answers, those of operators, those that are written to."""

from __future__ import annotations

import time
from collections.abc import Callable

from origin.config.model import Config
from origin.delivery.answers import Answer
from origin.delivery.answers import FixedAnswers
from origin.urls.path import decode_path
from origin.urls.path import find_mount

_READ = {
    "status": "200, OK",
    "-/live": "200, OK",
    "-/ready": "200, OK; 503 while it drains",
    "-/metrics": "200, for Prometheus; on the listener of admin.port, where there is one",
}


def fixed_answers(config: Config, uptime: Callable[[], float] = time.monotonic) -> FixedAnswers:
    """Those of the configuration. `uptime` gives the seconds since the start."""
    answers = {
        route: Answer(own.status, own.text or "", own.json_, own.location)
        for route, own in config.answers.items()
    }
    return FixedAnswers(answers, uptime)


def explain_other_path(config: Config, raw_path: bytes) -> tuple[list[str], bool] | None:
    """Lines for people, and whether a GET succeeds; None for a path that may be one of pictures.

    Raises BadRequest.
    """
    path = decode_path(raw_path)
    fixed = fixed_answers(config).find("GET", raw_path)
    if fixed is not None:
        to = "".join(f" to {value.decode()}" for name, value in fixed.headers if name == b"location")
        return [f"a fixed answer of this configuration (answers): {fixed.status}{to}"], fixed.status < 400
    if path in _READ and raw_path == f"/{path}".encode():
        return ["a path of the origin itself, for operators", f"answer: {_READ[path]}"], True
    if path.startswith("-/"):
        return ["paths below /-/ are the origin's own, for operators", "answer: no picture"], False
    if find_mount(path, {handler.prefix: handler for handler in config.handlers}) is not None:
        return None  # a GET is that handler's, also where another one is written to by POST
    for handler in config.handlers:
        if handler.write is None:
            continue
        if path == handler.prefix or path in (
            own.removeprefix("/") for _, own in handler.write.routes if own
        ):
            return [f"handler: {handler.name}, which is written to by POST here", "answer: no picture"], False
    return None
