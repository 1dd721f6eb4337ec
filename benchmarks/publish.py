"""Puts what a run has measured where it is read: `python -m benchmarks.publish`.

From `benchmarks/results/full.json`, or the file that is named: the tables of benchmarks/RESULTS.md and of
docs/sizing.md, which stand between the marks `<!-- measured: NAME -->` and `<!-- end -->`, and
`benchmarks/sizing.json`. Cases that the file lacks leave their tables as they are. What is written around the
tables is for people to write.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks import sizing
from benchmarks.bench import Bar
from benchmarks.rounds import Drive
from benchmarks.rounds import Ratio
from benchmarks.rounds import Round
from benchmarks.rounds import Row
from benchmarks.rounds import tell

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
SIZING = HERE.parent / "docs" / "sizing.md"
_BLOCK = re.compile(r"(<!-- measured: ([\w-]+) -->\n\n).*?(\n\n<!-- end -->)", re.DOTALL)

Cases = Mapping[str, Mapping[str, Any]]


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "results" / "full.json"
    whole = json.loads(path.read_text())
    cases: Cases = whole["cases"]
    put(RESULTS, results(whole["machine"], cases))
    known = sizing.load() if sizing.FILE.exists() else {}
    found = known | sizing.figures(cases, rows_of(cases))
    sizing.FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    put(SIZING, sizing.blocks(found))


def rows_of(cases: Cases) -> list[Row]:
    return [_row(row) for case in cases.values() for row in case["rows"]]


def _row(plain: Mapping[str, Any]) -> Row:
    rounds = [Round(**{**one, "drive": Drive(**one["drive"])}) for one in plain["rounds"]]
    return Row(plain["case"], plain["server"], rounds, plain["note"])


def _bar(plain: Mapping[str, Any]) -> Bar:
    measured = plain["measured"]
    if plain["spread"]:
        least, greatest = plain["spread"]
        measured = Ratio.among([least, measured, greatest])
    return Bar(plain["text"], plain["wanted"], measured, plain["unit"], plain["at_most"], plain.get("by_cpu"))


def results(machine: Mapping[str, Any], cases: Cases) -> dict[str, str]:
    """The blocks of RESULTS.md: the bars of all cases, what was run when, and the tables of each case."""
    found = {
        "bars": report.bars(_bar(bar) for case in cases.values() for bar in case["bars"]),
        "run": _run(machine, cases),
    }
    for name, case in cases.items():
        rows = [report.table(map(_row, case["rows"]))] if case["rows"] else []
        found[name] = "\n\n".join([*rows, *case["tables"]])
    return found


def _run(machine: Mapping[str, Any], cases: Cases) -> str:
    lines = [
        f"{machine['cores']} cores of {machine['cpu']}; {machine['system']}; Python {machine['python']}.",
        "",
        "| case | when (UTC) | version | seconds | others used at most |",
        "|---|---|---|--:|--:|",
    ]
    for name, case in cases.items():
        others = f"{case['others']:.0%}" if case["rows"] else ""
        lines.append(f"| `{name}` | {case['when']} | {case['commit']} | {case['seconds']:.0f} | {others} |")
    return "\n".join(lines)


def put(path: Path, blocks: Mapping[str, str]) -> None:
    """Put each block between its marks. It is told of blocks without marks, and of marks without a block."""
    text, seen = path.read_text(), set()

    def exchanged(match: re.Match[str]) -> str:
        seen.add(match[2])
        return match[1] + blocks[match[2]] + match[3] if match[2] in blocks else match[0]

    path.write_text(_BLOCK.sub(exchanged, text))
    for name in sorted(blocks.keys() - seen):
        tell(f"{path.name} has no marks for {name}")
    for name in sorted(seen - blocks.keys()):
        tell(f"{path.name}: {name} stays as it is")


def blocks_in(path: Path) -> dict[str, str]:
    """What stands between the marks of a page."""
    found = _BLOCK.finditer(path.read_text())
    return {match[2]: match[0].removeprefix(match[1]).removesuffix(match[3]) for match in found}


if __name__ == "__main__":
    main()
