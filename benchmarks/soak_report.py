"""What a soak saw: counted while it runs, then a table, JSON and a plot."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

FAULTS_END = 0.93  # of the time; then all has to be well again
ROWS = 10  # of the table
EXPECTED = frozenset({"hit", "revalidated", "made", "304", "missing", "bad-request", "status", "purge"})
GROWTH = 1.10  # of memory in the last third over the second
JUDGED = 120.0  # seconds from which on memory says something
MB = 1e6


@dataclass
class Record:
    """Everything that happened, by seconds since the start."""

    seconds: float  # planned
    started: float = field(default_factory=time.monotonic)
    outcomes: list[tuple[float, str, float]] = field(default_factory=list)  # second, outcome, milliseconds
    # Second; bytes of the tree, PSS and RSS; PSS of the process that serves.
    memory: list[tuple[float, int, int, int]] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # processes that are missing or left over
    kills: int = 0
    stops: int = 0

    @property
    def now(self) -> float:
        return time.monotonic() - self.started

    def note(self, outcome: str, milliseconds: float) -> None:
        self.outcomes.append((self.now, outcome, milliseconds))

    def mark(self, what: str) -> None:
        self.marks.append((self.now, what))

    @property
    def growth(self) -> float:
        """Memory (PSS) of the last third over that of the second, while faults go on: when they have ended,
        no renderer is young any more."""
        whole = self.seconds * FAULTS_END
        thirds = [self.mean(n * whole / 3, (n + 1) * whole / 3) for n in (1, 2)]
        return thirds[1] / thirds[0] if thirds[0] else 0.0

    @property
    def failures(self) -> list[str]:
        """Why this soak has failed; none when it has not."""
        found = [f"wrong: {text}" for text in self.wrong] + [f"process: {text}" for text in self.lost]
        if self.seconds >= JUDGED and self.growth > GROWTH:
            found.append(f"memory: {self.growth:.2f} times that of the second third")
        return found

    def mean(self, start: float, end: float, column: int = 1) -> float:
        """Of a column of `memory`, between two seconds."""
        values = [row[column] for row in self.memory if start <= row[0] < end]
        return sum(values) / len(values) if values else 0.0


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def table(record: Record) -> str:
    """As Markdown: a line for each tenth of the time, then the outcomes in all."""
    lines = [
        "| to s | requests | hits | made | failed | hit p50 ms | p99 | made p50 ms | p99 | all MB | server |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(_line(record, n) for n in range(ROWS)),
        "",
        "| outcome | requests | p50 ms | p99 ms |",
        "|---|--:|--:|--:|",
    ]
    for outcome, count in Counter(outcome for _, outcome, _ in record.outcomes).most_common():
        took = [ms for _, name, ms in record.outcomes if name == outcome]
        lines.append(f"| {outcome} | {count} | {percentile(took, 0.5):.1f} | {percentile(took, 0.99):.1f} |")
    marks = ", ".join(f"{what} at {second:.0f} s" for second, what in record.marks)
    lines += ["", f"Renderers killed: {record.kills}, stopped: {record.stops}. {marks}.", _verdict(record)]
    return "\n".join(lines)


def _line(record: Record, row: int) -> str:
    start, end = (record.seconds * n / ROWS for n in (row, row + 1))
    here = [(outcome, ms) for second, outcome, ms in record.outcomes if start <= second < end]
    hits = [ms for outcome, ms in here if outcome == "hit"]
    made = [ms for outcome, ms in here if outcome == "made"]
    failed = sum(outcome not in EXPECTED for outcome, _ in here)
    figures = [f"{end:.0f}", str(len(here)), str(len(hits)), str(len(made)), str(failed)]
    figures += [f"{percentile(values, share):.1f}" for values in (hits, made) for share in (0.5, 0.99)]
    figures += [f"{record.mean(start, end, column) / MB:.0f}" for column in (1, 3)]
    return f"| {' | '.join(figures)} |"


def _verdict(record: Record) -> str:
    memory = f"memory of the last third is {record.growth:.2f} times that of the second"
    counts = f"wrong answers: {len(record.wrong)}, lost processes: {len(record.lost)}, {memory}"
    return f"{counts}: {'FAILED' if record.failures else 'passed'}"


def summary(record: Record) -> dict[str, Any]:
    outcomes = Counter(outcome for _, outcome, _ in record.outcomes)
    whole = dataclasses.asdict(record)
    del whole["outcomes"], whole["started"]
    return {**whole, "requests": dict(outcomes), "growth": record.growth, "failures": record.failures}


def write(record: Record, folder: Path) -> None:
    """`soak.json`, and `soak.png` where matplotlib is there and the soak was no quick one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "soak.json").write_text(json.dumps(summary(record), indent=1) + "\n")
    if record.seconds < JUDGED:
        return
    try:
        _plot(record, folder / "soak.png")
    except ImportError:
        pass  # it comes with the extra `bench`


def _plot(record: Record, path: Path) -> None:
    """Raises ImportError."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, 1, figsize=(11, 8), sharex=True)
    step = max(1.0, record.seconds / 120)
    bins = [n * step for n in range(int(record.seconds / step) + 1)]
    for outcome in ("hit", "made"):
        values: list[list[float]] = [[] for _ in bins]
        for second, name, ms in record.outcomes:
            if name == outcome and second < record.seconds:
                values[int(second / step)].append(ms)
        axes[0].plot(bins, [percentile(value, 0.99) or None for value in values], label=f"{outcome}, p99 ms")
    axes[0].set_yscale("log")
    for label, wanted in (("answered as expected", True), ("failed", False)):
        times = [at for at, name, _ in record.outcomes if (name in EXPECTED) is wanted]
        axes[1].hist(times, bins, histtype="step", label=label)
    for label, column in (("all processes, MB (PSS)", 1), ("the one that serves", 3)):
        axes[2].plot(
            [row[0] for row in record.memory], [row[column] / MB for row in record.memory], label=label
        )
    axes[2].set_ylim(bottom=0)
    axes[2].set_xlabel("seconds")
    for axis in axes:
        axis.legend(loc="upper right")
        for second, _ in record.marks:
            axis.axvline(second, color="#c0392b", linewidth=0.5)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
