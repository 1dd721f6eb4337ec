"""The log: one line a request, as text or JSON, and escaped. What no line may hold is in `redaction`."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections import deque
from functools import lru_cache
from typing import NamedTuple
from typing import TextIO

from origin.http.message import Response
from origin.ops.redaction import MAX_TEXT
from origin.ops.redaction import redact_text

access = logging.getLogger("origin.access")

HOLD_SECONDS = 0.1  # for which lines of requests are gathered: one write each costs as much as a hit

Fields = dict[str, object]


class Lines(logging.StreamHandler[TextIO]):
    """The program's log. Requests come by `request`, without a LogRecord, which would double their cost;
    everything else comes from logging and is written at once."""

    def __init__(self, stream: TextIO, format: str) -> None:
        super().__init__(stream)
        self._json = format == "json"
        self._gathered: deque[str] = deque()  # any thread that logs takes from it

    def request(self, level: int, line: AccessLine) -> None:
        if not self._gathered:
            asyncio.get_running_loop().call_later(HOLD_SECONDS, self.flush)
        created = time.time()
        if self._json:
            self._gathered.append(_json_line(created, level, _request_fields(line)) + "\n")
        else:
            self._gathered.append(f"{_timestamp(created)} {_level(level)} {_request_text(line)}\n")

    def format(self, record: logging.LogRecord) -> str:
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        message = record.getMessage()
        if self._json:
            fields: Fields = getattr(record, "request", None) or {"logger": record.name, "message": message}
            fields |= {"traceback": trace} if trace else {}
            return _json_line(record.created, record.levelno, fields)
        line = _text_line(record.created, record.levelno, message)
        # Indented, or text in a message could pass for a line of the log.
        return "\n    ".join([line, *map(_printable, trace.splitlines())])

    def emit(self, record: logging.LogRecord) -> None:
        self._write_gathered()
        super().emit(record)

    def flush(self) -> None:
        self._write_gathered()
        super().flush()

    def _write_gathered(self) -> None:
        lines = []
        while self._gathered:
            lines.append(self._gathered.popleft())
        if lines:
            self.stream.write("".join(lines))


def configure(format: str, level: str = "info") -> None:
    """Send the program's log to stderr in this format, `text` or `json`, from this level on: `debug`, `info`,
    `warning` or `error`."""
    root = logging.getLogger()
    lines = Lines(sys.stderr, format)
    lines.addFilter(is_news)
    root.handlers[:] = [lines]
    root.setLevel(logging.WARNING)
    logging.getLogger("origin").setLevel(level.upper())


def is_news(record: logging.LogRecord) -> bool:
    """Whether it tells more than what is told already: where a connection breaks under a request that is
    given up, aiohttp leaves a task behind that nobody waits for."""
    error = record.exc_info[1] if record.exc_info else None
    return record.name != "asyncio" or type(error).__name__ != "ClientConnectionResetError"


class AccessLine(NamedTuple):
    """What the log says of one request. `target` comes from `redaction.redact_url`."""

    method: str
    target: str
    response: Response
    seconds: float
    client: str  # address of the other end of the connection, perhaps a proxy's
    id: str
    forwarded: str = ""  # X-Forwarded-For as it came; anyone can write it


def is_logged(status: int) -> bool:
    """Whether requests with this status are logged: 5xx are errors, anything else is information."""
    return access.isEnabledFor(logging.ERROR if status >= 500 else logging.INFO)


def log_request(line: AccessLine) -> None:
    """Log one request that `is_logged`."""
    level = logging.ERROR if line.response.status >= 500 else logging.INFO
    handlers = logging.root.handlers
    if len(handlers) == 1 and type(handlers[0]) is Lines:
        handlers[0].request(level, line)
    else:  # an embedding program has a log of its own
        text = _printable(_request_text(line))
        extra = {"request": _request_fields(line)}
        access.handle(access.makeRecord(access.name, level, "", 0, text, (), None, extra=extra))


def _request_text(line: AccessLine) -> str:
    """Method, path and status first, the rest as name=value. Each hit pays for this line, so of what comes
    from outside the target alone is made printable here: `request_id` lets nothing else through, our own
    listeners give method and client, and the rest is a repr."""
    method, target, response, seconds, client, id, forwarded = line
    handler = f" handler={response.handler}" if response.handler else ""
    cache = f" cache={response.cache}" if response.cache else ""
    size = 0 if method == "HEAD" else len(response.body)
    text = (
        f"{method} {_printable(target)} {response.status}{handler}{cache} bytes={size}"
        f" ms={1000 * seconds:.2f} client={client} id={id}"
    )
    if forwarded:
        text += f" forwarded={forwarded[:MAX_TEXT]!r}"
    if response.key:
        text += f" key={response.key[:MAX_TEXT]!r}"
    if response.kind:
        text += f" class={response.kind} reason={_reason(response)!r}"
    if response.stages:
        for stage, took in response.stages.items():
            text += f" {stage}_ms={1000 * took:.2f}"
    return text


def _request_fields(line: AccessLine) -> Fields:
    """What `_request_text` writes, as the fields of a line in JSON."""
    response = line.response
    fields: Fields = {
        "method": line.method,
        "path": line.target,
        "status": response.status,
        "handler": response.handler,
        "cache": response.cache,
        "bytes": 0 if line.method == "HEAD" else len(response.body),
        "ms": _milliseconds(line.seconds),
        "client": line.client,
        "id": line.id,
    }
    if line.forwarded:
        fields["forwarded"] = line.forwarded[:MAX_TEXT]
    if response.key:
        fields["key"] = response.key[:MAX_TEXT]
    if response.kind:
        fields |= {"class": response.kind, "reason": _reason(response)}
    return fields | {f"{stage}_ms": _milliseconds(took) for stage, took in response.stages.items()}


def _reason(response: Response) -> str:
    return redact_text(str(response.error))[:MAX_TEXT]


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _text_line(created: float, level: int, text: str) -> str:
    return f"{_timestamp(created)} {_level(level)} {_printable(text)}"


def _json_line(created: float, level: int, fields: Fields) -> str:
    head = {"time": _timestamp(created), "level": _level(level)}
    return json.dumps({**head, **fields})


@lru_cache
def _level(level: int) -> str:
    return logging.getLevelName(level).lower()


def _printable(text: str) -> str:
    """One line of visible text: line ends, terminals' escapes and marks that reverse text are spelled out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# A second and its text, a millisecond and its own: formatting a date costs more than the rest of a line.
_second = (0, "")
_moment = (0, "")


def _timestamp(created: float) -> str:
    global _second, _moment
    moment = int(created * 1000)
    if _moment[0] != moment:
        second = moment // 1000
        if _second[0] != second:
            _second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
        _moment = (moment, f"{_second[1]}.{moment % 1000:03d}Z")
    return _moment[1]
