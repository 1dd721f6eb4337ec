"""Which texts come again, told in memory of a fixed size.

What is remembered of a URL pays with the next request for it. Where nearly every URL is asked for once, it
only takes memory, 3 kB each, that is cold when it is freed again: a hit on the disk took a tenth more CPU
with it. To switch it off, let `again` return True.
"""

from __future__ import annotations

from array import array


class AskedBefore:
    """Of the last texts, about as many as there are places. Those that share a place push each other out."""

    def __init__(self, places: int) -> None:
        """Each place takes eight bytes."""
        self._hashes = array("q", bytes(8 * places))

    def again(self, text: bytes) -> bool:
        """Whether this text has come before, and not long ago."""
        number = hash(text)
        place = number % len(self._hashes)
        if self._hashes[place] == number:
            return True
        self._hashes[place] = number
        return False
