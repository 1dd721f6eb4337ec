"""Via (RFC 9110 section 7.6.3): a request that comes back to the origin that made it is a loop."""

from __future__ import annotations

import os

PSEUDONYM = f"image-origin-{os.urandom(6).hex()}"
"""The name of this process in Via. Another origin in the chain has another one, and is no loop."""

VIA = f"1.1 {PSEUDONYM}"
"""The value of Via in requests that the origin makes."""


def has_passed(via: str | None) -> bool:
    """Whether a request with this value of Via has passed this origin already."""
    return via is not None and PSEUDONYM in via
