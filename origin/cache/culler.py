"""The limit of a cache folder: what goes when space is needed, and what is spared."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

from origin.cache.bloom import BloomFilter
from origin.cache.engine import Engine
from origin.cache.records import Pieces

Values = Sequence[tuple[str, Pieces]]
MAX_TOUCHED = 100_000
_TOUCHED_BITS = 1 << 20  # 128 kB, where a set takes 7 MB; of ten names that were not read, one may seem to be
_ENTRY_OVERHEAD = 65_536  # bytes that SQLite's file and log grow by with a new entry, at most
_MAX_RENEWED = 1_000  # entries that one culling spares, or it would not end where everything was read


class Culler:
    """Keeps a folder under `max_size` bytes. The oldest values go first; one that was read since the last
    look becomes the newest instead, once."""

    def __init__(self, max_size: int, stray_bytes: Callable[[], int]) -> None:
        """`stray_bytes` tells the bytes of files that the engine does not know."""
        self.max_size = max_size
        self._stray_bytes = stray_bytes
        self._touched = BloomFilter(_TOUCHED_BITS)

    def touch(self, *names: str) -> None:
        """Count names as read: they are spared once."""
        for name in names:
            if len(self._touched) < MAX_TOUCHED:
                self._touched.add(name)

    def is_too_large(self, value: Pieces) -> bool:
        """Whether a value alone would take a twentieth of the folder."""
        return sum(map(len, value)) > self.max_size // 20

    def portions(self, values: Values) -> Iterator[Values]:
        """The values in portions so small that space for one does not empty a small folder."""
        portion: list[tuple[str, Pieces]] = []
        left = 0
        for name, value in values:
            left -= _space(value)
            if portion and left < 0:
                yield portion
                portion = []
            if not portion:
                left = self.max_size // 10 - _space(value)
            portion.append((name, value))
        if portion:
            yield portion

    def size(self, engine: Engine) -> int:
        """Bytes that the folder takes."""
        size, log_size = engine.size()
        # The log grows while another program reads, and a value that goes does not make it shorter.
        return size + min(log_size, max(self.max_size // 10, 2_000_000)) + self._stray_bytes()

    def make_space(self, engine: Engine, values: Values) -> None:
        """Remove values until these fit under the limit."""
        space = sum(_space(value) for _, value in values)
        if self.size(engine) + space <= self.max_size:
            return
        goal = self.max_size - space - self.max_size // 50  # so that not every write has to cull
        renewed = 0
        while self.size(engine) > goal:
            rows = engine.oldest(10)
            if not rows:
                return
            for row in rows:
                if renewed < _MAX_RENEWED and self._touched.discard(row.name):
                    renewed += 1
                    engine.renew(row)
                    continue
                engine.remove(row)
                if self.size(engine) <= goal:
                    return


def _space(value: Pieces) -> int:
    """Bytes that the folder grows by with a new value, at most."""
    return 2 * sum(map(len, value)) + _ENTRY_OVERHEAD
