"""Settings of programs in Python: files of names and literals, under what the environment says."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from origin.convert.conversion import CannotConvert

_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Mult: operator.mul,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
}


class Settings:
    """The values of some names, in lower case: of the environment, else of the file."""

    def __init__(self, values: Mapping[str, Any], computed: Collection[str]) -> None:
        self._values = values
        self._computed = computed  # names whose values only a run of the file would tell

    def has(self, name: str) -> bool:
        return bool(self._values.get(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Raises CannotConvert for a value that the file computes."""
        if name in self._computed:
            text = f"{name.upper()} is computed in the settings; set it in the environment of this command"
            raise CannotConvert(text)
        return self._values.get(name, default)


def read_settings(text: str, names: Collection[str], environment: Mapping[str, str]) -> Settings:
    """Nothing in the file is run. Names in capitals are the same names.

    Raises CannotConvert for a file that is no Python.
    """
    values: dict[str, Any] = {}
    computed = set()
    for name, expression in _assignments(text):
        if name not in names:
            continue
        try:
            values[name] = _evaluate(expression)
            computed.discard(name)
        except ValueError:
            computed.add(name)
    given = {name: environment[name.upper()] for name in names if environment.get(name.upper())}
    return Settings(values | given, computed - given.keys())


def _assignments(text: str) -> Iterator[tuple[str, ast.expr]]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as exc:
        raise CannotConvert(f"the settings are no Python file: {exc}") from exc
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id.lower(), node.value


def _evaluate(expression: ast.expr) -> Any:
    """A literal, or numbers that are added and multiplied: `5.5 * 1024 * 1024`. Raises ValueError."""
    if isinstance(expression, ast.BinOp) and type(expression.op) in _ARITHMETIC:
        numbers = [_evaluate(side) for side in (expression.left, expression.right)]
        if not all(isinstance(number, int | float) for number in numbers):
            raise ValueError(ast.dump(expression.op))
        return _ARITHMETIC[type(expression.op)](*numbers)
    return ast.literal_eval(expression)
