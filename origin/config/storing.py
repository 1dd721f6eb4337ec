"""What a picture that comes in becomes, and how it is kept: `normalise` and `object` of `write`."""

from __future__ import annotations

from typing import Annotated
from typing import Any
from typing import Literal

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import WithJsonSchema

from origin.config.part import Part
from origin.config.part import defaults
from origin.config.part import meaning
from origin.config.types import Count
from origin.config.types import Flag
from origin.config.types import expected
from origin.config.types import expects
from origin.config.types import one_of
from origin.formats import OUTPUTS
from origin.formats import Format

STORABLE = ("jpg", "png", "webp", "gif", "avif", "bmp", "svg")
"""Formats that may come in: those whose metadata, or scripts, can be taken out."""
_OUTPUTS = tuple(format.name for format in OUTPUTS)
_OWN_METADATA = "origin-"  # how the names begin of what the origin itself keeps there
_ACLS = "private|public-read|public-read-write|authenticated-read|bucket-owner-read|bucket-owner-full-control"


def _format_of(names: tuple[str, ...]) -> Any:
    def parse(value: Any) -> Any:
        name = Format.named(value).name
        if name not in names:
            raise ValueError(value)
        return name

    return Annotated[
        str,
        BeforeValidator(parse),
        expects(f"one of {', '.join(names)}"),
        WithJsonSchema({"type": "string", "enum": list(names)}),
    ]


Storable: Any = _format_of(STORABLE)
_Output: Any = _format_of(_OUTPUTS)


class Normalise(Part):
    """What is done to a picture before it is stored."""

    orient: Annotated[Flag, meaning("turn it upright, where its metadata say how")] = True
    strip: Annotated[
        Literal["location", "all", "none"],
        expects("location, all or none"),
        meaning(
            "metadata that goes: `location`, what tells where it was taken; `all`, but for the colour "
            "profile; or `none`. The pixels of a JPEG stay as they are"
        ),
    ] = "location"
    convert: Annotated[
        dict[Storable, _Output], meaning('formats that become others, such as `{"png": "jpg"}`, on white')
    ] = defaults()
    max_dimension: Annotated[
        Count | None, meaning("pixels of its longer side; a larger one is made smaller")
    ] = None


def _read_metadata(value: Any) -> Any:
    for name in value:
        if isinstance(name, str) and name.startswith(_OWN_METADATA):
            raise expected(
                f"another name than {_OWN_METADATA}…, which are the origin's own", key=name, got=""
            )
    return value


class StoredAs(Part):
    """What is kept beside the bytes of an object."""

    cache_control: Annotated[
        Annotated[str, Field(pattern=r"^[ -~]+$"), expects("text in one line of ASCII")] | None,
        meaning("`Cache-Control` of the object, on S3"),
    ] = None
    acl: Annotated[
        Annotated[str, Field(pattern=f"^({_ACLS})$"), expects(one_of(_ACLS.split("|")))] | None,
        meaning("one of the canned ACLs of S3"),
    ] = None
    metadata: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$")],
            Annotated[str, Field(pattern=r"^[ -~]{0,500}$")],
        ],
        BeforeValidator(_read_metadata),
        expects("names in lower case and texts, in ASCII"),
        meaning("user metadata"),
    ] = defaults()
