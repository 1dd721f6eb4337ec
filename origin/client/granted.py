"""Which URLs of a `srcset` a grant admits."""

from __future__ import annotations

from collections.abc import Sequence

from origin.signing.grants import Grant
from origin.signing.grants import read_values
from origin.urls.srcset import Candidate
from origin.urls.writing import write_options

_SIZE = ("w", "h", "dpr")


def keep_admitted(candidates: Sequence[Candidate], grant: Grant | None) -> list[Candidate]:
    """The candidates without those that are larger or smaller than the grant admits: a browser takes the next
    one. Where it admits none all are kept, for the URL of the first tells why. Raises ValueError for a value
    that the origin would refuse."""
    if grant is None:
        return list(candidates)
    return [one for one in candidates if _is_admitted(one, grant)] or list(candidates)


def _is_admitted(candidate: Candidate, grant: Grant) -> bool:
    options, _ = candidate
    size = {name: options[name] for name in _SIZE if name in options}
    return grant.admits(read_values(write_options(size)))
