"""What a handler is told: how it renders, and for how long its answers are fresh."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Literal

from origin.errors import UnsupportedFormat
from origin.formats import Format
from origin.formats import refusal
from origin.formats import sniff
from origin.formats.writers import EffortLevel
from origin.imaging.protocol import Job
from origin.imaging.protocol import Watermark
from origin.sources.object_metadata import Crop
from origin.urls.box import NOTHING
from origin.urls.options import BEYOND_OPTIONS
from origin.urls.options import BY_NAME
from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.query import Pair

Passthrough = Literal["never", "plain", "always"]
"""When the answer is the original's own bytes: never, where a URL has no options, always."""
_ALONE = ("scale", "inset", "lift")  # of what no option says, what changes a picture without any option


def passes_through(
    passthrough: Passthrough,
    pairs: Iterable[Pair],
    defaults: OptionDefaults,
    beyond: Mapping[str, Any] = NOTHING,
) -> bool:
    """Whether a URL with these pairs in its query is answered with the original's own bytes.

    A preset that every URL has leaves none without options. A token and its end say nothing of the picture.
    `beyond` is what no option says, as in `parse_options`.
    """
    if passthrough == "plain":
        taken = ((defaults.by_name.get(name), value) for name, value in pairs)
        has_options = any(option is not None and option.is_set(value) for option, value in taken)
        has_more = any(
            name in beyond and defaults.takes(BY_NAME[BEYOND_OPTIONS[name].encode()]) for name in _ALONE
        )
        return defaults.preset is None and not (has_options or has_more)
    return passthrough == "always"


@dataclass(frozen=True, slots=True)
class Freshness:
    """What caches are told, in seconds."""

    max_age: int
    stale_while_revalidate: int
    stale_if_error: int
    error_max_age: int
    cdn_max_age: int | None  # None: `max_age` counts for them too


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How a handler renders, beyond what a URL says."""

    quality: dict[str, int]  # by format, 1 to 100
    allowed: tuple[str, ...]  # formats of originals
    max_pixels: int  # of an original: width x height x frames
    max_frames: int
    timeout: float  # seconds for one render
    max_dimension: int = 4096  # px of a side of a result, where options make it longer than the original's
    auto_quality: int = 70  # what `q=auto` has to reach, in points of SSIMULACRA2
    # By output format, where it is not the usual one.
    effort: Mapping[str, EffortLevel] = field(default_factory=dict)
    watermarks: Mapping[str, Watermark] = field(default_factory=dict)  # by the name in the configuration

    def identify(self, body: bytes | memoryview) -> Format:
        """The format of an original, by its content. Raises UnsupportedFormat where it is not allowed."""
        format = sniff(body)
        if format is None or format.name not in self.allowed:
            raise UnsupportedFormat(refusal(body))
        return format

    def job(self, options: Options, format: str, crop: Crop | None = None, original: str = "") -> Job:
        """The render job for these options. `format` is a format's name, "original" or an auto class; with
        `crop`, that part of the original stands for it. `original` names the original and its version."""
        return Job(
            options,
            format,
            self.quality,
            self.allowed,
            self.max_pixels,
            self.max_frames,
            self.max_dimension,
            self.auto_quality,
            None if options.watermark is None else self.watermarks[options.watermark],
            part=None if crop is None else (crop.left, crop.top, crop.width, crop.height),
            effort=self.effort,
            original=original and hashlib.sha256(original.encode()).hexdigest()[:32],
            timeout=self.timeout,
        )

    def digest(self, pipeline: str) -> str:
        """Part of the name of every result, so that new settings make new results."""
        limits = [self.max_pixels, self.max_frames, self.max_dimension, self.auto_quality, self.timeout]
        # Nothing where every effort is the usual one, as in the names of releases that had no other.
        effort = [sorted(self.effort.items())] if self.effort else []
        text = json.dumps([pipeline, self.quality, self.allowed, *limits, *effort])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def watermark_digest(self, options: Options) -> str:
        """Part of the name of a result with a watermark, so that another one makes new results."""
        return "" if options.watermark is None else f"|{self.watermarks[options.watermark].identity}"
