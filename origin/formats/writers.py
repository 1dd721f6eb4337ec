"""How files are written: with what effort, what a pixel of it costs, and what libvips is told.

Standard library only; the rows of FORMATS hold the writers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Literal
from typing import TypeVar

EffortLevel = Literal["fast", "balanced", "best"]
"""How hard encoders try, as the configuration names it."""
EFFORT_LEVELS: tuple[EffortLevel, ...] = ("fast", "balanced", "best")
DEFAULT_EFFORT: EffortLevel = "balanced"

T = TypeVar("T")


def by_level(balanced: T, *, fast: T | None = None, best: T | None = None) -> dict[EffortLevel, T]:
    """One value for each level: that of `balanced` where there is no other."""
    return {
        "fast": balanced if fast is None else fast,
        "balanced": balanced,
        "best": balanced if best is None else best,
    }


@dataclass(frozen=True, slots=True)
class Price:
    """What a pixel costs. Measured by benchmarks/costs.py, with a photograph."""

    seconds: float  # of one core, for a million pixels
    memory: int = 0  # bytes, beside what libvips takes for any picture


FREE = Price(0.0)


@dataclass(frozen=True, slots=True)
class Effort:
    """One way to run an encoder: what its pixels cost, and what it is told beside its other options."""

    opaque: Price
    alpha: Price  # of a picture with an alpha channel
    options: Mapping[str, object] = field(default_factory=dict)
    options_if_alpha: Mapping[str, object] = field(default_factory=dict)  # over those
    max_pixels: float = math.inf  # of a result that it is meant for; the last one of a list has no limit

    def within(self, max_pixels: int) -> Effort:
        return replace(self, max_pixels=max_pixels)


Efforts = tuple[Effort, ...]
"""The usual effort of a level first, then those for results that would take too long with it."""


@dataclass(frozen=True, slots=True)
class Writer:
    """How libvips writes a format."""

    suffix: str  # of a file name, by which libvips picks its saver
    options: Mapping[str, object]
    efforts: Mapping[EffortLevel, Efforts]
    # The same where the format has a lossless form beside its lossy one.
    lossless: Mapping[EffortLevel, Efforts] = field(default_factory=dict)
    # What it is told where it has to keep as little of the colour as JPEG does; empty where it always does.
    less_colour: Mapping[str, object] = field(default_factory=dict)

    def effort(self, level: EffortLevel, pixels: int, *, lowered: int = 0, lossless: bool = False) -> Effort:
        """The effort for a result of so many pixels, `lowered` by so many steps as far as there are any."""
        efforts = (self.lossless if lossless else self.efforts)[level]
        able = [effort for effort in efforts if pixels <= effort.max_pixels]
        return able[min(lowered, len(able) - 1)]

    def options_for(self, effort: Effort, *, alpha: bool) -> dict[str, object]:
        """What libvips is told for a picture with or without alpha."""
        own = {**effort.options, **effort.options_if_alpha} if alpha else effort.options
        return {**self.options, **own}


# The options of writers were chosen by measuring photographs at 500 px. Scores are points of SSIMULACRA2 at
# the same bytes, and times those of the encoder alone. RESULTS.md of the benchmarks has the whole curve.

_JPG_PLAIN = Effort(Price(0.003, 1), Price(0.003, 1))
# Tables made for MS-SSIM: no time, -4 % bytes at 80, there and below 1 to 7 points better at the same bytes,
# at 90 half a point worse. Huffman tables of its own save 4 % and double the time, which is 1 ms; the default
# ones need no coefficients in memory, 140 MB less at 24 MP. What trellis quantisation adds to that is worse
# as often as it is better, and takes eight times as long.
JPG_WRITER = Writer(
    ".jpg",
    {"quant_table": 2},
    by_level(
        (_JPG_PLAIN,),
        best=(
            Effort(Price(0.011, 7), Price(0.011, 7), {"optimize_coding": True}).within(16_000_000),
            _JPG_PLAIN,
        ),
    ),
)

# 4 takes 8 ms instead of 14 and adds 1 % to photographs, but up to 12 % to logos, which have alpha.
_PNG_4 = Effort(Price(0.045, 3), Price(0.142, 3), {"compression": 4}, {"compression": 6})
_PNG_1 = Effort(Price(0.019, 4), Price(0.023, 5), {"compression": 1})  # files half as large again
# The filter: -24 % against none in photographs, +3 % in drawings. `fast`: +2 % for a sixth of the time less;
# `best`: -4 % for twice the time.
PNG_WRITER = Writer(
    ".png",
    {"filter": "sub"},
    by_level(
        (_PNG_4, _PNG_1),
        fast=(Effort(Price(0.028, 3), Price(0.035, 5), {"compression": 2}), _PNG_1),
        best=(
            Effort(Price(0.095, 3), Price(0.170, 3), {"compression": 6, "filter": "all"}).within(8_000_000),
            _PNG_4,
            _PNG_1,
        ),
    ),
)

_WEBP_2 = Effort(Price(0.040, 7), Price(0.110, 27), {"effort": 2})
_WEBP_4 = Effort(Price(0.090, 7), Price(0.190, 34), {"effort": 4})
# With alpha, 6 takes five times as long as 4.
_WEBP_6 = Effort(Price(0.200, 7), Price(0.190, 34), {"effort": 6}, {"effort": 4})
_WEBP_LOSSLESS_4 = Effort(Price(0.940, 34), Price(1.270, 36), {"effort": 4})
_WEBP_LOSSLESS_2 = (
    Effort(Price(0.650, 34), Price(0.720, 36), {"effort": 2}),
    Effort(Price(0.260, 34), Price(0.280, 36), {"effort": 2, "Q": 0}),  # of lossless WebP, another effort
)
_WEBP_LOSSLESS_0 = Effort(Price(0.080, 27), Price(0.100, 28), {"effort": 0, "Q": 0})
# 2 takes 7 ms; 4 takes 15 and scores 1.0 better, 6 takes 33 and scores 2.1 better. 1 takes 5.5 and scores 3.0
# worse: up to q=75 its files are as large as those of JPEG, which takes 1 ms.
# Without loss: 0 takes a fifth of the time and makes files 11 % larger, 4 saves 2 %.
WEBP_WRITER = Writer(
    ".webp",
    {},
    by_level(
        (_WEBP_2,),
        best=(_WEBP_6.within(4_000_000), _WEBP_4.within(16_000_000), _WEBP_2),
    ),
    by_level(
        (*_WEBP_LOSSLESS_2, _WEBP_LOSSLESS_0),
        fast=(_WEBP_LOSSLESS_0,),
        best=(_WEBP_LOSSLESS_4.within(4_000_000), *_WEBP_LOSSLESS_2, _WEBP_LOSSLESS_0),
    ),
)

# 3 takes 66 ms, as 1 does; 7 takes four times as long and saves 5 %.
_GIF_3 = Effort(Price(0.300, 10), Price(0.300, 13), {"effort": 3})
_GIF_7 = Effort(Price(1.300, 10), Price(1.300, 13), {"effort": 7})
GIF_WRITER = Writer(".gif", {}, by_level((_GIF_3,), best=(_GIF_7.within(1_000_000), _GIF_3)))

_AVIF_0 = Effort(Price(0.090, 43), Price(0.120, 66), {"effort": 0})
# Of more than the least effort, the prices are those of photographs at 500 px, whose pixels hold more.
_AVIF_1 = Effort(Price(0.210, 43), Price(0.250, 66), {"effort": 1})
_AVIF_2 = Effort(Price(0.350, 43), Price(0.440, 66), {"effort": 2})
_AVIF_3 = Effort(Price(0.720, 43), Price(0.870, 66), {"effort": 3})
_AVIF_LOSSLESS_0 = Effort(Price(0.275, 45), Price(0.320, 66), {"effort": 0})
_AVIF_LOSSLESS_1 = Effort(Price(0.550, 45), Price(0.600, 66), {"effort": 1})
_AVIF_LOSSLESS_2 = Effort(Price(0.900, 45), Price(1.000, 66), {"effort": 2})
_AVIF_LOSSLESS_3 = Effort(Price(1.600, 45), Price(1.700, 66), {"effort": 3})
# All of the colour: +4 ms, 0.7 points better than a quarter of it; red stays sharp.
# 2 takes 58 ms; 3 takes 119 and scores 1 better, 1 takes 34 and scores 1.8 worse, 0 takes 12 and scores 5
# worse. Texture takes five times as long, so that 24 MP take 4 s with 0 and would take 13 with 1.
AVIF_WRITER = Writer(
    ".avif",
    {"subsample_mode": "off"},
    by_level(
        (_AVIF_2.within(2_000_000), _AVIF_1.within(6_000_000), _AVIF_0),
        fast=(_AVIF_0,),
        best=(_AVIF_3.within(2_000_000), _AVIF_2.within(4_000_000), _AVIF_1.within(6_000_000), _AVIF_0),
    ),
    by_level(
        (_AVIF_LOSSLESS_2.within(2_000_000), _AVIF_LOSSLESS_1.within(6_000_000), _AVIF_LOSSLESS_0),
        fast=(_AVIF_LOSSLESS_0,),
        best=(
            _AVIF_LOSSLESS_3.within(1_000_000),
            _AVIF_LOSSLESS_2.within(2_000_000),
            _AVIF_LOSSLESS_1.within(6_000_000),
            _AVIF_LOSSLESS_0,
        ),
    ),
    less_colour={"subsample_mode": "on"},
)
