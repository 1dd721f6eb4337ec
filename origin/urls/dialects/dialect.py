"""What a dialect is: the way in which another system writes what a picture is to become into its URLs.

A dialect is a file or folder beside this one and a line of `DIALECTS`. It translates a URL into options of
ours, so all that holds for these holds for it: limits, presets, names of results. Where that system signs, it
says how, and `origin.signing.foreign` checks that. Where it does not, our tokens sign the URL as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import NamedTuple
from typing import Protocol

from origin.urls.box import NOTHING
from origin.urls.query import Pair


@dataclass(frozen=True, slots=True)
class Translation:
    """A URL of another system in our words."""

    key: str  # of the original
    pairs: Sequence[Pair]  # our options
    beyond: Mapping[str, Any]  # fields of `Options` that no option of ours says
    without_effect: Sequence[str] = ()  # names of that system that change no pixel anybody asked for
    unknown: Sequence[str] = ()  # names that it does not have
    mistakes: Sequence[str] = ()  # what cannot be done here, each with its name, for the log


def keep_words(key: str, pairs: Sequence[Pair]) -> Translation:
    """What a URL says without a dialect."""
    return Translation(key, pairs, NOTHING)


class Signature(NamedTuple):
    """What a URL says of its own signature."""

    text: str  # empty where there is none
    message: bytes  # what was signed
    expires: int | None  # Unix second


Translate = Callable[[str, Sequence[Pair]], Translation]
"""What the decoded path behind the prefix, and the decoded query, ask for. What cannot be done is among the
mistakes; the pairs hold the rest, for the fallback image."""


class Dialect(Protocol):
    """One other system."""

    name: str  # in the configuration

    @property
    def translate(self) -> Translate:
        """What a key and a query in the words of that system mean in ours."""


class SigningDialect(Dialect, Protocol):
    """One other system that signs its URLs."""

    signature_name: str  # of a pair of the query
    signature_form: re.Pattern[bytes]  # its value, which no log shows

    def read_signature(self, raw_path: bytes, query: bytes) -> Signature:
        """The signature of a URL. `raw_path` is the path that was signed, with its leading slash.

        Raises ValueError where nobody signs so.
        """

    def sign(self, secret: str, message: bytes) -> str:
        """The signature that the message has to have."""

    def write_signed(self, secret: str, path: str, expires: int) -> str:
        """The query that signs the path, which is escaped, until that Unix second."""
