"""Reads the configuration file: JSON with comments and trailing commas into `config.Config`.

Every mistake is a `ConfigError` of one line: the file, the place, what was expected and what stands
there. No error repeats a secret.
"""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import Any

import json5
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .config import S3
from .config import Admin
from .config import Aws
from .config import Cache
from .config import Config
from .config import Handler
from .config import Limits
from .config import Local
from .config import Log
from .config import Part
from .config import Referred
from .config import Signing
from .errors import ConfigError


def load(path: Path) -> Config:
    """Read the configuration file. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path.name}: cannot be read: {reason}") from exc
    return parse(text, name=path.name, base=path.parent)


def parse(text: str, *, name: str = "config", base: Path = Path(".")) -> Config:
    """The configuration in `text`; `base` is where its relative paths start. Raises ConfigError."""
    try:
        data = json5.loads(text, allow_duplicate_keys=False)
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"{name}: not JSON: {str(exc).removeprefix('<string>:')}") from exc
    return build(data, name=name, base=base)


def build(data: Any, *, name: str = "config", base: Path = Path(".")) -> Config:
    """The configuration of a parsed file. Raises ConfigError."""
    try:
        config = Config.model_validate(_resolve(data, name, "", base), context={"base": base})
    except ValidationError as exc:
        errors = exc.errors(include_url=False)
        # A list with a bad entry is also reported as too short, which says nothing new.
        others = sum(error["type"] != "too_short" for error in errors[1:])
        more = f" (and {others} more)" if others else ""
        raise ConfigError(f"{name}: {_sentence(errors[0])}{more}") from None
    _check_together(config, name)
    return config


def json_schema() -> dict[str, Any]:
    """JSON Schema of the configuration file."""
    schema = Config.model_json_schema()
    handler = schema["$defs"]["Handler"]
    handler["required"] = ["name"]  # prefix defaults to name
    handler["oneOf"] = [{"required": ["source"]}, {"required": ["aws"]}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _resolve(data: Any, name: str, place: str, base: Path) -> Any:
    """Replace every `env:NAME` and `file:PATH` by what it refers to."""
    if isinstance(data, dict):
        return {key: _resolve(value, name, f"{place}.{key}".lstrip("."), base) for key, value in data.items()}
    if isinstance(data, list):
        return [_resolve(value, name, f"{place}[{i}]", base) for i, value in enumerate(data)]
    if not isinstance(data, str) or not data.startswith(("env:", "file:")):
        return data
    kind, _, target = data.partition(":")
    try:
        found = os.environ[target] if kind == "env" else (base / target).read_text(encoding="utf-8").strip()
    except KeyError:
        raise ConfigError(f"{name}: {place}: the environment has no {target}; set it") from None
    except (OSError, UnicodeDecodeError, ValueError) as exc:
        raise ConfigError(f"{name}: {place}: the file {target} cannot be read") from exc
    text = Referred(found)
    text.reference = data
    return text


_SECRETS = {"keys", "token", "access_key", "secret_key", "session_token", "aws_access", "aws_secret"}
_EXPECTED = {
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "tuple_type": "a list",
    "union_tag_not_found": 'a "type", s3 or local',
    "union_tag_invalid": 's3 or local as "type"',
    "too_short": "a list with at least one entry",
}


def _sentence(error: ErrorDetails) -> str:
    """`handlers[1].cache_time: expected seconds >= -1, got "a week"`"""
    loc = list(error["loc"])
    if "source" in loc[:-1]:  # pydantic puts the union's tag behind the name of the field
        del loc[loc.index("source") + 1]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    if error["type"] == "missing":
        return f"{place}: required, and not there"
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown key{_similar(str(loc[-1]), loc[:-1])}"
    if error["type"] == "cache_time_zero":
        return f"{place}.cache_time: expected {error['msg']}"
    expected = _EXPECTED.get(error["type"], error["msg"])
    return f"{place or 'the file'}: expected {expected}{_got(error['input'], loc)}"


def _got(value: Any, loc: list[int | str]) -> str:
    if isinstance(value, Referred):
        return f", got the content of {value.reference}"
    if _SECRETS & {str(part) for part in loc}:
        return ", got a value that is not shown here"
    if isinstance(value, dict | Part):
        return ""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f", got {text if len(text) <= 60 else text[:57] + '...'}"


def _similar(key: str, place: list[int | str]) -> str:
    known: set[str] = set()
    for part in (Config, Handler, S3, Local, Aws, Signing, Limits, Cache, Admin, Log):
        known |= set(part.model_fields)
    close = difflib.get_close_matches(key, known - {key}, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _check_together(config: Config, name: str) -> None:
    """What only the whole file can get wrong."""
    for what in ("name", "prefix"):
        seen: dict[str, int] = {}
        for i, handler in enumerate(config.handlers):
            value = getattr(handler, what)
            if value in seen:
                raise ConfigError(
                    f'{name}: handlers[{i}].{what}: expected a {what} of its own, got "{value}", '
                    f"which handlers[{seen[value]}] has"
                )
            seen[value] = i
    if config.https_enabled and not (config.https_cert and config.https_key):
        raise ConfigError(f"{name}: https_enabled: expected https_cert and https_key beside it")
    if config.https_enabled and config.https_strict and not config.hosts:
        raise ConfigError(f"{name}: https_strict: expected the host name to redirect to in hosts")
    ports = {"http_port": config.http_port, "admin.port": config.admin.port}
    if config.https_enabled:
        ports["https_port"] = config.https_port
    taken: dict[int, str] = {}
    for place, port in ports.items():
        if port is not None and taken.setdefault(port, place) != place:
            raise ConfigError(f"{name}: {place}: expected a port of its own, got {port}, as {taken[port]}")
    _check_files(config, name)


def _check_files(config: Config, name: str) -> None:
    """Files that must exist. s3imageserver started without them, so its configurations still do."""
    if config.legacy:
        return
    for place in ("https_cert", "https_key") if config.https_enabled else ():
        path = getattr(config, place)
        if not path.is_file():
            raise ConfigError(f'{name}: {place}: expected a file, got "{path}", which is not there')
    for i, handler in enumerate(config.handlers):
        if handler.error_image is not None and not handler.error_image.is_file():
            place = f"handlers[{i}].error_image"
            raise ConfigError(
                f'{name}: {place}: expected a file, got "{handler.error_image}", which is not there'
            )
