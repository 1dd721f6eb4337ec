"""What was given in an imgproxy URL, by imgproxy's full names. Of options that come again the last counts."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from decimal import Decimal

from origin.urls.dialects.asked import Asked
from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.asked import read_bounded
from origin.urls.dialects.imgproxy.names import REFUSED
from origin.urls.dialects.imgproxy.names import WITHOUT_EFFECT
from origin.urls.dialects.imgproxy.path import Arguments
from origin.urls.dialects.imgproxy.path import read_options

_ON = frozenset({"1", "t", "true"})
_OFF = frozenset({"", "0", "f", "false"})
_JOINED = "preset"  # names of all of them count
# Options that say several others at once, each with one argument; the last of them has all that follow.
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "resize": ("resizing_type", "width", "height", "enlarge", "extend"),
    "size": ("width", "height", "enlarge", "extend"),
    "adjust": ("brightness", "contrast", "saturation"),
}


class Given:
    """Arguments by full name. An option whose arguments are all empty is as absent."""

    def __init__(self) -> None:
        self._arguments: dict[str, Arguments] = {}

    def take(self, segments: Sequence[bytes], asked: Asked) -> None:
        """Take the options. Raises Refusal for too many."""
        for spelled, name, arguments in read_options(segments):
            if name in WITHOUT_EFFECT:
                asked.ignore(name)
            elif name in REFUSED:
                if arguments[0] not in REFUSED[name]:
                    asked.note(Refusal(name, "not available here", ":".join(arguments)))
            elif name:
                self._take(name, arguments)
            else:
                asked.ignore_unknown(spelled)

    def _take(self, name: str, arguments: Arguments) -> None:
        parts = _GROUPS.get(name)
        if parts is not None:
            for at, part in enumerate(parts):
                given = arguments[at:] if at == len(parts) - 1 else arguments[at : at + 1]
                if given and given[0]:
                    self._arguments[part] = given
        elif name == _JOINED:
            self._arguments[name] = [*self.all(name), *filter(None, arguments)]
        else:
            self._arguments[name] = arguments

    def all(self, name: str) -> Arguments:
        """All arguments of an option; none where it is absent."""
        arguments = self._arguments.get(name, ())
        return arguments if any(arguments) else ()

    def text(self, name: str) -> str:
        """The first argument; empty where it is absent."""
        return next(iter(self.all(name)), "")

    def flag(self, name: str, *, default: bool = False) -> bool:
        arguments = self.all(name)
        return read_flag(name, arguments[0]) if arguments else default

    def number(self, name: str, lowest: int, highest: int) -> Decimal | None:
        """The first argument as a number; None where it is absent."""
        text = self.text(name)
        return read_bounded(name, text, lowest, highest) if text else None

    def factor(self, name: str) -> Decimal:
        """A number above 0; 1 where it is absent."""
        number = self.number(name, 0, 999_999)
        if number == 0:
            raise Refusal(name, "expected a number above 0", "0")
        return Decimal(1) if number is None else number


def read_flag(name: str, text: str) -> bool:
    if text not in _ON and text not in _OFF:
        raise Refusal(name, "expected 1 or 0, t or f, true or false", text)
    return text in _ON
