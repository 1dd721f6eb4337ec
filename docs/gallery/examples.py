"""What the gallery shows: for each option some URLs, of the demo's own pictures."""

from __future__ import annotations

from typing import Any
from typing import NamedTuple


class Example(NamedTuple):
    picture: str
    query: str


LAND, PORTRAIT, LOGO, ICON, SPINNER = "landscape.jpg", "portrait.jpg", "logo.png", "icon.png", "spinner.gif"

CONFIG: dict[str, Any] = {
    "presets": {"square": {"w": 160, "h": 160}, "marked": {"wm": "logo"}},
    "watermarks": {
        "logo": {"picture": LOGO, "size": 0.3, "margin": 0.04},
        "tiles": {"picture": LOGO, "size": 0.15, "tile": True, "margin": 0.1, "opacity": 0.5},
    },
}


def _each(picture: str, *queries: str) -> tuple[Example, ...]:
    return tuple(Example(picture, query) for query in queries)


def _values(picture: str, start: str, *values: str) -> tuple[Example, ...]:
    return _each(picture, *(f"{start}{value}" for value in values))


# By the name of the option; those that are not seen in a picture are in `UNSEEN`.
EXAMPLES: dict[str, tuple[Example, ...]] = {
    "w": _each(LAND, "w=200", "w=100"),
    "h": _each(LAND, "h=120", "h=60"),
    "fit": _values(LAND, "w=160&h=160&fit=", "cover", "inside", "contain", "outside", "fill"),
    "c": _each(LAND, "w=160&h=160&c=true", "w=160&h=160&c=false"),
    "g": _values(PORTRAIT, "w=160&h=80&g=", "top", "bottom", "0.3,0.6", "smart", "entropy"),
    "ar": _each(LAND, "w=200&ar=16:9", "w=120&ar=1"),
    "rect": _each(LAND, "w=200&rect=0.25,0.3,0.5,0.5", "w=200&rect=0,0,1000,700"),
    "enlarge": _each(ICON, "w=160", "w=160&enlarge=true"),
    "trim": _each(LOGO, "w=160&bg=ddd", "w=160&bg=ddd&trim=10"),
    "rotate": _each(LAND, "w=160&rotate=90", "w=160&rotate=-10", "w=160&rotate=-10&bg=ddd"),
    "flip": _values(LAND, "w=160&flip=", "h", "v", "hv"),
    "brightness": _values(LAND, "w=160&brightness=", "0.5", "1", "1.5"),
    "contrast": _values(LAND, "w=160&contrast=", "0.5", "1", "1.5"),
    "saturation": _values(LAND, "w=160&saturation=", "0", "1", "2"),
    "gray": _each(PORTRAIT, "w=160&gray=true"),
    "blur": _values(LAND, "w=160&blur=", "1", "4", "16"),
    "sharpen": _values(PORTRAIT, "w=160&sharpen=", "0.5", "2", "8"),
    "pad": _each(LAND, "w=160&pad=10&bg=fc0", "w=160&pad=10,40&bg=fc0"),
    "bg": _each(LOGO, "w=160", "w=160&bg=tomato", "w=160&f=jpg"),
    "radius": _each(LAND, "w=160&radius=20", "w=160&h=160&radius=max"),
    "wm": _each(LAND, "w=200&wm=logo", "w=200&wm=tiles"),
    "frame": _values(SPINNER, "w=100&frame=", "0", "6", "12"),
    "anim": _each(SPINNER, "w=100", "w=100&anim=false"),
    "f": _values(LAND, "w=200&f=", "jpg", "png", "webp", "gif"),
    "q": _values(LAND, "w=200&q=", "10", "50", "90"),
    "lossless": _each(LOGO, "w=160&f=webp", "w=160&f=webp&lossless=true"),
    "bytes": _values(LAND, "w=200&bytes=", "2000", "8000"),
    "p": _each(LAND, "p=square", "p=square,marked", "p=square&h=80"),
    "dpr": _each(LAND, "w=100&dpr=1", "w=100&dpr=2"),
}
UNSEEN: dict[str, str] = {
    "dl": "`w=200&dl=lake.jpg` is the picture of `w=200`, and browsers save it as `lake.webp` here.",
    "e": "Part of a [signed URL](signing.md): no picture after that second.",
    "t": "The [signature](signing.md) itself.",
}
