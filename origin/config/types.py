"""What may stand under a key of the configuration: types that say in our words what they expect."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Literal

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import GetJsonSchemaHandler
from pydantic import InstanceOf
from pydantic import PlainSerializer
from pydantic import SecretStr
from pydantic import ValidationError
from pydantic import ValidationInfo
from pydantic import WithJsonSchema
from pydantic import WrapValidator
from pydantic_core import CoreSchema
from pydantic_core import PydanticCustomError

from origin.errors import OriginError
from origin.formats import FORMATS
from origin.formats import OUTPUTS
from origin.formats import QUALITY
from origin.formats import Format
from origin.urls.dialects import DIALECTS
from origin.urls.options import OPTIONS
from origin.urls.options import find_option
from origin.urls.path import ROOT


class Referenced(str):
    """Text that came from `env:NAME` or `file:PATH`; an error names the reference, not the text."""

    reference: str


def expected(text: str, *, key: str = "", got: str | None = None) -> PydanticCustomError:
    """The mistake `{place}: expected {text}, got {got}`.

    `key` is added to the place. Without `got` the value that stands there is shown; with an empty one
    nothing is.
    """
    context = {"text": text, "key": key} | ({} if got is None else {"got": got})
    return PydanticCustomError("expected", "{text}", context)


def expects(text: str) -> WrapValidator:
    """Turn every complaint of a type into one sentence, unless it is one of ours already."""

    def check(value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except ValidationError as exc:
            first = exc.errors(include_url=False)[0]
            if first["type"] == "expected":
                raise PydanticCustomError("expected", "{text}", first["ctx"]) from None
            raise expected(text) from None

    return WrapValidator(check)


def parse_number(value: Any) -> Any:
    """A number given through the environment is text; a boolean is never a number."""
    if isinstance(value, Referenced) and re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,9})?", value):
        return float(value) if "." in value else int(value)
    return value


def parse_flag(value: Any) -> Any:
    """A flag given through the environment is text."""
    if isinstance(value, Referenced) and value in ("true", "false"):
        return value == "true"
    return value


class OrText:
    """Says in the JSON schema that a text may stand in the place of an object."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


def one_of(names: list[str]) -> str:
    """`a, b or c`"""
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _parse_size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([KMGT]?)(i?)B?", value.strip(), re.IGNORECASE)
    if match is None:
        return value
    number, unit, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(unit.upper() or " "))


def _parse_path(value: Any, info: ValidationInfo) -> Any:
    """Relative paths are relative to the folder of the configuration file."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise expected("a path")
    return Path(info.context["base"] if info.context else ".") / value


def _parse_format(value: Any) -> Any:
    return Format.named(value) if isinstance(value, str) else value


def _parse_output_format(value: Any) -> Any:
    if not isinstance(value, str) or value.lower() in ("original", "auto"):
        return value.lower() if isinstance(value, str) else value
    output_format = Format.named(value)
    if output_format not in OUTPUTS:
        raise ValueError(value)
    return output_format.name


def parse_option_name(value: Any) -> str:
    """The canonical name of a URL's option."""
    option = find_option(value) if isinstance(value, str) else None
    if option is None:
        raise ValueError(value)
    return option.name


def _parse_qualities(value: Any) -> Any:
    """One number for every format, or a number per format over the defaults."""
    value = parse_number(value)
    if not isinstance(value, dict):
        return dict.fromkeys(QUALITY, value)
    own = {}
    for name, given in value.items():
        quality = parse_number(given)
        try:
            format_name = Format.named(name).name
        except ValueError:
            format_name = ""
        if format_name not in QUALITY or type(quality) is not int or not 1 <= quality <= 100:
            raise expected(_QUALITY_TEXT, got=_entry(name, quality))
        own[format_name] = quality
    return QUALITY | own


def _entry(name: str, value: Any) -> str:
    """One entry of an object as an error shows it."""
    text = json.dumps(value) if isinstance(value, int | float) else '"..."'
    return f"{{{json.dumps(name, ensure_ascii=False)}: {text}}}"


def _parse_statuses(value: Any) -> Any:
    value = parse_number(value)
    if not isinstance(value, dict):
        return value
    statuses = {name: parse_number(given) for name, given in value.items()}
    for name, status in statuses.items():
        if name not in FAILURE_CLASSES or type(status) is not int or not 400 <= status <= 599:
            raise expected(_ERROR_STATUS_TEXT, got=_entry(name, status))
    return statuses


def _failure_classes(error: type[OriginError] = OriginError) -> Iterator[str]:
    for kind in error.__subclasses__():
        yield kind.case or kind.kind
        yield from _failure_classes(kind)


def _parse_prefix(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    if not value:
        return ROOT
    prefix = value.strip("/")
    segments = prefix.split("/")
    if any(s in ("", ".", "..") for s in segments) or not prefix.isprintable() or segments[0] == "-":
        raise ValueError(value)
    return prefix


FAILURE_CLASSES = tuple(dict.fromkeys(_failure_classes()))
_QUALITY_TEXT = f"1 to 100, or one per format such as {json.dumps(QUALITY)}"
_ERROR_STATUS_TEXT = (
    '404, "exact", or a status of 400 to 599 for each class, such as {"forbidden": 403}; '
    f"classes are {', '.join(FAILURE_CLASSES)}"
)

Strict = Field(strict=True)
AnyText = Annotated[str, Strict, expects("text")]
Text = Annotated[str, Strict, Field(min_length=1), expects("text")]
SecretText = Annotated[SecretStr, expects("text")]
Flag = Annotated[bool, Strict, BeforeValidator(parse_flag), expects("true or false")]
FilePath = Annotated[Path, BeforeValidator(_parse_path), WithJsonSchema({"type": "string"})]
Port = Annotated[
    int, Strict, Field(ge=1, le=65535), BeforeValidator(parse_number), expects("a port, 1 to 65535")
]
Whole = Annotated[int, Strict, Field(ge=0), BeforeValidator(parse_number), expects("a whole number >= 0")]
Count = Annotated[int, Strict, Field(ge=1), BeforeValidator(parse_number), expects("a whole number >= 1")]
Points = Annotated[
    int,
    Strict,
    Field(ge=1, le=100),
    BeforeValidator(parse_number),
    expects("a whole number from 1 to 100"),
]
Seconds = Annotated[int, Strict, Field(ge=0), BeforeValidator(parse_number), expects("seconds >= 0")]
SecondsOrOff = Annotated[int, Strict, Field(ge=-1), BeforeValidator(parse_number), expects("seconds >= -1")]
# Deadlines; an hour is the most that one can be.
Duration = Annotated[
    float, Strict, Field(gt=0, le=3600), BeforeValidator(parse_number), expects("seconds > 0 and <= 3600")
]
DurationOrNone = Annotated[
    float, Strict, Field(ge=0, le=3600), BeforeValidator(parse_number), expects("seconds >= 0 and <= 3600")
]
Size = Annotated[
    int,
    Strict,
    Field(ge=0),
    BeforeValidator(_parse_size),
    BeforeValidator(parse_number),
    expects('bytes, as a number or as "10GB" or "512MiB"'),
    WithJsonSchema({"type": ["integer", "string"]}),
]
SourceFormat = Annotated[
    InstanceOf[Format],
    PlainSerializer(lambda format: format.name, return_type=str),
    BeforeValidator(_parse_format),
    expects(f"one of {', '.join(format.name for format in FORMATS)}"),
    WithJsonSchema({"type": "string"}),
]
OptionName = Annotated[
    str,
    BeforeValidator(parse_option_name),
    expects("the name of an option in URLs, such as w or width"),
    WithJsonSchema({"type": "string", "enum": [name for option in OPTIONS for name in option.names]}),
]
OutputFormat = Annotated[
    str,
    BeforeValidator(_parse_output_format),
    expects(one_of(["original", "auto", *(f.name for f in OUTPUTS)])),
]
Qualities = Annotated[
    dict[str, Annotated[int, Strict, Field(ge=1, le=100)]],
    BeforeValidator(_parse_qualities),
    expects(_QUALITY_TEXT),
    WithJsonSchema({"type": ["integer", "object"]}),
]
ErrorStatus = Annotated[
    Literal[404, "exact"] | dict[str, int],
    BeforeValidator(_parse_statuses),
    expects(_ERROR_STATUS_TEXT),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [404, "exact"]},
                {
                    "type": "object",
                    "properties": {
                        name: {"type": "integer", "minimum": 400, "maximum": 599} for name in FAILURE_CLASSES
                    },
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
DialectName = Annotated[
    str,
    Strict,
    Field(pattern=f"^({'|'.join(DIALECTS)})$"),
    expects(one_of(list(DIALECTS))),
    WithJsonSchema({"type": "string", "enum": list(DIALECTS)}),
]
TransformName = Annotated[
    Literal["fit", "prepare_jpeg", "resize_avatar", "rescale_avatar", "info", "render"],
    expects("fit, prepare_jpeg, resize_avatar, info or render"),
]
Prefix = Annotated[
    str, BeforeValidator(_parse_prefix), expects("a path such as img/photos; the first part may not be -")
]
AnswerRoute = Annotated[
    str,
    Strict,
    Field(pattern=r"^([A-Z]+ )?/([!-)+,.0-~][!-)+-~]*)?\*?$"),
    expects("a path such as /ping, with a method before it or a * at its end; not /-"),
]
HostName = Annotated[str, Strict, Field(pattern=r"^[A-Za-z0-9._-]+$"), expects("a host name, without a port")]
