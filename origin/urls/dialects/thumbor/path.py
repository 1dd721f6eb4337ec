"""The path of a thumbor URL, taken apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.segments import MAX_OPTIONS
from origin.urls.dialects.segments import decode

UNSAFE = "unsafe"  # in place of a signature
FORM = re.compile(rb"[A-Za-z0-9_-]{27}=")  # base64url of 20 bytes
_PIXELS = "[0-9]{1,9}"
# The parts in their order. Each may be there once, and what fits none of those to come is the original.
_PARTS = (
    ("debug", re.compile("debug")),
    ("meta", re.compile("meta")),
    ("trim", re.compile(f"trim(?::(top-left|bottom-right))?(?::({_PIXELS}))?")),
    ("crop", re.compile(f"({_PIXELS})x({_PIXELS}):({_PIXELS})x({_PIXELS})")),
    ("fit-in", re.compile("(adapt(?:at)?ive-)?(full-)?fit-in")),
    ("size", re.compile(f"(-)?({_PIXELS}|orig)?x(-)?({_PIXELS}|orig)?")),
    ("halign", re.compile("(left|center|right)")),
    ("valign", re.compile("(top|middle|bottom)")),
    ("smart", re.compile("smart")),
)
_FILTERS = "filters:"
_FILTER = re.compile(r"([A-Za-z0-9_]+)\(((?:[^()]|\([^()]*\))*)\)")  # `curve([(0,0),(255,255)],…)`
Groups = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class ThumborPath:
    """What stands in a path, in thumbor's own words."""

    is_signed: bool  # whether its first segment may be one of a page
    parts: Mapping[str, Groups]  # by the names of `_PARTS`
    original: str
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by name; their arguments
    mistakes: tuple[Refusal, ...] = ()


def read_path(segments: list[bytes]) -> ThumborPath:
    first, rest = decode(segments[:1]), segments[1:]
    is_signed = first == UNSAFE or FORM.fullmatch(first.encode("utf-8", "replace")) is not None
    parts: dict[str, Groups] = {}
    for name, form in _PARTS:
        match = form.fullmatch(decode(rest[:1])) if len(rest) > 1 else None
        if match is not None:
            parts[name] = match.groups()
            rest = rest[1:]
    try:
        text, rest = _take_filters(rest)
        filters, mistakes = _read_filters(text)
    except Refusal as refusal:
        filters, mistakes = {}, (refusal,)
    return ThumborPath(is_signed, parts, decode(rest), filters, mistakes)


def _take_filters(rest: list[bytes]) -> tuple[str, list[bytes]]:
    """The text of the filters, and the segments behind them. An argument that is a URL has slashes."""
    if not decode(rest[:1]).startswith(_FILTERS):
        return "", rest
    for end in range(1, len(rest)):
        if rest[end - 1].endswith((b")", b"%29")):
            return decode(rest[:end]).removeprefix(_FILTERS), rest[end:]
    raise Refusal("filters", "expected name(arguments), and the original behind them")


def _read_filters(text: str) -> tuple[dict[str, tuple[str, ...]], tuple[Refusal, ...]]:
    """Names and arguments. Raises Refusal for what is no list of filters."""
    filters: dict[str, tuple[str, ...]] = {}
    mistakes: list[Refusal] = []
    at = 0
    while at < len(text):
        match = _FILTER.match(text, at)
        if match is None or (match.end() < len(text) and text[match.end()] != ":"):
            raise Refusal("filters", "expected name(arguments) with colons between them")
        if len(filters) == MAX_OPTIONS:
            raise Refusal("filters", f"there are more than {MAX_OPTIONS}")
        name, arguments = match.groups()
        if name in filters:
            mistakes.append(Refusal(name, "comes twice"))
        filters[name] = tuple(argument.strip() for argument in arguments.split(",")) if arguments else ()
        at = match.end() + 1
    return filters, tuple(mistakes)
