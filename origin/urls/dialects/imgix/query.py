"""The query of an imgix URL, on its way into our words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Iterator
from decimal import Decimal

from origin.urls.colours import NAMED
from origin.urls.dialects.asked import Asked
from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.asked import read_bounded
from origin.urls.dialects.imgix.names import EXPIRES
from origin.urls.dialects.imgix.names import LOOKED_AT
from origin.urls.dialects.imgix.names import REFUSED
from origin.urls.dialects.imgix.names import SIGNATURE
from origin.urls.dialects.imgix.names import WITHOUT_EFFECT
from origin.urls.dialects.imgix.names import find_name
from origin.urls.dialects.numbers import read_number
from origin.urls.query import Pair

_JOINED = "auto"  # the only name that imgix joins where it comes again
_OURS = {"p": "p", "preset": "p"}  # names that imgix does not have, so they keep our meaning
_HEXADECIMAL = re.compile(r"[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8}")


class ImgixQuery(Asked):
    """What was given, by imgix's own names, and what it becomes. An empty value is as absent.

    What cannot be done whatever its value is, is noted at once, all of it, so that the log has each name.
    """

    def __init__(self, pairs: Iterable[Pair]) -> None:
        super().__init__("imgix")
        self.given: dict[str, str] = {}
        for name, text in pairs:
            self._take(name.decode("utf-8", "replace"), text.decode("utf-8", "replace"))
        for known, value in self.given.items():
            if _asks_for_nothing(known, value):
                self.ignore(known)
            elif known not in LOOKED_AT:
                self.note(Refusal(known, "not available here", value))

    def _take(self, spelled: str, text: str) -> None:
        if spelled in _OURS:
            if self.has(_OURS[spelled]):
                self.note(Refusal(spelled, "comes twice"))
            self.set(_OURS[spelled], text)
            return
        name = find_name(spelled)
        if name is None and spelled.endswith("64") and find_name(spelled[:-2]):
            self.note(Refusal(spelled, "base64 is not read here"))
        elif name is None:
            self.ignore_unknown(spelled)
        elif name in self.given and name == _JOINED:
            self.given[name] += f",{text}"
        elif name in self.given:
            self.note(Refusal(name, "comes twice"))
        elif text and name not in (SIGNATURE, EXPIRES):
            self.given[name] = text

    def refuse_name(self, name: str, *neutral: str) -> None:
        """Raise Refusal where it is given, and asks for something."""
        text = self.given.get(name)
        if text is not None and text not in neutral:
            raise Refusal(name, "not available here", text)

    def number(self, name: str, lowest: int, highest: int) -> Decimal | None:
        text = self.given.get(name)
        return None if text is None else read_bounded(name, text, lowest, highest)

    def colour(self, name: str) -> str | None:
        """A colour as we write it; imgix has the alpha in front."""
        text = self.given.get(name, "").lower()
        if not text or text in NAMED:
            return text or None
        if not _HEXADECIMAL.fullmatch(text):
            raise Refusal(name, "expected a colour such as fff, ffcc00, 80ffcc00 or tomato", text)
        text = "".join(digit * 2 for digit in text) if len(text) in (3, 4) else text
        return text[2:] + text[:2] if len(text) == 8 else text

    def list(self, name: str) -> Iterator[str]:
        """The values of a list that are not empty."""
        return (value for value in self.given.get(name, "").split(",") if value)


def _asks_for_nothing(name: str, text: str) -> bool:
    neutral = REFUSED.get(name, ())
    return name in WITHOUT_EFFECT or text in neutral or ("0" in neutral and read_number(text) == 0)
