"""What is kept in memory: a bounded dictionary, the memory tier on it, and remembered failures."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
from typing import Generic
from typing import TypeVar

from origin.cache.records import Failure
from origin.cache.records import Record
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import is_original
from origin.cache.records import name_version
from origin.cache.records import original_in
from origin.cache.tier import Measure
from origin.cache.tier import Tier
from origin.errors import OriginError

K = TypeVar("K")
T = TypeVar("T")
MAX_VERSIONS = 20_000
MAX_FAILURES = 10_000
_ENTRY_OVERHEAD = 500  # bytes that an entry takes beside its body


def weigh_result(result: Result) -> int:
    """Bytes that a result takes in memory."""
    return len(result.body) + _ENTRY_OVERHEAD


class Lru(Generic[K, T]):
    """A dictionary bounded by the sum of its entries' weights. The least recently used entry goes first."""

    def __init__(self, capacity: int, weigh: Callable[[T], int]) -> None:
        self.capacity = capacity
        self.weight = 0
        self._weigh = weigh
        self._entries: OrderedDict[K, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def get(self, key: K) -> T | None:
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: K, entry: T) -> bool:
        """Whether it was kept: an entry over an eighth of the capacity would push out too many others."""
        weight = self._weigh(entry)
        self.pop(key)
        if weight > self.capacity // 8:
            return False
        self._entries[key] = entry
        self.weight += weight
        while self.weight > self.capacity:
            self.pop(next(iter(self._entries)))
        return True

    def pop(self, key: K) -> bool:
        """Remove an entry; whether it was there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.weight -= self._weigh(entry)
        return entry is not None

    def delete(self: Lru[str, T], prefix: str) -> set[str]:
        """Remove all entries whose keys start with `prefix`; their keys."""
        keys = {key for key in self._entries if key.startswith(prefix)}
        for key in keys:
            self.pop(key)
        return keys


class ResultsByName(Lru[str, Result]):
    """Results, and which of them are of one original: to purge one does not take a look at all."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity, weigh_result)
        self._of: dict[str, tuple[str, ...]] = {}  # names, by the name of their original

    @property
    def originals(self) -> int:
        """Of how many originals there are results."""
        return len(self._of)

    def put(self, key: str, entry: Result) -> bool:
        was_kept = super().put(key, entry)
        if was_kept:
            original = original_in(key)
            self._of[original] = (*self._of.get(original, ()), key)
        return was_kept

    def pop(self, key: str) -> bool:
        was_there = super().pop(key)
        if was_there:
            original = original_in(key)
            others = tuple([name for name in self._of.pop(original) if name != key])
            if others:
                self._of[original] = others
        return was_there

    def delete_original(self, original: str) -> set[str]:
        """Remove all results of an original; their names."""
        names = set(self._of.get(original, ()))
        for name in names:
            self.pop(name)
        return names


class MemoryTier(Tier):
    """Versions and results by name; no originals. With a capacity of 0 it keeps nothing.

    It answers without waiting: `versions`, `results` and the methods without `async` are for the hot path.
    """

    label = "memory"

    def __init__(self, capacity: int) -> None:
        """`capacity` is in bytes of results."""
        self.results = ResultsByName(capacity)
        self.versions: Lru[str, Version] = Lru(MAX_VERSIONS if capacity else 0, lambda _: 1)

    def keep(self, name: str, record: Record) -> bool:
        """Put a record; whether it was kept."""
        if isinstance(record, Result):
            return self.results.put(name, record)
        return isinstance(record, Version) and self.versions.put(name, record)

    def drop(self, prefix: str) -> set[str]:
        """Remove all records whose names start with `prefix`; their names."""
        if is_original(prefix):
            version = name_version(prefix)
            names = self.results.delete_original(prefix)
            return names | {version} if self.versions.pop(version) else names
        return self.results.delete(prefix) | self.versions.delete(prefix)

    async def get(self, name: str) -> Record | None:
        return self.versions.get(name) or self.results.get(name)

    async def put(self, name: str, record: Record) -> None:
        self.keep(name, record)

    async def delete(self, name: str) -> bool:
        return self.results.pop(name) or self.versions.pop(name)

    async def delete_prefix(self, prefix: str) -> set[str]:
        return self.drop(prefix)

    async def names(self, prefix: str) -> AsyncIterator[str]:
        for name in [name for name in (*self.results, *self.versions) if name.startswith(prefix)]:
            yield name

    def measures(self) -> Iterator[Measure]:
        text = "Bytes of the caches' memory tiers."
        yield Measure("origin_cache_memory_bytes", text, lambda: self.results.weight)


class Failures:
    """Why originals and variants failed lately, by name. Memory alone keeps them."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, Failure] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def get(self, name: str, now: float) -> OriginError | None:
        failure = self._failures.get(name)
        return None if failure is None or now >= failure.until else _without_traceback(failure.error)

    def is_kept(self, name: str, until: float) -> bool:
        """Whether a failure of this name is remembered until then."""
        failure = self._failures.get(name)
        return failure is not None and failure.until >= until

    def put(self, name: str, error: OriginError, until: float) -> None:
        self._failures[name] = Failure(_without_traceback(error), until)
        if len(self._failures) > MAX_FAILURES:
            self._failures.popitem(last=False)

    def pop(self, name: str) -> None:
        self._failures.pop(name, None)

    def delete(self, prefix: str) -> None:
        for name in [name for name in self._failures if name.startswith(prefix)]:
            del self._failures[name]


def _without_traceback(error: OriginError) -> OriginError:
    """A copy without its traceback, whose frames hold originals, and which grows each time it is raised."""
    return type(error)(*error.args)
