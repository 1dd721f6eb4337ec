"""How a source declares its keys of the configuration: plain types, and a few words for each key.

A source's settings are a frozen dataclass, and each field is a key:

    endpoint_url: Annotated[str | None, Setting("the server to ask", pattern="^https?://")] = None

The configuration turns these declarations into checks, messages, the JSON schema and the tables of the
documents. This module needs nothing but the standard library.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """What a key means, and what may stand there beyond what its type says.

    `meaning` is one line for people. `expects` is what an error says should stand there, where the words
    for the type do not do. `pattern` is a regular expression that a text has to match. A text is not
    empty unless `may_be_empty`. `unit` is "seconds" or "bytes" (which may be written as "50MB"). Without a
    `minimum`, a float is above 0 and an int is 0 or more.
    """

    meaning: str
    expects: str | None = None
    pattern: str | None = None
    may_be_empty: bool = False
    unit: str | None = None
    minimum: int | None = None


class Secret:
    """Text that no repr, log line or error shows. `reveal` gives it to the library that needs it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret('**********')"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


def reveal(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None


def identity_digest(*parts: str | None) -> str:
    """Sixteen characters that tell one source from another in the names of cached results."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
