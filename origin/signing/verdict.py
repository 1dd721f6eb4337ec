"""What a verifier says of a request."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Reason(enum.Enum):
    """Why a request is accepted (the first three) or refused. For the log, never for the client."""

    SIGNED = "signed"
    GRANTED = "granted"
    UNSIGNED = "unsigned"
    MISSING = "missing"
    MALFORMED = "malformed"
    WRONG = "wrong"
    EXPIRED = "expired"
    OUTSIDE = "outside the grant"


_ACCEPTED = frozenset({Reason.SIGNED, Reason.GRANTED, Reason.UNSIGNED})


@dataclass(frozen=True)
class Verdict:
    """`key_index` counts the handler's signing keys from the oldest, 0; `expires` is the Unix second after
    which no cache may hold the answer."""

    reason: Reason
    detail: str = ""
    key_index: int | None = None
    expires: int | None = None

    @property
    def accepted(self) -> bool:
        return self.reason in _ACCEPTED

    def __str__(self) -> str:
        key = "" if self.key_index is None else f"with key {self.key_index + 1}"
        until = "" if self.expires is None else f"until {self.expires}"
        return ", ".join(part for part in (self.reason.value, self.detail, key, until) if part)
