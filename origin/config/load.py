"""Reads the configuration file: JSON with comments and trailing commas into `config.model.Config`.

Every mistake is a `ConfigError` of one line: the file, the place, what was expected and what stands
there. No error repeats a secret.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from origin.config.checks import check_together
from origin.config.environment import Variables
from origin.config.messages import first_mistake
from origin.config.messages import refusal
from origin.config.model import Config
from origin.config.part import SCHEMA_KEY
from origin.config.types import Referenced


def load_config(path: Path) -> Config:
    """Read the configuration file, and what variables of the environment set. Raises ConfigError."""
    name = path.name or str(path)  # a folder such as . has no name
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise refusal(name, f"cannot be read: {reason}") from exc
    return parse_config(text, name=name, base=path.parent, environment=os.environ)


def parse_config(
    text: str, *, name: str = "config", base: Path = Path("."), environment: Mapping[str, str] | None = None
) -> Config:
    """The configuration in `text`; `base` is where its relative paths start. The variables of the
    `environment` win over it. Raises ConfigError."""
    if not text.strip():
        raise refusal(name, "there is nothing in it; docs/configuration.md shows the smallest file")
    try:
        data = parse_json(text)
    except (ValueError, RecursionError) as exc:
        raise refusal(name, f"not JSON: {str(exc).replace('<string>:', 'line ')}") from exc
    return build_config(data, name=name, base=base, environment=environment)


def parse_json(text: str) -> Any:
    """What is in JSON with comments and trailing commas. Raises ValueError and RecursionError.

    Plain JSON is read by Python's own parser, which takes 1 ms where json5 takes 100. What that one refuses,
    json5 reads or has the words for.
    """
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(text, object_pairs_hook=_object)
    import json5

    return json5.loads(text, allow_duplicate_keys=False)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises ValueError where a key stands there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key that stands there twice")
    return found


def build_config(
    data: Any, *, name: str = "config", base: Path = Path("."), environment: Mapping[str, str] | None = None
) -> Config:
    """The configuration of a parsed file; the variables of the `environment` win over it.

    Raises ConfigError.
    """
    variables = Variables(environment or {})
    while True:
        resolved = _resolve(variables.laid_over(data), name, "", base)
        try:
            config = Config.model_validate(resolved, context={"base": base})
            break
        except ValidationError as exc:
            mistake = first_mistake(exc, resolved)
        variable = variables.behind(mistake)
        if variable is None or not variables.take_as_text(variable):
            raise refusal(variable or name, mistake + variables.explain(variable))
    for mistake in check_together(config):
        raise refusal(variables.behind(mistake) or name, mistake)
    config.from_environment.update(variables.places)
    return config


def only_variables(environment: Mapping[str, str]) -> Config | None:
    """The configuration of variables alone; None where they name no handlers. Raises ConfigError."""
    if not Variables(environment).name_handlers:
        return None
    return build_config({}, name="the environment", environment=environment)


def _resolve(data: Any, name: str, place: str, base: Path) -> Any:
    """Replace every `env:NAME` and `file:PATH` by what it refers to, and leave out `$schema`, which is for
    editors, but for that in JSON which is answered as it stands."""
    if isinstance(data, dict):
        is_ours = ".json" not in place
        return {
            key: _resolve(value, name, f"{place}.{key}".lstrip("."), base)
            for key, value in data.items()
            if not (is_ours and key == SCHEMA_KEY and isinstance(value, str))
        }
    if isinstance(data, list):
        return [_resolve(value, name, f"{place}[{i}]", base) for i, value in enumerate(data)]
    if not isinstance(data, str) or not data.startswith(("env:", "file:")):
        return data
    kind, _, reference = data.partition(":")
    try:
        content = os.environ[reference] if kind == "env" else _read(base / reference)
    except KeyError:
        raise refusal(name, f"{place}: the environment has no {reference}; set it") from None
    except (OSError, UnicodeDecodeError, ValueError) as exc:
        raise refusal(name, f"{place}: the file {reference} cannot be read") from exc
    text = Referenced(content)
    text.reference = data
    return text


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").rstrip("\r\n")
