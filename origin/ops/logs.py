"""The log: one line a request, as text or JSON, escaped and without tokens."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import time
from collections import deque
from functools import lru_cache
from typing import NamedTuple
from typing import TextIO
from urllib.parse import unquote_to_bytes

from origin.http.message import Response
from origin.urls.dialects import SIGNING
from origin.urls.options import TOKEN

access = logging.getLogger("origin.access")

HOLD_SECONDS = 0.1  # for which lines of requests are gathered: one write each costs as much as a hit
_MAX_TEXT = 2000  # characters of a path or reason

# A token has 43 characters, a grant ends in as many behind a dot. Atomic, so that a long run without a token
# is read once: with backtracking, a URL of 8 kB would stop the event loop for seconds.
_TOKEN_RUN = re.compile(rb"(?>[A-Za-z0-9_.-]{43,})")
_SIGNATURE_LENGTH = 43
_TOKEN_NAMES = tuple(name.encode() for name in TOKEN.names)
_IN_QUERY = [each for each in SIGNING.values() if each.signature_name]
# By the name of a pair of the query, what its value is where it is hidden.
_HIDDEN = {
    **{each.signature_name.encode(): each.signature_form for each in _IN_QUERY},
    **dict.fromkeys(_TOKEN_NAMES, re.compile(rb".+", re.DOTALL)),
}
# What is in a query that has one of these names: the end of the name, or an escape.
_SIGNS = (b"%", *{name[-1:] + b"=" for name in _HIDDEN})
# Signatures that are a segment of a path, wherever that stands.
_SIGNED_SEGMENTS = tuple(each.signature_form for each in SIGNING.values() if each.signs_in_path)
# Tokens where they should not be, in URLs that were put together wrongly: `;t=`, `%3Ft=`, `T=`, `&amp;t=`.
_MISPLACED = re.compile(rb"(?i)((?:[;&?+]|%%3f|%%26|%%3b)(?:%b)(?:=|%%3d))[^;&?]*" % b"|".join(_TOKEN_NAMES))
# Signatures in the same places, by their form: the names are short, and pages of other systems have them too.
_MISPLACED_SIGNATURES = re.compile(
    rb"(?i)((?:[;&?+]|%%3f|%%26|%%3b)(?:%b)(?:=|%%3d))(?:%b)"
    % (
        b"|".join(each.signature_name.encode() for each in _IN_QUERY),
        b"|".join(each.signature_form.pattern for each in _IN_QUERY),
    )
)

_SHORT_SIGNATURE = re.compile(rb"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{27}=")  # too short for `_TOKEN_RUN`
_SHORTEST_SIGNATURE = 28  # characters of one that has a form
_SLASHES = re.compile(rb"(/|%2[Ff])")
_NO_SIGNATURES = (b"unsafe", b"insecure", b"_")  # which stand in place of one

Fields = dict[str, object]


class Lines(logging.StreamHandler[TextIO]):
    """The program's log. Requests come by `request`, without a LogRecord, which would double their cost;
    everything else comes from logging and is written at once."""

    def __init__(self, stream: TextIO, format: str) -> None:
        super().__init__(stream)
        self._json = format == "json"
        self._gathered: deque[str] = deque()  # any thread that logs takes from it

    def request(self, level: int, line: RequestLine) -> None:
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


class RequestLine(NamedTuple):
    """What the log says of one request. `target` comes from `redact_url`."""

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


def log_request(line: RequestLine) -> None:
    """Log one request that `is_logged`."""
    level = logging.ERROR if line.response.status >= 500 else logging.INFO
    handlers = logging.root.handlers
    if len(handlers) == 1 and type(handlers[0]) is Lines:
        handlers[0].request(level, line)
    else:  # an embedding program has a log of its own
        text = _printable(_request_text(line))
        extra = {"request": _request_fields(line)}
        access.handle(access.makeRecord(access.name, level, "", 0, text, (), None, extra=extra))


def _request_text(line: RequestLine) -> str:
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
        text += f" forwarded={forwarded[:_MAX_TEXT]!r}"
    if response.key:
        text += f" key={response.key[:_MAX_TEXT]!r}"
    if response.kind:
        text += f" class={response.kind} reason={_reason(response)!r}"
    if response.stages:
        for stage, took in response.stages.items():
            text += f" {stage}_ms={1000 * took:.2f}"
    return text


def _request_fields(line: RequestLine) -> Fields:
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
        fields["forwarded"] = line.forwarded[:_MAX_TEXT]
    if response.key:
        fields["key"] = response.key[:_MAX_TEXT]
    if response.kind:
        fields |= {"class": response.kind, "reason": _reason(response)}
    return fields | {f"{stage}_ms": _milliseconds(took) for stage, took in response.stages.items()}


def _reason(response: Response) -> str:
    return redact_text(str(response.error))[:_MAX_TEXT]


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


def redact_path(raw_path: bytes, prefix: str | None) -> bytes:
    """A path as it came, where handlers have signatures in theirs: without the first segment behind
    `prefix`, where that is the prefix of such a handler, and without whatever looks like a signature."""
    pieces = _SLASHES.split(raw_path)  # segments, with what separates them in between
    first = -1
    if prefix is not None:
        behind = 2 * (prefix.count("/") + 1 + bool(prefix))
        first = next((at for at in range(behind, len(pieces), 2) if pieces[at]), -1)
    for at in range(0, len(pieces), 2):
        if at != first and len(pieces[at]) < _SHORTEST_SIGNATURE:
            continue
        segment = unquote_to_bytes(pieces[at])
        if (at == first and segment not in _NO_SIGNATURES) or any(
            form.fullmatch(segment) for form in _SIGNED_SEGMENTS
        ):
            pieces[at] = b"[signature]"
    return b"".join(pieces)


def redact_url(raw_path: bytes, query: bytes) -> str:
    """Path and query as they came, without the value of a token under any spelling of its name."""
    text = _MISPLACED.sub(rb"\1[token]", raw_path) if b"=" in raw_path or b"%" in raw_path else raw_path
    if query:
        for sign in _SIGNS:
            if sign in query:
                query = b"&".join(map(_redact_pair, query.split(b"&")))
                break
        text += b"?" + _TOKEN_RUN.sub(_redact_run, query)
    if b"=" in text or b"%" in text:
        text = _MISPLACED_SIGNATURES.sub(rb"\1[token]", text)
    return text[:_MAX_TEXT].decode("latin-1")


def redact_text(text: str) -> str:
    """Text without anything that could be a token or a signature of a path."""
    encoded = text.encode("utf-8", "backslashreplace")
    if b"=" in encoded:
        encoded = _SHORT_SIGNATURE.sub(b"[signature]", encoded)
    return (_TOKEN_RUN.sub(_redact_run, encoded) if len(encoded) >= _SIGNATURE_LENGTH else encoded).decode()


def _redact_pair(pair: bytes) -> bytes:
    name, equals, value = pair.partition(b"=")
    form = _HIDDEN.get(unquote_to_bytes(name))
    return pair if form is None or form.fullmatch(value) is None else name + equals + b"[token]"


def _redact_run(match: re.Match[bytes]) -> bytes:
    """A run of a token's characters, hidden up to the last signature in it. A signature has no dot."""
    pieces = match[0].split(b".")
    for last in range(len(pieces) - 1, -1, -1):
        if len(pieces[last]) >= _SIGNATURE_LENGTH:
            return b".".join([b"[token]", *pieces[last + 1 :]])
    return match[0]


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
