"""Queries that a program writes: its options in one spelling and order, so that a picture has one URL.

What the origin would refuse is refused here, by the same kinds of values.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

from origin.urls.options import OPTIONS
from origin.urls.options import Option
from origin.urls.options import find_option
from origin.urls.options import suggest_option
from origin.urls.query import Pair
from origin.urls.values import spell

Given = str | int | float | bool | Sequence[str | int | float] | None
"""A value of an option as a program has it. Several numbers or names may be a list or a tuple."""


def write_options(options: Mapping[str, Given]) -> list[Pair]:
    """The pairs of these options, under their canonical names in the order of the table; None is left out.

    Raises TypeError for a name that no option of a picture has, or that comes twice, and ValueError for a
    value that the origin would refuse or take for absent.
    """
    given = canonicalize_names(options)
    return [
        (option.name.encode(), write_value(option, given[option.name]))
        for option in OPTIONS
        if option.name in given
    ]


def canonicalize_names(options: Mapping[str, Given]) -> dict[str, Given]:
    """The same options under their canonical names, without those that are None. Raises TypeError."""
    given: dict[str, Given] = {}
    for name, value in options.items():
        option = find_picture_option(name)
        if value is None:
            continue
        if option.name in given:
            raise TypeError(f"option {option.name} comes twice")
        given[option.name] = value
    return given


def find_picture_option(name: str) -> Option:
    """The option of that name or alias that says something about the picture. Raises TypeError."""
    option = find_option(name)
    if option is None:
        similar = suggest_option(name)
        raise TypeError(f"{name} is not an option{f'; did you mean {similar}?' if similar else ''}")
    if option.of_token:
        raise TypeError(f"{name} belongs to the token, which a signer writes: give expires_in or expires_at")
    return option


def write_value(option: Option, value: Given) -> bytes:
    """The text of one option. Raises ValueError."""
    spelled = spell(value)
    text = spelled.encode(errors="replace")
    try:
        spelled.encode()  # raises for half a surrogate pair, which no URL can hold
        exact = option.kind.parse_exactly(text) if text else None
    except ValueError:
        raise ValueError(option.describe_refusal(text)) from None
    if exact is None:
        raise ValueError(f"option {option.name}: {value!r} is the same as absent; leave it out")
    return text
