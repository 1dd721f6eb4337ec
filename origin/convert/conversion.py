"""What a conversion gives: a configuration, and what differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class CannotConvert(Exception):
    """A setting that cannot be kept, or cannot be read. The message is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """`config` is the file as JSON has it; `notes` are lines about what differs from the old system."""

    config: dict[str, Any]
    notes: tuple[str, ...] = ()
