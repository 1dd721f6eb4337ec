"""docs/architecture.md draws the house as it is: every room, the way of imports, private parts touched."""

from __future__ import annotations

import re
import tomllib

from tests.support.documents import ROOT
from tests.support.documents import code
from tests.support.documents import page
from tests.test_layers import LAYERS

ARCHITECTURE = page("docs/architecture.md")
ORIGIN = ROOT / "origin"
ROOMS = {path.name for path in ORIGIN.iterdir() if path.is_dir() and path.name != "__pycache__"}
MODULES = {path.name for path in ORIGIN.glob("*.py")} - {"__init__.py", "__main__.py"}


def test_the_tree_names_every_room_and_every_module_with_a_line_each() -> None:
    lines = ARCHITECTURE.block("text", "origin/\n").splitlines()[1:]
    named = [re.fullmatch(r"  (\w+(?:/|\.py)) +\S.*", line) for line in lines]
    assert sorted(match[1] for match in named if match) == sorted({f"{name}/" for name in ROOMS} | MODULES)
    assert all(named)


def test_the_arrow_of_imports_is_that_of_the_layers() -> None:
    present = ROOMS | {name.removesuffix(".py") for name in MODULES}
    layers = [[name for name in line.split() if name in present] for line in LAYERS]
    arrow = ARCHITECTURE.block("text", "->").strip()
    assert [step.split() for step in arrow.split(" -> ")] == [layer for layer in layers if layer]


def test_the_life_of_a_request_goes_through_the_rooms_that_answer_it() -> None:
    text = ARCHITECTURE.text
    life = text[text.index("## The life of a request") : text.index("## Where a change goes")]
    rooms = {span.partition("/")[0] for span in code(life) if "/" in span}
    answering = "server delivery urls signing cache sources render imaging http ops"
    assert rooms >= set(answering.split())


def test_there_is_a_place_for_each_of_many_changes() -> None:
    rows = ARCHITECTURE.table("| change | files |")
    assert len(rows) >= 15
    assert [row[0] for row in rows if not code(row[1])] == []


def test_the_private_parts_of_libraries_are_touched_where_the_page_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = {re.split(r"[\[=<>]", line)[0]: line for line in project["optional-dependencies"]["server"]}
    for library, names, files in ARCHITECTURE.table("| library |"):
        assert re.search(r"==|>=[\d.]+,<0\.", pins[library]), f"{library} is not pinned"
        text = "".join((ORIGIN / file).read_text(encoding="utf-8") for file in code(files))
        assert [name for name in code(names) if name not in text] == []
