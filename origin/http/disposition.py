"""The file name that a picture is saved under (RFC 6266, RFC 8187)."""

from __future__ import annotations

import urllib.parse

from origin.formats import FORMATS
from origin.formats import Format

_LONGEST_STEM = 200  # bytes of UTF-8: a file name may have 255 on every common file system
_EXTENSIONS = frozenset(name for format in FORMATS for name in (format.name, *format.other_names))
_UNSAFE_IN_NAMES = frozenset('"/\\<>:|?*')  # quoting, and what file systems reserve


def content_disposition(key: str, extension: str) -> str:
    """A name to save the picture under: the key's last segment, with the extension of what is served."""
    segment = key.rpartition("/")[2].lstrip(". ")
    return _write("inline", segment.rpartition(".")[0] or segment, extension)


def attachment(name: str, format: Format) -> str:
    """Save the picture under this name, which a URL gives, and do not show it.

    The name ends in an extension of the format that is served; that of another format is replaced.
    """
    stem, _, extension = name.rpartition(".")
    if not stem or extension.lower() not in _EXTENSIONS:
        return _write("attachment", name, format.name)
    is_right = extension.lower() in (format.name, *format.other_names)
    return _write("attachment", stem, extension if is_right else format.name)


def _write(kind: str, stem: str, extension: str) -> str:
    """The header's value. `filename` is plain ASCII; `filename*` (RFC 8187) comes beside it only where that
    lost something."""
    name = f"{_safe_stem(stem)}.{extension}"
    # A percent sign is legal in `filename`, but browsers differ on whether to decode (RFC 6266 appendix D).
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    if plain == name:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{urllib.parse.quote(name, safe='')}"


def _safe_stem(stem: str) -> str:
    """Without hidden-file dots, and with `_` for what could do harm.

    `isprintable` refuses controls, line ends, lone surrogates and the invisible characters that turn
    the direction of text, by which `gpj.exe` is made to read as `exe.jpg`.
    """
    stem = stem.lstrip(". ")
    if stem.isascii() and stem.isalnum() and len(stem) <= _LONGEST_STEM:
        return stem
    safe = "".join(c if c.isprintable() and c not in _UNSAFE_IN_NAMES else "_" for c in stem[:_LONGEST_STEM])
    return safe.encode()[:_LONGEST_STEM].decode(errors="ignore").strip(". ") or "image"
