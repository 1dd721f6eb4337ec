"""What may stand under a key of the configuration: types that say in our words what they expect."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from typing import Any

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import InstanceOf
from pydantic import PlainSerializer
from pydantic import SecretStr
from pydantic import ValidationError
from pydantic import ValidationInfo
from pydantic import WithJsonSchema
from pydantic import WrapValidator
from pydantic_core import PydanticCustomError

from origin.formats import FORMATS
from origin.formats import OUTPUTS
from origin.formats import QUALITY
from origin.formats import Format


class Referred(str):
    """Text that came from `env:NAME` or `file:PATH`; an error names the reference, not the text."""

    reference: str


def expects(text: str) -> WrapValidator:
    """Turn whatever a type has to complain of into one sentence: `expected {text}`."""

    def check(value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise PydanticCustomError("expected", "{text}", {"text": text}) from None

    return WrapValidator(check)


def parse_number(value: Any) -> Any:
    """A number given through the environment is text; a boolean is never a number."""
    if isinstance(value, Referred) and re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,9})?", value):
        return float(value) if "." in value else int(value)
    return value


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([KMGT]?)(i?)B?", value.strip(), re.IGNORECASE)
    if match is None:
        return value
    parse_number, unit, binary = match.groups()
    return int(float(parse_number) * (1024 if binary else 1000) ** " KMGT".index(unit.upper() or " "))


def _path(value: Any, info: ValidationInfo) -> Any:
    """Relative paths are relative to the folder of the configuration file."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise PydanticCustomError("expected", "a path")
    return Path(info.context["base"] if info.context else ".") / value


def _format(value: Any) -> Any:
    return Format.named(value) if isinstance(value, str) else value


def parse_output_format(value: Any) -> Any:
    if not isinstance(value, str) or value.lower() in ("original", "auto"):
        return value.lower() if isinstance(value, str) else value
    found = Format.named(value)
    if found not in OUTPUTS:
        raise ValueError(value)
    return found.name


def parse_qualities(value: Any) -> Any:
    """One number for every format, or a number per format over the defaults."""
    value = parse_number(value)
    if not isinstance(value, dict):
        return dict.fromkeys(QUALITY, value)
    own = {Format.named(name).name: parse_number(quality) for name, quality in value.items()}
    if not own.keys() <= QUALITY.keys():
        raise ValueError(value)
    return QUALITY | own


def prefix_path(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    prefix = value.strip("/")
    segments = prefix.split("/")
    if any(s in ("", ".", "..") for s in segments) or not prefix.isprintable() or segments[0] == "-":
        raise ValueError(value)
    return prefix


def drop_empty(data: dict[str, Any], ports: tuple[str, ...] = ()) -> dict[str, Any]:
    """Without what Go has for absent: empty text, and 0 for a port."""
    return {
        key: value for key, value in data.items() if value not in ("", None) and (value or key not in ports)
    }


Strict = Field(strict=True)
Text = Annotated[str, Strict, Field(min_length=1), expects("text")]
Secret = Annotated[SecretStr, expects("text")]
Flag = Annotated[bool, Strict, expects("true or false")]
FilePath = Annotated[Path, BeforeValidator(_path), WithJsonSchema({"type": "string"})]
Port = Annotated[
    int, Strict, Field(ge=1, le=65535), BeforeValidator(parse_number), expects("a port, 1 to 65535")
]
Count = Annotated[int, Strict, Field(ge=1), BeforeValidator(parse_number), expects("a whole number >= 1")]
Seconds = Annotated[int, Strict, Field(ge=0), BeforeValidator(parse_number), expects("seconds >= 0")]
Duration = Annotated[
    float, Strict, Field(gt=0, le=3600), BeforeValidator(parse_number), expects("seconds > 0")
]
Size = Annotated[
    int,
    Strict,
    Field(ge=0),
    BeforeValidator(_size),
    BeforeValidator(parse_number),
    expects('bytes, as a number or as "10GB" or "512MiB"'),
    WithJsonSchema({"type": ["integer", "string"]}),
]
Quality = Annotated[int, Strict, Field(ge=1, le=100)]
SourceFormat = Annotated[
    InstanceOf[Format],
    PlainSerializer(lambda format: format.name, return_type=str),
    BeforeValidator(_format),
    expects(f"one of {', '.join(format.name for format in FORMATS)}"),
    WithJsonSchema({"type": "string"}),
]
