"""Fixed answers of the configuration, as old probes and clients want them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from origin.errors import BadRequest
from origin.http.caching import NO_STORE
from origin.http.caching import cache_status
from origin.http.message import SECURITY_HEADERS
from origin.http.message import RawHeaders
from origin.http.message import Response
from origin.urls.path import decode_path

UPTIME = "{uptime}"  # in an answer: seconds since the start
WITHOUT_LENGTH = (204, 304)  # these end with their head (RFC 9110 section 8.6)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one path answers. `json` is any value of JSON, or None for the text."""

    status: int = 200
    text: str = ""
    json: Any = None
    location: str | None = None


class FixedAnswers:
    """The answers by path, as in `/ping`, `POST /upload` and `GET /old/*`; without a method, of every method.

    An exact path comes before the beginning of one, a longer beginning before a shorter one, and a method
    before none. `uptime` gives the seconds since the start.
    """

    def __init__(self, answers: Mapping[str, Answer], uptime: Callable[[], float] = time.monotonic) -> None:
        self._uptime = uptime
        self._exact: dict[tuple[str, str], Answer] = {}
        beginnings: dict[tuple[str, str], Answer] = {}
        for route, answer in answers.items():
            method, _, path = route.rpartition(" ")
            place = beginnings if path.endswith("*") else self._exact
            for each in ("GET", "HEAD") if method == "GET" else (method,):
                place[each, path.removesuffix("*")] = answer
        self._beginnings = sorted(
            beginnings.items(), key=lambda item: (len(item[0][1]), item[0][0]), reverse=True
        )

    def find(self, method: str, raw_path: bytes) -> Response | None:
        """The answer to a request; None where there is no fixed one."""
        if not self._exact and not self._beginnings:
            return None
        try:
            path = f"/{decode_path(raw_path)}"
        except BadRequest:
            return None
        answer = (
            self._exact.get((method, path)) or self._exact.get(("", path)) or self._by_beginning(method, path)
        )
        return None if answer is None else self._respond(answer)

    def _by_beginning(self, method: str, path: str) -> Answer | None:
        matching = (
            answer
            for (own, start), answer in self._beginnings
            if own in ("", method) and path.startswith(start)
        )
        return next(matching, None)

    def _respond(self, answer: Answer) -> Response:
        uptime = int(self._uptime())
        type, body = b"text/plain; charset=utf-8", answer.text.replace(UPTIME, str(uptime)).encode()
        if answer.json is not None:
            type, body = b"application/json", json.dumps(_fill_in(answer.json, uptime)).encode()
        headers: RawHeaders = [
            (b"cache-control", NO_STORE.encode()),
            (b"cache-status", cache_status(detail="fixed").encode()),
            *SECURITY_HEADERS,
        ]
        if answer.status not in WITHOUT_LENGTH:
            headers.insert(0, (b"content-length", b"%d" % len(body)))
        if body:
            headers.insert(0, (b"content-type", type))
        if answer.location is not None:
            headers.append((b"location", answer.location.encode()))
        return Response(answer.status, headers, body)


def _fill_in(value: Any, uptime: int) -> Any:
    """The JSON with the seconds in it: a number where nothing else stands in the text."""
    if isinstance(value, dict):
        return {name: _fill_in(inner, uptime) for name, inner in value.items()}
    if isinstance(value, list):
        return [_fill_in(inner, uptime) for inner in value]
    if isinstance(value, str):
        return uptime if value == UPTIME else value.replace(UPTIME, str(uptime))
    return value
