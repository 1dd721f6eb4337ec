"""The result that options ask for, in words for people: size, format, original, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from origin.config.handler import Handler
from origin.formats import OUTPUTS
from origin.formats import Format
from origin.formats import find_description
from origin.sources.http import HttpSettings
from origin.urls.geometry_values import CENTER
from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import spell_options

_FITS = {
    "cover": "filled, the rest cut {around}",
    "inside": "fitted inside",
    "contain": "fitted inside and padded to the box",
    "outside": "filled, nothing cut",
    "fill": "stretched",
}


def spell(options: Options, defaults: OptionDefaults) -> str:
    """The options as a URL would have them; "none" without any."""
    return " ".join(spell_options(options, defaults)) or "none"


def explain_passthrough(handler: Handler, key: str) -> Iterator[str]:
    """What becomes of an original that is passed through."""
    yield f"options: none count; the answer is the original's own bytes (passthrough: {handler.passthrough})"
    yield from _describe_original(handler, key)
    yield from _describe_next(handler)


def explain_outcome(handler: Handler, key: str, options: Options, defaults: OptionDefaults) -> Iterator[str]:
    """What becomes of the original under this key, which is the one that the source is asked for."""
    yield from explain_options(handler, options, defaults)
    yield from _describe_original(handler, key)
    yield from _describe_next(handler)


def explain_options(handler: Handler, options: Options, defaults: OptionDefaults) -> Iterator[str]:
    """What the options come to, whatever the original is."""
    if defaults.preset is not None:
        yield f"preset of every URL here: {defaults.preset}"
    yield f"options: {spell(options, defaults)}"
    if options.only is not None:
        formats = ", ".join(options.only) or "no format"
        yield f"  for originals in {formats}; others are passed through as they are"
    if find_description(options.format) is not None:
        yield f"format: {options.format}, of the upright original; no other option counts"
    else:
        if options.inset is not None:
            edges = ", ".join(map(str, options.inset))
            yield f"edges: {edges} pixels of the original are cut off: top, right, bottom, left"
        if options.rect_at is not None:
            x, y = options.rect_at
            yield f"rect: counts from {x:g} and {y:g} of what it leaves of the sides"
        if options.lift:
            yield f"tone: {options.lift:+g} levels of 255 for each colour"
        yield f"size: {_describe_size(options)}"
        yield from _describe_format(handler, options)


def _describe_original(handler: Handler, key: str) -> Iterator[str]:
    yield f"original: {handler.source.locate(key)} (not looked at here)"
    if isinstance(handler.source, HttpSettings) and handler.source.registry is not None:
        yield "registry: asked with each request whether it knows this URL, and does not block it"


def _describe_size(options: Options) -> str:
    """The size by the options that say it. Padding and rotation come on top."""
    grows = "small originals grow" if options.enlarge else "never enlarged"
    if options.width and options.height:
        how = _FITS[options.fit or ("cover" if options.crop else "inside")].format(around=_around(options))
        size = f"{options.width}x{options.height}, {how}, {grows}"
        if options.keeps_shape:
            size += "; lowered in proportion for a smaller original"
        if options.turns_box:
            size += "; the sides are exchanged for an original that lies the other way"
        if options.fills_alike:
            size += "; all of it is shown where the original lies the other way"
        return size
    if options.width or options.height:
        side = f"{options.width} wide" if options.width else f"{options.height} high"
        return f"{side}, in proportion, {grows}"
    if options.aspect:
        return f"the original's, cut to {options.aspect[0]}:{options.aspect[1]} {_around(options)}"
    return "the original's" if options.scale == 1 else f"{options.scale:g} of the original's"


def _around(options: Options) -> str:
    if options.focus is not None:
        return f"around the pixel {options.focus[0]},{options.focus[1]} of the original"
    if isinstance(options.gravity, str):
        return "around what is found by " + options.gravity
    if options.gravity == CENTER and options.zoom == 1:
        return "at the centre"
    x, y = options.gravity
    if options.aligned:
        return f"with that point of it on the point {x:g},{y:g}"
    zoomed = "" if options.zoom == 1 else f", {options.zoom:g} times as near"
    return f"around the point {x:g},{y:g}{zoomed}"


def _describe_format(handler: Handler, options: Options) -> Iterator[str]:
    """The format of the result, as the renderer settles it."""
    format, is_still = options.format, options.frame is not None
    suiting = "jpg, png where it is transparent"
    if not is_still:
        suiting += ", gif where it is animated"
    if format == "auto":
        yield "format: by the Accept header of the request"
        first = "avif" if is_still else "avif; webp where the original is animated"
        if handler.avif == "later":
            first += ", and until the avif has been made in idle time"
        yield f"  image/avif is named: {first}"
        yield "  image/webp is named: webp"
        yield f"  neither, or */* alone: {suiting}"
    elif format == "original":
        yield "format: the original's own"
        others = [original.name for original in handler.allowed_formats if original not in OUTPUTS]
        if others:
            yield f"  of {', '.join(others)}: {suiting}"
    else:
        moves = is_still or Format.named(format).holds_animation
        yield f"format: {format}{'' if moves else '; the first frame where the original is animated'}"


def _describe_next(handler: Handler) -> Iterator[str]:
    if not handler.caches:
        yield "next: the original is fetched and rendered; nothing is kept"
        return
    yield "next: the cache is asked for the result"
    yield f"  kept, and younger than {handler.cache_time} s: it is served"
    yield (
        f"  kept, and older: for {handler.stale_while_revalidate} s it is still served, while the source is "
        "asked whether the original has changed"
    )
    yield "  else: the original is fetched and rendered, and the result is kept"
