"""Levels of Python's `logging` by name, as programs in Python have them in their settings."""

from __future__ import annotations

from typing import Any

from origin.convert.conversion import CannotConvert

_LEVELS = {"critical": "error", "warn": "warning", "debug": "debug", "info": "info", "error": "error"}


def read_log_level(setting: str, level: Any) -> dict[str, Any]:
    """The part `log` for the value of a setting; nothing where that is absent. Raises CannotConvert."""
    if not level:
        return {}
    name = str(level).lower()
    if name != "warning" and name not in _LEVELS:
        raise CannotConvert(f"{setting} {level!r}: expected debug, info, warning or error")
    return {"log": {"level": _LEVELS.get(name, name)}}
