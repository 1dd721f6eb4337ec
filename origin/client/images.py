"""`Images`: what writes the URLs and tags of one handler's pictures."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from origin.client.choice import Choice
from origin.client.choice import Numbers
from origin.client.choice import choose
from origin.client.choice import numbers
from origin.client.choice import whole_numbers
from origin.client.granted import keep_admitted
from origin.client.html import Attribute
from origin.client.html import Html
from origin.client.html import write_tag
from origin.client.info import FETCH
from origin.client.info import PATIENCE
from origin.client.info import Info
from origin.client.info import InfoFetcher
from origin.client.size import find_size
from origin.formats import Format
from origin.signing import UrlSigner
from origin.signing.grants import Grant
from origin.signing.grants import check_grant
from origin.signing.grants import read_grant
from origin.urls.address import Address
from origin.urls.options import TOKEN
from origin.urls.options import find_option
from origin.urls.options import suggest_option
from origin.urls.srcset import Candidate
from origin.urls.srcset import list_candidates
from origin.urls.writing import Given
from origin.urls.writing import canonicalize_names
from origin.urls.writing import write_options

# Attributes of HTML that may stand among the options, since no option has their name.
_ATTRIBUTES = ("id", "class", "style", "title", "decoding", "fetchpriority", "crossorigin", "referrerpolicy")
_ARGUMENTS = ("alt", "widths", "densities", "sizes", "formats", "info", "placeholder", "loading", "attrs")
_PLACEHOLDERS = ("lqip", "dominant", None)
# What a picture lets show through, whatever its original: at its corners, and around it.
_OPENINGS = {"radius", "rotate", "pad"}

Ends = Mapping[str, float | None]  # `expires_in`, `expires_at` and `now`


@dataclass(frozen=True, slots=True)
class _Asked:
    """One tag, read."""

    key: str
    options: dict[str, Given]  # under their canonical names
    choice: Choice
    info: Info | None
    ends: Ends


class Images:
    """Writes the URLs and tags of one handler's pictures: signed with `keys`, under a `grant`, or plain.

    Options are those of a URL, under either name; None is left out. A wrong name raises TypeError, a value
    that the origin would refuse ValueError: a mistake shows where it is made, and not as a fallback image.
    """

    def __init__(
        self,
        base_url: str,
        prefix: str,
        keys: Sequence[str] | None = None,
        grant: str | None = None,
        *,
        patience: float = PATIENCE,
    ) -> None:
        """`patience` is for how many seconds a tag waits for the origin where its info is "fetch"."""
        self._address = Address(base_url, prefix)
        self._signer = None if keys is None else UrlSigner(base_url, prefix, keys)
        self._grant = grant
        self._can_fetch = bool(urlsplit(base_url).netloc)
        self._fetcher = InfoFetcher(patience)

    def url(
        self,
        key: str,
        *,
        expires_in: float | None = None,
        expires_at: float | None = None,
        now: float | None = None,
        **options: Given,
    ) -> str:
        """The URL of a picture. With keys it may end: `expires_in` counts seconds from now, `expires_at` is a
        Unix second; it is rounded up to the hour."""
        if self._signer is not None:
            return self._signer.url(
                key, expires_in=expires_in, expires_at=expires_at, now=now, grant=self._grant, **options
            )
        if expires_in is not None or expires_at is not None:
            raise TypeError("only a signed URL ends: give keys to Images, or leave the expiry out")
        pairs = write_options(options)
        if self._grant is not None:
            check_grant(self._grant, key, pairs, time.time() if now is None else now)
            pairs.append((TOKEN.name.encode(), self._grant.encode()))
        return self._address.url(key, pairs)

    def srcset(
        self,
        key: str,
        *,
        widths: Numbers = (),
        densities: Numbers = (),
        expires_in: float | None = None,
        expires_at: float | None = None,
        now: float | None = None,
        **options: Given,
    ) -> str:
        """The text of a `srcset` attribute over widths (`300w`) or densities (`2x`).

        Over widths, `w` and `h` together give the shape, which every candidate keeps. Over densities, `w` or
        `h` is the size at 1x. Sizes that a grant does not admit are left out. The text has to be escaped like
        any attribute where it is put into HTML.
        """
        now = time.time() if now is None else now
        candidates = list_candidates(
            options, whole_numbers("widths", widths), numbers("densities", densities)
        )
        candidates = keep_admitted(candidates, self._read_grant())
        return self._join(key, candidates, {"expires_in": expires_in, "expires_at": expires_at, "now": now})

    def img(
        self,
        key: str,
        *,
        alt: str,
        widths: Numbers = (),
        densities: Numbers = (),
        sizes: str | None = None,
        info: Mapping[str, Any] | str | bytes | None = None,
        placeholder: str | None = "lqip",
        loading: str | None = "lazy",
        attrs: Mapping[str, Attribute] | None = None,
        expires_in: float | None = None,
        expires_at: float | None = None,
        now: float | None = None,
        **options: Any,
    ) -> Html:
        """An `<img>`: with `srcset`, and with width and height wherever they can be told, so that nothing
        moves when it has loaded.

        `alt` says what the picture shows; it is empty where it only decorates. With `widths`, a browser picks
        by `sizes` (100vw unless given); with `w` or `h` alone it gets a second URL for dense screens, or one
        for each of `densities`. `info` is what `f=json` of the picture answers, or "fetch", which asks the
        origin and keeps the answer for an hour. From it come exact sides, and as
        `placeholder` the blurred picture ("lqip"), its colour ("dominant") or nothing (None); transparent
        pictures get none, since it would show through. `attrs` are more attributes; `class`, `id`, `style`,
        `fetchpriority` and the like may stand among the options. `loading` is "eager" for what is seen first.
        """
        ends = {"expires_in": expires_in, "expires_at": expires_at, "now": _or_now(now)}
        own, given = _split(options, attrs)
        asked = self._read(key, given, widths, densities, sizes, info, ends)
        return self._img(asked, alt, placeholder, loading, own)

    def picture(
        self,
        key: str,
        *,
        alt: str,
        formats: Sequence[str] | str = ("avif", "webp"),
        widths: Numbers = (),
        densities: Numbers = (),
        sizes: str | None = None,
        info: Mapping[str, Any] | str | bytes | None = None,
        placeholder: str | None = "lqip",
        loading: str | None = "lazy",
        attrs: Mapping[str, Attribute] | None = None,
        expires_in: float | None = None,
        expires_at: float | None = None,
        now: float | None = None,
        **options: Any,
    ) -> Html:
        """A `<picture>` with a source for each of `formats`, best first, and `img` as the last resort, in the
        format `f`: that of the original unless given. The rest is as for `img`.

        Each format has its own URL, so it needs no cache that looks at `Accept`. With `info`, an animation
        gets the formats that can move alone; without, name them: `formats=["webp"]`.
        """
        ends = {"expires_in": expires_in, "expires_at": expires_at, "now": _or_now(now)}
        own, given = _split(options, attrs)
        given = {"f": "original", **given}
        asked = self._read(key, given, widths, densities, sizes, info, ends)
        sources = [self._source(asked, format) for format in _list_formats(formats, asked.info)]
        img = self._img(asked, alt, placeholder, loading, own)
        return Html(f"<picture>{''.join(sources)}{img}</picture>")

    def _read(
        self,
        key: str,
        options: dict[str, Given],
        widths: Numbers,
        densities: Numbers,
        sizes: str | None,
        info: Mapping[str, Any] | str | bytes | None,
        ends: Ends,
    ) -> _Asked:
        choice = choose(options, widths, densities, sizes, self._read_grant())
        return _Asked(key, options, choice, self._read_info(info, key, ends), ends)

    def _read_grant(self) -> Grant | None:
        return None if self._grant is None else read_grant(self._grant)

    def _read_info(self, info: Mapping[str, Any] | str | bytes | None, key: str, ends: Ends) -> Info | None:
        if not info:  # None, or an empty field of a database
            return None
        if info != FETCH:
            return Info.read(info)
        if not self._can_fetch:
            raise ValueError('info="fetch" needs a base_url with a host, such as https://img.example.com')
        return self._fetcher.fetch(self.url(key, **ends, f="json"))

    def _img(
        self,
        asked: _Asked,
        alt: str,
        placeholder: str | None,
        loading: str | None,
        own: Mapping[str, Attribute],
    ) -> Html:
        if not isinstance(alt, str):
            raise TypeError("alt: expected a text; an empty one where the picture only decorates")
        choice = asked.choice
        size = find_size({**asked.options, **choice.src}, asked.info) or (None, None)
        styles = (_style(placeholder, asked), own.get("style"))
        return write_tag(
            "img",
            {
                "src": self._url(asked.key, choice.src, asked.ends),
                "srcset": self._join(asked.key, choice.candidates, asked.ends) or None,
                "sizes": choice.sizes,
                "width": size[0],
                "height": size[1],
                "alt": alt,
                "loading": loading,
                **own,
                "style": "; ".join(str(style) for style in styles if style) or None,
            },
        )

    def _source(self, asked: _Asked, format: Format) -> Html:
        choice = asked.choice
        candidates = [({**own, "f": format.name}, size) for own, size in choice.candidates]
        if all(size.endswith("x") for _, size in candidates) and choice.src not in [
            own for own, _ in choice.candidates
        ]:
            candidates.insert(0, ({**choice.src, "f": format.name}, "1x"))
        srcset = self._join(asked.key, candidates, asked.ends)
        return write_tag("source", {"type": format.mime, "srcset": srcset, "sizes": choice.sizes})

    def _url(self, key: str, options: Mapping[str, Given], ends: Ends) -> str:
        arguments: dict[str, Any] = {**ends, **options}
        return self.url(key, **arguments)

    def _join(self, key: str, candidates: Sequence[Candidate], ends: Ends) -> str:
        return ", ".join(f"{self._url(key, own, ends)} {size}" for own, size in candidates)


def _or_now(now: float | None) -> float:
    return time.time() if now is None else now


def _split(
    options: dict[str, Any], attrs: Mapping[str, Attribute] | None
) -> tuple[dict[str, Attribute], dict[str, Given]]:
    """The attributes among what was given, and the options under their canonical names. Raises TypeError."""
    if "class_" in options:  # as Python has to write it
        options["class"] = options.pop("class_")
    own = {name: options.pop(name) for name in _ATTRIBUTES if name in options}
    for name in options:
        if find_option(name) is None and suggest_option(name) is None:
            near = difflib.get_close_matches(name, (*_ARGUMENTS, *_ATTRIBUTES), n=1)
            raise TypeError(f"{name} is not an option{f'; did you mean {near[0]}?' if near else ''}")
    return {**own, **(attrs or {})}, canonicalize_names(options)


def _style(placeholder: str | None, asked: _Asked) -> str | None:
    """What is seen until the picture is."""
    if placeholder not in _PLACEHOLDERS:
        raise ValueError(f"placeholder: expected lqip, dominant or None, got {placeholder!r}")
    info = asked.info
    if info is None or info.alpha:
        return None
    if _OPENINGS & asked.options.keys() or asked.options.get("fit") == "contain":
        return None
    if placeholder == "lqip" and info.lqip:
        return f"background: {info.dominant or ''} url({info.lqip}) center / cover no-repeat"
    return f"background: {info.dominant}" if placeholder and info.dominant else None


def _list_formats(names: Sequence[str] | str, info: Info | None) -> list[Format]:
    """Raises ValueError for a name that is none of a format that is written."""
    names = names.replace(",", " ").split() if isinstance(names, str) else names
    formats = [Format.named(name) for name in names]
    for format in formats:
        if format.writer is None:
            raise ValueError(f"formats: {format.name} is never written")
    return [format for format in formats if info is None or info.frames == 1 or format.holds_animation]
