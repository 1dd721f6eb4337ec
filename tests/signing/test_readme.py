"""The examples of the README, in several languages, make the tokens of the vectors."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.signing import GRANTS
from tests.support.signing import KEY
from tests.support.signing import ROOT
from tests.support.signing import ROWS
from tests.support.signing import VECTORS
from tests.support.signing import verify_url

README = ROOT / "README.md"


def block(language: str, mark: str) -> str:
    """The one block of the README in that language that holds the mark."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    found: str
    (found,) = [text for text in blocks if mark in text]
    return found


def run(command: list[str], row: dict[str, Any]) -> str:
    pairs = itertools.chain(*row.get("pairs", []))
    arguments = [row["payload"]] if "payload" in row else [row["prefix"], row["key"], *pairs]
    environment = {"PATH": os.environ["PATH"], "ORIGIN_KEY": row["secret"]}
    done = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True, env=environment)
    return done.stdout


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")
@pytest.mark.parametrize("row", ROWS + GRANTS)
def test_the_javascript_of_the_readme_makes_the_tokens(row: dict[str, Any], tmp_path: Path) -> None:
    program = tmp_path / "sign.cjs"
    program.write_text(block("js", "origin/v1"))
    assert run(["node", str(program)], row) == row["token"] + "\n"


@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl here")
@pytest.mark.parametrize("row", ROWS + GRANTS)
def test_the_shell_of_the_readme_makes_the_tokens(row: dict[str, Any], tmp_path: Path) -> None:
    program = tmp_path / "sign.sh"
    program.write_text(block("sh", "origin/v1"))
    assert run(["sh", str(program)], row) == row["token"] + "\n"


@pytest.mark.skipif(not shutil.which("php"), reason="there is no php here")
def test_the_php_of_the_readme_makes_the_tokens(tmp_path: Path) -> None:
    program = tmp_path / "sign.php"
    program.write_text(block("php", "origin/v1"))
    for row in VECTORS["exact"] + VECTORS["grants"]:
        assert run(["php", str(program)], row) == row["token"] + "\n"


def test_the_python_of_the_readme_writes_urls_that_are_accepted() -> None:
    environment = {**os.environ, "ORIGIN_KEY": KEY, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-c", block("python", "UrlSigner(")]
    done = subprocess.run(program, check=True, capture_output=True, text=True, env=environment)
    urls = re.findall(r"https://\S+", done.stdout)
    assert [verify_url(url, now=0).reason.value for url in urls] == ["signed"] * 4 + ["granted"]


def test_the_worked_example_of_the_readme_is_the_first_vector() -> None:
    row = VECTORS["exact"][0]
    assert f"```text\n{row['message']}\n```" in README.read_text()
    assert f"`{row['secret']}` it is\n\n```text\n{row['token']}\n```" in README.read_text()
