"""Image formats: their names, MIME types and abilities, and how to tell them by their first bytes."""

from __future__ import annotations

import enum


class Format(enum.Enum):
    """One image format. The value is its name in URLs and in the configuration."""

    JPG = "jpg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"
    TIFF = "tiff"  # originals only, and only where a handler names it
    SVG = "svg"  # originals only, and only where a handler names it

    @property
    def mime(self) -> str:
        return _MIME[self]

    @property
    def holds_alpha(self) -> bool:
        return self is not Format.JPG

    @property
    def holds_animation(self) -> bool:
        return self in (Format.GIF, Format.WEBP)

    @property
    def is_output(self) -> bool:
        """Whether we can write it."""
        return self in OUTPUTS

    @classmethod
    def named(cls, name: str) -> Format:
        """The format of that name, in any case, with or without a leading dot.

        Raises ValueError when there is none.
        """
        name = name.lower().removeprefix(".")
        return cls(_ALIASES.get(name, name))


_ALIASES = {"jpeg": "jpg", "jpe": "jpg", "tif": "tiff"}
_MIME = {
    Format.JPG: "image/jpeg",
    Format.PNG: "image/png",
    Format.WEBP: "image/webp",
    Format.AVIF: "image/avif",
    Format.GIF: "image/gif",
    Format.TIFF: "image/tiff",
    Format.SVG: "image/svg+xml",
}
OUTPUTS = frozenset({Format.JPG, Format.PNG, Format.WEBP, Format.AVIF, Format.GIF})


def sniff(data: bytes) -> Format | None:
    """The format of these bytes by their signature; None when it is none of ours.

    The name of a file and what a source says of its type never count: libvips picks its loader by
    content, so the allow-list has to look at content as well.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return Format.JPG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Format.WEBP
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return Format.GIF
    if data[4:8] == b"ftyp" and _is_avif(data):
        return Format.AVIF
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return Format.TIFF
    return Format.SVG if _is_svg(data) else None


def _is_avif(data: bytes) -> bool:
    """An ISO base media file with an AV1 brand (AV1 Image File Format, section 6).

    HEIC (HEVC) files have the same box and other brands; nothing here can decode them.
    """
    size = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12]} | {data[at : at + 4] for at in range(16, size, 4)}
    return bool(brands & {b"avif", b"avis"})


def _is_svg(data: bytes) -> bool:
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith((b"<svg", b"<?xml", b"<!--", b"<!DOCTYPE svg")) and b"<svg" in data[:4096]
