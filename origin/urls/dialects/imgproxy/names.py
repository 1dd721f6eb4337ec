"""The names of imgproxy's processing options, by what becomes of them here."""

from __future__ import annotations

from collections.abc import Mapping

# Each with its other spellings.
_LOOKED_AT = """
resize rs, size s, adjust a, resizing_type rt, width w, height h, zoom z, dpr, enlarge el, extend ex,
gravity g, crop c, trim t, padding pd, auto_rotate ar, rotate rot, flip fl, background bg,
background_alpha bga, brightness br, contrast co, saturation sa, blur bl, sharpen sh, quality q,
format_quality fq, max_bytes mb, format f ext, page pg, disable_animation da, expires exp, filename fn,
return_attachment att, preset pr
"""
# Of the file and not of its pixels, of a watermark that is not there, or of a video.
_WITHOUT_EFFECT = """
cachebuster cb, strip_metadata sm, keep_copyright kcr, strip_color_profile scp, dpi, objects_position
obj_pos op, watermark_url wmu, watermark_text wmt, watermark_size wms, watermark_rotate wm_rot wmr,
watermark_shadow wmsh, video_thumbnail_second vts, video_thumbnail_keyframes vtk, video_thumbnail_tile
vtt, video_thumbnail_animation vta
"""
_REFUSED = """
resizing_algorithm ra, min-width mw, min-height mh, extend_aspect_ratio extend_ar exar, crop_aspect_ratio
crop_ar car, monochrome mc, duotone dt, pixelate pix, unsharp_masking ush, blur_detections bd,
draw_detections dd, colorize col, gradient gr, watermark wm, style st, enforce_thumbnail eth, autoquality
aq, jpeg_options jpgo, png_options pngo, webp_options webpo, avif_options avifo, pages pgs,
fallback_image_url fiu, skip_processing skp, raw, hashsum hs, max_src_resolution msr, max_src_file_size
msfs, max_animation_frames maf, max_animation_frame_resolution mafr, max_result_dimension mrd,
color_profile cp icc
"""
_OFF = frozenset({"", "0", "f", "false"})


def _spellings(text: str) -> dict[str, str]:
    """Each spelling with the full name."""
    rows = [row.split() for row in text.replace("\n", " ").split(",")]
    return {spelling: names[0] for names in rows if names for spelling in names}


_SPELLINGS = {**_spellings(_LOOKED_AT), **_spellings(_WITHOUT_EFFECT), **_spellings(_REFUSED)}
LOOKED_AT = frozenset(_spellings(_LOOKED_AT).values())
"""What is translated."""
WITHOUT_EFFECT = frozenset(_spellings(_WITHOUT_EFFECT).values())
"""What changes no pixel here that anybody asked for."""
REFUSED: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_spellings(_REFUSED).values(), _OFF),
    "resizing_algorithm": frozenset({"", "lanczos3"}),
    "pixelate": frozenset({"", "0", "1"}),
    "pages": frozenset({"", "1"}),
    "hashsum": frozenset({"", "none"}),
    "autoquality": frozenset({"", "none"}),
}
"""What cannot be done here, with the first arguments that ask for nothing."""


def find_name(spelled: str) -> str | None:
    """The full name of an option; None for one that imgproxy does not have."""
    return _SPELLINGS.get(spelled)
