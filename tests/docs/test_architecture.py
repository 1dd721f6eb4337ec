"""docs/architecture.md draws the house as it is: every room, the way of imports, private parts touched."""

from __future__ import annotations

import re
import tomllib

from docs import files
from origin.http.message import LARGE_BODY
from origin.server.fast_path import ANSWERS_IN_A_ROW
from tests.support.documents import ROOT
from tests.support.documents import code
from tests.support.documents import page
from tests.test_layers import LAYERS

ARCHITECTURE = page("docs/architecture.md")
ORIGIN = ROOT / "origin"
_IDENTIFIER = re.compile(r"_*[a-zA-Z][A-Za-z0-9_]*")
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
    text = ARCHITECTURE.text
    changes = text[text.index("## Where a change goes") : text.index("## Working on it")]
    rows = [row for title in re.findall("(?m)^### .+$", changes) for row in ARCHITECTURE.table(title)]
    assert len(rows) >= 100
    assert [row[0] for row in rows if not code(row[1])] == []


def test_every_file_is_there_with_what_it_says_of_itself() -> None:
    assert ARCHITECTURE.text == files.write_page(ARCHITECTURE.text), "run: python -m docs.files"
    assert "\n- `app.py`: The composition root: " in ARCHITECTURE.text
    assert "\n- `urls/dialects/camo.py`: " in ARCHITECTURE.text


def test_what_a_hit_in_memory_may_not_be_is_in_the_figures_of_the_program() -> None:
    assert f"more than {LARGE_BODY // 1024} kB (`LARGE_BODY` in `http/message.py`)" in ARCHITECTURE.line
    assert f"the {ANSWERS_IN_A_ROW + 1}th answer in a row" in ARCHITECTURE.line


def test_every_name_in_the_prose_is_in_the_program() -> None:
    sources = [*ORIGIN.rglob("*.py"), *(ROOT / "docs" / "site").glob("*.py")]
    words = {word for file in sources for word in _IDENTIFIER.findall(file.read_text(encoding="utf-8"))}
    missing = {name for name in code(ARCHITECTURE.prose) if _IDENTIFIER.fullmatch(name)} - words
    assert missing == set()


def test_a_name_is_in_the_file_that_the_page_says() -> None:
    places = re.findall(r"((?:`\w+`(?:, | and ))*`\w+`) (?:of|in) `([\w/.]+\.py)`", ARCHITECTURE.line)
    assert len(places) >= 20
    for names, file in places:
        path = next(root / file for root in (ORIGIN, ROOT) if (root / file).exists())
        words = set(_IDENTIFIER.findall(path.read_text(encoding="utf-8")))
        assert set(code(names)) <= words, file


def test_the_private_parts_of_libraries_are_touched_where_the_page_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = {re.split(r"[\[=<>]", line)[0]: line for line in project["optional-dependencies"]["server"]}
    for library, names, touched in ARCHITECTURE.table("| library |"):
        assert re.search(r"==|>=[\d.]+,<0\.", pins[library]), f"{library} is not pinned"
        text = "".join((ORIGIN / file).read_text(encoding="utf-8") for file in code(touched))
        assert [name for name in code(names) if name not in text] == []
