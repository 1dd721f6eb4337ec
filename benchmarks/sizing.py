"""What a machine has to have, from what was measured: the tables of docs/sizing.md.

`benchmarks/sizing.json` holds the figures, taken from a run by `python -m benchmarks.publish`. Costs are CPU
time of all processes of the origin: cores are what is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.rounds import Row

FILE = Path(__file__).with_name("sizing.json")
SIZES = "2MP", "6MP", "24MP"
FORMATS = "jpg", "webp", "avif", "png"
LEVELS = "fast", "balanced", "best"
_PIXELS = 500 * 333 / 1e6  # megapixels of a result of 500 px

Figures = Mapping[str, float]


def load() -> dict[str, float]:
    found: dict[str, float] = json.loads(FILE.read_text())
    return found


def figures(cases: Mapping[str, Mapping[str, Any]], rows: Iterable[Row]) -> dict[str, float]:
    """Those of a run: CPU milliseconds of what is asked for by case, and what else its cases tell."""
    found: dict[str, float] = {}
    for case in cases.values():
        found |= case["figures"]
    for row in rows:
        if row.server.startswith("origin") or not row.case.startswith(("2MP to", "6MP to", "24MP to")):
            found[f"{row.case}: {row.server}, CPU ms"] = row.median(lambda one: one.cpu)
        if row.server == "origin":
            found[f"{row.case}: serving process, CPU ms"] = row.median(lambda one: one.first)
            found[f"{row.case}: bytes"] = row.rounds[-1].drive.size
            found[f"{row.case}: p99 ms"] = row.rounds[-1].drive.p99
            found[f"{row.case}: MB"] = row.rounds[-1].memory / 1e6
            found[f"{row.case}: RSS MB"] = row.rounds[-1].resident / 1e6
    return {name: float(f"{value:.4g}") for name, value in sorted(found.items())}


def miss(found: Figures, size: str, format: str) -> float:
    """CPU milliseconds of a miss, to 500 px."""
    return found[f"{size} to {format}: origin, CPU ms"]


def hit(found: Figures, kilobytes: int) -> float:
    return found[f"hot {kilobytes} kB: origin, CPU ms"]


def on_disk(found: Figures) -> float:
    return found["disk: origin, 200,000 entries, CPU ms"]


def costs(found: Figures) -> str:
    """Of a miss, by megapixels and format."""
    lines = ["| a miss, to 500 px | " + " | ".join(FORMATS) + " |", "|---|" + "--:|" * len(FORMATS)]
    for size in SIZES:
        megabytes = found[f"bytes of an original of {size}"] / 1e6
        cells = (f"{miss(found, size, format):.0f} ms" for format in FORMATS)
        lines.append(
            f"| JPEG of {size.removesuffix('MP')} megapixels, {megabytes:.1f} MB | "
            + " | ".join(cells)
            + " |"
        )
    return "\n".join(lines)


def efforts(found: Figures) -> str:
    """What a megapixel of the result takes, by effort. Of a result of 500 px that is a sixth."""
    lines = ["| a megapixel of the result | " + " | ".join(LEVELS) + " |", "|---|" + "--:|" * len(LEVELS)]
    for format in ("jpg", "webp", "avif"):
        cells = (f"{found[f'{format}, {level}: ms a megapixel']:.0f} ms" for level in LEVELS)
        lines.append(f"| {format} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def requests(found: Figures) -> str:
    """What is no miss."""
    given = {
        "a hit in memory, 20 kB": hit(found, 20),
        "a hit in memory, 80 kB": hit(found, 80),
        "a 304": found["not modified: origin, 304, CPU ms"],
        "a hit on the disk, 20 kB": on_disk(found),
        "`f=json`": found["2MP, told of: f=json, CPU ms"],
        "an upload of 0.5 MB into a bucket": found["2MP, posted: PUT, an upload into a bucket, CPU ms"],
    }
    lines = ["| | CPU | of a core, a second |", "|---|--:|--:|"]
    for name, each in given.items():
        lines.append(f"| {name} | {each:.3g} ms | {_round(1000 / each):,} |")
    return "\n".join(lines)


def space(found: Figures) -> str:
    busy = "replay, 100 million a day"
    rows = {
        "the server, at rest": f"{found['the server alone, MB']:.0f} MB",
        "each renderer, at rest": f"{found['each renderer, MB']:.0f} MB",
        "all of them after 100 million requests a day for a minute": f"{found[f'{busy}: MB']:.0f} MB",
        "the same as `ps` counts (RSS), which counts what they share in each": (
            f"{found[f'{busy}: RSS MB']:.0f} MB"
        ),
        "the names of a million results on the disk, in memory": (
            f"{found['bytes of memory of a result on disk']:.1f} MB"
        ),
        "a million results of 20 kB, on the disk": (
            f"{found['bytes on disk of a result of 20 kB'] / 1e3:.1f} GB"
        ),
        "a million results under 1 kB, on the disk": (
            f"{found['bytes on disk of a small result'] / 1e3:.1f} GB"
        ),
    }
    return "\n".join(["| | takes |", "|---|--:|", *(f"| {name} | {text} |" for name, text in rows.items())])


@dataclass(frozen=True)
class Traffic:
    """The worked example. Change it, and the table follows."""

    views: float = 100e6  # a day, at the CDN
    cdn: float = 0.95  # share that the CDN answers by itself
    peak: float = 2.5  # the busiest hour beside the mean
    misses: float = 0.5  # of what reaches the origin: behind a CDN that is mostly what nobody has asked for
    size: str = "6MP"  # of originals
    format: str = "webp"
    variants: float = 4  # results of one original
    days: float = 30  # for which results are kept
    busy: float = 0.6  # of the cores, in the busiest hour


def example(found: Figures, traffic: Traffic = Traffic()) -> str:
    asked = traffic.views * (1 - traffic.cdn) / 86_400 * traffic.peak
    made, hits = asked * traffic.misses, asked * (1 - traffic.misses)
    each = miss(found, traffic.size, traffic.format)
    for_misses, for_hits = made * each / 1000, hits * on_disk(found) / 1000
    cores = (for_misses + for_hits) / traffic.busy
    original = found[f"bytes of an original of {traffic.size}"]
    fetched = made / traffic.variants
    results = traffic.views * (1 - traffic.cdn) * traffic.misses * traffic.days
    result = found[f"{traffic.size} to {traffic.format}: bytes"]
    disk = results * result + results / traffic.variants * original
    renderers = _up(cores) + 1
    memory = found["the server alone, MB"] + renderers * found["each renderer, MB"]
    memory += results / 1e6 * found["bytes of memory of a result on disk"]
    rows = [
        ("requests that reach the origin, in the busiest hour",
         f"{traffic.views / 1e6:.0f} million / 86,400 s x {1 - traffic.cdn:.0%} x {traffic.peak:g}",
         f"{asked:.0f} a second"),
        ("of them misses", f"{traffic.misses:.0%}", f"{made:.0f} a second"),
        ("CPU of the misses", f"{made:.0f} x {each:.0f} ms", f"{for_misses:.2f} cores"),
        ("CPU of the hits", f"{hits:.0f} x {on_disk(found):.2f} ms", f"{for_hits:.2f} cores"),
        ("cores, busy to %.0f %%" % (100 * traffic.busy),
         f"({for_misses:.2f} + {for_hits:.2f}) / {traffic.busy:g}", f"{cores:.1f}: take {_up(cores)}"),
        ("from S3", f"{made:.0f} / {traffic.variants:g} results of an original x {original / 1e6:.2f} MB",
         f"{fetched * original / 1e6:.0f} MB a second, {fetched:.0f} GETs"),
        ("to the CDN", f"{asked:.0f} x {result / 1e3:.0f} kB", f"{asked * result / 1e6:.1f} MB a second"),
        (f"results and originals of {traffic.days:g} days", f"{results / 1e6:.0f} million x"
         f" ({result / 1e3:.0f} kB + {original / 1e6:.2f} MB / {traffic.variants:g})", _bytes(disk)),
        ("of them results alone", f"{results / 1e6:.0f} million x {result / 1e3:.0f} kB",
         _bytes(results * result)),
        ("memory at rest",
         f"the server and {renderers} renderers, names of {results / 1e6:.0f} million results",
         f"{memory:.0f} MB"),
    ]  # fmt: skip
    lines = ["| | | |", "|---|---|--:|"]
    return "\n".join(lines + [f"| {what} | {how} | {much} |" for what, how, much in rows])


def _bytes(count: float) -> str:
    return f"{count / 1e12:.1f} TB" if count >= 1e12 else f"{count / 1e9:.0f} GB"


def _up(number: float) -> int:
    return int(-(-number // 1))


def _round(number: float) -> int:
    """Two digits that count."""
    return int(float(f"{number:.2g}"))


def blocks(found: Figures) -> dict[str, str]:
    """Each table of the page, by the name between its marks."""
    return {
        "misses": costs(found),
        "efforts": efforts(found),
        "requests": requests(found),
        "space": space(found),
        "example": example(found),
    }
