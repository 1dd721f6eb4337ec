"""What a browser chooses from: the URLs of one tag, as options, and the text that describes each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from origin.client.granted import keep_admitted
from origin.signing.grants import Grant
from origin.urls.srcset import Candidate
from origin.urls.srcset import list_candidates
from origin.urls.writing import Given

# A length without a unit in `sizes`: browsers ignore all of it.
_BARE = re.compile(r"(?:^|[\s,)])([1-9][\d.]*)\s*(?:,|$)")
_DENSE = 2  # the density of the screens that a picture of a fixed size is for, beside 1

Numbers = Sequence[int | float] | str | int | float
"""A list, one number, or a text such as "300,600", since templates can write no list."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The options of `src`, and candidates with their descriptors. A density that is not among them is 1."""

    src: Mapping[str, Given]
    candidates: tuple[Candidate, ...]
    sizes: str | None  # only of candidates over widths


def choose(
    options: dict[str, Given], widths: Numbers, densities: Numbers, sizes: str | None, grant: Grant | None
) -> Choice:
    """`options` have their canonical names. What a `grant` does not admit is left out. Without one, a picture
    of a fixed size gets a second URL for dense screens where nothing else is said. Raises TypeError, and
    ValueError for values that are refused.
    """
    if widths and not densities:
        candidates = keep_admitted(list_candidates(options, whole_numbers("widths", widths)), grant)
        largest, _ = max(candidates, key=lambda one: int(one[1].removesuffix("w")))
        sizes = "100vw" if sizes is None else _check_sizes(sizes)
        return Choice(options if "w" in options else largest, tuple(candidates), sizes)
    if sizes is not None:
        raise TypeError("sizes tells the browser which of widths to take: give widths, or leave it out")
    if widths or densities:
        candidates = keep_admitted(
            list_candidates(options, whole_numbers("widths", widths), numbers("densities", densities)), grant
        )
        return Choice(candidates[0][0], tuple(candidates), None)
    if grant is None and {"w", "h"} & options.keys() and "dpr" not in options:
        return Choice(options, (({**options, "dpr": _DENSE}, f"{_DENSE}x"),), None)
    return Choice(options, (), None)


def whole_numbers(name: str, given: Numbers) -> list[int]:
    """Raises TypeError for what is no list of them."""
    if isinstance(given, str):
        given = _split(name, given)
    if isinstance(given, int | float):
        given = [given]
    if any(type(number) is not int for number in given):
        raise TypeError(f"{name}: expected whole numbers, got {given!r}")
    return [int(number) for number in given]


def numbers(name: str, given: Numbers) -> list[float]:
    """Raises TypeError for what is no list of them."""
    if isinstance(given, int | float):
        return [given]
    return list(_split(name, given) if isinstance(given, str) else given)


def _check_sizes(given: str) -> str:
    """Raises TypeError for what is no text, and ValueError for a length that a browser would not take."""
    if not isinstance(given, str):
        raise TypeError(f'sizes: expected a text such as "100vw", got {given!r}')
    if bare := _BARE.search(given):
        raise ValueError(f"sizes: {bare[1]} has no unit: write {bare[1]}px")
    return given or "100vw"


def _split(name: str, text: str) -> list[int | float]:
    try:
        return [float(word) if "." in word else int(word) for word in text.replace(",", " ").split()]
    except ValueError:
        raise TypeError(f'{name}: expected numbers such as "300,600", got {text!r}') from None
