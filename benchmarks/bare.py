"""`python -m benchmarks.bare`: libvips in a process of its own, with no server before it.

Reads commands, one JSON object a line, and answers each with one. Two ways to render, with the same
encoder settings: `pipeline` is the very function that our renderers call, `thumbnail` is what a
programmer writes first, pyvips' own thumbnail and a save.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Render = Callable[[bytes, str, int, int], bytes]  # original, format, width, quality


def main() -> None:
    from origin.formats import Format
    from origin.imaging.encode import encode
    from origin.imaging.frame import Header
    from origin.imaging.frame import settle
    from origin.imaging.pipeline import render
    from origin.imaging.protocol import Job
    from origin.imaging.vendor import pyvips
    from origin.urls.options import Options

    def job(format: str, width: int, quality: int) -> Job:
        return Job(Options(width=width), format, {format: quality}, ("jpg",), 10**9, 1)

    def by_pipeline(original: bytes, format: str, width: int, quality: int) -> bytes:
        return render(original, job(format, width, quality)).body

    def by_thumbnail(original: bytes, format: str, width: int, quality: int) -> bytes:
        image = pyvips.Image.thumbnail_buffer(original, width, height=10**6, size="down")
        header = Header(Format.JPG, image.width, image.height)
        return encode(image, Options(), settle(header, job(format, width, quality))[0])[0]

    ways: dict[str, Render] = {"pipeline": by_pipeline, "thumbnail": by_thumbnail}
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(dataclasses.asdict(_measure(ways[command.pop("way")], **command))), flush=True)


@dataclasses.dataclass
class Run:
    seconds: float
    cpu: float  # seconds
    latencies: list[float]  # milliseconds
    length: int  # bytes of the last result
    last: str  # hex of the last result


def _measure(render: Render, **command: Any) -> Run:
    """Render one file for so many seconds, reading it anew each time, as a server does."""
    path = Path(command["path"])
    arguments = command["format"], command["width"], command["quality"]
    body = render(path.read_bytes(), *arguments)
    latencies, start, cpu = [], time.perf_counter(), _cpu()
    while (since := time.perf_counter()) < start + command["seconds"]:
        body = render(path.read_bytes(), *arguments)
        latencies.append((time.perf_counter() - since) * 1000)
    return Run(time.perf_counter() - start, _cpu() - cpu, latencies, len(body), body.hex())


def _cpu() -> float:
    used = os.times()
    return used.user + used.system


if __name__ == "__main__":
    main()
