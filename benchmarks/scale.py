"""Measures the one scale of `q`: which quality of each encoder looks like which quality of JPEG.

    python -m benchmarks.scale

What was measured is kept in `.work/scale/points.json`, and only other files are measured again; remove it
where an encoder or the likeness has changed.

Prints what stands in the program: `scale` of the rows of `origin/formats.py`, SIZES and SCORES of
`origin/imaging/search.py`, and how far `origin/imaging/likeness.py` is from SSIMULACRA2. Takes ten minutes on
any machine, busy or not, since it measures no time. Pictures are those of the case `quality`; what they are
compared with is the very picture that the encoder was given.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import statistics
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from itertools import pairwise
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL import ImageOps

from benchmarks import peers
from benchmarks import pictures
from benchmarks.quality import FREE
from benchmarks.quality import Judge
from benchmarks.quality import scorer
from benchmarks.rounds import tell
from origin.formats import FORMATS
from origin.formats import JPEG_SCALE
from origin.formats import QUALITY
from origin.formats import Format
from origin.imaging.decoders import open_image
from origin.imaging.likeness import POWER
from origin.imaging.likeness import Likeness
from origin.imaging.likeness import missing_points
from origin.imaging.pipeline import render
from origin.imaging.protocol import Job
from origin.urls.options import Options

HERE = Path(__file__).parent
WIDTH = 500
WIDER = 1080
"""Files of this width are made for their size alone: scores take long."""
QUALITIES = JPEG_SCALE
"""Of the encoders, those that are measured, and of JPEG those whose likes are looked for."""
AUTO = 70
"""What `q=auto` is tried for."""
CALIBRATED = (40, 92)
"""Scores that the estimate is for."""


Key = tuple[str, str, int]


@dataclass(frozen=True)
class Point:
    """One file."""

    picture: str
    format: str
    quality: int  # of the encoder
    size: int  # bytes
    wider_size: int  # of the file of the other width
    pixels: int
    score: float  # SSIMULACRA2
    differences: tuple[float, ...]  # of likeness.py

    @property
    def key(self) -> Key:
        return self.picture, self.format, self.quality


def main() -> None:
    peers.install({"score"})
    work = HERE / ".work" / "scale"
    work.mkdir(parents=True, exist_ok=True)
    kept = work / "points.json"
    points = [Point(**point) for point in json.loads(kept.read_text())] if kept.exists() else []
    with scorer() as process:
        judge = Judge(process, work)
        points += measure(judge, {point.key for point in points})
        kept.write_text(json.dumps([dataclasses.asdict(point) for point in points]))
        for line in (*report(points), *try_auto(judge)):
            print(line)


def originals() -> Iterator[tuple[str, bytes]]:
    """Names and files, lossless."""
    paths = [pictures.LANDSCAPE, pictures.LANDSCAPE.with_name("portrait.jpg")]
    for path in (*paths, *(peers.photographs() / name for name in FREE)):
        with Image.open(path) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGB")
        out = io.BytesIO()
        upright.save(out, "PNG", compress_level=1)
        yield path.stem, out.getvalue()


def measure(judge: Judge, known: set[Key]) -> Iterator[Point]:
    """The points that are not known yet."""
    for name, original in originals():
        tell(f"scale: {name}")
        shown = rendered(original, WIDTH, "png")
        reference = Image.open(io.BytesIO(shown)).convert("RGB")
        likeness = Likeness(open_image(shown, Format.PNG))
        for format, quality in product(QUALITY, QUALITIES):
            if (name, format, quality) in known:
                continue
            body = rendered(original, WIDTH, format, quality)
            yield Point(
                name,
                format,
                quality,
                size=len(body),
                wider_size=len(rendered(original, WIDER, format, quality)),
                pixels=reference.width * reference.height,
                score=judge.score(reference, body),
                differences=likeness.measure_differences(open_image(body, Format.named(format))),
            )


def rendered(
    original: bytes, width: int, format: str, quality: int = 1, *, options: Options | None = None
) -> bytes:
    names = tuple(each.name for each in FORMATS)
    options = replace(options or Options(), width=width)
    job = Job(options, format, dict.fromkeys(QUALITY, quality), names, 10**8, 1, AUTO)
    return render(original, job).body


def try_auto(judge: Judge) -> Iterator[str]:
    """What `q=auto` reaches, in pictures that are looked at whole and in ones of which samples are taken."""
    for width, format in product((WIDTH, WIDER), QUALITY):
        scores = []
        for _, original in originals():
            shown = Image.open(io.BytesIO(rendered(original, width, "png"))).convert("RGB")
            scores.append(
                judge.score(shown, rendered(original, width, format, options=Options(quality="auto")))
            )
        told = " ".join(f"{score:.0f}" for score in scores)
        yield f"q=auto for {AUTO}, {width} px, {format}: {told}; {statistics.mean(scores):.1f} in the mean"


def report(points: list[Point]) -> Iterator[str]:
    by_picture = {
        key: sorted((point for point in points if (point.picture, point.format) == key), key=_by_quality)
        for key in {(point.picture, point.format) for point in points}
    }
    names = sorted({picture for picture, _ in by_picture})
    for format in QUALITY:
        alike = dict(_scale(by_picture, names, format)) if format != Format.JPG.name else {}
        yield f"scale of {format}: {list(alike.values())}"
        files = [by_picture[name, format] for name in names]
        sizes = _curve(files, lambda point: math.log(point.size / point.pixels), alike)
        yield f"SIZES of {format}: {[round(size, 2) for size in sizes]}"
    scores = _curve([by_picture[name, Format.JPG.name] for name in names], lambda point: point.score, {})
    yield f"SCORES: {[round(score, 1) for score in scores]}"
    points = [point for point in points if CALIBRATED[0] <= point.score <= CALIBRATED[1]]
    weights = _fit(points)
    yield f"weights of the likeness: {[round(float(weight), 1) for weight in weights]}"
    for format in QUALITY:
        of_format = [point for point in points if point.format == format]
        off = [
            100 - missing_points(float(np.array(point.differences) @ weights)) - point.score
            for point in of_format
        ]
        yield (
            f"the estimate for {format}: {statistics.mean(off):+.1f} points in the mean, standard deviation "
            f"{statistics.stdev(off):.1f}, at most {max(map(abs, off)):.1f}"
        )


def _fit(points: list[Point]) -> NDArray[np.float64]:
    """The weights of the differences for which the estimate is nearest to the scores."""
    missing = np.array([100 - point.score for point in points])
    sums = (missing / 10) ** (1 / POWER)  # `missing_points` turned around
    slopes = (missing / sums)[:, None]  # points for a change of the sum, in proportion
    differences = np.array([point.differences for point in points])
    weights, *_ = np.linalg.lstsq(differences * slopes, sums * slopes[:, 0], rcond=None)
    return np.asarray(weights)


def _by_quality(point: Point) -> int:
    return point.quality


def _scale(
    by_picture: dict[tuple[str, str], list[Point]], names: Iterable[str], format: str
) -> Iterator[tuple[int, int]]:
    """For each quality of JPEG the one of the format that looks the same in the median of the pictures, but
    none that makes a larger file than JPEG of any picture."""
    last = 0
    for quality in QUALITIES:
        alike, within = [], []
        for name in names:
            jpeg, other = by_picture[name, Format.JPG.name], by_picture[name, format]
            score = _between(jpeg, quality, lambda point: point.score)
            alike.append(_reached(other, score, lambda point: point.score))
            for of_size in (lambda point: point.size, lambda point: point.wider_size):
                within.append(_reached(other, _between(jpeg, quality, of_size), of_size))
        last = max(last + 1, min(round(statistics.median(alike)), math.floor(min(within))))
        yield quality, min(last, 100)


def _curve(
    files: list[list[Point]], value: Callable[[Point], float], alike: Mapping[int, int]
) -> Iterator[float]:
    """The mean over pictures at each quality of the scale, always rising a little."""
    last = -math.inf
    for quality in QUALITIES:
        own = alike.get(quality, quality)
        last = max(last + 0.01, statistics.mean(_between(points, own, value) for points in files))
        yield last


def _between(points: list[Point], quality: float, value: Callable[[Point], float]) -> float:
    """A value at a quality, on a straight line between those measured."""
    low, high = next(pair for pair in pairwise(points) if quality <= pair[1].quality)
    share = (quality - low.quality) / (high.quality - low.quality)
    return value(low) + share * (value(high) - value(low))


def _reached(points: list[Point], wanted: float, value: Callable[[Point], float]) -> float:
    """The quality at which a value that rises is reached."""
    for low, high in pairwise(points):
        if value(high) >= wanted:
            rise = value(high) - value(low)
            share = (wanted - value(low)) / rise if rise > 0 else 0.0
            return low.quality + max(0.0, share) * (high.quality - low.quality)
    return points[-1].quality


if __name__ == "__main__":
    main()
