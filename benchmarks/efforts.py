"""Measures what `effort` is worth: time and quality of each encoder's levels, at the same bytes.

    python -m benchmarks.efforts            # half an hour
    python -m benchmarks.efforts webp       # one format

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
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks import peers
from benchmarks import pictures
from benchmarks import scale
from benchmarks.quality import Judge
from benchmarks.quality import reference_of
from benchmarks.quality import scorer
from benchmarks.rounds import tell
from origin.formats import FORMATS
from origin.formats import OUTPUTS
from origin.formats import QUALITY
from origin.formats import Format
from origin.imaging.binding import load_libvips
from origin.imaging.pipeline import render
from origin.imaging.protocol import Job
from origin.urls.options import Options
from origin.writers import DEFAULT_EFFORT
from origin.writers import EFFORT_LEVELS
from origin.writers import EffortLevel

WORK = Path(__file__).parent / ".work" / "efforts"
WIDTH = 500
QUALITIES = 50, 60, 70, 80
RUNS = 3
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
    load_libvips()
    peers.install({"score"})
    WORK.mkdir(parents=True, exist_ok=True)
    with scorer() as process:
        judge = Judge(process, WORK)
        for name in wanted:
            print(f"\n{name}, the encoder alone")
            print(table(encoders(judge, Format.named(name)), DEFAULT_EFFORT))
        if Format.AVIF.name in wanted:
            print("\navif, whole renders")
            print(table(renders(judge), "as imgproxy"))


def encoders(judge: Judge, format: Format) -> Curves:
    """Those of each level."""
    from origin.imaging.vendor import pyvips

    assert format.writer is not None
    writer = format.writer
    curves: Curves = {level: [] for level in EFFORT_LEVELS}
    for name, original in scale.originals():
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


def renders(judge: Judge) -> Curves:
    curves: Curves = {name: [] for name in ("as imgproxy", *EFFORT_LEVELS)}
    for name, file in _camera_files():
        tell(f"efforts: whole renders, {name}")
        path = WORK / f"{name}.jpg"
        path.write_bytes(file)
        reference = reference_of(path)
        ways: dict[str, Write] = {"as imgproxy": partial(_as_imgproxy, file)}
        ways |= {level: partial(_ours, file, level) for level in EFFORT_LEVELS}
        for way, write in ways.items():
            curves[way].append(list(_points(judge, reference, write)))
    return curves


def _camera_files() -> Iterator[tuple[str, bytes]]:
    for size in ("2MP", "6MP"):
        yield size, pictures.original(WORK, size).read_bytes()
    for name, original in scale.originals():
        if name != pictures.LANDSCAPE.stem:
            out = io.BytesIO()
            Image.open(io.BytesIO(original)).save(out, "JPEG", quality=_CAMERA)
            yield name, out.getvalue()


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


def table(curves: Curves, base: str) -> str:
    lines = [f"| beside {base} | points at the same bytes | bytes at the same points | ms a megapixel |"]
    lines.append("|---|--:|--:|--:|")
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
        lines.append(
            f"| {way} | {statistics.mean(better):+.1f} ({min(better):+.1f} to {max(better):+.1f}) | "
            f"{statistics.mean(smaller):.2f} | {1000 * took:.0f} |"
        )
    return "\n".join(lines)


def _at(curve: list[tuple[float, float]], x: float) -> float:
    """The curve at x, on straight lines through its points, the outer ones going on."""
    at = next((i for i, (other, _) in enumerate(curve[1:-1], 1) if x <= other), len(curve) - 1)
    (left, low), (right, high) = curve[at - 1], curve[at]
    return low + (high - low) * (x - left) / (right - left)


if __name__ == "__main__":
    main()
