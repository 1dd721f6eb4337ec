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
    "wm": ("watermark", {"logo": "logo", "a_b-9": "a_b-9"}, ["a,b", "a b", "../x", "ä", "x" * 65]),
    "f": (
        "format",
        {
            **{name: name for name in ("jpg", "png", "webp", "avif", "gif", "auto", "original")},
            "jpeg": "jpg",
            "WEBP": "webp",
        },
        ["tiff", "svg", "bmp", "jpe", ".jpg"],
    ),
    "q": ("quality", {"1": 1, "80": 80, "100": 100}, ["0", "101", "50.5", "best"]),
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
