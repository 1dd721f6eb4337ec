"""The options of the contract, written by hand: what each takes and refuses. A new option needs a row."""

from __future__ import annotations

from origin.urls.options import Option
from origin.urls.parsing import OptionDefaults
from origin.urls.presets import Preset

# The table of the contract: name, alias, texts that are taken and what they become, texts that are refused.
CONTRACT: dict[str, tuple[str | None, dict[str, object], list[str]]] = {
    "w": ("width", {"300": 300, "12.5": 13, "99999": 99999}, ["-1", "1e2", "300px", "auto"]),
    "h": ("height", {"200": 200, "12.4": 12}, ["-1", "x"]),
    "c": (
        "crop",
        {**dict.fromkeys(("true", "t", "1", "TRUE"), True), **dict.fromkeys(("false", "f", "0", "F"), False)},
        ["yes", "2", "center"],
    ),
    "fit": (
        None,
        {**{name: name for name in ("cover", "inside", "contain", "outside", "fill")}, "COVER": "cover"},
        ["crop", "max", "scale-down", "cover,fill"],
    ),
    "g": (
        "gravity",
        {
            "center": (0.5, 0.5),
            "top": (0.5, 0),
            "right": (1, 0.5),
            "bottom": (0.5, 1),
            "left": (0, 0.5),
            "top-left": (0, 0),
            "top-right": (1, 0),
            "bottom-left": (0, 1),
            "bottom-right": (1, 1),
            "0.3,0.6": (0.3, 0.6),
            "0,1": (0, 1),
            "smart": "smart",
            "Entropy": "entropy",
        },
        ["north", "0.3", "0.3,1.1", "-0.1,0.5", "0.3,0.6,0.9", "0.3;0.6", "face", "x,y", ","],
    ),
    "ar": (
        "aspect",
        {"16:9": (16, 9), "32:18": (16, 9), "1.5": (3, 2), "1": (1, 1), "0.75:1.5": (1, 2)},
        ["0", "16:0", "0:9", "16/9", "16x9", "-1", "16:9:1", ":", "16:", "1e2", "1" * 16],
    ),
    "rect": (
        None,
        {
            "0,0,100,100": (0, 0, 100, 100),
            "0.1,0.2,0.5,1": (0.1, 0.2, 0.5, 1),
            "10.5,0,20,20": (10.5, 0, 20, 20),
        },
        ["1,2,3", "0,0,0,10", "0,0,10,0", "-1,0,10,10", "1,2,3,4,5", "a,b,c,d", "0 0 1 1"],
    ),
    "enlarge": (None, {"true": True, "1": True, "false": False}, ["yes", "2"]),
    "trim": (None, {"1": 1, "10": 10, "100": 100}, ["0", "101", "true", "10.5", "-1"]),
    "rotate": (
        None,
        {"90": 90.0, "-90": 270.0, "360": 0.0, "-360": 0.0, "12.5": 12.5, "0": 0.0, "-0.5": 359.5},
        ["361", "-361", "90deg", "+90", "--90", "-", "auto"],
    ),
    "flip": (None, {"h": "h", "v": "v", "hv": "hv", "H": "h"}, ["true", "x", "vertical", "hh"]),
    "brightness": (None, {"1.5": 1.5, "0": 0.0, "3": 3.0}, ["-1", "3.1", "150%", "x"]),
    "contrast": (None, {"0.5": 0.5, "0": 0.0, "3": 3.0}, ["-0.1", "4", "high"]),
    "saturation": (None, {"2": 2.0, "0": 0.0, "3": 3.0}, ["-1", "3.01", "none"]),
    "gray": (None, {"true": True, "false": False}, ["yes", "50"]),
    "blur": (None, {"2.5": 2.5, "0.3": 0.3, "100": 100.0}, ["0", "0.2", "101", "2px"]),
    "sharpen": (None, {"1": 1.0, "0.1": 0.1, "10": 10.0}, ["0", "0.05", "11", "more"]),
    "pad": (
        None,
        {
            "10": (10, 10, 10, 10),
            "10,20": (10, 20, 10, 20),
            "10,20,30": (10, 20, 30, 20),
            "10,20,30,40": (10, 20, 30, 40),
            "2.5": (2.5, 2.5, 2.5, 2.5),
            "0": (0, 0, 0, 0),
        },
        ["-1", "10px", "10 20", "1,2,3,4,5", "10,", ",", "auto"],
    ),
    "bg": (
        "background",
        {
            "fff": "ffffff",
            "ffcc00": "ffcc00",
            "FFCC0080": "ffcc0080",
            "ffcc00ff": "ffcc00",
            "#fff": "ffffff",
            "tomato": "ff6347",
            "RebeccaPurple": "663399",
            "transparent": "00000000",
        },
        ["ff", "ffff", "fffff", "fffffff", "ggg", "##fff", "notacolour", "rgb(1,2,3)", "255,0,0"],
    ),
    "radius": (None, {"12.5": 12.5, "0": 0.0, "max": "max", "MAX": "max"}, ["-1", "50%", "round", "1e2"]),
    "frame": (None, {"1": 1, "0": 0}, ["-1", "1.5", "last"]),
    "anim": (None, {"false": False, "true": True}, ["stop", "2"]),
    "wm": ("watermark", {"logo": "logo", "a_b-9": "a_b-9"}, ["a,b", "a b", "../x", "ä", "x" * 65]),
    "f": (
        "format",
        {
            **{name: name for name in ("jpg", "png", "webp", "avif", "gif", "auto", "original")},
            **{name: name for name in ("json", "thumbhash", "blurhash")},
            "jpeg": "jpg",
            "WEBP": "webp",
        },
        ["tiff", "svg", "bmp", "jpe", ".jpg"],
    ),
    "q": (
        "quality",
        {"1": 1, "80": 80, "100": 100, "auto": "auto", "Auto": "auto"},
        ["0", "101", "50.5", "best", "auto:good"],
    ),
    "lossless": (None, {"true": True, "0": False}, ["yes", "max"]),
    "bytes": (None, {"20000": 20_000, "1000": 1000}, ["999", "0", "20kB", "1000.5"]),
    "p": (
        "preset",
        {"thumb": "thumb", "thumb,gray": "thumb,gray"},
        ["a,,b", ",a", "a,", "a, b", "a b", "ä", ",".join("abcdefghijk"), "x" * 65],
    ),
    "dl": (
        "download",
        {"cat.jpg": "cat.jpg", "My cat": "My cat", "../a/b": "../a/b", "猫.png": "猫.png"},
        ["a\nb", "a\0b", "\u202egpj.exe", "x" * 201],
    ),
    "dpr": (None, {"0.5": 0.5, "1": 1, "1.5": 1.5, "5": 5, "0": 0.5, "7": 5}, ["-1", "2x"]),
    "e": ("expires", {"1790000000": 1790000000, "0": 0}, ["-1", "1.5", "never", "9" * 16]),
    "t": ("token", {}, []),
}


# A handler whose configuration has what the examples name.
DEFAULTS = OptionDefaults(
    presets={"thumb": Preset(), "gray": Preset()}, watermarks=frozenset({"logo", "a_b-9"})
)


def example(option: Option) -> str:
    """The first text that the option takes."""
    return next(iter(CONTRACT[option.name][1]))
