"""The options in a path of Cloudflare's, on their way into our words."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from origin.urls.dialects.cloudflare.names import LOOKED_AT
from origin.urls.dialects.cloudflare.names import WITHOUT_EFFECT
from origin.urls.dialects.cloudflare.names import find_name
from origin.urls.options import quote_value
from origin.urls.query import Pair

MAX_OPTIONS = 100  # of a URL; Cloudflare has some 30
MAX_TEXT = 100  # characters of a value
_OURS = ("p", "preset")  # names that Cloudflare does not have, so they keep our meaning
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9}")
# Commas divide options, but not the numbers of a colour: `background=rgb(255,0,0)`.
_OPTION = re.compile(r"(?:[^,()]|\([^()]*\))+")
_ALL = re.compile(r"(?:[^()]|\([^()]*\))*")


class Refusal(Exception):
    """What cannot be done: the name, and why, for the log."""

    def __init__(self, name: str, reason: str, text: str = "") -> None:
        got = f", got {quote_value(text.encode('utf-8', 'replace'))}" if text else ""
        super().__init__(f"cloudflare option {name}: {reason}{got}")


class Asked:
    """What was given, by Cloudflare's full names, and what it becomes. An empty value is as absent."""

    def __init__(self, text: str) -> None:
        self.given: dict[str, str] = {}
        self.pairs: list[Pair] = []  # of ours
        self.beyond: dict[str, Any] = {}  # as in `Translation`
        self.unknown: dict[str, None] = {}
        self.mistakes: dict[str, None] = {}
        self.has_options = False  # whether one of them is known
        if text.count(",") >= MAX_OPTIONS:
            self.mistakes[f"the path has more than {MAX_OPTIONS} options of cloudflare"] = None
            return
        if not _ALL.fullmatch(text):
            self.mistakes["the options of cloudflare have a bracket without its other half"] = None
            return
        for option in _OPTION.findall(text):
            self._take(*option.partition("=")[::2])

    def _take(self, spelled: str, text: str) -> None:
        if spelled in _OURS:
            self.has_options = True
            self.set(spelled, text)
            return
        name = find_name(spelled)
        if name is None:
            self.unknown[spelled] = None
            return
        self.has_options = True
        if name in self.given:
            self.note(Refusal(name, "comes twice"))
        elif len(text) > MAX_TEXT:
            self.note(Refusal(name, f"expected {MAX_TEXT} characters or fewer"))
        elif text and name not in LOOKED_AT and name not in WITHOUT_EFFECT:
            self.note(Refusal(name, "not available here", text))
        elif text:
            self.given[name] = text

    def note(self, refusal: Refusal) -> None:
        """Keep what is wrong, once."""
        self.mistakes[str(refusal)] = None

    def without_effect(self) -> list[str]:
        return [name for name in self.given if name in WITHOUT_EFFECT]

    def set(self, name: str, value: object) -> None:
        """Ask for an option of ours."""
        text = format(round(value, 6).normalize(), "f") if isinstance(value, Decimal) else str(value)
        self.pairs.append((name.encode(), text.encode()))

    def number(self, name: str, lowest: int, highest: int) -> Decimal | None:
        text = self.given.get(name)
        if text is None:
            return None
        number = read_number(text)
        if number is None or not lowest <= number <= highest:
            raise Refusal(name, f"expected a number from {lowest} to {highest}", text)
        return number

    def choice(self, name: str, *choices: str) -> str | None:
        text = self.given.get(name)
        if text is not None and text not in choices:
            raise Refusal(name, f"expected {', '.join(choices)}", text)
        return text


def read_number(text: str) -> Decimal | None:
    """None for what is no plain number."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None
