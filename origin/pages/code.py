"""What the playground gives to copy: the URL, the `srcset` and the tags of what was chosen."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from origin.client import Images
from origin.formats import find_description
from origin.urls.writing import canonicalize_names

MAX_WIDTHS = 12  # of a srcset: each is a URL that is signed
_DENSITIES = (1, 2)  # of a srcset without widths
_TEXTS = ("widths", "sizes", "alt", "base_url")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was chosen, read. Raises ValueError for what has another shape."""

    key: str
    options: Mapping[str, str]
    widths: str = ""
    sizes: str = ""
    alt: str = ""
    base_url: str = ""
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
    images = Images(wanted.base_url, prefix, keys)
    try:
        # Names of options alone: any other would be an argument of `Images`, which may ask other servers.
        given: dict[str, Any] = dict(canonicalize_names(wanted.options))
        given |= {"expires_in": wanted.expires_in, "now": now} if keys else {}
        url = images.url(wanted.key, **given)
        path = Images("", prefix, keys).url(wanted.key, **given)
    except TypeError as error:
        raise ValueError(str(error)) from None
    code: dict[str, Any] = {"url": url, "path": path}
    errors: dict[str, str] = {}
    for name, write in _parts(images, wanted, given).items():
        try:
            code[name] = write()
        except (TypeError, ValueError) as error:
            code[name], errors[name] = None, str(error)
    return {**code, "errors": errors}


def _parts(images: Images, wanted: Wanted, given: Mapping[str, Any]) -> dict[str, Callable[[], str]]:
    """What writes each part; it raises TypeError and ValueError where there is no such part."""
    if wanted.widths:
        given = _over_widths(given)
    tag: dict[str, Any] = {
        **given,
        "alt": wanted.alt,
        "widths": wanted.widths,
        "sizes": wanted.sizes or None,
        "info": wanted.info,
    }
    steps: dict[str, Any] = {"widths": wanted.widths} if wanted.widths else {"densities": _DENSITIES}
    description = find_description(str(given.get("f", "")).lower())
    if description is not None:

        def refuse() -> str:
            raise ValueError(f"f={description.name} tells what the original is: no picture")

        return dict.fromkeys(("srcset", "img", "picture"), refuse)
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
