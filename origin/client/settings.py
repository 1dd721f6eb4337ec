"""What a framework's setting IMAGE_ORIGIN says, as `Images`."""

from __future__ import annotations

import difflib
from typing import Any

from origin.client.images import Images

SETTING = "IMAGE_ORIGIN"
_NEEDED = ("base_url", "prefix")
_NAMES = (*_NEEDED, "keys", "grant", "patience")


def read_settings(given: Any) -> Images:
    """From `{"base_url": …, "prefix": …, "keys": […]}`. Raises ValueError that names the setting."""
    if not isinstance(given, dict):
        raise ValueError(f'{SETTING}: expected {{"base_url": …, "prefix": …}}, got {type(given).__name__}')
    for name in given:
        if name not in _NAMES:
            close = difflib.get_close_matches(str(name), _NAMES, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(_NAMES)}"
            raise ValueError(f"{SETTING}: {name!r} is unknown; {hint}")
    for name in _NEEDED:
        if name not in given:
            raise ValueError(f"{SETTING}: {name} is missing")
    try:
        return Images(**given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{SETTING}: {error}") from None
