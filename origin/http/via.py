"""Via (RFC 9110 section 7.6.3): a request that comes back to an origin that it has passed is a loop.

Requests that the origin makes name it and the other origins that led to it, so that a loop through several is
found as well. Proxies and CDNs between them are not named: other sites learn nothing of them.
"""

from __future__ import annotations

import os
import re
from contextvars import ContextVar

PSEUDONYM = f"image-origin-{os.urandom(6).hex()}"
"""The name of this process in Via."""

MAX_ORIGINS = 8  # on the way of one request; more are a loop among origins that start anew

_ORIGIN = re.compile("image-origin-[0-9a-f]{12}")
_passed: ContextVar[tuple[str, ...]] = ContextVar("passed", default=())


def has_passed(via: str | None) -> bool:
    """Whether a request with this value of Via has passed this origin already, or too many others."""
    return via is not None and (PSEUDONYM in via or len(_ORIGIN.findall(via)) >= MAX_ORIGINS)


def note_passed(via: str | None) -> None:
    """Keep the origins that the request of this task has passed, for the requests that it leads to."""
    _passed.set(tuple(_ORIGIN.findall(via or "")))


def via_header() -> str:
    """The value of Via in a request that the origin makes."""
    return ", ".join(f"1.1 {name}" for name in (*_passed.get(), PSEUDONYM))
