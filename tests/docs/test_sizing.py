"""docs/sizing.md: its tables say what the benchmarks have measured, and the sums are right."""

from __future__ import annotations

from pathlib import Path

from benchmarks import publish
from benchmarks import sizing


def test_the_tables_are_those_of_the_measured_figures() -> None:
    assert publish.blocks_in(publish.SIZING) == sizing.blocks(sizing.load())


FIGURES = {
    "6MP to webp: origin, CPU ms": 30.0,
    "6MP to webp: bytes": 20_000.0,
    "bytes of an original of 6MP": 1_000_000.0,
    "disk: origin, 200,000 entries, CPU ms": 0.6,
    "bytes of memory of a result on disk": 2.0,
    "the server alone, MB": 70.0,
    "each renderer, MB": 30.0,
}


def test_the_worked_example_adds_up() -> None:
    # By hand: 864 million a day are 10,000 a second, of which 500 get through; half of them are made.
    traffic = sizing.Traffic(views=864e6, cdn=0.95, peak=1, misses=0.5, variants=5, days=10, busy=0.5)
    table = sizing.example(FIGURES, traffic)
    for cell in (
        "| 500 a second |",
        "| 250 x 30 ms | 7.50 cores |",
        "| 250 x 0.60 ms | 0.15 cores |",
        "| 15.3: take 16 |",
        "| 50 MB a second, 50 GETs |",
        "| 10.0 MB a second |",
        "| 216 million x 20 kB | 4.3 TB |",
        "| the server and 17 renderers, names of 216 million results | 1012 MB |",
    ):
        assert cell in table


def test_a_page_keeps_what_was_not_measured(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    marks = "<!-- measured: {} -->\n\nold\n\n<!-- end -->\n"
    path.write_text("a\n\n" + marks.format("one") + "\n" + marks.format("two"))
    publish.put(path, {"two": "| new |", "three": "| nowhere |"})
    assert publish.blocks_in(path) == {"one": "old", "two": "| new |"}
    assert path.read_text().startswith("a\n\n<!-- measured: one -->")
