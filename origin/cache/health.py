"""How the disk tier lives with a disk that fails: count, log once, pause, go on."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

log = logging.getLogger(__name__)

Operation = Literal["read", "write"]  # a full disk can still be read, so each fails on its own
BACK_OFF_SECONDS = 1.0  # without another try after a failure of the whole store
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_MAKE_ROOM = "; free some, or lower cache.max_size"
RECOVERY_SECONDS = 10.0  # without a failure, after which the store counts as well again


class Health:
    """The state of one store. Any thread may call."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self.failures = 0
        self._path = path
        self._clock = clock
        self.failing: set[Operation] = set()  # what failed, and has not worked for long enough since
        self._failed_at = 0.0
        self._retry_at: dict[Operation, float] = {}

    def may_try(self, operation: Operation) -> bool:
        """False for a moment after a failure of the whole store."""
        return self._clock() >= self._retry_at.get(operation, 0.0)

    def failed(self, operation: Operation, error: BaseException, *, one_value: bool) -> None:
        """Count a failure, and log the first of a series. `one_value`: the rest of the store works."""
        self.failures += 1
        self._failed_at = self._clock()
        if not one_value:
            self._retry_at[operation] = self._failed_at + BACK_OFF_SECONDS
        was_well = not self.failing
        self.failing.add(operation)  # first: other threads run while the log is written
        if was_well:
            text = "the cache in %s fails to %s, pictures are served without it: %s: %s%s"
            if one_value:
                text = "the cache in %s fails to %s one value, which is made again: %s: %s%s"
            is_full = isinstance(error, OSError) and error.errno in _FULL
            log.error(text, self._path, operation, type(error).__name__, error, _MAKE_ROOM * is_full)

    def succeeded(self, operation: Operation) -> None:
        if operation in self.failing and self._clock() - self._failed_at > RECOVERY_SECONDS:
            self.failing.discard(operation)
            if not self.failing:
                log.warning("the cache in %s works again", self._path)

    def retry_now(self) -> None:
        self._retry_at.clear()
