"""Grants: what a grant token holds, and which requests are inside it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from origin.signing.tokens import read_payload
from origin.urls.query import ALIASES
from origin.urls.query import OPTIONS
from origin.urls.query import Value
from origin.urls.query import format_name


@dataclass(frozen=True)
class Grant:
    """The fields of a grant token."""

    key: str  # or a prefix of keys, which ends in "/*"
    expires: int | None  # Unix seconds
    bounds: Mapping[str, Callable[[Any], bool]]  # canonical name -> a test of what the option means

    @classmethod
    def read(cls, payload: bytes) -> Grant:
        """Raises ValueError for anything else than exactly the fields we know."""
        fields = read_payload(payload)
        if not isinstance(fields, dict) or not {"k"} <= fields.keys() <= {"k", "e", "o"}:
            raise ValueError("other fields than k, e and o")
        key, expires, bounds = fields["k"], fields.get("e", 0), fields.get("o", {})
        if (type(key), type(expires), type(bounds)) != (str, int, dict):
            raise ValueError("a field of another type")
        if not 0 <= expires < 10**15:
            raise ValueError("an expiry that is no Unix second")
        names = [ALIASES.get(name, name) for name in bounds]
        if len(set(names)) < len(names) or not set(names) <= set(OPTIONS) - {"t"}:
            raise ValueError("an option that is unknown or repeated")
        tests = {name: _bound(name, bound) for name, bound in zip(names, bounds.values(), strict=True)}
        return cls(key, expires if "e" in fields else None, tests)

    def violation(self, key: str, options: Mapping[str, Value]) -> str:
        """What puts a request outside the grant; empty where nothing does.

        An option that the grant names has to be there: leaving out `w` would ask for the original's size.
        """
        matches = key.startswith(self.key[:-1]) if self.key.endswith("/*") else key == self.key
        if not matches:
            return f"it is for {self.key!r}"
        for name in sorted(self.bounds.keys() | options.keys()):
            if name not in self.bounds:
                return f"it does not name {name}"
            if name not in options:
                return f"{name} is missing"
            if not self.bounds[name](options[name]):
                return f"{name}={options[name]}"
        return ""


def _bound(name: str, bound: object) -> Callable[[Any], bool]:
    """A test from `{"min": 1, "max": 9}`, a list or a single value; raises ValueError for any other."""
    if isinstance(bound, dict):
        if not bound or name in ("c", "f") or not bound.keys() <= {"min", "max"}:
            raise ValueError(f"no bounds for {name}")
        low, high = (_constant(name, bound[end]) if end in bound else None for end in ("min", "max"))
        return lambda value: (low is None or low <= value) and (high is None or value <= high)
    admitted = [_constant(name, value) for value in (bound if isinstance(bound, list) else [bound])]
    if not admitted:
        raise ValueError(f"no value of {name}")
    return lambda value: value in admitted


def _constant(name: str, value: object) -> Any:
    # By exact type: to Python True is the number 1, and NaN and Infinity are the only floats of our JSON.
    if type(value) not in {"c": (bool,), "f": (str,)}.get(name, (int, Decimal)):
        raise ValueError(f"another type of {name}")
    return format_name(value) if isinstance(value, str) else value
