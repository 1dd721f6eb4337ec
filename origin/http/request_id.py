"""The name by which a request is found again in the logs of every server that it passed."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping

_MAX_LENGTH = 128  # characters of an id from elsewhere
_PRINTABLE = re.compile(rb"[!-~]{1,%d}" % _MAX_LENGTH)
# version-traceid-parentid-flags (W3C Trace Context, section 3.2); a trace id of zeros is invalid.
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")

_process = os.urandom(6).hex()
_numbers = itertools.count(1)


def request_id(headers: Mapping[bytes, bytes]) -> str:
    """The id in X-Request-Id, else the trace id of `traceparent`, else a new one.

    `headers` have lower-case names. An id that is too long or not printable is not taken.
    """
    given = headers.get(b"x-request-id")
    if given is not None and _PRINTABLE.fullmatch(given):
        return given.decode("ascii")
    trace = headers.get(b"traceparent")
    if trace is not None and (match := _TRACEPARENT.fullmatch(trace)):
        return match[1].decode("ascii")
    return f"{_process}-{next(_numbers):x}"
