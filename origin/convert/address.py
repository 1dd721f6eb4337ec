"""Addresses as gunicorn's -b has them."""

from __future__ import annotations

import re

from origin.convert.conversion import CannotConvert

_BIND = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/\[\]]*)(:(?P<port>[0-9]{1,5}))?")
_PORT = 8000  # where -b names none


def read_bind(bind: str) -> tuple[str, int]:
    """Host and port. Raises CannotConvert."""
    match = _BIND.fullmatch(bind)
    if match is None or not 1 <= int(match["port"] or _PORT) <= 65535:
        raise CannotConvert(f"bind {bind!r}: expected host:port")
    return match["host"].strip("[]") or "0.0.0.0", int(match["port"] or _PORT)
