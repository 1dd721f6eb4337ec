"""What a dialect is: the way in which another system writes what a picture is to become into its URLs.

A dialect is a file or folder beside this one and a line of `DIALECTS`. It translates a URL into options of
ours, so all that holds for these holds for it: limits, presets, names of results. Where that system signs, it
says how, and `origin.signing.foreign` checks that. Where it does not, our tokens sign the URL as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import NamedTuple
from typing import Protocol

from origin.urls.box import NOTHING
from origin.urls.path import raw_key
from origin.urls.query import Pair
from origin.urls.url_keys import ReadKey


@dataclass(frozen=True, slots=True)
class Translation:
    """A URL of another system in our words."""

    key: str  # of the original
    pairs: Sequence[Pair]  # our options
    beyond: Mapping[str, Any]  # fields of `Options` that no option of ours says
    without_effect: Sequence[str] = ()  # names of that system that change no pixel anybody asked for
    unknown: Sequence[str] = ()  # names that it does not have
    mistakes: Sequence[str] = ()  # what cannot be done here, each with its name, for the log


def keep_words(key: str, pairs: Sequence[Pair], raw_path: bytes = b"", /) -> Translation:
    """What a URL says without a dialect."""
    return Translation(key, pairs, NOTHING)


class Signature(NamedTuple):
    """What a URL says of its own signature."""

    text: str  # empty where there is none
    message: bytes  # what was signed
    expires: int | None  # Unix second


class Translate(Protocol):
    """What the decoded path behind the prefix, the decoded query and the raw path ask for. What cannot be
    done is among the mistakes; the pairs hold the rest, for the fallback image."""

    def __call__(self, key: str, pairs: Sequence[Pair], raw: bytes = b"", /) -> Translation: ...


class SourceNames(NamedTuple):
    """How other systems may name what is in the source of a handler."""

    bucket: str | None = None  # that of S3
    takes_urls: bool = False  # whether a key is the URL of the original


class Dialect(Protocol):
    """One other system."""

    name: str  # in the configuration
    begins_with_key: bool  # whether its URLs have the key of the original right behind the prefix

    @property
    def translate(self) -> Translate:
        """What a key and a query in the words of that system mean in ours.

        The third argument is the key as it came, with the slash before it; where it is empty, the decoded one
        has to do. The pairs of our token stay as they are, unless that system signs its URLs.
        """


class SigningDialect(Dialect, Protocol):
    """One other system that signs its URLs."""

    signs_in_path: bool  # whether the first segment behind the prefix is the signature
    signature_name: str  # of a pair of the query; empty where that is not the signature
    signature_form: re.Pattern[bytes]  # its value or that segment, decoded, which no log shows

    def key_reader(self, read: ReadKey, source: SourceNames) -> ReadKey:
        """The reader of keys that that system writes, for a source whose own keys `read` reads."""

    def read_signature(self, raw_path: bytes, query: bytes) -> Signature:
        """The signature of a URL. `raw_path` is the path that was signed, with its leading slash; where the
        signature is in the path, all that stands behind the prefix.

        Raises ValueError where nobody signs so.
        """

    def sign(self, secret: str, message: bytes) -> str:
        """The signature that the message has to have."""

    def sign_url(self, secret: str, raw_path: str) -> str:
        """Path and query with their signature. `raw_path` is escaped, and where the signature is in the path,
        it is what stands behind that."""

    def write_url(self, secret: str | None, path: str, expires: int) -> str:
        """Path and query of the original at that escaped path: without a secret unsigned, else signed until
        that Unix second, where the system has an end of URLs."""


def translate_behind(dialect: Dialect, prefix: str) -> Translate:
    """The translation of whole URLs of a handler with that prefix."""
    if dialect.translate is keep_words:
        return keep_words

    def translate(key: str, pairs: Sequence[Pair], raw_path: bytes = b"", /) -> Translation:
        return dialect.translate(key, pairs, raw_key(raw_path, prefix) or b"")

    return translate
