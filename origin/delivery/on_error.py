"""Failures that are not answered with a fallback image: a redirect, a line of text, or JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass

from origin.errors import OriginError


@dataclass(frozen=True, slots=True)
class Substitute:
    """What stands in the place of the fallback image."""

    status: int
    body: bytes
    content_type: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class OnError:
    """How a handler answers failures; with neither of these, by the fallback image.

    `redirect` is a URL of the configuration.
    """

    redirect: str | None = None
    text: bool = False
    json: bool = False

    @property
    def is_image(self) -> bool:
        return not (self.redirect or self.text or self.json)

    def answer(self, error: OriginError, status: int, *, is_named: bool) -> Substitute:
        """The answer to an error that has this status; `is_named` where the configuration names its class."""
        if self.redirect is not None and not is_named:
            return Substitute(302, b"", location=self.redirect)
        if self.json:
            return Substitute(status, json.dumps({"error": error.kind}).encode(), "application/json")
        return Substitute(status, f"{status} {error.kind}\n".encode(), "text/plain; charset=utf-8")
