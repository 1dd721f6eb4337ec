"""The file name that a picture is saved under (RFC 6266, RFC 8187)."""

from __future__ import annotations

import urllib.parse

_LONGEST_STEM = 200  # bytes of UTF-8: a file name may have 255 on every common file system
_UNSAFE_IN_NAMES = frozenset('"/\\<>:|?*')  # quoting, and what file systems reserve


def content_disposition(key: str, extension: str) -> str:
    """A name to save the picture under: the key's last segment, with the extension of what is served.

    `filename` is plain ASCII; `filename*` (RFC 8187) comes beside it only where that lost something.
    """
    name = f"{_safe_stem(key.rpartition('/')[2])}.{extension}"
    # A percent sign is legal in `filename`, but browsers differ on whether to decode (RFC 6266 appendix D).
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    if plain == name:
        return f'inline; filename="{plain}"'
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{urllib.parse.quote(name, safe='')}"


def _safe_stem(segment: str) -> str:
    """What stands before the last dot, without hidden-file dots and with `_` for what could do harm.

    `isprintable` refuses controls, line ends, lone surrogates and the invisible characters that turn
    the direction of text, by which `gpj.exe` is made to read as `exe.jpg`.
    """
    segment = segment.lstrip(". ")
    stem = segment.rpartition(".")[0] or segment
    safe = "".join(c if c.isprintable() and c not in _UNSAFE_IN_NAMES else "_" for c in stem[:_LONGEST_STEM])
    return safe.encode()[:_LONGEST_STEM].decode(errors="ignore").strip(". ") or "image"
