"""What a URL of another system asks for, on its way into our words."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from origin.urls.dialects.dialect import Translation
from origin.urls.dialects.numbers import read_number
from origin.urls.dialects.numbers import write_number
from origin.urls.options import BY_NAME
from origin.urls.options import quote_value
from origin.urls.query import Pair


class Refusal(Exception):
    """What cannot be done: the name, and why, for the log."""

    def __init__(self, name: str, reason: str, text: str = "") -> None:
        got = f", got {quote_value(text.encode('utf-8', 'replace'))}" if text else ""
        super().__init__(f"option {name}: {reason}{got}")


def split_token(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """The pairs of our token, which a system that signs no URLs passes on as they are, and the others."""
    token = [pair for pair in pairs if (option := BY_NAME.get(pair[0])) and option.of_token]
    return token, [pair for pair in pairs if pair not in token]


def read_bounded(name: str, text: str, lowest: int, highest: int) -> Decimal:
    """The number that an option has. Raises Refusal for none, and for one that is out of bounds."""
    number = read_number(text)
    if number is None or not lowest <= number <= highest:
        raise Refusal(name, f"expected a number from {lowest} to {highest}", text)
    return number


class Asked:
    """The parts of a `Translation`, as they come together."""

    def __init__(self, system: str) -> None:
        self.beyond: dict[str, Any] = {}
        self._system = system
        self._ours: dict[str, str] = {}
        self._without_effect: dict[str, None] = {}
        self._unknown: dict[str, None] = {}
        self._mistakes: dict[str, None] = {}

    def set(self, name: str, value: object) -> None:
        """Ask for an option of ours."""
        self._ours[name] = write_number(value)

    def has(self, name: str) -> bool:
        """Whether that option of ours is asked for."""
        return name in self._ours

    @property
    def has_mistakes(self) -> bool:
        return bool(self._mistakes)

    def note(self, refusal: Refusal) -> None:
        """Keep what is wrong, once."""
        self._mistakes[f"{self._system} {refusal}"] = None

    def ignore(self, name: str) -> None:
        """Note what changes no pixel that anybody asked for."""
        self._without_effect[name] = None

    def ignore_unknown(self, name: str) -> None:
        """Note a name that the system does not have."""
        self._unknown[name] = None

    def attempt(self, step: Callable[[], None]) -> None:
        """Take a step. What it refuses is noted, and the rest is done all the same, for a fallback image."""
        try:
            step()
        except Refusal as refusal:
            self.note(refusal)

    def translated(self, key: str) -> Translation:
        pairs: list[Pair] = [(name.encode(), text.encode()) for name, text in self._ours.items()]
        return Translation(
            key, pairs, self.beyond, list(self._without_effect), list(self._unknown), list(self._mistakes)
        )
