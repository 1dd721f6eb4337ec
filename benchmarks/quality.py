"""How good the pictures are at the same bytes: 500 px wide, beside thumbor, ipx and what `--peer` names.

The reference is resized from the full size in linear light by Lanczos, by numpy and Pillow and none of
the contenders' code. Ours is asked for at its default qualities; for the others the two qualities are
searched whose files are just smaller and just larger, and the score is read off between them.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL import ImageOps

from benchmarks import machine
from benchmarks import peers
from benchmarks import pictures
from benchmarks import servers
from benchmarks.bench import Bar
from benchmarks.bench import Bench
from benchmarks.bench import Outcome
from benchmarks.bench import expect
from benchmarks.bench import started
from benchmarks.rounds import tell
from benchmarks.servers import Server

WIDTH = 500
DEFAULTS = {"jpg": 80, "webp": 78, "avif": 60}  # of our handlers; PNG loses nothing but in the resize
FREE = ("coffee.png", "rocket.jpg", "hubble_deep_field.jpg", "retina.jpg", "astronaut.png")
"""Photographs of scikit-image: CC0 (Rachel Michetti; SpaceX) and public domain (NASA; Mikael Häggström;
NASA). The others are the demo's, made by code."""

_ORIGINAL_QUALITY = 92


@dataclass(frozen=True)
class Scored:
    picture: str
    format: str
    server: str
    size: int  # bytes
    score: float


def quality(bench: Bench) -> Outcome:
    if "score" not in bench.peers:
        tell("quality: left out, the metric is not installed")
        return Outcome()
    keys = _test_set(bench)
    shutil.rmtree(bench.work / "quality", ignore_errors=True)  # results of an earlier run
    found: list[Scored] = []
    with contextlib.ExitStack() as stack:
        on = machine.cores(2)
        handlers = [servers.handler(bench.source(), quality=DEFAULTS)]
        ours = stack.enter_context(bench.origin(on, "quality", handlers=handlers))
        others = [*started(stack, bench.others(on)), *bench.guests]
        judge = Judge(stack.enter_context(scorer()), bench.work / "scored")
        for key in keys:
            reference = reference_of(bench.originals / key)
            for format in bench.form.formats_of("6MP"):
                tell(f"quality: {key} to {format}")
                found += _scored(judge, reference, key, format, ours, others)
    return Outcome(bars=list(_bars(found)), tables=[_table(found)])


def _test_set(bench: Bench) -> list[str]:
    """Keys of the originals, the most telling ones first."""
    folder = bench.originals / "quality"
    folder.mkdir(exist_ok=True)
    sources = [pictures.LANDSCAPE.with_name("portrait.jpg"), *(peers.photographs() / name for name in FREE)]
    for source in sources:
        with Image.open(source) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGB")
        upright.save(folder / f"{source.stem}.jpg", quality=_ORIGINAL_QUALITY)
    keys = ["6MP.jpg", *(f"quality/{source.stem}.jpg" for source in sources), "24MP.jpg", "2MP.jpg"]
    for size in pictures.MEGAPIXELS:
        pictures.original(bench.originals, size)
    return keys[: bench.form.photographs]


def reference_of(path: Path, width: int = WIDTH) -> Image.Image:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    height = max(1, int(picture.height * width / picture.width + 0.5))
    encoded = np.asarray(picture, np.float32) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    channels = [
        np.asarray(Image.fromarray(linear[..., channel]).resize((width, height), Image.Resampling.LANCZOS))
        for channel in range(3)
    ]
    small = np.clip(np.stack(channels, axis=-1), 0, 1)
    back = np.where(small <= 0.0031308, small * 12.92, 1.055 * small ** (1 / 2.4) - 0.055)
    return Image.fromarray((back * 255 + 0.5).astype(np.uint8))


class Judge:
    """Scores pictures against their reference."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def score(self, reference: Image.Image, body: bytes) -> float:
        with Image.open(io.BytesIO(body)) as opened:
            candidate = opened.convert("RGB")
        if candidate.size != reference.size:  # somebody rounds the height down
            candidate = candidate.resize(reference.size, Image.Resampling.LANCZOS)
        paths = [str(self._folder / "reference.png"), str(self._folder / "candidate.png")]
        for picture, path in zip((reference, candidate), paths, strict=True):
            picture.save(path, compress_level=1)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(paths) + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


@contextlib.contextmanager
def scorer() -> Iterator[subprocess.Popen[str]]:
    command = [str(peers.python("score")), str(Path(__file__).with_name("score.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()  # the end of its input ends it


def _scored(
    judge: Judge, reference: Image.Image, key: str, format: str, ours: Server, others: list[Server]
) -> Iterator[Scored]:
    mine = _picture(ours, key, format, DEFAULTS.get(format))
    yield Scored(key, format, "origin", len(mine), judge.score(reference, mine))
    for server in others:
        if format not in DEFAULTS:
            body = _picture(server, key, format, None)
            yield Scored(key, format, server.name, len(body), judge.score(reference, body))
            continue
        smaller, larger = _around(server, key, format, len(mine))
        low, high = judge.score(reference, smaller), judge.score(reference, larger)
        span = len(larger) - len(smaller)
        share = min(1.0, max(0.0, (len(mine) - len(smaller)) / span)) if span else 0.0
        size = len(smaller) + share * span
        yield Scored(key, format, server.name, round(size), low + (high - low) * share)


def _around(server: Server, key: str, format: str, size: int) -> tuple[bytes, bytes]:
    """The pictures of the two neighbouring qualities between whose sizes `size` lies."""
    low, high = 5, 99
    while high - low > 1:
        middle = (low + high) // 2
        if len(_picture(server, key, format, middle)) <= size:
            low = middle
        else:
            high = middle
    return _picture(server, key, format, low), _picture(server, key, format, high)


def _picture(server: Server, key: str, format: str, quality: int | None) -> bytes:
    return expect(server, server.target(key, WIDTH, format, quality), WIDTH, format)


def _bars(found: list[Scored]) -> Iterator[Bar]:
    """Ours is never the worst of them, in no picture and no format."""
    for format in dict.fromkeys(one.format for one in found):
        worst = sum(_is_worst(found, one) for one in found if one.format == format)
        yield Bar(f"quality of {format}: pictures where ours is the worst", 0, worst, "", at_most=True)


def _is_worst(found: list[Scored], one: Scored) -> bool:
    rivals = [
        other.score
        for other in found
        if (other.picture, other.format) == (one.picture, one.format) and other.server != "origin"
    ]
    return one.server == "origin" and bool(rivals) and one.score < min(rivals)


def _table(found: list[Scored]) -> str:
    names = list(dict.fromkeys(one.server for one in found))
    lines = ["| SSIMULACRA2 at the same bytes | format | kB | " + " | ".join(names) + " |"]
    lines.append("|---|---|--:|" + "--:|" * len(names))
    cells = {(one.picture, one.format, one.server): one for one in found}
    for picture, format in dict.fromkeys((one.picture, one.format) for one in found):
        row = [cells[picture, format, name] for name in names]
        scores = " | ".join(_cell(one, row[0], format) for one in row)
        lines.append(f"| {picture} | {format} | {row[0].size / 1000:.1f} | {scores} |")
    for format in dict.fromkeys(one.format for one in found):
        means = [
            statistics.mean(one.score for one in found if (one.format, one.server) == (format, name))
            for name in names
        ]
        lines.append(f"| **mean** | {format} | | " + " | ".join(f"**{mean:.1f}**" for mean in means) + " |")
    return "\n".join(lines)


def _cell(one: Scored, ours: Scored, format: str) -> str:
    """The score; with the size where it cannot be chosen."""
    beside = f" ({one.size / 1000:.0f} kB)" if abs(one.size - ours.size) > ours.size * 0.03 else ""
    return f"{one.score:.1f}{beside}"
