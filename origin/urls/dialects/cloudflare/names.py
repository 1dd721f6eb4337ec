"""The names of Cloudflare's options, by what becomes of them here."""

from __future__ import annotations

from collections.abc import Mapping

_LOOKED_AT = """
anim background blur brightness contrast dpr fit flip format gamma gravity height quality rotate saturation
sharpen trim trim.bottom trim.height trim.left trim.right trim.top trim.width upscale width
"""
_WITHOUT_EFFECT = "compression face-zoom metadata onerror slow-connection-quality zoom"
_REFUSED = """
border border.bottom border.color border.left border.right border.top border.width draw segment
trim.border trim.border.color trim.border.keep trim.border.tolerance
"""

LOOKED_AT = frozenset(_LOOKED_AT.split())
"""What is translated, and what decides whether that can be done."""
WITHOUT_EFFECT = frozenset(_WITHOUT_EFFECT.split())
"""What changes no pixel here that anybody asked for: `zoom` counts with faces that are found, which are not
looked for, and `slow-connection-quality` with hints that few browsers send."""
REFUSED = frozenset(_REFUSED.split())
"""What cannot be done here. `border` and `draw` are for Cloudflare's Workers alone."""
_ALIASES: Mapping[str, str] = {
    **{"w": "width", "h": "height", "q": "quality", "f": "format", "g": "gravity"},
    "scq": "slow-connection-quality",
}


def find_name(text: str) -> str | None:
    """The full name of an option; None for one that Cloudflare does not have."""
    name = _ALIASES.get(text, text)
    return name if name in LOOKED_AT or name in WITHOUT_EFFECT or name in REFUSED else None
