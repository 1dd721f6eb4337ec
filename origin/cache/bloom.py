"""Which keys a store may hold, told from memory: what was never kept costs no look at the disk."""

from __future__ import annotations

from threading import Lock

_BITS = 1 << 24  # 2 MB; of a million keys, six in a hundred strange ones seem known


class BloomFilter:
    """A set of texts that never forgets one and takes some strange ones for its own. For any thread."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)
        self._lock = Lock()  # two bits of one byte, set at once, would be one

    def add(self, key: str) -> None:
        place = hash(key) % _BITS
        with self._lock:
            self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, key: str) -> bool:
        place = hash(key) % _BITS
        return bool(self._bits[place >> 3] >> (place & 7) & 1)
