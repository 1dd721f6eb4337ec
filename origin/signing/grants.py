"""Grants: what a grant token holds, and which requests are inside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from origin.signing.tokens import read_payload
from origin.urls.options import BY_NAME
from origin.urls.options import EXPIRES
from origin.urls.options import TOKEN
from origin.urls.options import Option
from origin.urls.options import find_option
from origin.urls.query import Pair
from origin.urls.values import Exact


@dataclass(frozen=True)
class Grant:
    """The fields of a grant token."""

    key: str  # or a prefix of keys, which ends in "/*"
    expires: int | None  # Unix seconds
    bounds: Mapping[str, Callable[[Any], bool]]  # by canonical name, a test of the option's exact value

    @classmethod
    def read(cls, payload: bytes) -> Grant:
        """Raises ValueError for anything but exactly the fields of a grant."""
        fields = read_payload(payload)
        if not isinstance(fields, dict) or not {"k"} <= fields.keys() <= {"k", "e", "o"}:
            raise ValueError("other fields than k, e and o")
        key, expires, bounds = fields["k"], fields.get("e", 0), fields.get("o", {})
        if (type(key), type(expires), type(bounds)) != (str, int, dict):
            raise ValueError("a field of another type")
        read_value(EXPIRES, b"%d" % expires)
        return cls(key, expires if "e" in fields else None, _read_bounds(bounds))

    def violation(self, key: str, values: Mapping[str, Exact]) -> str:
        """What puts a request outside the grant; empty where nothing does.

        `values` are those of `read_values`. An option that the grant names has to be there: leaving out `w`
        would ask for the original's size.
        """
        prefix = self.key[:-1] if self.key.endswith("/*") else None
        matches = key == self.key if prefix is None else key.startswith(prefix)
        if not matches:
            return f"it is for {self.key!r}"
        if prefix is not None and _has_dots(key.removeprefix(prefix)):
            return f"it is for {self.key!r}, which . and .. may leave"
        for name in sorted(self.bounds.keys() | values.keys()):
            if name not in self.bounds:
                return f"it does not name {name}"
            if name not in values:
                return f"{name} is missing"
            if not self.bounds[name](values[name]):
                return f"{name}={values[name]}"
        return ""

    def admits(self, values: Mapping[str, Exact]) -> bool:
        """Whether it names all of these options and bounds none of them to another value."""
        return all(name in self.bounds and self.bounds[name](value) for name, value in values.items())


def _has_dots(rest: str) -> bool:
    """Whether a segment behind a prefix is `.` or `..` to some web server: escaped, behind a backslash, or
    with a parameter.

    A key that is no URL has none, by the rules of every path. In one that is, the server that it names
    settles what they mean.
    """
    path = unquote(re.split("[?#]", rest, maxsplit=1)[0])
    return any(segment.partition(";")[0] in (".", "..") for segment in re.split(r"[/\\]", path))


def check_grant(token: str, key: str, pairs: Sequence[Pair], now: float) -> None:
    """Raise ValueError where the origin would refuse this request with that grant, as far as a program
    without the signing key can tell."""
    grant = read_grant(token)
    if grant.expires is not None and now > grant.expires:
        raise ValueError(f"the grant has expired {now - grant.expires:.0f} s ago")
    if violation := grant.violation(key, read_values(pairs)):
        raise ValueError(f"outside the grant: {violation}")


@lru_cache(maxsize=32)  # a program writes many URLs with few grants
def read_grant(token: str) -> Grant:
    """What a grant says, as far as it is to be believed without the signing key. Raises ValueError."""
    payload, dot, _ = token.rpartition(".")
    if not dot:
        raise ValueError("not a grant: it has no dot")
    return Grant.read(payload.encode())


def read_values(pairs: Iterable[Pair]) -> dict[str, Exact]:
    """The exact values of every option in a query but the token, by canonical name; absent ones are left out.

    A name is free only where no option has it, so an option that exists is judged. Raises ValueError for an
    option that comes twice and for a value that could be read in two ways.
    """
    values: dict[str, Exact | None] = {}
    for name, text in pairs:
        option = BY_NAME.get(name)
        if option is None or option is TOKEN:
            continue
        if option.name in values:
            raise ValueError(f"option {option.name} comes twice")
        values[option.name] = read_value(option, text)
    return {name: value for name, value in values.items() if value is not None}


def read_value(option: Option, text: bytes) -> Exact | None:
    """The exact value of a text; None where it is as absent. Raises ValueError."""
    try:
        return option.kind.parse_exactly(text) if text else None
    except ValueError:
        raise ValueError(option.describe_refusal(text)) from None


def _read_bounds(bounds: Mapping[str, object]) -> dict[str, Callable[[Any], bool]]:
    tests: dict[str, Callable[[Any], bool]] = {}
    for name, bound in bounds.items():
        option = find_option(name)
        if option is None or option is TOKEN or option.name in tests:
            raise ValueError(f"{name}: not an option, or one that comes twice")
        tests[option.name] = _read_bound(option, bound)
    return tests


def _read_bound(option: Option, bound: object) -> Callable[[Any], bool]:
    """A test from `{"min": 1, "max": 9}`, a list or a single value. Raises ValueError for any other."""
    if isinstance(bound, dict):
        if not bound or not option.kind.is_ordered or not bound.keys() <= {"min", "max"}:
            raise ValueError(f"bounds that {option.name} cannot have")
        low, high = (_read_end(option, bound[end]) if end in bound else None for end in ("min", "max"))
        return lambda value: (
            not isinstance(value, str)  # `q=auto` is no number, and lies in no range
            and (low is None or low <= value)
            and (high is None or value <= high)
        )
    admitted = [_read_constant(option, value) for value in (bound if isinstance(bound, list) else [bound])]
    if not admitted:
        raise ValueError(f"no value of {option.name}")
    return lambda value: value in admitted


def _read_end(option: Option, value: object) -> Any:
    end = _read_constant(option, value)
    if isinstance(end, str):
        raise ValueError(f"a range of {option.name} that ends in a word")
    return end


def _read_constant(option: Option, value: object) -> Any:
    # By exact type: to Python, True is the number 1, and NaN and Infinity are floats.
    if type(value) not in option.kind.constant_types:
        raise ValueError(f"a value of another type for {option.name}")
    return option.kind.from_constant(value)
