"""Measures what `effort` is worth: time and quality of each encoder's levels, at the same bytes.

    python -m benchmarks.efforts            # all photographs; ten minutes
    python -m benchmarks.efforts webp       # one format

`python -m benchmarks.run` takes some of the photographs, in its case `effort`.

Seven photographs at 500 px, each file compared with the very picture that the encoder was given. Then whole
renders of AVIF, from files as cameras write them, compared with a reference that numpy and Pillow resized in
linear light: each level, and libvips told what imgproxy 4 tells it by default (speed 8, a quarter of the
colour, resized as sRGB encodes light, all that is possible left to the decoder). Times are CPU time, the
least of three.
"""

from __future__ import annotations

import argparse
import io
import math
import statistics
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks import peers
from benchmarks import pictures
from benchmarks import scale
from benchmarks.bench import Bar
from benchmarks.bench import Bench
from benchmarks.bench import Outcome
from benchmarks.quality import Judge
from benchmarks.quality import reference_of
from benchmarks.quality import scorer
from benchmarks.rounds import tell
from origin.formats import FORMATS
from origin.formats import OUTPUTS
from origin.formats import QUALITY
from origin.formats import Format
from origin.formats.writers import DEFAULT_EFFORT
from origin.formats.writers import EFFORT_LEVELS
from origin.formats.writers import EffortLevel
from origin.imaging.binding import load_libvips
from origin.imaging.pipeline import render
from origin.imaging.protocol import Job
from origin.urls.options import Options

WORK = Path(__file__).parent / ".work" / "efforts"
WIDTH = 500
QUALITIES = 50, 60, 70, 80
RUNS = 3
AS_IMGPROXY = "as imgproxy"
_CAMERA = 92  # quality of the files of whole renders
ALL = tuple(format.name for format in FORMATS)

Write = Callable[[int], bytes]  # in a quality of the encoder


@dataclass(frozen=True)
class Point:
    size: int  # bytes
    score: float  # SSIMULACRA2
    seconds: float  # for a million pixels


Curves = dict[str, list[list[Point]]]  # by way: for each picture its points, ascending


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.efforts", description=__doc__.split("\n")[0])
    names = [format.name for format in OUTPUTS if format.default_quality is not None]
    parser.add_argument("formats", nargs="*", help=f"of {', '.join(names)}; without one, all")
    wanted = parser.parse_args().formats or names
    peers.install({"score"})
    for name, base, curves in measured(WORK, wanted):
        print("\n" + table(name, base, beside(curves, base)))


def effort(bench: Bench) -> Outcome:
    """The curve of each encoder. `fast` has to be ahead of what imgproxy tells libvips, in time and looks."""
    if "score" not in bench.peers:
        tell("effort: left out, the metric is not installed")
        return Outcome()
    outcome = Outcome()
    for name, base, curves in measured(bench.work / "efforts", bench.form.formats, bench.form.curves):
        found = beside(curves, base)
        outcome.tables.append(table(name, base, found))
        outcome.figures |= {f"{name}, {one.way}: ms a megapixel": one.milliseconds for one in found}
        if base == AS_IMGPROXY:
            usual, fast = found[0], next(one for one in found if one.way == "fast")
            speed = usual.milliseconds / fast.milliseconds
            outcome.bars += [
                Bar("AVIF `fast`: speed, of imgproxy's settings", 1.0, speed),
                Bar("AVIF `fast`: points more at the same bytes", 0.0, fast.better),
            ]
    return outcome


def measured(work: Path, names: Sequence[str], most: int | None = None) -> Iterator[tuple[str, str, Curves]]:
    """What is measured, what it is compared with, and the curves: of each format that has a quality, then of
    whole renders of AVIF. `most`: photographs at most."""
    load_libvips()
    work.mkdir(parents=True, exist_ok=True)
    with scorer() as process:
        judge = Judge(process, work)
        for name in names:
            if Format.named(name).default_quality is not None:
                yield name, DEFAULT_EFFORT, encoders(judge, Format.named(name), most)
        if Format.AVIF.name in names:
            yield "avif, whole renders", AS_IMGPROXY, renders(judge, work, most)


def encoders(judge: Judge, format: Format, most: int | None) -> Curves:
    """Those of each level."""
    from origin.imaging.vendor import pyvips

    assert format.writer is not None
    writer = format.writer
    curves: Curves = {level: [] for level in EFFORT_LEVELS}
    for name, original in islice(scale.originals(), most):
        tell(f"efforts: {format.name}, {name}")
        shown = scale.rendered(original, WIDTH, "png")
        reference = Image.open(io.BytesIO(shown)).convert("RGB")
        picture = pyvips.Image.new_from_buffer(shown, "").copy_memory()
        pixels = reference.width * reference.height
        for level in EFFORT_LEVELS:
            told = writer.options_for(writer.effort(level, pixels), alpha=False)
            write = partial(_write, picture, writer.suffix, told)
            curves[level].append(list(_points(judge, reference, write)))
    return curves


def renders(judge: Judge, work: Path, most: int | None) -> Curves:
    curves: Curves = {name: [] for name in (AS_IMGPROXY, *EFFORT_LEVELS)}
    for name, file in islice(_camera_files(work), most):
        tell(f"efforts: whole renders, {name}")
        path = work / f"{name}.jpg"
        path.write_bytes(file)
        reference = reference_of(path)
        ways: dict[str, Write] = {AS_IMGPROXY: partial(_as_imgproxy, file)}
        ways |= {level: partial(_ours, file, level) for level in EFFORT_LEVELS}
        for way, write in ways.items():
            curves[way].append(list(_points(judge, reference, write)))
    return curves


def _camera_files(work: Path) -> Iterator[tuple[str, bytes]]:
    yield "2MP", pictures.original(work, "2MP").read_bytes()
    for name, original in scale.originals():
        if name != pictures.LANDSCAPE.stem:
            out = io.BytesIO()
            Image.open(io.BytesIO(original)).save(out, "JPEG", quality=_CAMERA)
            yield name, out.getvalue()
    yield "6MP", pictures.original(work, "6MP").read_bytes()


def _write(picture: Any, suffix: str, told: dict[str, object], quality: int) -> bytes:
    return bytes(picture.write_to_buffer(suffix, keep="none", Q=quality, **told))


def _ours(file: bytes, level: EffortLevel, quality: int) -> bytes:
    qualities, effort = {**QUALITY, "avif": quality}, {"avif": level}
    return render(file, Job(Options(width=WIDTH), "avif", qualities, ALL, 10**9, 1, effort=effort)).body


def _as_imgproxy(file: bytes, quality: int) -> bytes:
    from origin.imaging.vendor import pyvips

    image = pyvips.Image.new_from_buffer(file, "", access="sequential")
    width, height = image.width, image.height
    shrink = next(step for step in (8, 4, 2, 1) if step * WIDTH <= width)
    if shrink > 1:
        image = pyvips.Image.new_from_buffer(file, "", access="sequential", shrink=shrink)
    small = image.resize(WIDTH / image.width, vscale=max(1, round(height * WIDTH / width)) / image.height)
    told: dict[str, Any] = {"effort": 1, "subsample_mode": "on"}
    return bytes(small.write_to_buffer(".avif", keep="none", Q=quality, **told))


def _points(judge: Judge, reference: Image.Image, write: Write) -> Iterator[Point]:
    for quality in QUALITIES:
        took = []
        for _ in range(RUNS):
            began = time.process_time()
            body = write(quality)
            took.append(time.process_time() - began)
        pixels = reference.width * reference.height
        yield Point(len(body), judge.score(reference, body), min(took) / pixels * 1e6)


@dataclass(frozen=True)
class Beside:
    """One way beside the usual one, over all pictures."""

    way: str
    better: float  # points at the same bytes, in the mean
    least: float
    most: float
    smaller: float  # bytes at the same points, of those of the usual way
    milliseconds: float  # of CPU for a megapixel


def beside(curves: Curves, base: str) -> list[Beside]:
    found = []
    for way, pictures_of_it in curves.items():
        better, smaller = [], []
        for points, usual in zip(pictures_of_it, curves[base], strict=True):
            curve = sorted((math.log(point.size), point.score) for point in points)
            turned = sorted((score, size) for size, score in curve)
            for point in usual[1:-1]:
                size = math.log(point.size)
                better.append(_at(curve, size) - point.score)
                smaller.append(math.exp(_at(turned, point.score) - size))
        took = statistics.mean(point.seconds for points in pictures_of_it for point in points)
        mean, ratio = statistics.mean(better), statistics.mean(smaller)
        found.append(Beside(way, mean, min(better), max(better), ratio, 1000 * took))
    return found


def table(name: str, base: str, found: list[Beside]) -> str:
    lines = [
        f"| {name} beside {base} | points at the same bytes | bytes at the same points | ms a megapixel |"
    ]
    lines.append("|---|--:|--:|--:|")
    lines += [
        f"| {one.way} | {one.better:+.1f} ({one.least:+.1f} to {one.most:+.1f}) | "
        f"{one.smaller:.2f} | {one.milliseconds:.0f} |"
        for one in found
    ]
    return "\n".join(lines)


def _at(curve: list[tuple[float, float]], x: float) -> float:
    """The curve at x, on straight lines through its points, the outer ones going on."""
    at = next((i for i, (other, _) in enumerate(curve[1:-1], 1) if x <= other), len(curve) - 1)
    (left, low), (right, high) = curve[at - 1], curve[at]
    return low + (high - low) * (x - left) / (right - left)


if __name__ == "__main__":
    main()
