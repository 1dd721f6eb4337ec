"""What a `srcset` costs: six widths in three formats of a new original of 24 megapixels.

    python -m benchmarks.srcset_costs

CPU time of a renderer's work, in one process: each result as if it were the first of its original, then one
after the other, as a page asks for them, with the pixels that are kept (`origin/imaging/kept.py`); then the
same with each `effort`. The least of three runs of each result, since a busy machine only ever adds. Takes a
minute.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import pictures
from origin.formats import FORMATS
from origin.formats import QUALITY
from origin.imaging.binding import load_libvips
from origin.imaging.protocol import Job
from origin.urls.options import Options
from origin.writers import DEFAULT_EFFORT
from origin.writers import EFFORT_LEVELS
from origin.writers import EffortLevel

WORK = Path(__file__).parent / ".work" / "srcset"
WIDTHS = 320, 640, 960, 1280, 1600, 1920
OUTPUTS = "jpg", "webp", "avif"
RUNS = 3
ALL = tuple(format.name for format in FORMATS)

Times = dict[tuple[int, str], float]  # seconds, by width and format


def main() -> None:
    load_libvips()
    WORK.mkdir(parents=True, exist_ok=True)
    original = pictures.original(WORK, "24MP").read_bytes()
    alone = measure(original, DEFAULT_EFFORT, kept=False)
    together = measure(original, DEFAULT_EFFORT, kept=True)
    print("| ms of CPU: alone, of a `srcset` | " + " | ".join(OUTPUTS) + " |")
    print("|--:|" + "---|" * len(OUTPUTS))
    for width in WIDTHS:
        cells = [f"{1000 * alone[width, f]:.0f}, {1000 * together[width, f]:.0f}" for f in OUTPUTS]
        print(f"| {width} px | " + " | ".join(cells) + " |")
    print("\n| all of them | s of CPU | of each alone |\n|---|--:|--:|")
    whole = sum(alone.values())
    for name, times in (("each alone", alone), *others(original)):
        print(f"| {name} | {sum(times.values()):.2f} | {sum(times.values()) / whole:.2f} |")


def others(original: bytes) -> Iterator[tuple[str, Times]]:
    for level in EFFORT_LEVELS:
        yield f"pixels kept, `{level}`", measure(original, level, kept=True)


def measure(original: bytes, level: EffortLevel, *, kept: bool) -> Times:
    from origin.imaging.kept import KEPT
    from origin.imaging.pipeline import render

    least: Times = {}
    for _ in range(RUNS):
        KEPT.forget()
        for width in WIDTHS:
            for format in OUTPUTS:
                job = Job(
                    Options(width=width),
                    format,
                    dict(QUALITY),
                    ALL,
                    10**9,
                    1,
                    effort=dict.fromkeys(OUTPUTS, level),
                    original="it" if kept else "",
                )
                began = time.process_time()
                render(original, job)
                took = time.process_time() - began
                least[width, format] = min(took, least.get((width, format), took))
    return least


if __name__ == "__main__":
    main()
