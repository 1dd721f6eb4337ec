"""What the cache has of a variant, and whether it may be served: fresh, stale while it is renewed, or stale
while the source is down."""

from __future__ import annotations

import time
from collections.abc import Callable

from origin.cache.records import Lookup
from origin.cache.records import Result
from origin.cache.records import Version
from origin.delivery.originals import Originals
from origin.delivery.request import Hit
from origin.delivery.request import Outcome
from origin.delivery.request import Variant
from origin.delivery.settings import Freshness
from origin.errors import NotFound
from origin.errors import SourceUnavailable
from origin.http.caching import cache_status

STALE_IF_ERROR = "stale-if-error"
"""What Cache-Status says of an answer from a time before the source was down."""


class KeptResults:
    """The results of one handler that are in the cache. Times are Unix seconds of `clock`."""

    def __init__(
        self, originals: Originals, freshness: Freshness, clock: Callable[[], float] = time.time
    ) -> None:
        self._originals = originals
        self._cache = originals.cache
        self._freshness = freshness
        self._clock = clock

    def fresh_in_memory(self, variant: Variant, now: float) -> Hit | None:
        """The result, where memory has it and the source need not be asked. `now` is in Unix seconds."""
        if self._cache is None:
            return None
        version, result, _ = self._cache.peek(variant.original, variant.name)
        if version is None or result is None:
            return None
        ttl = self._originals.ttl_at(version, now)
        return Hit(result, version.etag, ttl) if ttl > 0 else None

    async def find(self, variant: Variant) -> Lookup:
        """What the cache has. Raises the failure that it remembers where it has no result, and none may be
        made of the original that it keeps."""
        if self._cache is None:
            return Lookup(None)
        if self._cache.has_bucket:  # which need not be asked for what the source does not have
            failure = self._cache.failure(variant.original, variant.name, self._clock())
            if isinstance(failure, NotFound):
                raise failure
        lookup = await self._cache.find(variant.original, variant.name, variant.may_be)
        if lookup.result is None:
            failure = self._cache.failure(variant.original, variant.name, self._clock())
            if isinstance(failure, SourceUnavailable) and self.may_be_stale(lookup.version):
                return lookup
            if failure is not None:
                raise failure
        return lookup

    def serve(self, lookup: Lookup, variant: Variant) -> Outcome | None:
        """What can be served of that; None where a result has to be made. What is stale is to be renewed."""
        if lookup.version is None or lookup.result is None:
            return None
        ttl = self._originals.ttl(lookup.version)
        if ttl > 0:
            return Outcome(lookup.result, _hit(ttl, lookup.tier), "hit", version=lookup.version.etag)
        if -ttl <= self._freshness.stale_while_revalidate:
            return _stale(lookup.result, lookup.version, ttl, "stale-while-revalidate")
        return None if self._originals.may_ask(variant.original) else self.stale_if_error(lookup)

    def stale_if_error(self, lookup: Lookup) -> Outcome | None:
        """The stale result, for a source that is down, unless the result is too old."""
        if lookup.version is None or lookup.result is None or not self.may_be_stale(lookup.version):
            return None
        return _stale(lookup.result, lookup.version, self._originals.ttl(lookup.version), STALE_IF_ERROR)

    def may_be_stale(self, version: Version | None) -> bool:
        """Whether a version is not too old to be served while the source is down."""
        return version is not None and -self._originals.ttl(version) <= self._freshness.stale_if_error


def _hit(ttl: int, tier: str) -> str:
    return f"origin; hit; ttl={ttl}; detail={tier}"


def _stale(result: Result, version: Version, ttl: int, why: str) -> Outcome:
    return Outcome(result, cache_status(hit=True, ttl=ttl, detail=why), "stale", version=version.etag)
