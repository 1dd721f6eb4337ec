"""What caches are told: Cache-Control, Cache-Status, and the tags to purge by."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Literal

NO_STORE = "no-store"


def cache_control(
    max_age: int, stale_while_revalidate: int, stale_if_error: int, expires_in: int | None = None
) -> str:
    """Freshness of a picture, all in seconds. Nothing may serve it once `expires_in` have passed.

    Stale windows (RFC 5861) begin where max-age ends, so only what max-age leaves over is theirs.
    """
    if expires_in is not None:
        if expires_in <= 0:
            return NO_STORE
        max_age = min(max_age, expires_in)
        left = expires_in - max_age
        stale_while_revalidate = min(stale_while_revalidate, left)
        stale_if_error = min(stale_if_error, left)
    text = f"public, max-age={max_age}"
    if stale_while_revalidate:
        text += f", stale-while-revalidate={stale_while_revalidate}"
    return f"{text}, stale-if-error={stale_if_error}" if stale_if_error else text


def missing_cache_control(error_max_age: int, expires_in: int | None) -> str:
    """Freshness of a failure that lies in the original: without stale windows, or uploads stay unseen."""
    seconds = error_max_age if expires_in is None else min(error_max_age, expires_in)
    return f"public, max-age={seconds}" if seconds > 0 else NO_STORE


Forward = Literal["bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale"]


def cache_status(
    *,
    hit: bool = False,
    fwd: Forward | None = None,
    fwd_status: int | None = None,
    ttl: int | None = None,
    stored: bool = False,
    detail: str | None = None,
) -> str:
    """Our member of Cache-Status (RFC 9211 section 2). `hit` and `fwd` exclude each other.

    `fwd` says why the source was asked, `fwd_status` what it answered, `ttl` how many seconds of
    freshness are left (negative when stale). `detail` is a token of ours, never text from
    elsewhere. With neither `hit` nor `fwd`, we refused by ourselves.
    """
    text = "origin; hit" if hit else "origin"
    for name, value in (("fwd", fwd), ("fwd-status", fwd_status), ("ttl", ttl)):
        if value is not None:
            text += f"; {name}={value}"
    text += "; stored" if stored else ""
    return f"{text}; detail={detail}" if detail else text


def collapsed(status: str) -> str:
    """The member of a request for which another one did the asking."""
    return f"{status}; collapsed"


def with_detail(status: str, detail: str) -> str:
    """A member of Cache-Status with this detail in place of its own."""
    return f"{status.partition('; detail=')[0]}; detail={detail}"


def surrogate_tags(handler: str, key: str) -> tuple[str, str]:
    """The tags to purge by: one of the whole handler, one of this original in all its renderings.

    Lowercase hex is in the alphabet of every CDN's tag header. The handler's digest has a fixed width,
    so no other pair of handler and key reads the same.
    """
    whole = _digest(handler)
    return whole.hex()[:16], hashlib.sha256(whole + key.encode()).hexdigest()[:16]


@lru_cache(maxsize=256)
def _digest(handler: str) -> bytes:
    return hashlib.sha256(handler.encode()).digest()
