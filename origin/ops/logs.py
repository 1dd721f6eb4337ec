"""One line a request, as text or JSON; what the log holds is escaped, and never a token."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import time
from collections import deque
from functools import lru_cache
from typing import Any
from typing import TextIO
from urllib.parse import unquote_to_bytes

from origin.http.message import Response

access = logging.getLogger("origin.access")

HOLD = 0.1  # seconds that lines of requests may wait for company, since a write each costs as much as a hit
_LONGEST = 2000  # characters of a path or reason

# Tokens where they should not be, in URLs that were put together wrongly: `;t=`, `%3Ft=`, `T=`, `&amp;t=`.
_SIGNATURE = re.compile(rb"[A-Za-z0-9_.-]*[A-Za-z0-9_-]{43}")
_MISPLACED = re.compile(rb"(?i)((?:[;&?+]|%3f|%26|%3b)(?:t|token)(?:=|%3d))[^;&?]*")

Fields = dict[str, object]


class Lines(logging.StreamHandler[TextIO]):
    """The program's log. Requests come by `request`, without a LogRecord, which would double their cost;
    everything else comes as logging has it and is written at once."""

    def __init__(self, stream: TextIO, format: str) -> None:
        super().__init__(stream)
        self._json = format == "json"
        self._held: deque[str] = deque()  # taken from by any thread that has something to tell

    def request(self, level: int, *request: Any) -> None:
        """`request`: as for `request_line`."""
        if not self._held:
            asyncio.get_running_loop().call_later(HOLD, self.flush)
        if self._json:
            self._held.append(_json_line(time.time(), level, _request_fields(*request)))
        else:
            self._held.append(_text_line(time.time(), level, _request_text(*request)))

    def format(self, record: logging.LogRecord) -> str:
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        message = record.getMessage()
        if self._json:
            fields: Fields = getattr(record, "request", None) or {"logger": record.name, "message": message}
            fields |= {"traceback": trace} if trace else {}
            return _json_line(record.created, record.levelno, fields)
        line = _text_line(record.created, record.levelno, message)
        # Indented, or what stands in a message could pass for a line of the log.
        return "\n    ".join([line, *map(_printable, trace.splitlines())])

    def emit(self, record: logging.LogRecord) -> None:
        self._release()
        super().emit(record)

    def flush(self) -> None:
        self._release()
        super().flush()

    def _release(self) -> None:
        held = []
        while self._held:
            held.append(self._held.popleft() + "\n")
        if held:
            self.stream.write("".join(held))


def configure(format: str) -> None:
    """Send the program's log to stderr in this format, `text` or `json`."""
    root = logging.getLogger()
    root.handlers[:] = [Lines(sys.stderr, format)]
    root.setLevel(logging.WARNING)
    logging.getLogger("origin").setLevel(logging.INFO)


def request_line(method: str, target: str, answer: Response, seconds: float) -> None:
    """Log one request: 5xx as an error, anything else as information. `target`: see there."""
    level = logging.ERROR if answer.status >= 500 else logging.INFO
    if not access.isEnabledFor(level):
        return
    handlers = logging.root.handlers
    if len(handlers) == 1 and type(handlers[0]) is Lines:
        handlers[0].request(level, method, target, answer, seconds)
    else:  # an embedding program has a log of its own
        text = _printable(_request_text(method, target, answer, seconds))
        extra = {"request": _request_fields(method, target, answer, seconds)}
        access.handle(access.makeRecord(access.name, level, "", 0, text, (), None, extra=extra))


def _request_text(method: str, target: str, answer: Response, seconds: float) -> str:
    """Method, path and status first, the rest as name=value. Each hit pays for this line."""
    handler = f" handler={answer.handler}" if answer.handler else ""
    cache = f" cache={answer.cache}" if answer.cache else ""
    size = len(answer.body)
    text = f"{method} {target} {answer.status}{handler}{cache} bytes={size} ms={_milliseconds(seconds)}"
    for name, value in _details(answer).items() if answer.kind or answer.stages else ():
        text += f" {name}={value!r}" if name == "reason" else f" {name}={value}"
    return text


def _request_fields(method: str, target: str, answer: Response, seconds: float) -> Fields:
    """The same for JSON."""
    fields: Fields = {
        "method": method,
        "path": target,
        "status": answer.status,
        "handler": answer.handler,
        "cache": answer.cache,
        "bytes": len(answer.body),
        "ms": _milliseconds(seconds),
    }
    return fields | _details(answer)


def _details(answer: Response) -> Fields:
    """What a hit in memory has none of."""
    reason = str(answer.error)[:_LONGEST]
    details: Fields = {"class": answer.kind, "reason": reason} if answer.kind else {}
    return details | {f"{stage}_ms": _milliseconds(took) for stage, took in answer.stages.items()}


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


def redact_url(raw_path: bytes, query: bytes) -> str:
    """Path and query as they came, without the value of a token under any spelling of its name."""
    text = _MISPLACED.sub(rb"\1[token]", raw_path) if b"=" in raw_path or b"%" in raw_path else raw_path
    if query:
        # Only a name that ends in n or t, or has an escape in it, can be a token's.
        hides = b"t=" in query or b"n=" in query or b"%" in query
        query = b"&".join(map(_redacted, query.split(b"&"))) if hides else query
        text += b"?" + _SIGNATURE.sub(b"[token]", query)
    return text[:_LONGEST].decode("latin-1")


def _redacted(piece: bytes) -> bytes:
    name, equals, value = piece.partition(b"=")
    if value and unquote_to_bytes(name) in (b"t", b"token"):
        return name + equals + b"[token]"
    return piece


def _text_line(created: float, level: int, text: str) -> str:
    return f"{_timestamp(created)} {_level(level)} {_printable(text)}"


def _json_line(created: float, level: int, fields: Fields) -> str:
    head = {"time": _timestamp(created), "level": _level(level)}
    return json.dumps({**head, **fields})


@lru_cache
def _level(level: int) -> str:
    return logging.getLevelName(level).lower()


def _printable(text: str) -> str:
    """One line, whatever is in it: no line ends, no terminal's escapes, no turned text."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


_second = (0, "")  # the last whole second and its text: formatting a date costs more than the rest


def _timestamp(created: float) -> str:
    global _second
    whole = int(created)
    if _second[0] != whole:
        _second = (whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)))
    return f"{_second[1]}.{int((created - whole) * 1000):03d}Z"
