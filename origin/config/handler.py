"""One of `handlers`: every key, its default, its meaning, and what may stand together."""

from __future__ import annotations

from typing import Annotated
from typing import Any
from typing import Literal

from pydantic import AfterValidator
from pydantic import Field
from pydantic import model_validator

from origin.config.answers import OnError
from origin.config.authentication import AuthMethodOrOpen
from origin.config.efforts import Efforts
from origin.config.legacy import Aws
from origin.config.legacy import read_handler
from origin.config.limits import HandlerLimits
from origin.config.limits import Limits
from origin.config.part import Part
from origin.config.part import defaults
from origin.config.part import meaning
from origin.config.pictures import Extension
from origin.config.pictures import PresetList
from origin.config.pictures import Suffix
from origin.config.signing import Signing
from origin.config.sources import SourceOrName
from origin.config.types import Count
from origin.config.types import DialectName
from origin.config.types import ErrorStatus
from origin.config.types import FilePath
from origin.config.types import Flag
from origin.config.types import OptionName
from origin.config.types import OutputFormat
from origin.config.types import Points
from origin.config.types import Prefix
from origin.config.types import Qualities
from origin.config.types import Seconds
from origin.config.types import SecondsOrOff
from origin.config.types import SourceFormat
from origin.config.types import Text
from origin.config.types import TransformName
from origin.config.types import expected
from origin.config.types import expects
from origin.config.write import Write
from origin.formats import DEFAULT_ORIGINALS
from origin.formats import FORMATS
from origin.formats import QUALITY
from origin.sources.none import NoSettings
from origin.urls.dialects import DIALECTS
from origin.urls.parsing import OptionDefaults
from origin.urls.path import path_above
from origin.urls.presets import ORIGINAL_EXTENSIONS
from origin.urls.presets import PresetNames

_WHEN_NAMED = " ".join(f"`{format.name}`" for format in FORMATS if not format.by_default)


def _refuse_own_header(name: str) -> str:
    """Raises ValueError for a header that answers have for another purpose."""
    if name.lower().startswith(("x-content-type-", "x-origin-")):
        raise ValueError(name)
    return name


class Handler(Part):
    """A prefix of URLs, bound to one source."""

    name: Annotated[Text, meaning("for logs, metrics, tags and purges")]
    prefix: Annotated[
        Prefix,
        meaning(
            "where it is mounted, `name` without it; may hold slashes; the longest match wins; "
            '`""` is the root, but beside `aws`, where it is as absent'
        ),
    ] = ""
    source: Annotated[SourceOrName, meaning("where originals are: a source, or the name of one of `sources`")]
    aws: Annotated[Aws | None, meaning("s3imageserver's form of `source`")] = None
    allowed_formats: Annotated[
        tuple[SourceFormat, ...],
        Field(min_length=1),
        meaning(f"formats of originals, told by content; {_WHEN_NAMED} only when named here"),
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
            AfterValidator(_refuse_own_header),
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
        meaning(
            "the system whose URLs are understood here, in place of ours: "
            + " ".join(f"`{name}`" for name in DIALECTS)
        ),
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
        AuthMethodOrOpen | None,
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
        if isinstance(data, dict) and data.get("prefix") is None:
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
