"""Numbers as other systems write them, and as options of ours have them."""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = re.compile(r"-?(?:[0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})")


def read_number(text: str) -> Decimal | None:
    """None for what is no plain number."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def write_number(value: object) -> str:
    """A number as options of ours have it; text as it is."""
    if not isinstance(value, Decimal):
        return str(value)
    return format(round(value, 6).normalize(), "f")
