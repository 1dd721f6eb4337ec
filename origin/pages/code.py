"""What the playground gives to copy: the URL, the `srcset` and the tags of what was chosen."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from origin.client import Images
from origin.client.choice import whole_numbers
from origin.client.info import Info
from origin.formats import find_description
from origin.pages.layouts import Layout
from origin.pages.layouts import find_layout
from origin.urls.writing import canonicalize_names

MAX_WIDTHS = 12  # of a srcset: each is a URL that is signed
_TAGS = ("srcset", "img", "picture")
_DENSITIES = (1, 2)  # of a srcset without widths
_TEXTS = ("widths", "sizes", "alt", "base_url", "layout", "grant")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was chosen, read. Raises ValueError for what has another shape.

    `layout` is one of `LAYOUTS`, which settles `widths` and `sizes`; without it they are taken as they are.
    With `grant` that token goes into every URL.
    """

    key: str
    options: Mapping[str, str]
    layout: str = ""
    widths: str = ""
    sizes: str = ""
    alt: str = ""
    base_url: str = ""
    grant: str = ""
    info: Mapping[str, Any] | None = None
    expires_in: float | None = field(default=None)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Wanted:
        key, options = given.get("key"), given.get("options", {})
        if not isinstance(key, str) or not isinstance(options, dict):
            raise ValueError("expected a key, and an object of options")
        if not all(isinstance(value, str) for value in options.values()):
            raise ValueError("expected the text of each option")
        texts = {name: given.get(name, "") for name in _TEXTS}
        if not all(isinstance(text, str) for text in texts.values()):
            raise ValueError(f"expected text for {', '.join(_TEXTS)}")
        info, expires_in = given.get("info"), given.get("expires_in")
        if not isinstance(info, dict | None):
            raise ValueError("expected for info what f=json answers")
        if expires_in is not None and (type(expires_in) is not int or not 0 < expires_in <= 10**9):
            raise ValueError("expected for expires_in whole seconds")
        options = {name: text for name, text in options.items() if text != ""}
        return cls(key, options, info=info, expires_in=expires_in, **texts)


def write_code(wanted: Wanted, prefix: str, keys: tuple[str, ...] | None, now: float) -> dict[str, Any]:
    """`path`, with which the page itself asks, and what there is to copy. What cannot be written is None, and
    `errors` says why. Raises ValueError where there is not even a URL.

    With `keys` every URL is signed; what ends is counted from `now`, in Unix seconds.
    """
    if len(wanted.widths.replace(",", " ").split()) > MAX_WIDTHS:
        raise ValueError(f"widths: at most {MAX_WIDTHS}")
    grant = wanted.grant or None
    images = Images(wanted.base_url, prefix, keys, grant)
    try:
        # Names of options alone: any other would be an argument of `Images`, which may ask other servers.
        given: dict[str, Any] = dict(canonicalize_names(wanted.options))
        given |= {"expires_in": wanted.expires_in, "now": now} if keys else {"now": now} if grant else {}
        url = images.url(wanted.key, **given)
        path = Images("", prefix, keys, grant).url(wanted.key, **given)
    except TypeError as error:
        raise ValueError(str(error)) from None
    code: dict[str, Any] = {"url": url, "path": path, "widths": "", "sizes": ""}
    errors: dict[str, str] = {}
    try:
        layout = _layout(wanted, given)
    except (TypeError, ValueError) as error:
        return {**code, **dict.fromkeys(_TAGS), "errors": dict.fromkeys(_TAGS, str(error))}
    # What is filled in for the reader, who may change it.
    code |= {"widths": ", ".join(map(str, layout.widths)), "sizes": layout.sizes}
    for name, write in _parts(images, wanted, given, layout).items():
        try:
            code[name] = write()
        except (TypeError, ValueError) as error:
            code[name], errors[name] = None, str(error)
    return {**code, "errors": errors}


def _layout(wanted: Wanted, given: Mapping[str, Any]) -> Layout:
    """Raises TypeError and ValueError."""
    if wanted.layout:
        return find_layout(wanted.layout, given, None if wanted.info is None else Info.read(wanted.info))
    return Layout(0, tuple(whole_numbers("widths", wanted.widths)), wanted.sizes)


def _parts(
    images: Images, wanted: Wanted, given: Mapping[str, Any], layout: Layout
) -> dict[str, Callable[[], str]]:
    """What writes each part; it raises TypeError and ValueError where there is no such part."""
    if layout.widths:
        given = _over_widths(given)
    elif layout.width and not {"w", "h"} & given.keys():
        given = {**given, "w": layout.width}
    tag: dict[str, Any] = {
        **given,
        "alt": wanted.alt,
        "widths": layout.widths,
        "sizes": layout.sizes or None,
        "info": wanted.info,
        "style": layout.style,
    }
    steps: dict[str, Any] = {"widths": layout.widths} if layout.widths else {"densities": _DENSITIES}
    description = find_description(str(given.get("f", "")).lower())
    if description is not None:

        def refuse() -> str:
            raise ValueError(f"f={description.name} tells what the original is: no picture")

        return dict.fromkeys(_TAGS, refuse)
    return {
        "srcset": lambda: images.srcset(wanted.key, **given, **steps),
        "img": lambda: images.img(wanted.key, **tag),
        "picture": lambda: images.picture(wanted.key, **tag),
    }


def _over_widths(given: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the widths take the place of: one side alone, and the density."""
    sides = {"w", "h"} & given.keys()
    return {
        name: value
        for name, value in given.items()
        if name != "dpr" and (name not in sides or len(sides) == 2)
    }
