"""Bytes by name in one folder, under a limit, and repaired where they are damaged.

A value comes back whole and under the name it was stored by, or not at all. Where the disk fails, a read is a
miss and a write is not kept; neither is an error for the caller.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from origin.cache.bloom import BloomFilter
from origin.cache.culler import Culler
from origin.cache.culler import Values
from origin.cache.diskcache_safe import ERRORS
from origin.cache.engine import Engine
from origin.cache.engine import is_damage
from origin.cache.health import Health
from origin.cache.health import Operation
from origin.cache.open_folder import OpenFolder
from origin.cache.records import Pieces
from origin.cache.records import seal
from origin.cache.records import unseal

T = TypeVar("T")
MAX_PENDING_DELETES = 1_000


class DiskStore:
    """Values in one folder, at most `max_size` bytes in all.

    Reads may come from any thread at any time, writes from one thread at a time. No method but `open` raises
    because of the disk.
    """

    def __init__(
        self, path: Path, max_size: int, clock: Callable[[], float] = time.monotonic, *, shared: bool = False
    ) -> None:
        """`shared`: other processes use the folder at the same time, and say so as well."""
        self.path = path
        self.max_size = max_size
        self.shared = shared
        self.heard: int | None = None  # the number of the last delete of another process that took effect
        self._health = Health(path, clock)
        folder = self._folder = OpenFolder(path, self._health.retry_now, shared=shared)
        self._culler = Culler(max_size, lambda: folder.stray_bytes)
        self.touch = self._culler.touch
        self._pending_deletes: tuple[str, ...] = ()  # prefixes that the disk has refused to delete so far

    @property
    def failures(self) -> int:
        """Reads and writes that failed."""
        return self._health.failures

    @property
    def deletes_wait(self) -> bool:
        """Whether the disk has refused a delete until now."""
        return bool(self._pending_deletes)

    @property
    def stored_names(self) -> BloomFilter | None:
        """The names of all values; None until they have been read, and where another process writes too."""
        return self._folder.stored_names

    def open(self) -> None:
        """Claim the folder for this process. Raises ConfigError where it cannot be used, or another process
        uses it."""
        self._folder.claim()
        self.heard = self._attempt("read", lambda engine: engine.last_delete() if self.shared else None, None)

    def get(self, name: str, most: int | None = None) -> memoryview | None:
        """Raises ValueIsLarge for a value of more than `most` bytes, which is not read."""
        return self._attempt("read", lambda engine: self._read(engine, name, most), None)

    def get_following(
        self, name: str, follow: Callable[[memoryview], str | None], most: int | None = None
    ) -> memoryview | None:
        """The value of the name that the value of this one leads to, by `follow`. Raises as `get`.

        In one go: to look whether the folder is still the same takes as long as a tenth of both.
        """

        def read(engine: Engine) -> memoryview | None:
            first = self._read(engine, name, most)
            second = None if first is None else follow(first)
            return None if second is None else self._read(engine, second, most)

        return self._attempt("read", read, None)

    def _read(self, engine: Engine, name: str, most: int | None) -> memoryview | None:
        """Raises one of ERRORS, ValueError for a damaged value, and ValueIsLarge."""
        if self._pending_deletes and name.startswith(self._pending_deletes):
            return None
        sealed = engine.get(name, most)
        if sealed is None:
            return None
        value = unseal(name, sealed)
        self.touch(name)
        return value

    def put(self, name: str, value: bytes, heard: int | None = None) -> None:
        """Keep a value, unless it alone would take a twentieth of the folder.

        `heard` is `self.heard` of the moment in which the value was still valid.
        """
        self._put(name, (value,), heard)

    def _put(self, name: str, value: Pieces, heard: int | None) -> None:
        if self._culler.is_too_large(value):
            return
        if self._pending_deletes:
            self._attempt("write", self._delete_pending, None)
        if self._pending_deletes:
            return  # or a delete that comes late would take it
        self._attempt("write", partial(self._put_all, values=[(name, value)], heard=heard), None)

    def put_all(self, values: Values, heard: int | None = None) -> None:
        """Keep values as `put` does, in few transactions: those are most of the cost of a write."""
        for portion in self._culler.portions(values):
            write = partial(self._put_all, values=portion, heard=heard)
            if len(portion) > 1 and not self._pending_deletes and self._attempt("write", write, False):
                continue
            for name, value in portion:  # one of them may be what failed
                self._put(name, value, heard)

    def delete(self, name: str) -> bool:
        """Remove one value; whether it was there."""
        if not _is_text(name):
            return False
        deleted = self._attempt("write", lambda engine: engine.delete(names=[name]), None)
        if deleted is None:
            self._delete_later(name)  # as a prefix: more may go, never less
            deleted = self._remove_files(name)
        return bool(deleted)

    def delete_prefix(self, prefix: str) -> set[str]:
        """Remove all values whose names start with `prefix`; the names that were there.

        Where the disk refuses, none of them is returned from now on, and the next write deletes them. A
        process that ends before has to empty the folder when it starts again.
        """
        if not _is_text(prefix):
            return set()  # no name starts so, and SQLite would refuse to look
        self._delete_later(prefix)
        deleted = self._attempt("write", self._delete_pending, None)
        return self._remove_files(prefix) if deleted is None else deleted

    def deletes_of_others(self) -> tuple[int, list[str]] | None:
        """The number of the last delete, and the prefixes that other processes have deleted since `heard`.

        None where the disk cannot be read. The empty prefix, which stands for everything, where some of the
        deletes are no longer written down.
        """
        heard = self.heard
        if heard is None:  # the folder could not be read when it was opened
            return self._attempt("read", lambda engine: (engine.last_delete(), [""]), None)
        deletes = self._attempt("read", lambda engine: engine.deletes_of_others(heard), None)
        if deletes is None:
            return None
        return deletes.last, deletes.prefixes if deletes.complete else [""]

    def size(self) -> int:
        """Bytes that the folder takes."""
        return self._attempt("read", self._culler.size, 0)

    def count(self, prefix: str = "") -> int:
        """How many values there are, or how many whose name starts with `prefix`."""
        return self._attempt("read", lambda engine: engine.count(prefix), 0)

    def names(self, prefix: str) -> set[str]:
        """The names that start with `prefix`."""
        return self._attempt("read", lambda engine: engine.names(prefix), set())

    def close(self) -> None:
        if self._pending_deletes:
            self._health.retry_now()
            self._attempt("write", self._delete_pending, None)
        self._folder.close()

    # Failures

    def _attempt(self, operation: Operation, action: Callable[[Engine], T], otherwise: T) -> T:
        if self._health.failing and not self._health.may_try(operation):
            return otherwise
        engine = None
        try:
            engine = self._folder.engine()
            result = action(engine)
        except ERRORS as exc:
            self._health.failed(operation, exc, one_value=isinstance(exc, ValueError))
            if is_damage(exc, while_opening=engine is None):
                self._folder.set_aside(engine)
            return otherwise
        if self._health.failing:
            self._health.succeeded(operation)
        return result

    # Writing

    def _put_all(self, engine: Engine, values: Values, heard: int | None) -> bool:
        fitting = [(name, value) for name, value in values if not self._culler.is_too_large(value)]
        self._culler.make_space(engine, fitting)
        self._folder.note(name for name, _ in fitting)
        engine.put_all(((name, seal(name, value)) for name, value in fitting), heard)
        return True

    def _delete_later(self, prefix: str) -> None:
        self._pending_deletes = (*self._pending_deletes, prefix)
        if len(self._pending_deletes) > MAX_PENDING_DELETES:
            self._pending_deletes = ("",)  # everything

    def _remove_files(self, prefix: str) -> set[str]:
        """What a full disk allows still, and makes room there. The names that were there."""
        self._folder.note_refusal()
        return self._attempt("read", lambda engine: engine.remove_files(prefix), set())

    def _delete_pending(self, engine: Engine) -> set[str]:
        deleted = engine.delete(prefixes=self._pending_deletes)
        self._pending_deletes = ()
        self._folder.forget_refusal()
        return deleted


def _is_text(prefix: str) -> bool:
    """Whether it has no half of a surrogate pair, as `"\\ud800"` in JSON has."""
    return prefix.encode(errors="replace").decode() == prefix
