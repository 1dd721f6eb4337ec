"""A service of others that holds nobody up: nobody asks it while it fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0  # between two tries while it fails


class Breaker:
    """Counts failures, and says once that the service is away and once that it is back.

    `clock` gives seconds that never go back.
    """

    def __init__(
        self, what: str, without: str, after: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`what` fails and `without` is what happens meanwhile, for the log; `after` failures in a row."""
        self.failures = 0  # since the start
        self.is_open = False
        self.reason = ""  # of the last failure
        self._what = what
        self._without = without
        self._after = after
        self._clock = clock
        self._in_a_row = 0
        self._retry_at = 0.0

    @property
    def is_well(self) -> bool:
        """Whether a request may ask, or has to be the one that tries again."""
        return not self.is_open or self._clock() >= self._retry_at

    def may_try(self) -> bool:
        """Whether to ask now; while it fails, one a second may."""
        if not self.is_open:
            return True
        if self._clock() < self._retry_at:
            return False
        self._retry_at = self._clock() + PAUSE_SECONDS
        return True

    def failed(self, error: BaseException) -> None:
        self.failures += 1
        self.reason = str(error)
        self._in_a_row += 1
        if self._in_a_row < self._after:
            return
        self._retry_at = self._clock() + PAUSE_SECONDS
        if not self.is_open:
            self.is_open = True
            log.error("%s fails, %s: %s", self._what, self._without, error)

    def succeeded(self) -> None:
        self._in_a_row = 0
        if self.is_open:
            self.is_open = False
            log.warning("%s works again", self._what)
