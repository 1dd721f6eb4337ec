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

from origin.config.model import S3
from origin.config.model import Admin
from origin.config.model import Aws
from origin.config.model import Cache
from origin.config.model import Config
from origin.config.model import Handler
from origin.config.model import Limits
from origin.config.model import Local
from origin.config.model import Log
from origin.config.model import Part
from origin.config.model import Signing
from origin.config.types import Referred
from origin.errors import ConfigError


def load_config(path: Path) -> Config:
    """Read the configuration file. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise _refused(path.name, f"cannot be read: {reason}") from exc
    return parse_config(text, name=path.name, base=path.parent)


def parse_config(text: str, *, name: str = "config", base: Path = Path(".")) -> Config:
    """The configuration in `text`; `base` is where its relative paths start. Raises ConfigError."""
    try:
        data = json5.loads(text, allow_duplicate_keys=False)
    except (ValueError, RecursionError) as exc:
        raise _refused(name, f"not JSON: {str(exc).replace('<string>:', 'line ')}") from exc
    return build_config(data, name=name, base=base)


def build_config(data: Any, *, name: str = "config", base: Path = Path(".")) -> Config:
    """The configuration of a parsed file. Raises ConfigError."""
    try:
        resolved = _resolve(data, name, "", base)
        if isinstance(resolved, dict):
            resolved.setdefault("cache", {})  # a default of pydantic's knows no base
        config = Config.model_validate(resolved, context={"base": base})
    except ValidationError as exc:
        errors = exc.errors(include_url=False)
        # A list with a bad entry is also reported as too short, which says nothing new.
        others = sum(error["type"] != "too_short" for error in errors[1:])
        more = f" (and {others} more)" if others else ""
        raise _refused(name, _sentence(errors[0]) + more) from None
    _check_together(config, name)
    return config


def json_schema() -> dict[str, Any]:
    """JSON Schema of the configuration file."""
    schema = _with_references(Config.model_json_schema())
    handler = schema["$defs"]["Handler"]
    handler["required"] = ["name"]  # prefix defaults to name
    handler["oneOf"] = [{"required": ["source"]}, {"required": ["aws"]}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


_REFERENCE = {"type": "string", "pattern": "^(env|file):"}
_NOTES = ("title", "default", "description")


def _with_references(schema: Any) -> Any:
    """The schema where a reference may stand for every number and for every text that is not just any."""
    if isinstance(schema, list):
        return [_with_references(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    narrow = schema.get("type") == "string" and {"minLength", "pattern", "enum"} & schema.keys()
    if schema.get("type") in ("integer", "number") or narrow:
        notes = {name: schema[name] for name in _NOTES if name in schema}
        own = {name: value for name, value in schema.items() if name not in _NOTES}
        return {**notes, "anyOf": [own, _REFERENCE]}
    return {name: _with_references(value) for name, value in schema.items()}


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
        found = (
            os.environ[target]
            if kind == "env"
            else (base / target).read_text(encoding="utf-8").rstrip("\r\n")
        )
    except KeyError:
        raise _refused(name, f"{place}: the environment has no {target}; set it") from None
    except (OSError, UnicodeDecodeError, ValueError) as exc:
        raise _refused(name, f"{place}: the file {target} cannot be read") from exc
    text = Referred(found)
    text.reference = data
    return text


def _refused(name: str, text: str) -> ConfigError:
    """One line, whatever the file has for keys and values."""
    printable = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return ConfigError(f"{name}: {''.join(printable)}")


_SECRETS = {"keys", "token", "access_key", "secret_key", "session_token", "aws_access", "aws_secret"}
_HOLDERS = {"source", "aws", "signing", "admin"}  # a secret may stand where one of these should be
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
    got = "" if error["type"] == "together" else f", got {_shown(error['input'], loc)}"
    return f"{place or 'the file'}: expected {expected}{got}"


def _shown(value: Any, loc: list[int | str]) -> str:
    """A value as an error tells of it: never a secret, and nothing that could hold one."""
    if isinstance(value, Referred):
        return f"the content of {value.reference}"
    if _SECRETS & {str(part) for part in loc} or (loc and loc[-1] in _HOLDERS and isinstance(value, str)):
        return "a value that is not shown here"
    if isinstance(value, dict | Part):
        return "an object"
    if isinstance(value, list):
        return "a list" if value else "[]"
    if isinstance(value, str) and "@" in value:
        return "a value that is not shown here"  # user:password@host
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


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
                raise _refused(
                    name,
                    f'handlers[{i}].{what}: expected a {what} of its own, got "{value}", '
                    f"which handlers[{seen[value]}] has",
                )
            seen[value] = i
    if config.https_enabled and not (config.https_cert and config.https_key):
        raise _refused(name, "https_enabled: expected https_cert and https_key beside it")
    if config.https_strict and not config.https_enabled and not config.legacy:
        raise _refused(name, "https_strict: expected https_enabled beside it")
    if config.https_enabled and config.https_strict and not config.hosts:
        raise _refused(name, "https_strict: expected the host name to redirect to in hosts")
    for i, handler in enumerate(config.handlers):
        source = handler.source
        if isinstance(source, S3) and (source.access_key is None) != (source.secret_key is None):
            raise _refused(name, f"handlers[{i}].source: expected access_key and secret_key together")
    ports = {"http_port": config.http_port, "admin.port": config.admin.port}
    if config.https_enabled:
        ports["https_port"] = config.https_port
    taken: dict[int, str] = {}
    for place, port in ports.items():
        if port is not None and taken.setdefault(port, place) != place:
            raise _refused(name, f"{place}: expected a port of its own, got {port}, as {taken[port]}")
    _check_files(config, name)


def _check_files(config: Config, name: str) -> None:
    """Files that must exist. s3imageserver started without them, so its configurations still do."""
    if config.legacy:
        return
    for place in ("https_cert", "https_key") if config.https_enabled else ():
        path = getattr(config, place)
        if not path.is_file():
            raise _refused(name, f'{place}: expected a file, got "{path}", which is not there')
    for i, handler in enumerate(config.handlers):
        if handler.error_image is not None and not handler.error_image.is_file():
            place, path = f"handlers[{i}].error_image", handler.error_image
            raise _refused(name, f'{place}: expected a file, got "{path}", which is not there')
