"""The options in a path of Cloudflare's, on their way into our words."""

from __future__ import annotations

import re
from decimal import Decimal

from origin.urls.dialects.asked import Asked
from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.asked import read_bounded
from origin.urls.dialects.cloudflare.names import LOOKED_AT
from origin.urls.dialects.cloudflare.names import WITHOUT_EFFECT
from origin.urls.dialects.cloudflare.names import find_name

MAX_OPTIONS = 100  # of a URL; Cloudflare has some 30
MAX_TEXT = 100  # characters of a value
_OURS = {"p": "p", "preset": "p"}  # names that Cloudflare does not have, so they keep our meaning
# Commas divide options, but not the numbers of a colour: `background=rgb(255,0,0)`.
_OPTION = re.compile(r"(?:[^,()]|\([^()]*\))+")
_ALL = re.compile(r"(?:[^()]|\([^()]*\))*")


class CloudflareOptions(Asked):
    """What was given, by Cloudflare's full names, and what it becomes. An empty value is as absent."""

    def __init__(self, text: str) -> None:
        super().__init__("cloudflare")
        self.given: dict[str, str] = {}
        self.has_any = False  # whether one of them is known
        if text.count(",") >= MAX_OPTIONS:
            self.note(Refusal("path", f"expected {MAX_OPTIONS} options or fewer"))
        elif not _ALL.fullmatch(text):
            self.note(Refusal("path", "expected the other half of each bracket"))
        else:
            for option in _OPTION.findall(text):
                self._take(*option.partition("=")[::2])
        if not (self.has_any or self.has_mistakes):
            self.note(Refusal("path", "expected an option in the first segment"))

    def _take(self, spelled: str, text: str) -> None:
        if spelled in _OURS:
            self.has_any = True
            if self.has(_OURS[spelled]):
                self.note(Refusal(spelled, "comes twice"))
            self.set(_OURS[spelled], text)
            return
        name = find_name(spelled)
        if name is None:
            self.ignore_unknown(spelled)
            return
        self.has_any = True
        if name in self.given:
            self.note(Refusal(name, "comes twice"))
        elif len(text) > MAX_TEXT:
            self.note(Refusal(name, f"expected {MAX_TEXT} characters or fewer"))
        elif text and name in WITHOUT_EFFECT:
            self.ignore(name)
        elif text and name not in LOOKED_AT:
            self.note(Refusal(name, "not available here", text))
        elif text:
            self.given[name] = text

    def number(self, name: str, lowest: int, highest: int) -> Decimal | None:
        text = self.given.get(name)
        return None if text is None else read_bounded(name, text, lowest, highest)

    def choice(self, name: str, *choices: str) -> str | None:
        text = self.given.get(name)
        if text is not None and text not in choices:
            raise Refusal(name, f"expected {', '.join(choices)}", text)
        return text
