"""What `explain` tells of URLs that are valid and probably mean something else."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from collections.abc import Iterator

from origin.urls.options import BY_NAME
from origin.urls.options import Options
from origin.urls.options import suggest_option
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import find_ignored
from origin.urls.query import Pair

_SHOWN = 40  # characters of a name that no option has
_HTML = "amp;"  # before a name: the URL was escaped for HTML, and is used elsewhere
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_OPTION_IN_KEY = re.compile("[?&]([a-z]+)=")
_FIT = ("fit", "c")


def show(text: str) -> str:
    """A name of a stranger's, on one line and cut."""
    return text if text.isprintable() and len(text) <= _SHOWN else repr(text[:_SHOWN])


def describe_ignored(pairs: list[Pair], defaults: OptionDefaults) -> Iterator[str]:
    """A line for each name in the query that changes nothing."""
    ignored = find_ignored(pairs, defaults)
    for name in ignored.unknown:
        yield f"ignored: {show(name)}: no option has this name{_suggest(name)}"
    for name in ignored.not_taken:
        yield f"ignored: {name}: not among the options that this handler takes"
    for name in ignored.empty:
        yield f"ignored: {name}: it has no value; write one behind ="
    for name in ignored.locked:
        yield f"ignored: {name}: a locked preset says it"


def _suggest(name: str) -> str:
    if name.startswith(_HTML) and name.removeprefix(_HTML).encode() in BY_NAME:
        return "; the URL is escaped for HTML: outside of it, write & for &amp;"
    similar = suggest_option(name)
    return f"; did you mean {similar}?" if similar else ""


def hint_at_address(fragment: str, key: str) -> Iterator[str]:
    """Hints at what stands in the wrong place of a URL."""
    if fragment:
        yield f"hint: browsers send nothing from the # on (#{show(fragment)}); write it as %23"
    misplaced = _OPTION_IN_KEY.search(key)
    if misplaced is not None and misplaced[1].encode() in BY_NAME:
        yield f"hint: {misplaced[0]} is in the key; options begin behind the first ? that is not escaped"
    if _ESCAPE.search(key):
        yield "hint: the key holds a percent sign and two digits; is the URL percent-encoded twice?"


def hint_at_options(pairs: list[Pair], options: Options) -> Iterator[str]:
    """Hints at options that are right and change nothing."""
    if options.width and options.height:
        return
    given = {BY_NAME[name].name for name, text in pairs if text and name in BY_NAME}
    for name in _FIT:
        if name in given:
            yield f"hint: {name} counts with both w and h"


def suggest_mount(path: str, prefixes: Iterable[str]) -> str:
    """The prefix that was probably meant by a path that leads to no handler, as the end of a sentence."""
    path = path.strip("/")
    by_name = {prefix.lower(): prefix for prefix in prefixes if prefix}
    for lowered, prefix in by_name.items():
        if path == prefix:
            return f"; behind /{prefix}/ comes a key"
        if path.lower().startswith(f"{lowered}/"):
            return f"; did you mean /{prefix}/?"
    first = path.partition("/")[0].lower()
    close = difflib.get_close_matches(first, by_name, n=1, cutoff=0.65)
    return f"; did you mean /{by_name[close[0]]}/?" if close else ""
