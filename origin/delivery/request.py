"""What the life of a request passes on from step to step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Protocol

from origin.cache.results import Result
from origin.delivery.responses import VariantHeaders
from origin.errors import BadRequest
from origin.http.message import Request
from origin.imaging.protocol import Job
from origin.urls.options import Options

Pairs = Sequence[tuple[bytes, bytes]]


class Authorizer(Protocol):
    """Decides who may see a picture."""

    def __call__(self, key: str, pairs: Pairs, request: Request) -> Awaitable[int | None] | int | None:
        """The Unix second at which the permission ends, or None. Raises Forbidden."""


def allow_all(key: str, pairs: Pairs, request: Request) -> None:
    """The check of a handler without signing."""


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How a handler renders, beyond what a URL says."""

    quality: dict[str, int]
    allowed: tuple[str, ...]
    max_pixels: int
    max_frames: int
    timeout: float  # seconds for one render

    def job(self, options: Options, target: str) -> Job:
        return Job(options, target, self.quality, self.allowed, self.max_pixels, self.max_frames)

    def digest(self, pipeline: str) -> str:
        """Part of every variant's name, so that a new recipe makes new results."""
        text = json.dumps([pipeline, self.quality, self.allowed, self.max_pixels, self.max_frames])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True)
class ImageRequest:
    """What a URL asks of a handler, whoever asks. Kept while it is in use, since hits come in crowds."""

    key: str
    pairs: Pairs
    options: Options
    original: str  # the name of the original in the cache
    error: BadRequest | None = None  # what is wrong with the URL
    expires: int | None = None  # Unix second at which the last permission ends
    permitted_until: float = 0.0  # Unix seconds for which that need not be asked again
    variants_by_format: dict[str, Variant] = field(default_factory=dict)  # by target
    headers_by_format: dict[str, VariantHeaders] = field(default_factory=dict)  # by target


@dataclass(frozen=True, slots=True)
class Variant:
    """One picture: an original in one variant.

    It does not hold its plan, which holds it: of a circle, memory is freed by the collector alone, who looks
    through everything that lives for it.
    """

    key: str
    options: Options
    original: str  # the name of the original in the cache
    target: str  # as in a job
    variant: str  # its name beneath the original
    name: str  # its name in full


@dataclass(slots=True)
class Outcome:
    """A result, and how it was come by."""

    result: Result
    status: str  # Cache-Status
    outcome: str  # hit, stale, revalidated or miss, for log and metrics
    stages: dict[str, float] = field(default_factory=dict)  # seconds
