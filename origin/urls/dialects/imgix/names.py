"""The names of imgix's Rendering API, by what becomes of them here.

tests/urls/test_imgix.py compares them with the list that imgix publishes (npm: imgix-url-params).
"""

from __future__ import annotations

from collections.abc import Mapping

SIGNATURE = "s"
EXPIRES = "expires"

_LOOKED_AT = """
ar auto bg blur bri con corner-radius crop dl dpr fill fill-color fill-max fit flip fm fp-debug fp-x fp-y
fp-z frame h lossless mask mask-bg max-h max-w min-h min-w monochrome pad pad-bottom pad-left pad-right
pad-top page q rect rot rot-type sat sharp trim trim-color trim-md trim-pad trim-sd trim-tol w
"""
# Of the file and not of its pixels, or what a browser may do.
_OF_THE_FILE = "ch dpi iptc ixid ixlib jpg-progressive pdf-annotation svg-sanitize"
# What asks for nothing without another name or value, which is refused: `blend-mode` without `blend`.
_DEPENDENT = {
    "bg-remove": "fallback fg-type semi-transparency transparency-threshold",
    "bg-replace": "fallback neg-prompt",
    "blend": "align alpha crop fit h mode pad size w x y",
    "border": "bottom left radius radius-inner right top",
    "duotone": "alpha",
    "fill-gen": "fallback neg-prompt pos prompt seed",
    "fill-gradient": "cs linear linear-direction radial radial-radius radial-x radial-y type",
    "grid": "colors size",
    "mark": "align alpha base fit h if-min-height if-min-width pad rot scale tile w x y",
    "object-removal": "negative-prompt prompt seed",
    "txt": "align clip color fit font lead line line-color pad shad size track width x y",
}
_ALSO_DEPENDENT = "colors faceindex facepad faces prefix trim-alpha upscale-fallback usmrad"
# What cannot be done, but for values that ask for nothing.
_REFUSED = """
blend blend-color border border-stroke-color chromasub colorquant duotone fps interval mark nr nrs
object-removal-rect orient palette skip transparency txt
"""
_NOTHING_AT_ZERO = """
border-stroke-size exp face-blur face-pixel gam high htn hue loop lp-blur px sepia shad usm vib
"""
_NOTHING_IF_FALSE = "bg-remove bg-replace invert rasterize-bypass reverse upscale"
# Other spellings: each with the name that imgix lists it for.
_OTHER_SPELLINGS = """
background-remove bg-remove, background-replace bg-replace, background-removal-semi-transparency
bg-remove-semi-transparency, background-replace-negative-prompt bg-replace-neg-prompt, ba blend-align,
balph blend-alpha, blend-clr blend-color, blendclr blend-color, bc blend-crop, bf blend-fit, bh blend-h,
bm blend-mode, bp blend-pad, bs blend-size, bw blend-w, bx blend-x, by blend-y, b blend, face-pixelate
face-pixel, fillcolor fill-color, fill-generative-fallback fill-gen-fallback,
fill-generative-negative-prompt fill-gen-neg-prompt, fill-generative-position fill-gen-pos,
fill-generative-prompt fill-gen-prompt, fill-generative-seed fill-gen-seed, f fit, height h, width w, inv
invert, jpeg-progressive jpg-progressive, license-plate-blur lp-blur, ma mark-align, malph mark-alpha, mb
mark-base, mf mark-fit, mh mark-h, mp mark-pad, ms mark-scale, mtile mark-tile, mw mark-w, mx mark-x, my
mark-y, m mark, maskbg mask-bg, max-height max-h, max-width max-w, min-height min-h, min-width min-w, mono
monochrome, or orient, annotation pdf-annotation, rottype rot-type, rott rot-type, ta txt-align, tcl
txt-clip, txt-clr txt-color, txtclr txt-color, tc txt-color, tf txt-font, txt-line-clr txt-line-color,
txtlineclr txt-line-color, txtlinecolor txt-line-color, tl txt-line, tp txt-pad, tsh txt-shad, tsz
txt-size, tt txt-track, t txt
"""

LOOKED_AT = frozenset(_LOOKED_AT.split())
"""What is translated, and what decides whether that can be done."""
WITHOUT_EFFECT = frozenset(
    [
        *_OF_THE_FILE.split(),
        *(f"{first}-{rest}" for first, names in _DEPENDENT.items() for rest in names.split()),
        *_ALSO_DEPENDENT.split(),
    ]
)
"""What changes no pixel here that anybody asked for."""
REFUSED: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_REFUSED.split(), frozenset()),
    **dict.fromkeys(_NOTHING_AT_ZERO.split(), frozenset({"0"})),
    **dict.fromkeys(_NOTHING_IF_FALSE.split(), frozenset({"false", "0"})),
    "cs": frozenset({"srgb", "tinysrgb", "strip"}),
}
"""What cannot be done here, with the values that ask for nothing."""
VIDEO = "video-"  # what begins so is refused

_WORDS = _OTHER_SPELLINGS.replace(",", " ").split()
_JOINED = ("blend", "mark", "trim", "txt")  # `blend-mode` is `blendmode`, too
_ALIASES: Mapping[str, str] = {
    **{
        name.replace("-", "", 1): name
        for name in (*LOOKED_AT, *WITHOUT_EFFECT, *REFUSED)
        if name.partition("-")[0] in _JOINED and "-" in name
    },
    **dict(zip(_WORDS[::2], _WORDS[1::2], strict=True)),
}


def find_name(text: str) -> str | None:
    """The name that imgix lists for one of its spellings; None for one that it does not have."""
    name = _ALIASES.get(text, text)
    known = name in LOOKED_AT or name in WITHOUT_EFFECT or name in REFUSED or name.startswith(VIDEO)
    return name if known or name in (SIGNATURE, EXPIRES) else None
