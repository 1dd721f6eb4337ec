"""One line a request, as text or JSON; what the log holds is escaped, and never a token."""

from __future__ import annotations

import json
import logging
import sys
import time
from urllib.parse import unquote_to_bytes

from .answer import Answer

access = logging.getLogger("origin.access")

_LONGEST = 2000  # characters of a path or reason


class JsonLines(logging.Formatter):
    """One JSON object a line. The access log's records hold theirs ready-made."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        request = getattr(record, "request", None)
        fields |= request if request is not None else {"message": record.getMessage()}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields)


class TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        request = getattr(record, "request", None)
        text = record.getMessage() if request is None else _text(request)
        line = f"{_timestamp(record.created)} {record.levelname.lower()} {_printable(text)}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure(format: str) -> None:
    """Send the program's log to stderr in this format, `text` or `json`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if format == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("origin").setLevel(logging.INFO)


def request_line(method: str, raw_path: bytes, query: bytes, answer: Answer, seconds: float) -> None:
    """Log one request: 5xx as an error, anything else as information."""
    level = logging.ERROR if answer.status >= 500 else logging.INFO
    if not access.isEnabledFor(level):
        return
    fields: dict[str, object] = {
        "method": method,
        "path": _path(raw_path, query),
        "status": answer.status,
        "handler": answer.handler,
        "cache": answer.outcome,
        "bytes": len(answer.body),
        "ms": round(seconds * 1000, 2),
    }
    if answer.kind:
        fields["class"] = answer.kind
        fields["reason"] = str(answer.error)[:_LONGEST]
    for stage, took in answer.stages.items():
        fields[f"{stage}_ms"] = round(took * 1000, 2)
    record = access.makeRecord(access.name, level, "", 0, "", (), None, extra={"request": fields})
    access.handle(record)


def _path(raw_path: bytes, query: bytes) -> str:
    """Path and query as they came, without the value of a token under any spelling of its name."""
    text = raw_path
    if query:
        text += b"?" + b"&".join(map(_redacted, query.split(b"&")))
    return text[:_LONGEST].decode("latin-1")


def _redacted(piece: bytes) -> bytes:
    name, equals, value = piece.partition(b"=")
    if value and unquote_to_bytes(name) in (b"t", b"token"):
        return name + equals + b"[token]"
    return piece


def _text(request: dict[str, object]) -> str:
    """Method, path and status first, the rest as name=value."""
    rest = " ".join(
        f"{name}={value!r}" if name == "reason" else f"{name}={value}"
        for name, value in request.items()
        if name not in ("method", "path", "status") and value != ""
    )
    return f"{request['method']} {request['path']} {request['status']} {rest}"


def _printable(text: str) -> str:
    """One line, whatever is in it: no line ends, no terminal's escapes, no turned text."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _timestamp(created: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(created)) + f".{int(created % 1 * 1000):03d}Z"
