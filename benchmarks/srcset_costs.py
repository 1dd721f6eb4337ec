"""What a `srcset` costs: six widths in three formats of a new original of 24 megapixels.

CPU time of a renderer's work, in one process: each result as if it were the first of its original, then one
after the other, as a page asks for them, with the pixels that are kept (`origin/imaging/kept.py`) and each
`effort`, in turns; and the encoders by themselves, which no sharing makes less.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks import pictures
from benchmarks.bench import Bar
from benchmarks.bench import Bench
from benchmarks.bench import Outcome
from benchmarks.quality import Judge
from benchmarks.quality import reference_of
from benchmarks.quality import scorer
from benchmarks.rounds import Ratio
from benchmarks.rounds import tell
from benchmarks.scale import rendered
from origin.formats import FORMATS
from origin.formats import QUALITY
from origin.formats import Format
from origin.formats.writers import DEFAULT_EFFORT
from origin.formats.writers import EFFORT_LEVELS
from origin.formats.writers import EffortLevel
from origin.imaging.binding import load_libvips
from origin.imaging.protocol import Job
from origin.urls.options import Options

WIDTHS = 320, 640, 960, 1280, 1600, 1920
OUTPUTS = "jpg", "webp", "avif"
ALL = tuple(format.name for format in FORMATS)
_GOAL = 1 / 3  # of the CPU of each alone
_MOST_LOST = 0.3  # points of SSIMULACRA2

Wish = tuple[int, str]  # width and format


class Pass:
    """All results once: their bytes, and what each cost."""

    def __init__(self, original: bytes, wishes: list[Wish], level: EffortLevel, *, kept: bool) -> None:
        from origin.imaging.kept import KEPT
        from origin.imaging.pipeline import render

        KEPT.forget()
        self.bodies: dict[Wish, bytes] = {}
        self.seconds: dict[Wish, float] = {}
        for width, format in wishes:
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
            self.bodies[width, format] = render(original, job).body
            self.seconds[width, format] = time.process_time() - began

    @property
    def whole(self) -> float:
        return sum(self.seconds.values())


def srcset_costs(bench: Bench) -> Outcome:
    load_libvips()
    path = pictures.original(bench.originals, "2MP" if bench.form.is_tiny else "24MP")
    original, wishes = path.read_bytes(), [(w, f) for w in WIDTHS[: bench.form.widths] for f in OUTPUTS]
    pixels = _pixels(original, wishes)
    alone: list[Pass] = []
    shared: dict[EffortLevel, list[Pass]] = {level: [] for level in EFFORT_LEVELS}
    encoding: list[float] = []
    for number in range(max(1, bench.form.rounds - 2)):
        tell(f"srcset costs: round {number + 1}")
        alone.append(Pass(original, wishes, DEFAULT_EFFORT, kept=False))
        for level, passes in shared.items():
            passes.append(Pass(original, wishes, level, kept=True))
        encoding.append(_encode(pixels))
    seconds = {"each alone": [one.whole for one in alone]}
    seconds |= {f"pixels kept, `{level}`": [one.whole for one in passes] for level, passes in shared.items()}
    seconds["the encoders alone, of pixels at hand"] = encoding
    ratios = {
        name: Ratio.of(list(zip(found, seconds["each alone"], strict=True)))
        for name, found in seconds.items()
    }
    share = ratios[f"pixels kept, `{DEFAULT_EFFORT}`"]
    bars = [Bar("a `srcset` of 24 MP: CPU, of each alone", _GOAL, share, at_most=True)]
    ours = shared[DEFAULT_EFFORT]
    lost = _lost(bench, path, alone[0], ours[0])
    if lost is not None:
        bars.append(Bar("a `srcset` of 24 MP: points lost", _MOST_LOST, lost, at_most=True))
    return Outcome(bars=bars, tables=[_each(wishes, alone, ours), _whole(seconds, ratios)])


def _pixels(original: bytes, wishes: list[Wish]) -> dict[Wish, Any]:
    """What the encoders are given, in memory."""
    from origin.imaging.vendor import pyvips

    found: dict[Wish, Any] = {}
    for width in dict.fromkeys(width for width, _ in wishes):
        shown = pyvips.Image.new_from_buffer(rendered(original, width, "png"), "").copy_memory()
        found |= {(width, format): shown for format in OUTPUTS}
    return found


def _encode(pixels: dict[Wish, Any]) -> float:
    """Seconds of CPU of the encoders, as `balanced` has them, and nothing else."""
    began = time.process_time()
    for (_, format), picture in pixels.items():
        writer = Format.named(format).writer
        assert writer is not None
        effort = writer.effort(DEFAULT_EFFORT, picture.width * picture.height)
        told = writer.options_for(effort, alpha=False)
        picture.write_to_buffer(writer.suffix, keep="none", Q=QUALITY[format], **told)
    return time.process_time() - began


def _lost(bench: Bench, path: Path, alone: Pass, shared: Pass) -> float | None:
    """SSIMULACRA2 that sharing costs at most. What is the same bytes loses nothing; None where others cannot
    be compared."""
    differ = [wish for wish, body in alone.bodies.items() if shared.bodies[wish] != body]
    if not differ:
        return 0.0
    if "score" not in bench.peers:
        tell("srcset costs: results differ, and the metric is not installed")
        return None
    with scorer() as process:
        judge = Judge(process, bench.work / "scored")
        return max(
            judge.score(reference_of(path, wish[0]), alone.bodies[wish])
            - judge.score(reference_of(path, wish[0]), shared.bodies[wish])
            for wish in differ
        )


def _each(wishes: list[Wish], alone: list[Pass], shared: list[Pass]) -> str:
    """The least of all rounds of each result, since a busy machine only ever adds."""
    lines = [
        "| ms of CPU: alone, of a `srcset` | " + " | ".join(OUTPUTS) + " |",
        "|--:|" + "--:|" * len(OUTPUTS),
    ]
    for width in dict.fromkeys(width for width, _ in wishes):
        cells = [
            ", ".join(
                f"{1000 * min(one.seconds[width, format] for one in found):.0f}" for found in (alone, shared)
            )
            for format in OUTPUTS
        ]
        lines.append(f"| {width} px | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _whole(seconds: dict[str, list[float]], ratios: dict[str, Ratio]) -> str:
    lines = ["| all of them | s of CPU | of each alone |", "|---|--:|--:|"]
    for name, found in seconds.items():
        ratio = ratios[name]
        spread = f" ({ratio.spread})" if ratio.spread else ""
        lines.append(f"| {name} | {min(found):.2f} | {ratio:.2f}{spread} |")
    return "\n".join(lines)
