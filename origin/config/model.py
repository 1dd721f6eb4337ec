"""The configuration as frozen values: every key, its default, and what may stand there.

`configfile` reads the file into these. Secrets are `SecretStr` from the first moment.
"""

from __future__ import annotations

from typing import Annotated
from typing import Any
from typing import Literal

from pydantic import BaseModel
from pydantic import BeforeValidator
from pydantic import ConfigDict
from pydantic import Field
from pydantic import SecretStr
from pydantic import WithJsonSchema
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from origin.config.types import QUALITY
from origin.config.types import Count
from origin.config.types import Duration
from origin.config.types import FilePath
from origin.config.types import Flag
from origin.config.types import Port
from origin.config.types import Quality
from origin.config.types import Seconds
from origin.config.types import Secret
from origin.config.types import Size
from origin.config.types import SourceFormat
from origin.config.types import Strict
from origin.config.types import Text
from origin.config.types import drop_empty
from origin.config.types import expects
from origin.config.types import parse_number
from origin.config.types import parse_output_format
from origin.config.types import parse_qualities
from origin.config.types import prefix_path
from origin.formats import Format

MIN_KEY = 32  # characters of a signing key


class Part(BaseModel):
    """A piece of the file: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class S3(Part):
    type: Literal["s3"]
    bucket: Text
    folder: Annotated[str, Strict, expects("text")] = ""
    region: Text | None = None
    endpoint_url: (
        Annotated[
            str, Field(pattern="^https?://[^/?#@]+(/|$)"), expects("an http or https URL without a user")
        ]
        | None
    ) = None
    addressing_style: (
        Annotated[Literal["auto", "path", "virtual"], expects("auto, path or virtual")] | None
    ) = None
    access_key: Secret | None = None
    secret_key: Secret | None = None
    session_token: Secret | None = None
    anonymous: Flag = False
    connect_timeout: Duration = 2.0
    timeout: Duration | None = None  # seconds in total; limits.source_timeout when absent


class Local(Part):
    type: Literal["local"]
    root: FilePath


class Aws(Part):
    """s3imageserver's form of an S3 source."""

    bucket_name: Annotated[str, Strict, expects("text")] = ""
    file_path: Annotated[str, Strict, expects("text")] = ""
    aws_access: Secret = SecretStr("")
    aws_secret: Secret = SecretStr("")

    def as_source(self) -> S3:
        return S3.model_construct(
            type="s3",
            bucket=self.bucket_name,
            folder=self.file_path,
            access_key=self.aws_access if self.aws_access.get_secret_value() else None,
            secret_key=self.aws_secret if self.aws_secret.get_secret_value() else None,
        )


class Signing(Part):
    keys: tuple[
        Annotated[SecretStr, Field(min_length=MIN_KEY), expects(f"a key of {MIN_KEY} characters or more")],
        ...,
    ] = ()
    required: Flag = True

    @model_validator(mode="after")
    def _has_keys(self) -> Signing:
        if not self.keys:
            raise PydanticCustomError("together", "at least one key in `keys`; without one nothing is signed")
        return self


class HandlerLimits(Part):
    """Limits that make sense for one handler; absent ones are those of the top level."""

    max_dimension: Count | None = None
    max_original_bytes: Size | None = None
    max_original_pixels: Count | None = None
    max_frames: Count | None = None
    source_timeout: Duration | None = None
    render_timeout: Duration | None = None


class Limits(Part):
    max_dimension: Count = 4096  # px of one side of a result
    max_original_bytes: Size = 50_000_000
    max_original_pixels: Count = 100_000_000  # width x height x frames
    max_frames: Count = 100
    source_timeout: Duration = 10.0  # seconds, over connect, headers and body
    render_timeout: Duration = 10.0  # seconds
    render_memory: Annotated[Size, Field(ge=200_000_000), expects("200MB or more")] = (
        1_000_000_000  # per renderer
    )
    queue: Annotated[
        int, Strict, Field(ge=0), BeforeValidator(parse_number), expects("a whole number >= 0")
    ] = 64
    queue_timeout: Duration = 5.0  # seconds

    def within(self, own: HandlerLimits) -> Limits:
        """These limits with a handler's own over them."""
        return self.model_copy(update=own.model_dump(exclude_none=True))


class Handler(Part):
    name: Text
    prefix: Annotated[
        str, BeforeValidator(prefix_path), expects("a path such as img/photos; the first part may not be -")
    ]
    source: Annotated[S3 | Local, Field(discriminator="type")]
    aws: Aws | None = None
    allowed_formats: Annotated[tuple[SourceFormat, ...], Field(min_length=1)] = (
        Format.JPG,
        Format.PNG,
        Format.WEBP,
        Format.GIF,
        Format.AVIF,
    )
    output_format: Annotated[
        str, BeforeValidator(parse_output_format), expects("original, auto, jpg, png, webp, avif or gif")
    ] = "original"
    quality: Annotated[
        dict[str, Quality],
        BeforeValidator(parse_qualities),
        expects('1 to 100, or one per format such as {"jpg": 80, "webp": 78, "avif": 60}'),
        WithJsonSchema({"type": ["integer", "object"]}),
    ] = Field(default_factory=QUALITY.copy)
    crop: Flag = True
    error_image: FilePath | None = None
    error_status: Annotated[Literal[404, "exact"], expects('404 or "exact"')] = 404
    error_max_age: Seconds = 10
    cache_enabled: Flag = True
    cache_path: FilePath | None = None
    cache_time: Annotated[
        int, Strict, Field(ge=-1), BeforeValidator(parse_number), expects("seconds >= -1")
    ] = 604_800
    max_age: Seconds = 86_400
    stale_while_revalidate: Seconds = 86_400
    stale_if_error: Seconds = 604_800
    cdn_max_age: Seconds | None = None  # adds CDN-Cache-Control
    tag_header: (
        Annotated[
            str,
            Field(pattern="^(?i:surrogate-key|(edge-)?cache-tag|xkey|x-[a-z0-9-]+)$"),
            expects("Surrogate-Key, Cache-Tag, Edge-Cache-Tag, xkey, or a name with x-; null for none"),
        ]
        | None
    ) = "Surrogate-Key"
    signing: Signing | None = None
    limits: HandlerLimits = HandlerLimits()
    widths: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None  # steps that w snaps up to
    variants: Count | None = None  # different results kept of one original

    @model_validator(mode="before")
    @classmethod
    def _accept_the_old_form(cls, data: Any) -> Any:
        """s3imageserver: `aws` for `source`, a prefix that may be empty, WebP unless told otherwise."""
        if not isinstance(data, dict):
            return data
        data = drop_empty(data) if "aws" in data else dict(data)
        if data.get("prefix") in ("", None):
            data["prefix"] = data.get("name", "")
        if "aws" in data and "source" in data:
            raise PydanticCustomError("together", "either `source` or `aws`, not both")
        if "aws" in data:
            data["source"] = {"type": "s3", "bucket": "from aws"}
            data.setdefault("output_format", "webp")
        return data

    @model_validator(mode="after")
    def _settle(self) -> Handler:
        if self.aws is not None:
            object.__setattr__(self, "source", self.aws.as_source())
        if self.cache_time == 0:
            raise PydanticCustomError(
                "cache_time_zero",
                'seconds, or -1 for no cache; 0 is refused: in s3imageserver it meant "for ever" '
                'in the comment and "always expired" in the code',
            )
        return self

    @property
    def caches(self) -> bool:
        return self.cache_enabled and self.cache_time > 0


class Cache(Part):
    path: FilePath = Field(default="./cache", validate_default=True)
    max_size: Size = 10_000_000_000
    memory: Size = 64_000_000
    shared: Flag = False  # whether other processes use the folder at the same time


class Admin(Part):
    token: Annotated[SecretStr, Field(min_length=16), expects("a token of 16 characters or more")] | None = (
        None
    )
    port: Port | None = None


class Log(Part):
    format: Annotated[Literal["text", "json"], expects("text or json")] = "text"


class Config(Part):
    handlers: Annotated[tuple[Handler, ...], Field(min_length=1)]
    http_host: Text = "0.0.0.0"
    http_port: Port = 80
    https_enabled: Flag = False
    https_strict: Flag = False
    https_port: Port = 443
    https_cert: FilePath | None = None
    https_key: FilePath | None = None
    hosts: tuple[
        Annotated[str, Strict, Field(pattern=r"^[A-Za-z0-9._-]+$"), expects("a host name, without a port")],
        ...,
    ] = ()
    cache: Cache = Field(default_factory=lambda: Cache.model_validate({}))
    renderers: Annotated[
        int, Strict, Field(ge=0), BeforeValidator(parse_number), expects("a whole number >= 0")
    ] = 0
    limits: Limits = Limits()
    admin: Admin = Admin()
    log: Log = Log()

    @model_validator(mode="before")
    @classmethod
    def _accept_the_old_form(cls, data: Any) -> Any:
        """s3imageserver: a port of 0 and an empty path are as absent."""
        handlers = data.get("handlers") if isinstance(data, dict) else None
        if not isinstance(handlers, list) or not any("aws" in h for h in handlers if isinstance(h, dict)):
            return data
        return drop_empty(data, ports=("http_port", "https_port"))

    @property
    def legacy(self) -> bool:
        """Whether it is a configuration of s3imageserver."""
        return any(handler.aws is not None for handler in self.handlers)
