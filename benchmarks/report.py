"""A run as a table, as JSON and as a plot."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench import Bar
from benchmarks.bench import Outcome
from benchmarks.machine import About
from benchmarks.rounds import Ratio
from benchmarks.rounds import Row

QUIET = 0.05  # share of the machine that others may use before the figures say little

_HEAD = "| case | server | per second | p50 ms | p99 ms | CPU ms each | memory MB | kB each | the first is |"


def table(rows: Iterable[Row]) -> str:
    """As Markdown. `the first is` compares the first
    line of each case with the others: by throughput, and by CPU time each. Where there
    was more than one round, from the least to the greatest."""
    rows = list(rows)
    first = {row.case: row for row in reversed(rows)}
    lines = [_HEAD, "|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    lines += [_line(row, first[row.case]) for row in rows]
    return "\n".join(lines)


def _line(row: Row, ours: Row) -> str:
    drive = row.rounds[-1].drive
    figures = [
        _number(row.rate),
        _number(row.median(lambda one: one.drive.p50)),
        _number(row.median(lambda one: one.drive.p99)),
        _number(row.median(lambda one: one.cpu)),
        _number(row.rounds[-1].memory / 1e6),
        _number(drive.size / 1000),
        "" if row is ours else _ratios(ours.times(row), ours.times_by_cpu(row)),
    ]
    name = f"{row.server} ({row.note})" if row.note else row.server
    if row.errors:
        name += f" **{row.errors} errors**"
    return f"| {row.case} | {name} | " + " | ".join(figures) + " |"


def _ratios(by_rate: Ratio, by_cpu: Ratio) -> str:
    spread = f", {by_rate.spread}" if by_rate.spread else ""
    return f"{by_rate:.2f}x{spread} ({by_cpu:.2f}x)"


def _number(value: float) -> str:
    """Three digits that count."""
    if value <= 0:
        return "-"
    digits = max(0, 2 - math.floor(math.log10(value)))
    return f"{value:,.{min(digits, 3)}f}"


def bars(found: Iterable[Bar]) -> str:
    lines = ["| bar | wanted | measured | by CPU | |", "|---|--:|--:|--:|---|"]
    for bar in found:
        sign = "<=" if bar.at_most else ">="
        unit = f" {bar.unit}" if bar.unit else ""
        verdict = "met" if bar.met else "**not met**"
        value = f"{bar.measured:.3g}" if bar.measured < 1000 else f"{bar.measured:,.0f}"
        measured = f"{value}{unit}" + (f" ({spread(bar)})" if spread(bar) else "")
        wanted = f"{bar.wanted:.2f}" if not bar.unit and bar.wanted % 1 else f"{bar.wanted:g}"
        by_cpu = "" if bar.by_cpu is None else f"{bar.by_cpu:.2f}"
        lines.append(f"| {bar.text} | {sign} {wanted}{unit} | {measured} | {by_cpu} | {verdict} |")
    return "\n".join(lines)


def spread(bar: Bar) -> str:
    """From the least to the greatest of the rounds; empty where there was one."""
    return bar.measured.spread if isinstance(bar.measured, Ratio) else ""


def others(rows: Iterable[Row]) -> float:
    """The largest share of the machine that others used in any round."""
    return max((one.others for row in rows for one in row.rounds), default=0.0)


@dataclass(frozen=True)
class Found:
    """What one case found, in how many seconds, of which version."""

    outcome: Outcome
    seconds: float
    commit: str


class Written:
    """The file of a form's results, `FOLDER/FORM.json`: rewritten after each case, so that a run that is cut
    keeps what it has, and added to by runs of other cases."""

    def __init__(self, folder: Path, form: str, about: About) -> None:
        self.path = folder / f"{form}.json"
        self.cases: dict[str, Found] = {}  # of this run
        self._head = {"form": form, "machine": dataclasses.asdict(about)}
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, found: Found) -> None:
        self.cases[name] = found
        whole = self._head | {"cases": self._earlier() | {name: _plain(found)}}
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(whole, indent=1) + "\n")
        new.replace(self.path)

    def _earlier(self) -> dict[str, Any]:
        """The cases of the file, where they are of this machine."""
        if not self.path.exists():
            return {}
        earlier = json.loads(self.path.read_text())
        if {name: earlier.get(name) for name in self._head} != self._head:
            return {}
        cases: dict[str, Any] = earlier["cases"]
        return cases


def _ends(bar: Bar) -> list[float]:
    """The least and the greatest of the rounds."""
    return [bar.measured.least, bar.measured.greatest] if isinstance(bar.measured, Ratio) else []


def _plain(found: Found) -> dict[str, Any]:
    outcome = found.outcome
    return {
        "commit": found.commit,
        "when": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "seconds": round(found.seconds, 1),
        "others": round(others(outcome.rows), 3),
        "rows": [dataclasses.asdict(row) for row in outcome.rows],
        "bars": [{**dataclasses.asdict(bar), "met": bar.met, "spread": _ends(bar)} for bar in outcome.bars],
        "tables": outcome.tables,
        "figures": outcome.figures,
    }


def plot(path: Path, rows: list[Row]) -> None:
    """Throughput of every case, each on its own scale. Raises ImportError."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    cases = list(dict.fromkeys(row.case for row in rows))
    across = 4
    down = math.ceil(len(cases) / across)
    figure, axes = pyplot.subplots(down, across, figsize=(4 * across, 2.2 * down), squeeze=False)
    for axis in axes.flat[len(cases) :]:
        axis.set_visible(False)
    for axis, case in zip(axes.flat, cases, strict=False):
        shown = [row for row in rows if row.case == case]
        colours = ["#c0392b" if row is shown[0] else "#7f8c8d" for row in shown]
        axis.barh([row.server for row in shown], [row.rate for row in shown], color=colours)
        axis.invert_yaxis()
        axis.set_title(f"{case}: per second", fontsize=9)
        axis.tick_params(labelsize=8)
        axis.locator_params(axis="x", nbins=4)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
