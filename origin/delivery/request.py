"""What one step of a request's life hands to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import NamedTuple

from origin.cache.records import Result
from origin.delivery.authorize import Pairs
from origin.errors import OriginError
from origin.formats import OUTPUTS
from origin.formats import Format
from origin.formats import ResultFormat
from origin.http.message import RawHeaders
from origin.http.message import header_value
from origin.http.message import serialize_headers
from origin.http.negotiation import accept_class
from origin.imaging.protocol import AUTO
from origin.urls.options import Options

AS_IT_IS = "as-it-is"
"""The format of a variant that is the original's own bytes."""


def job_format(options: Options, headers: Mapping[bytes, bytes]) -> str:
    """The format of a render job. `auto` becomes one of `AUTO_FORMATS`, so that Accept makes three results
    at most. `headers` are the request's."""
    if options.format != "auto":
        return options.format
    return AUTO + accept_class(header_value(headers, b"accept"))


@dataclass(frozen=True, slots=True)
class Variant:
    """One result that can be made of an original.

    A variant does not refer to its ImageRequest, which refers to it: memory in such a cycle is freed by the
    garbage collector alone, and each of its rounds costs a hit many times over.
    """

    key: str  # what the source is asked for
    options: Options
    original: str  # the original's name in the cache
    format: str  # as in a render job, or AS_IT_IS
    name: str  # the result's name beneath the original
    full_name: str

    def may_be(self, format: ResultFormat) -> bool:
        """Whether a result of it can be in that format."""
        if self.format == AS_IT_IS or self.options.only is not None:
            return isinstance(format, Format)  # that of the original
        if self.format == "original" or self.format.startswith(AUTO):
            return format in OUTPUTS
        return format.name == self.format


@dataclass(slots=True)
class VariantHeaders:
    """The headers of a result that are the same in every answer to one URL.

    They do not refer to the body, so that remembering them keeps no picture in memory.
    """

    digest: bytes
    last_modified: float | None  # Unix seconds
    etag: str
    always: RawHeaders
    of_body: RawHeaders  # in all answers but a 304
    version: str  # of the original
    _serialized: tuple[bytes, bytes] | None = None

    @property
    def serialized(self) -> tuple[bytes, bytes]:
        """`always` and `of_body` as HTTP/1.1 writes them. Most URLs are asked for once and need neither."""
        if self._serialized is None:
            self._serialized = (serialize_headers(self.always), serialize_headers(self.of_body))
        return self._serialized

    def fit(self, result: Result, version: str) -> bool:
        """Whether they are those of this result, of this version of the original."""
        return (
            self.digest == result.digest
            and self.last_modified == result.last_modified
            and self.version == version
        )


@dataclass(slots=True)
class ImageRequest:
    """What a URL asks of a handler, for every client that asks for it. The router remembers it while the URL
    is in use, so that only the first request of many reads the URL."""

    key: str  # as the URL has it: what a token signs; in a dialect, the part that names the original
    pairs: Pairs
    options: Options
    original: str  # the original's name in the cache
    error: OriginError | None = None  # what is wrong with the URL
    is_plain: bool = False  # no option, where pictures come in: its ETag is that of the stored bytes
    ignored: tuple[str, ...] = ()  # names in the query that change nothing
    expires: int | None = None  # Unix second at which the last permission ends
    source_key: str = ""  # what the source is asked for
    is_passed_through: bool = False  # whether the answer is the original's own bytes
    authorized_until: float = 0.0  # Unix seconds until which nobody has to authorize this URL again
    variants: dict[str, Variant] = field(default_factory=dict)  # by output format
    headers: dict[str, VariantHeaders] = field(default_factory=dict)  # by output format
    saved_as: str = ""  # the key that the URL has, where it means another one
    # What the URL means where the source has no such key: the first of these that is there.
    otherwise: tuple[ImageRequest, ...] = ()

    def for_one_client(self) -> ImageRequest:
        """The same, with an `expires` of its own: another client may have another permission."""
        return replace(self, otherwise=tuple(replace(choice) for choice in self.otherwise))

    @property
    def choices(self) -> tuple[ImageRequest, ...]:
        """What the URL may mean, in the order in which it is looked for."""
        return (self, *self.otherwise)

    @property
    def file_name(self) -> str:
        """The key, or the URL of the original where the key is one and no name stands behind it."""
        if self.saved_as:
            return self.saved_as
        if self.key == self.source_key or "." in self.key.rpartition("/")[2]:
            return self.key
        return self.source_key.partition("?")[0]


class Hit(NamedTuple):
    """A fresh result in memory."""

    result: Result
    version: str  # of the original, as the source tells it
    ttl: int  # seconds for which it stays fresh


@dataclass(slots=True)
class Outcome:
    """A result, and how the origin got it."""

    result: Result
    cache_status: str  # the value of Cache-Status
    cache: str  # hit, stale, revalidated or miss: the word of the log and the metrics
    stages: dict[str, float] = field(default_factory=dict)  # seconds spent in source, queue, render, cache
    version: str = ""  # of the original, as the source tells it
    is_brief: bool = False  # another result takes its place soon
