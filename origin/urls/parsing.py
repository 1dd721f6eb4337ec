"""From the query of a URL to `Options`: what the text says, then the handler's defaults and limits.

Parsing is strict, so that a picture has one meaning. Only the options of a fallback image are parsed
leniently: it is made as far as the request can be understood.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import NamedTuple

from origin.errors import BadRequest
from origin.formats import DESCRIPTION_NAMES
from origin.formats import OUTPUTS
from origin.formats import Format
from origin.urls.box import NOTHING
from origin.urls.box import settle_box
from origin.urls.box import settle_surroundings
from origin.urls.names import Names
from origin.urls.options import BEYOND_OPTIONS
from origin.urls.options import BY_NAME
from origin.urls.options import OPTIONS
from origin.urls.options import TOKEN
from origin.urls.options import Option
from origin.urls.options import Options
from origin.urls.presets import NamedPreset
from origin.urls.presets import Preset
from origin.urls.presets import PresetNames
from origin.urls.presets import apply_presets
from origin.urls.presets import find_locked
from origin.urls.presets import intersect_formats
from origin.urls.query import Pair
from origin.urls.query import decode_query
from origin.urls.values import Exact

_DPR = BY_NAME[b"dpr"]
_ANIM = BY_NAME[b"anim"]
_FORMAT = BY_NAME[b"f"]
_PRESET = BY_NAME[b"p"]
_SIZES = (BY_NAME[b"w"], BY_NAME[b"h"], _DPR)
_WITHOUT_QUALITY = frozenset(format.name for format in OUTPUTS if format.default_quality is None)
_WITH_LOSSLESS = frozenset(format.name for format in OUTPUTS if format.holds_lossless)
_WITHOUT_LOSSLESS = frozenset(format.name for format in OUTPUTS) - _WITH_LOSSLESS
_LISTED = 12  # names in the text of an error
_Values = dict[Option, Exact | None]  # None: the text was as absent


@dataclass(frozen=True, slots=True)
class OptionDefaults:
    """What a handler settles about options."""

    format: str = "original"  # where the URL names none
    crop: bool = True  # where the URL names none and has both sides
    max_dimension: int = 4096  # device pixels
    widths: tuple[int, ...] = ()  # device pixels, ascending: sides snap up to one of them
    quality: Mapping[str, int] = field(default_factory=dict)  # by format, where the URL names none
    names: frozenset[str] | None = None  # canonical names that URLs may use; None: all
    presets: Mapping[str, Preset] = field(default_factory=dict)  # by name
    preset: str | None = None  # names of those that every URL has, first of all
    preset_names: PresetNames = field(default_factory=PresetNames)  # those in the names of files
    watermarks: frozenset[str] = frozenset()  # names
    by_name: Mapping[bytes, Option] = field(init=False, repr=False, compare=False)  # that are parsed

    def __post_init__(self) -> None:
        parsed = {name: option for name, option in BY_NAME.items() if self.takes(option)}
        for name in TOKEN.names:
            del parsed[name.encode()]
        object.__setattr__(self, "by_name", parsed)

    def takes(self, option: Option) -> bool:
        """Whether URLs of this handler may use the option. The token's own are always taken."""
        return self.names is None or option.of_token or option.name in self.names

    def parse(self, option: Option, text: bytes) -> Exact | None:
        """The value of one option; None for a text that is as absent. Raises ValueError."""
        value = option.kind.parse(text) if text else None
        is_name = value is not None and isinstance(option.kind, Names)
        if is_name and not all(name in self._names(option) for name in str(value).split(",")):
            raise ValueError("no such name")
        return value

    def list_names(self, option: Option) -> str:
        """The names that an option may have here, as the end of a sentence; empty for other options."""
        if not isinstance(option.kind, Names):
            return ""
        known = sorted(self._names(option))
        more = ", …" if len(known) > _LISTED else ""
        return f"; there are {', '.join(known[:_LISTED])}{more}" if known else "; there are none"

    def _names(self, option: Option) -> Collection[str]:
        return self.presets if option is _PRESET else self.watermarks


def parse_options(
    pairs: Iterable[Pair],
    defaults: OptionDefaults,
    named: NamedPreset | None = None,
    beyond: Mapping[str, Any] = NOTHING,
) -> Options:
    """The options among the decoded `pairs` of a query, over those of presets.

    `named` is what the name of the file says; its format counts like one in the query, which wins over it.
    `beyond` has fields of `Options` that no option says, of the query in a dialect.
    Raises BadRequest, whose message names the option, for a value that is refused and for an option that
    comes twice, under either of its names. Other names, and options that the handler does not take, are
    ignored. The token is not looked at.
    """
    by_name = defaults.by_name
    values: _Values = {}
    for name, text in pairs:
        option = by_name.get(name)
        if option is None:
            continue
        if option in values:
            raise BadRequest(f"option {option.name} comes twice")
        try:
            values[option] = defaults.parse(option, text)
        except ValueError:
            raise BadRequest(option.describe_refusal(text) + defaults.list_names(option)) from None
    if defaults.widths and "scale" in beyond:
        raise BadRequest("a side as a share of the original's is none of the widths of this handler")
    return _settle(values, defaults, named, beyond)


def parse_options_leniently(
    pairs: Iterable[Pair],
    defaults: OptionDefaults,
    named: NamedPreset | None = None,
    beyond: Mapping[str, Any] = NOTHING,
) -> Options:
    """As `parse_options`, but an option that cannot be used is as absent, and the first usable one counts."""
    values: _Values = {}
    for name, text in pairs:
        option = defaults.by_name.get(name)
        if option is None or option in values:
            continue
        try:
            values[option] = defaults.parse(option, text)
        except ValueError:
            continue
    return _settle(values, defaults, named, beyond)


class Ignored(NamedTuple):
    """The names in a query that change nothing, each once and in their order."""

    unknown: list[str]  # no option has them
    not_taken: list[str]  # the handler does not take them
    empty: list[str]  # options without a value, which count as absent
    locked: list[str]  # options that a locked preset has settled


def find_ignored(pairs: Iterable[Pair], defaults: OptionDefaults) -> Ignored:
    """The names in a query that change nothing. Those of the token are never among them."""
    unknown: dict[str, None] = {}
    not_taken: dict[str, None] = {}
    empty: dict[str, None] = {}
    locked: dict[str, None] = {}
    pairs = list(pairs)
    settled = find_locked(_find_presets(_read_preset(pairs, defaults), defaults, None))
    for raw_name, text in pairs:
        option = BY_NAME.get(raw_name)
        if option is None:
            unknown[raw_name.decode("utf-8", "replace")] = None
        elif not defaults.takes(option):
            not_taken[raw_name.decode()] = None
        elif not text and not option.of_token:
            empty[raw_name.decode()] = None
        elif option in settled:
            locked[raw_name.decode()] = None
    return Ignored(list(unknown), list(not_taken), list(empty), list(locked))


def _read_preset(pairs: Iterable[Pair], defaults: OptionDefaults) -> _Values:
    """What a query says of presets; nothing where that is refused."""
    for name, text in pairs:
        if defaults.by_name.get(name) is _PRESET:
            try:
                return {_PRESET: defaults.parse(_PRESET, text)}
            except ValueError:
                break
    return {}


def spell_options(options: Options, defaults: OptionDefaults) -> list[str]:
    """`name=value` as a person would write them for this handler: parsed again they give the same options.

    Beside the options that are not neutral, these are the neutral ones that the handler would otherwise fill
    in, such as `c=false`.
    """
    texts = dict(text.split("=", 1) for text in options.spellings())
    parsed = parse_options(decode_query(options.canonical().encode()), defaults)
    for option in OPTIONS:
        if option.field is not None:
            value = getattr(options, option.field)
            if value is not None and value != getattr(parsed, option.field):
                texts[option.name] = option.kind.write(value)
    return [f"{option.name}={texts[option.name]}" for option in OPTIONS if option.name in texts]


def _settle(
    given: _Values, defaults: OptionDefaults, named: NamedPreset | None, beyond: Mapping[str, Any]
) -> Options:
    """What these values mean together with those of presets, to this handler."""
    if named is not None and given.get(_FORMAT) is None:
        given = {**given, _FORMAT: named.format}
    presets = _find_presets(given, defaults, named)
    values = apply_presets(presets, given)
    fields: dict[str, Any] = {
        option.field: option.kind.simplify(value)
        for option, value in values.items()
        if option.field is not None
    }
    if "format" not in fields:
        fields["format"] = defaults.format
    if fields["format"] in DESCRIPTION_NAMES:
        return Options(format=fields["format"])  # of the original, whatever else is asked for
    exact = values.get(_DPR)
    ratio: Any = 1 if exact is None else _DPR.kind.simplify(exact)
    # The configuration has chosen the size of a preset already.
    is_free = any(given.get(option) is not None and given[option] == values[option] for option in _SIZES)
    widths = defaults.widths if is_free else ()
    if beyond:
        beyond = _find_allowed(beyond, defaults, find_locked(presets))
    settle_box(fields, ratio, defaults.crop, defaults.max_dimension, widths, beyond)
    if beyond.get("lift"):
        fields["lift"] = beyond["lift"]
    settle_surroundings(fields, ratio)
    if isinstance(fields.get("radius"), float):
        fields["radius"] = min(round(fields["radius"] * ratio, 2), float(defaults.max_dimension))
    if fields.get("gray"):
        fields.pop("saturation", None)
    if values.get(_ANIM) is False:
        fields.setdefault("frame", 0)
    _settle_quality(fields, defaults)
    return Options(**fields, only=intersect_formats(presets))


def _find_allowed(
    beyond: Mapping[str, Any], defaults: OptionDefaults, locked: Collection[Option]
) -> Mapping[str, Any]:
    """What no option says, as far as URLs may use the options that say the most of it."""
    needs = {field: BY_NAME[BEYOND_OPTIONS[field].encode()] for field in beyond}
    return {
        field: value
        for field, value in beyond.items()
        if defaults.takes(needs[field]) and needs[field] not in locked
    }


def _find_presets(values: _Values, defaults: OptionDefaults, named: NamedPreset | None) -> Sequence[Preset]:
    """The presets that count, in order: of the handler, of the file's name, of the query."""
    lists = [defaults.preset, named.names if named else None, values.get(_PRESET)]
    return [defaults.presets[name] for names in lists if names for name in str(names).split(",")]


def _settle_quality(fields: dict[str, Any], defaults: OptionDefaults) -> None:
    """Leave out what means nothing, or nothing new, for the format."""
    format = fields["format"]
    if format in _WITHOUT_LOSSLESS:
        fields.pop("lossless", None)
    if fields.get("lossless") and format in _WITH_LOSSLESS:
        fields.pop("quality", None)
    if "quality" in fields:
        # With `bytes` it is the most that is tried, and without one all are.
        is_open = fields["quality"] == "auto" if "max_bytes" in fields else _is_handlers(fields, defaults)
        if is_open or format in _WITHOUT_QUALITY:
            del fields["quality"]


def _is_handlers(fields: dict[str, Any], defaults: OptionDefaults) -> bool:
    """Whether the quality is the one that the format has in this handler anyway."""
    quality, format = fields["quality"], fields["format"]
    if quality == "auto" or format not in defaults.quality:
        return False
    return Format.named(format).encoder_quality(quality) == defaults.quality[format]
