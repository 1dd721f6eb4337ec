"""The configuration as frozen values: every key, its default, its meaning, and what may stand there.

`load` reads the file into these. Secrets are `SecretStr`, or `Secret` in a source, from the first moment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from typing import Any
from typing import Literal

from pydantic import Field
from pydantic import SecretStr
from pydantic import model_validator

from origin.config.cdn import Cdn
from origin.config.efforts import Efforts
from origin.config.events import Events
from origin.config.legacy import Aws
from origin.config.legacy import read_handler
from origin.config.legacy import read_top
from origin.config.part import Part
from origin.config.part import defaults
from origin.config.part import meaning
from origin.config.pictures import Extension
from origin.config.pictures import Name
from origin.config.pictures import Preset
from origin.config.pictures import PresetList
from origin.config.pictures import Suffix
from origin.config.pictures import Watermark
from origin.config.shared import Shared
from origin.config.signing import Signing
from origin.config.sources import AnySource
from origin.config.sources import NamedSource
from origin.config.sources import SourceOrName
from origin.config.telemetry import Telemetry
from origin.config.types import AnswerRoute
from origin.config.types import AnyText
from origin.config.types import Count
from origin.config.types import DialectName
from origin.config.types import Duration
from origin.config.types import DurationOrNone
from origin.config.types import ErrorStatus
from origin.config.types import FilePath
from origin.config.types import Flag
from origin.config.types import HostName
from origin.config.types import OptionName
from origin.config.types import OrText
from origin.config.types import OutputFormat
from origin.config.types import Points
from origin.config.types import Port
from origin.config.types import Prefix
from origin.config.types import Qualities
from origin.config.types import Seconds
from origin.config.types import SecondsOrOff
from origin.config.types import Size
from origin.config.types import SourceFormat
from origin.config.types import Text
from origin.config.types import TransformName
from origin.config.types import Whole
from origin.config.types import expected
from origin.config.types import expects
from origin.config.types import one_of
from origin.config.write import AnyWay
from origin.config.write import StagePart
from origin.config.write import Write
from origin.formats import DEFAULT_ORIGINALS
from origin.formats import QUALITY
from origin.sources.none import NoSettings
from origin.urls.parsing import OptionDefaults
from origin.urls.path import path_above
from origin.urls.presets import ORIGINAL_EXTENSIONS
from origin.urls.presets import PresetNames


class OnError(Part):
    """What a failure is answered with; one of the keys."""

    image: Annotated[FilePath | None, meaning("path of a fallback image, as in `error_image`")] = None
    redirect: Annotated[
        Annotated[
            str,
            Field(pattern=r"^(https?:/)?/[\x21-\x7e]*$"),
            expects("a URL such as https://example.com/default.svg, //host/path or /path"),
        ]
        | None,
        meaning("302 to this URL, apart from classes that `error_status` gives a status of their own"),
    ] = None
    text: Annotated[Flag, meaning("the status and the class, one line of text")] = False
    json_: Annotated[Flag, Field(alias="json"), meaning('`{"error": class}`')] = False

    @model_validator(mode="after")
    def _check_one(self) -> OnError:
        if sum(map(bool, (self.image, self.redirect, self.text, self.json_))) != 1:
            raise expected("one of image, redirect, text and json", got="")
        return self


class HandlerLimits(Part):
    """Limits that make sense for one handler; absent ones are those of the top level."""

    max_dimension: Annotated[Count | None, meaning("pixels of one side of a result")] = None
    max_original_bytes: Annotated[Size | None, meaning("bytes of an original, counted while reading")] = None
    max_original_pixels: Annotated[
        Count | None, meaning("width x height x frames of an original, before a pixel is decoded")
    ] = None
    max_frames: Annotated[Count | None, meaning("frames of an animation; it ends there")] = None
    source_timeout: Annotated[
        Duration | None, meaning("seconds to fetch an original: connect, headers and body together")
    ] = None
    render_timeout: Annotated[
        Duration | None, meaning("seconds of a render; then its process is killed and replaced")
    ] = None


class Limits(Part):
    """What one request may cost."""

    max_dimension: Annotated[Count, meaning("pixels of one side of a result")] = 4096
    max_original_bytes: Annotated[Size, meaning("bytes of an original, counted while reading")] = 50_000_000
    max_original_pixels: Annotated[
        Count, meaning("width x height x frames of an original, before a pixel is decoded")
    ] = 100_000_000
    max_frames: Annotated[Count, meaning("frames of an animation; it ends there")] = 100
    source_timeout: Annotated[
        Duration, meaning("seconds to fetch an original: connect, headers and body together")
    ] = 10.0
    render_timeout: Annotated[
        Duration, meaning("seconds of a render; then its process is killed and replaced")
    ] = 10.0
    render_memory: Annotated[
        Size, Field(ge=200_000_000), expects("200MB or more"), meaning("memory of one render process")
    ] = 1_000_000_000
    queue: Annotated[Whole, meaning("renders that may wait")] = 64
    queue_timeout: Annotated[Duration, meaning("seconds that a render waits for its turn")] = 5.0

    def within(self, own: HandlerLimits) -> Limits:
        """These limits with a handler's own over them."""
        return self.model_copy(update=own.model_dump(exclude_none=True))


class Handler(Part):
    """A prefix of URLs, bound to one source."""

    name: Annotated[Text, meaning("for logs, metrics, tags and purges")]
    prefix: Annotated[
        Prefix,
        meaning(
            "where it is mounted, `name` when empty; may hold slashes; the longest match wins; "
            'with `dialect`, `""` is the root'
        ),
    ] = ""
    source: Annotated[SourceOrName, meaning("where originals are: a source, or the name of one of `sources`")]
    aws: Annotated[Aws | None, meaning("s3imageserver's form of `source`")] = None
    allowed_formats: Annotated[
        tuple[SourceFormat, ...],
        Field(min_length=1),
        meaning("formats of originals, told by content; `tiff` and `svg` only when named here"),
    ] = Field(default=tuple(format.name for format in DEFAULT_ORIGINALS), validate_default=True)
    output_format: Annotated[
        OutputFormat, meaning("where a URL has no `f`: `original`, `auto`, or a format")
    ] = "original"
    quality: Annotated[
        Qualities,
        meaning("where a URL has no `q`: 1 to 100, or one per format; the encoders' own numbers, unlike `q`"),
    ] = QUALITY  # pydantic copies it
    auto_quality: Annotated[
        Points,
        meaning("how good `q=auto` has to look, in points of SSIMULACRA2: 70 is high, 90 lossless by eye"),
    ] = 70
    effort: Annotated[
        Efforts,
        meaning("how hard encoders try: `fast`, `balanced`, `best`, or one per format"),
    ] = Field(default="balanced", validate_default=True)
    avif: Annotated[
        Literal["now", "later"],
        expects("now or later"),
        meaning("with `later` and `f=auto` a miss is answered with WebP, and the AVIF made in idle time"),
    ] = "now"
    crop: Annotated[
        Flag, meaning("where a URL has both sides and no `c`: true fills the box and cuts the rest")
    ] = True
    error_image: Annotated[
        FilePath | None, meaning("path of the fallback image; without one, a neutral one is built in")
    ] = None
    error_status: Annotated[
        ErrorStatus,
        meaning(
            'status of failures: 404 for every one, "exact" for that of its class, '
            "or one per class, and 404 for classes not named"
        ),
    ] = 404
    on_error: Annotated[
        OnError | None, meaning("what a failure is answered with, in place of the fallback image")
    ] = None
    error_max_age: Annotated[
        Seconds, meaning("seconds a CDN may keep a failure that lies in the original; 0 for not at all")
    ] = 10
    cache_enabled: Annotated[Flag, meaning("keep originals and results")] = True
    cache_path: Annotated[
        FilePath | None, meaning("a folder of its own instead of `cache.path`, with the same limits")
    ] = None
    cache_time: Annotated[
        SecondsOrOff,
        meaning("seconds a result is served before the source is asked for changes; -1 keeps nothing"),
    ] = 604_800
    max_age: Annotated[Seconds, meaning("seconds for which CDNs and browsers are told it is fresh")] = 86_400
    stale_while_revalidate: Annotated[
        Seconds, meaning("seconds after that in which they may use it while they ask again")
    ] = 86_400
    stale_if_error: Annotated[
        Seconds, meaning("seconds after that in which they may use it while the origin cannot be reached")
    ] = 604_800
    cdn_max_age: Annotated[
        Seconds | None, meaning("seconds of freshness for CDNs alone, in `CDN-Cache-Control`")
    ] = None
    tag_header: Annotated[
        Annotated[
            str,
            Field(pattern="^(?i:surrogate-key|(edge-)?cache-tag|xkey|x-[a-z0-9-]+)$"),
            expects("Surrogate-Key, Cache-Tag, Edge-Cache-Tag, xkey, or a name with x-; null for none"),
        ]
        | None,
        meaning("header with the tags to purge by; `Cache-Tag`, `xkey` or another name; null for none"),
    ] = "Surrogate-Key"
    passthrough: Annotated[
        Literal["never", "plain", "always"],
        expects("never, plain or always"),
        meaning(
            "the original's own bytes as the answer: `never`; `plain`, where a URL has no options; `always`, "
            "and options are ignored"
        ),
    ] = "never"
    signing: Annotated[Signing | None, meaning("signed URLs; without it, every URL is answered")] = None
    dialect: Annotated[
        DialectName | None,
        meaning("the system whose URLs are understood here, in place of ours: `imgix`"),
    ] = None
    debug: Annotated[
        Flag,
        meaning("tell the reason of a failure in `X-Origin-Reason`, ignored options in `X-Origin-Ignored`"),
    ] = False
    limits: Annotated[HandlerLimits, meaning("limits of its own")] = defaults()
    widths: Annotated[
        Annotated[tuple[Count, ...], Field(min_length=1)] | None,
        meaning("pixel widths: `w` is raised to the next of them, and `h` with it"),
    ] = None
    variants: Annotated[
        Count | None, meaning("different results kept of one original; one more is `bad-request`")
    ] = None
    options: Annotated[
        tuple[OptionName, ...] | None,
        meaning(
            'the options that URLs may use, such as `["w", "f"]`; others are ignored; without a list, all'
        ),
    ] = None
    preset: Annotated[PresetList | None, meaning("a preset that every URL has, before its own")] = None
    preset_names: Annotated[
        dict[Suffix, PresetList],
        meaning('presets in file names: with `{"MI": "medium"}`, `1MI.webp` is a WebP of `1.jpg`'),
    ] = defaults()
    original_extensions: Annotated[
        tuple[Extension, ...],
        Field(min_length=1),
        meaning("extensions that originals of `preset_names` are looked for with, in this order"),
    ] = ORIGINAL_EXTENSIONS

    write: Annotated[Write | None, meaning("pictures come in here; without it, none do")] = None
    transform: Annotated[
        Annotated[tuple[TransformName, ...], Field(min_length=1)] | None,
        meaning(
            "posted pictures are answered with what they become: `render`, and v2ex/remote's `fit`, "
            "`prepare_jpeg`, `resize_avatar` and `info`; needs no `source`"
        ),
    ] = None
    auth: Annotated[
        AnyWay | None,
        meaning(
            "authentication of posts to `transform`, as in `write.auth`; "
            'without it none is needed, as with `"open"`'
        ),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        data = read_handler(data)
        if isinstance(data, dict) and data.get("transform") is not None and data.get("source") is None:
            data = {**data, "source": NoSettings()}
        if isinstance(data, dict) and data.get("dialect") is not None and data.get("prefix") == "":
            return data  # the root
        if isinstance(data, dict) and data.get("prefix") in ("", None):
            return {**data, "prefix": data.get("name", "")}
        return data

    @model_validator(mode="after")
    def _settle(self) -> Handler:
        if self.aws is not None:
            object.__setattr__(self, "source", self.aws.as_source())
        if self.transform is not None and self.write is not None:
            raise expected("either `transform` or `write`: both are posted to the prefix", got="")
        if self.auth is not None and self.transform is None:
            raise expected("`transform` beside it", key="auth", got="")
        if self.auth is not None and self.auth.signed and not (self.signing and self.signing.keys):
            raise expected("`signing` with the keys of the grants beside it", key="auth.signed", got="")
        if self.signing is not None:
            self.signing.check_dialect(self.dialect)
        if self.cache_time == 0:
            raise expected(
                'seconds, or -1 for no cache; 0 is refused: in s3imageserver it meant "for ever" '
                'in the comment and "always expired" in the code',
                key="cache_time",
                got="",
            )
        if self.on_error is not None and self.on_error.image is not None:
            if self.error_image is not None:
                raise expected("either `error_image` or `on_error.image`", key="on_error", got="")
            object.__setattr__(self, "error_image", self.on_error.image)
        return self

    def option_defaults(self, limits: Limits) -> OptionDefaults:
        """What this handler settles about options; `limits` are its own over those of the top."""
        return OptionDefaults(
            format=self.output_format,
            crop=self.crop,
            max_dimension=limits.max_dimension,
            widths=tuple(sorted(self.widths or ())),
            quality=self.quality,
            names=None if self.options is None else frozenset(self.options),
            preset=self.preset,
            preset_names=self._names_of_presets(),
        )

    def _names_of_presets(self) -> PresetNames:
        """Presets in file names; those of files that are made when an original is stored are among them."""
        if self.write is None or not self.write.derive:
            return PresetNames(self.preset_names, self.original_extensions)
        stored = (*self.write.accept, *self.write.extensions.values())
        return PresetNames(
            {**self.preset_names, **self.write.derive},
            tuple(dict.fromkeys((*self.original_extensions, *stored))),
            frozenset(self.write.derive),
        )

    @property
    def path_above(self) -> str:
        """The beginning of its paths: `/photos/`, or `/` at the root."""
        return path_above(self.prefix)

    @property
    def has_source(self) -> bool:
        """Whether there are originals to serve."""
        return not isinstance(self.source, NoSettings)

    @property
    def caches(self) -> bool:
        return self.cache_enabled and self.cache_time > 0


class Cache(Part):
    """The store of results and originals that handlers share."""

    path: Annotated[FilePath, meaning("folder of results and originals")] = Field(
        default="./cache", validate_default=True
    )
    max_size: Annotated[
        Size, meaning("bytes that the folder may take; with 0, memory alone keeps results")
    ] = 10_000_000_000
    memory: Annotated[
        Size,
        meaning(
            "bytes of the hottest results, kept in memory as well; with 0, every hit comes from the folder"
        ),
    ] = 64_000_000
    shared: Annotated[
        Flag,
        meaning("whether other origins on this machine use the folder too; all of them have to say so"),
    ] = False


class Admin(Part):
    """What is for operators."""

    token: Annotated[
        Annotated[SecretStr, Field(min_length=16), expects("a token of 16 characters or more")] | None,
        meaning("bearer token for purge and reload, 16 characters or more; without it there is neither"),
    ] = None
    host: Annotated[Text | None, meaning("address of the listener of `port`; `http_host` when absent")] = None
    port: Annotated[
        Port | None,
        meaning("a listener of its own for purge, metrics and playground, which then leave the public one"),
    ] = None
    playground: Annotated[Flag, meaning("`/-/playground`, a page on which to try every option")] = False


class Log(Part):
    """Log lines, on stderr."""

    format: Annotated[Literal["text", "json"], expects("text or json"), meaning("`text` or `json`")] = "text"
    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        expects("debug, info, warning or error"),
        meaning("lines below it are left out: `debug`, `info`, `warning`, `error`"),
    ] = "info"
    probes: Annotated[Flag, meaning("a line for each request of `/status` and below `/-/`, too")] = False


class FixedAnswer(Part):
    """An answer that needs no picture."""

    status: Annotated[
        Annotated[int, Field(strict=True, ge=200, le=599)],
        expects("a status of 200 to 599"),
        meaning("status"),
    ] = 200
    text: Annotated[AnyText | None, meaning("the body, plain text; `{uptime}` stands for seconds")] = None
    json_: Annotated[
        Any, Field(alias="json"), meaning("the body, JSON; a text `{uptime}` stands for a number of seconds")
    ] = None
    location: Annotated[
        Annotated[str, Field(pattern=r"^(https?:/)?/[\x21-\x7e]*$"), expects("a URL or a path")] | None,
        meaning("where a redirect leads"),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, data: Any) -> Any:
        return {"text": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _check_one(self) -> FixedAnswer:
        if self.text is not None and self.json_ is not None:
            raise expected("either text or json", got="")
        return self


class Config(Part):
    """The configuration of an image origin."""

    handlers: Annotated[tuple[Handler, ...], Field(min_length=1), meaning("what is served")]
    sources: Annotated[dict[Text, AnySource], meaning("named sources, for handlers that share one")] = (
        defaults()
    )
    presets: Annotated[dict[Name, Preset], meaning("named options, for URLs and handlers")] = defaults()
    watermarks: Annotated[dict[Name, Watermark], meaning("named pictures, for the option `wm`")] = defaults()
    http_host: Annotated[Text, meaning("address of all listeners")] = "0.0.0.0"
    http_port: Annotated[Port, meaning("port of the plain listener")] = 80
    https_enabled: Annotated[Flag, meaning("a TLS listener beside it, with the same pictures")] = False
    https_strict: Annotated[Flag, meaning("the plain listener answers 301 to https; needs `hosts`")] = False
    https_port: Annotated[Port, meaning("port of the TLS listener")] = 443
    https_cert: Annotated[FilePath | None, meaning("path of the certificate chain, PEM")] = None
    https_key: Annotated[FilePath | None, meaning("path of its private key, PEM")] = None
    hosts: Annotated[
        tuple[HostName, ...], meaning("host names that are answered; empty for any; others get 421")
    ] = ()
    cache: Annotated[Cache, meaning("the store of results and originals")] = defaults()
    renderers: Annotated[
        Whole, meaning("render processes; 0 is one more than cores, or than the quota of the cgroup")
    ] = 0
    limits: Annotated[Limits, meaning("what one request may cost")] = defaults()
    drain: Annotated[
        DurationOrNone,
        meaning("seconds after SIGTERM in which `/-/ready` says 503 and new requests are still answered"),
    ] = 15.0
    admin: Annotated[Admin, meaning("what is for operators")] = defaults()
    log: Annotated[Log, meaning("log lines")] = defaults()
    shared: Annotated[
        Shared | None, meaning("what many origins share: results, purges and renders; without it, nothing")
    ] = None
    telemetry: Annotated[Telemetry, meaning("traces by OpenTelemetry, or by `OTEL_*` alone")] = defaults()
    events: Annotated[Events, meaning("what S3 tells of changes, which is purged")] = defaults()
    cdn: Annotated[Cdn | None, meaning("the CDN that every purge reaches")] = None
    answers: Annotated[
        dict[AnswerRoute, Annotated[FixedAnswer, OrText()]],
        meaning('fixed answers, by path: `"/ping"`, `"POST /upload"`, `"GET /old/*"`; a text, or an object'),
    ] = defaults()

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        return read_top(data)

    @model_validator(mode="after")
    def _look_up_sources(self) -> Config:
        for i, handler in enumerate(self.handlers):
            self._look_up_source(handler, f"handlers[{i}].source")
            if handler.write is not None and handler.write.stage is not None:
                self._look_up_source(handler.write.stage, f"handlers[{i}].write.stage.source")
        return self

    def _look_up_source(self, holder: Handler | StagePart, place: str) -> None:
        if not isinstance(holder.source, NamedSource):
            return
        if holder.source not in self.sources:
            names = f", {one_of(list(self.sources))}" if self.sources else ""
            raise expected(f"a source, or a name of sources{names}", key=place, got="")
        object.__setattr__(holder, "source", self.sources[holder.source])

    def option_defaults(self, handler: Handler) -> OptionDefaults:
        """What a handler settles about options, with the presets and watermarks that its URLs may name."""
        return replace(
            handler.option_defaults(self.limits.within(handler.limits)),
            presets={name: preset.to_values() for name, preset in self.presets.items()},
            watermarks=frozenset(self.watermarks),
        )

    @property
    def legacy(self) -> bool:
        """Whether it is a configuration of s3imageserver."""
        return any(handler.aws is not None for handler in self.handlers)
