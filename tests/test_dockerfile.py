"""The Dockerfile fits the package and the linter; no engine is needed to know that much."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import sysconfig
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import json5
import pytest

from origin.cli.main import main
from tests.support.operated import Operated

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
INSTRUCTIONS = [tuple(line.split(" ", 1)) for line in LINES if line and not line.startswith("#")]


def arguments(name: str) -> list[str]:
    return [text for instruction, text in INSTRUCTIONS if instruction == name]


def test_the_linter_has_no_complaint() -> None:
    hadolint = Path(sysconfig.get_path("scripts"), "hadolint")
    result = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (0, "")


def test_both_stages_have_the_same_python_and_the_package_takes_it() -> None:
    images = {text.split(" AS ")[0] for text in arguments("FROM")}
    (image,) = images
    (major, minor) = re.fullmatch(r"python:(\d+)\.(\d+)-slim-bookworm", image).groups()  # type: ignore[union-attr]
    assert PROJECT["requires-python"] == ">=3.11"
    assert (int(major), int(minor)) >= (3, 11)


def test_what_is_copied_is_there_and_not_ignored() -> None:
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"]
    for text in arguments("COPY"):
        if text.startswith("--from="):
            continue
        for name in text.split()[:-1]:
            name = name.removeprefix("./")
            assert (ROOT / name).exists()
            # As Docker reads the file: the last pattern that matches decides.
            deciding = [p for p in patterns if fnmatch(name, p.removeprefix("!"))][-1]
            assert deciding.startswith("!"), name


def test_what_the_build_of_the_package_reads_is_copied() -> None:
    copied = {name.removeprefix("./") for text in arguments("COPY") for name in text.split()[:-1]}
    for needed in ("pyproject.toml", "origin", PROJECT["readme"], *PROJECT["license-files"]):
        assert {needed, *map(str, Path(needed).parents)} & copied, needed


def test_the_extra_that_is_installed_exists() -> None:
    (extra,) = re.findall(r"pip install --no-cache-dir '\.\[(\w+)\]'", "\n".join(arguments("RUN")))
    assert extra == "server"
    assert extra in PROJECT["optional-dependencies"]


def test_what_is_run_is_a_command_of_the_program() -> None:
    ((program,),) = (json.loads(text) for text in arguments("ENTRYPOINT"))
    ((command, option, path),) = (json.loads(text) for text in arguments("CMD"))
    assert program in PROJECT["scripts"]
    assert option in {opt for parameter in main.commands[command].params for opt in parameter.opts}
    assert path == f"{arguments('WORKDIR')[-1]}/config.json"


def test_it_does_not_run_as_root() -> None:
    (user,) = arguments("USER")
    assert all(int(number) > 0 for number in user.split(":"))
    assert INSTRUCTIONS.index(("USER", user)) < INSTRUCTIONS.index(("ENTRYPOINT", '["origin"]'))


@pytest.fixture
def health() -> str:
    (text,) = arguments("HEALTHCHECK")
    program: str = json.loads(text[text.index("CMD ") + 4 :])[2]
    return program


def test_the_health_check_asks_a_path_that_is_routed_at_the_port_of_the_example(health: str) -> None:
    (port,) = arguments("EXPOSE")
    (asked, path) = re.findall(r"http://127\.0\.0\.1:(\d+)(/[^']*)'", health)[0]
    assert path in [route.path for route in Operated().routes]
    example = json5.loads((ROOT / "config.example.json").read_text())
    assert port == asked == str(example["http_port"])
    assert f"-p {port}:{port}" in (ROOT / "docs" / "operations.md").read_text()


def test_the_health_check_fails_where_nothing_answers(health: str) -> None:
    nowhere = health.replace(":8080", ":1")
    result = subprocess.run([sys.executable, "-c", nowhere], capture_output=True, timeout=30)
    assert result.returncode == 1


def test_the_volume_belongs_to_the_user_and_the_documents_name_it() -> None:
    (volume,) = arguments("VOLUME")
    (made,) = re.findall(r"install -d -o origin -g origin (.*)$", "\n".join(arguments("RUN")), re.MULTILINE)
    assert volume in shlex.split(made)
    assert f"-v origin-cache:{volume}" in (ROOT / "docs" / "operations.md").read_text()
