"""One purge, as CDNs name what is to go: by tag or by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Protocol
from urllib.parse import quote

from origin.http.caching import surrogate_tags
from origin.urls.path import path_above

_SAFE = "/-._~"  # of a path, beside letters and digits (RFC 3986 section 2.3)


@dataclass(frozen=True, slots=True)
class CdnPurge:
    """Pictures of one handler: all, those of a key, or those whose key starts with `prefix`.

    `mount` is the prefix of the handler's URLs; `source_key` is the key that the source is asked for.
    `begins_with_key` says whether that is what stands behind the prefix: where it is not, as with options in
    the path, no path tells a picture from the others of the handler.
    """

    handler: str
    mount: str
    key: str | None = None
    prefix: str | None = None
    source_key: str = ""
    begins_with_key: bool = field(default=True, compare=False)

    @property
    def tag(self) -> str:
        """The tag that all of it carries. No tag says how a key begins, so a prefix has the handler's."""
        return surrogate_tags(self.handler, self.source_key)[0 if self.key is None else 1]

    @property
    def path(self) -> str:
        """The path of the key, or the beginning of all paths, escaped."""
        key = (self.key or self.prefix or "") if self.begins_with_key else ""
        return quote(path_above(self.mount) + key, safe=_SAFE)

    @property
    def is_many(self) -> bool:
        """Whether `path` is a beginning of paths."""
        return self.key is None or not self.begins_with_key

    @property
    def whole(self) -> CdnPurge:
        """All pictures of the handler."""
        return CdnPurge(self.handler, self.mount)


class CdnFailed(Exception):
    """A CDN did not take a purge. `passes` says whether another try may succeed; `retry_after`, in seconds,
    is what the CDN asks for. `of_content` says that a purge in the batch is at fault, so that it may take a
    part of it."""

    def __init__(
        self, text: str, *, passes: bool, retry_after: float | None = None, of_content: bool = False
    ) -> None:
        super().__init__(text)
        self.passes = passes
        self.retry_after = retry_after
        self.of_content = of_content


class CdnTarget(Protocol):
    """One interface of a CDN. `batch` is how many purges one request may hold."""

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int: ...

    async def purge(self, purges: Sequence[CdnPurge]) -> None:
        """Make the CDN forget these pictures. Raises CdnFailed."""
