"""Measures the one scale of `q`: which quality of each encoder looks like which quality of JPEG.

    python -m benchmarks.scale

What was measured is kept in `.work/scale/points.json`, and only other files are measured again; remove it
where an encoder has changed.

Prints what stands in the program: `scale` of the rows of `origin/formats/table.py`, and SIZES of
`origin/imaging/search.py`. Takes ten minutes on any machine, busy or not, since it measures no time. Pictures
are those of the case `quality`; what they are compared with is the very picture that the encoder was given.
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
from itertools import pairwise
from itertools import product
from pathlib import Path

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
from origin.imaging.pipeline import render
from origin.imaging.protocol import Job
from origin.urls.options import Options

HERE = Path(__file__).parent
WIDTH = 500
WIDER = 1080
"""Files of this width are made for their size alone: scores take long."""
QUALITIES = JPEG_SCALE
"""Of the encoders, those that are measured, and of JPEG those whose likes are looked for."""


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
        for line in report(points):
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
            )


def rendered(original: bytes, width: int, format: str, quality: int = 1) -> bytes:
    names = tuple(each.name for each in FORMATS)
    return render(
        original, Job(Options(width=width), format, dict.fromkeys(QUALITY, quality), names, 10**8, 1)
    ).body


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
