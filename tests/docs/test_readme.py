"""What the README says is what the program does: its commands, its URLs, its example of signing."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tomllib

import json5
import pytest
from packaging.requirements import Requirement
from PIL import Image

from origin.signing import Verifier
from origin.signing import decode_query
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from tests.support.documents import ROOT
from tests.support.documents import SECRET
from tests.support.documents import code
from tests.support.documents import load_example
from tests.support.documents import page
from tests.support.running import Running

README = page("README.md")
HERE = "http://127.0.0.1:8080"
DEMO = "python3 -m venv .venv && .venv/bin/pip install '.[server]' && .venv/bin/origin demo"
TESTS = (
    "python3 -m venv .venv"
    " && (.venv/bin/pip install --only-binary :all: uv"
    " && .venv/bin/uv pip install --python .venv -e '.[test]'"
    " || .venv/bin/pip install -e '.[test]') && .venv/bin/python -m pytest"
)


def test_the_readme_is_short() -> None:
    assert README.path.stat().st_size <= 12_000


def test_the_two_lines_to_paste_are_there() -> None:
    assert {f"{DEMO}\n", f"{TESTS}\n"} <= set(README.blocks("sh"))


def test_the_lines_to_paste_install_the_server_the_tests_or_what_builds_the_site() -> None:
    named = re.findall(r"pip install (?:--python .venv )?(?:-e )?'\.\[(\w+)\]'", README.text)
    assert sorted(named) == ["docs", "server", "server", "test", "test", "test"]


def test_ci_runs_the_test_line_of_the_readme() -> None:
    (pattern,) = re.findall(r"grep -m 1 -x '(.*)' README\.md", (ROOT / ".ci" / "run").read_text())
    found = subprocess.run(
        ["grep", "-m", "1", "-x", pattern, "README.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == f"{TESTS}\n"


@pytest.mark.parametrize("file", [".ci/run", "docs/architecture.md"])
def test_what_reads_the_code_is_installed_where_it_is_called(file: str) -> None:
    text = (ROOT / file).read_text()
    before = text.partition(".venv/bin/ruff")[0]
    assert "lint" in re.findall(r"pip install .*'\.\[(.*)\]'", before)[-1].split(",")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {Requirement(each).name for each in extras["lint"]}
    assert names >= set(re.findall(r"\.venv/bin/(ruff|mypy)", text)) == {"ruff", "mypy"}


def test_the_smallest_configuration_is_one() -> None:
    config = load_example(json5.loads(README.block("json", '"handlers"')))
    assert [handler.prefix for handler in config.handlers] == ["photos"]


def test_the_options_in_the_url_are_options() -> None:
    for row in README.table("| in the URL |"):
        (query,) = code(row[0])
        assert parse_options(decode_query(query.encode()), OptionDefaults()) != parse_options(
            [], OptionDefaults()
        ) or (
            query.startswith("dpr=")  # it multiplies, and there is nothing to multiply
        )


def test_the_example_of_signing_writes_a_url_that_is_accepted() -> None:
    environment = {"ORIGIN_KEY": SECRET, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-c", README.block("python", "UrlSigner(")]
    done = subprocess.run(program, check=True, capture_output=True, text=True, env=environment)
    path, _, query = done.stdout.strip().partition("?")
    assert path == "https://img.example.com/photos/cat.jpg"
    assert Verifier("photos", [SECRET]).verify("cat.jpg", decode_query(query.encode()), 0).accepted


@pytest.mark.slow
def test_the_demo_shows_its_page(demo: Running) -> None:
    assert f"<{HERE}/>" in README.text
    assert demo.get("/").type == "text/html; charset=utf-8"


@pytest.mark.slow
@pytest.mark.parametrize("row", README.table("| URL |"), ids=lambda row: row[1])
def test_the_urls_to_paste_give_what_the_readme_says(demo: Running, row: list[str]) -> None:
    answer = demo.get(row[0].strip("<>").removeprefix(HERE))
    assert answer.status == (404 if "404" in row[1] else 200)
    with Image.open(io.BytesIO(answer.body)) as picture:
        width, height = re.search(r"(\d+) x (\d+)", row[1]).groups()  # type: ignore[union-attr]
        assert picture.size == (int(width), int(height))
        assert picture.format == ("PNG" if "fallback" in row[1] else row[1].split(",")[0].upper())
        assert getattr(picture, "is_animated", False) == ("moving" in row[1])
