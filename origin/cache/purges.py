"""Which purges came when, so that nothing that was under way during a purge is kept."""

from __future__ import annotations

from collections import deque

MAX_PURGES = 1_000  # remembered, for work that began before them


class PurgeHistory:
    """The purges of one process, numbered. `mark` is the number of the last one."""

    def __init__(self) -> None:
        self.mark = 0
        self._purges: deque[tuple[int, str]] = deque(maxlen=MAX_PURGES)

    def add(self, prefix: str) -> None:
        self.mark += 1
        self._purges.append((self.mark, prefix))

    def reached(self, original: str, since: int) -> bool:
        """Whether a purge has reached this original since that mark; True where that is forgotten."""
        if since == self.mark:
            return False
        if since < self._purges[0][0] - 1:
            return True
        return any(mark > since and original.startswith(prefix) for mark, prefix in self._purges)
