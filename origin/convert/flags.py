"""Command lines of programs in Go, as Go's package `flag` documents them."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence

from origin.convert.conversion import CannotConvert


def read_flags(
    arguments: Sequence[str], defaults: Mapping[str, str], switches: Collection[str] = ()
) -> dict[str, str]:
    """The value of every flag. `-x`, `--x` and `-x=value` are one; `switches` take none.

    Raises CannotConvert.
    """
    values = dict(defaults)
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.removeprefix("-").removeprefix("-").partition("=")
        if not argument.startswith("-") or (name not in defaults and name not in switches):
            raise CannotConvert(f"{argument!r} is not a flag of the old program")
        if name in switches:
            values[name] = value if equals else "true"
        elif equals:
            values[name] = value
        elif rest:
            values[name] = rest.pop(0)
        else:
            raise CannotConvert(f"{argument} needs a value")
    return values
