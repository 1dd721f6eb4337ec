"""`If-Match` and `If-None-Match` of a write (RFC 9110 sections 13.1.1 and 13.1.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from origin.errors import Exists
from origin.errors import Malformed
from origin.errors import PreconditionMissed
from origin.errors import WriteRefused
from origin.http.message import header_value

_TAG = re.compile(r'\s*((?:W/)?"[^"\x00-\x20\x7f]*")\s*(?:,|$)')
ANY = ("*",)


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What has to be under a key. `version` and `must_be_new` are what the store itself compares."""

    match: tuple[str, ...] | None = None  # tags one of which it has to have; `ANY`: any
    none_match: tuple[str, ...] | None = None  # tags none of which it may have; `ANY`: nothing may be there
    may_replace: bool = True  # False where the grant does not permit it
    found: str | None = None  # the version that was there when the request was checked

    @classmethod
    def read(cls, headers: Mapping[bytes, bytes], may_replace: bool) -> Preconditions:
        """Raises Malformed."""
        match, none_match = (_tags(headers, name) for name in (b"if-match", b"if-none-match"))
        return cls(match, none_match, may_replace)

    @property
    def must_be_new(self) -> bool:
        if not self.may_replace or self.none_match == ANY:
            return True
        return self.none_match is not None and self.found is None

    @property
    def version(self) -> str | None:
        """The only version that may be replaced; None where any may."""
        if self.must_be_new or (self.match is None and self.none_match is None):
            return None
        return self.found

    def at(self, found: str | None) -> Preconditions:
        """The same, for a request that found this version."""
        return Preconditions(self.match, self.none_match, self.may_replace, found)

    def check(self, found: str | None) -> None:
        """Raises Exists and PreconditionMissed."""
        if self.match is not None and not _matches(self.match, found, strongly=True):
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
        return PreconditionMissed("the picture is not in the version that the request names")


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
