"""`If-Match`, `If-None-Match` and `If-Unmodified-Since` of a write (RFC 9110 section 13.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace

from origin.errors import Exists
from origin.errors import Malformed
from origin.errors import PreconditionMissed
from origin.errors import WriteRefused
from origin.http.dates import parse_http_date
from origin.http.message import header_value
from origin.sources.base import StoredObject

_TAG = re.compile(r'\s*((?:W/)?"[^"\x00-\x20\x7f]*")\s*(?:,|$)')
ANY = ("*",)


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What has to be under a key. `version` and `must_be_new` are what the store itself compares."""

    match: tuple[str, ...] | None = None  # tags one of which it has to have; `ANY`: any
    none_match: tuple[str, ...] | None = None  # tags none of which it may have; `ANY`: nothing may be there
    may_replace: bool = True  # False where the grant does not permit it
    found: str | None = None  # the version that was there when the request was checked
    unmodified_since: float | None = None  # Unix seconds after which it may not have been written

    @classmethod
    def read(cls, headers: Mapping[bytes, bytes], may_replace: bool) -> Preconditions:
        """Raises Malformed."""
        match, none_match = (_tags(headers, name) for name in (b"if-match", b"if-none-match"))
        since = None
        if match is None:  # RFC 9110 section 13.1.4: it is ignored beside If-Match, and where it is no date
            since = parse_http_date(header_value(headers, b"if-unmodified-since") or "")
        return cls(match, none_match, may_replace, unmodified_since=since)

    @property
    def is_named(self) -> bool:
        """Whether the request itself names a condition."""
        return not (self.match is None and self.none_match is None and self.unmodified_since is None)

    @property
    def must_be_new(self) -> bool:
        if not self.may_replace or self.none_match == ANY:
            return True
        # Where nothing was there, whatever comes before the write has been written since.
        holds_for_nothing = self.none_match is not None or self.unmodified_since is not None
        return holds_for_nothing and self.found is None

    @property
    def version(self) -> str | None:
        """The only version that may be replaced; None where any may."""
        return self.found if self.is_named and not self.must_be_new else None

    def at(self, found: str | None) -> Preconditions:
        """These conditions, for a request that found this version."""
        return replace(self, found=found)

    def check(self, there: StoredObject | None) -> None:
        """Raises Exists and PreconditionMissed."""
        found = None if there is None else there.etag
        if self.match is not None and not _matches(self.match, found, strongly=True):
            raise self._missed()
        since = self.unmodified_since
        if since is not None and there is not None and int(there.last_modified) > since:  # whole seconds
            raise self._missed()
        if found is not None and not self.may_replace:
            raise Exists("there is a picture under this key, and the grant replaces none")
        if self.none_match is not None and _matches(self.none_match, found, strongly=False):
            raise self.failure()

    def failure(self) -> WriteRefused:
        """Why the store has refused the write."""
        if self.match is None and (not self.may_replace or self.none_match == ANY):
            return Exists("there is a picture under this key already")
        return self._missed()

    @staticmethod
    def _missed() -> WriteRefused:
        return PreconditionMissed("the picture is not in the version that the request asks for")


ALWAYS = Preconditions()
"""Whatever is there."""
UNCHANGED = Preconditions(none_match=())
"""Whatever is there when it is checked, and nothing that has come since."""


def _tags(headers: Mapping[bytes, bytes], name: bytes) -> tuple[str, ...] | None:
    text = header_value(headers, name)
    if text is None:
        return None
    if text.strip() == "*":
        return ANY
    tags, at = [], 0
    while at < len(text):
        match = _TAG.match(text, at)
        if match is None:
            raise Malformed(f"{name.decode()} is no list of entity tags")
        tags.append(match[1])
        at = match.end()
    return tuple(tags)


def _matches(tags: tuple[str, ...], found: str | None, *, strongly: bool) -> bool:
    if found is None:
        return False
    if tags == ANY:
        return True
    return found in tags or (not strongly and found in {tag.removeprefix("W/") for tag in tags})
