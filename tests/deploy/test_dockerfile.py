"""The Dockerfile fits the package and the linter; no engine is needed to know that much."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import sysconfig
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler
from http.server import HTTPServer
from pathlib import Path

import json5
import pytest

from tests.support.commands import command_named
from tests.support.operated import Operated

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
INSTRUCTIONS = [tuple(line.split(" ", 1)) for line in LINES if line and not line.startswith("#")]


def arguments(name: str) -> list[str]:
    return [text for instruction, text in INSTRUCTIONS if instruction == name]


@pytest.mark.slow
def test_the_linter_has_no_complaint() -> None:
    hadolint = Path(sysconfig.get_path("scripts"), "hadolint")
    result = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (0, "")


def test_both_stages_have_the_same_python_and_the_package_takes_it() -> None:
    assert {text.split(" AS ")[0] for text in arguments("FROM")} == {"${PYTHON}"}
    (image,) = [text.removeprefix("PYTHON=") for text in arguments("ARG") if text.startswith("PYTHON=")]
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
    files = ("pyproject.toml", "constraints.txt", "origin", PROJECT["readme"], *PROJECT["license-files"])
    for needed in files:
        assert {needed, *map(str, Path(needed).parents)} & copied, needed


def test_the_extra_that_is_installed_exists() -> None:
    install = r"pip install --no-cache-dir -c constraints\.txt '\.\[([\w,]+)\]'"
    (extras,) = re.findall(install, "\n".join(arguments("RUN")))
    assert extras.split(",") == ["server", "fleet", "telemetry", "sentry"]
    assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys()


def test_what_is_run_is_a_command_of_the_program() -> None:
    ((program,),) = (json.loads(text) for text in arguments("ENTRYPOINT"))
    ((command, option, path),) = (json.loads(text) for text in arguments("CMD"))
    assert program in PROJECT["scripts"]
    assert option in {opt for parameter in command_named(command).params for opt in parameter.opts}
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


@pytest.fixture
def asked() -> str:
    """The URL that it asks, unless an operator sets another."""
    (text,) = (text for text in arguments("ENV") if text.startswith("ORIGIN_READY_URL="))
    return text.partition("=")[2]


def test_the_health_check_asks_a_path_that_is_routed_at_the_port_of_the_example(asked: str) -> None:
    (port,) = arguments("EXPOSE")
    (asked_port, path) = re.findall(r"^http://127\.0\.0\.1:(\d+)(/.*)$", asked)[0]
    assert path in [route.path for route in Operated().routes]
    example = json5.loads((ROOT / "config.example.json").read_text())
    assert port == asked_port == str(example["http_port"])
    assert f"-p {port}:{port}" in (ROOT / "docs" / "operations.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (None, 1)])
def test_the_health_check_follows_the_variable(health: str, status: int | None, code: int) -> None:
    with listening(status) as port:
        environment = {"ORIGIN_READY_URL": f"http://127.0.0.1:{port}/-/ready"}
        command = [sys.executable, "-c", health]
        assert subprocess.run(command, env=environment, capture_output=True, timeout=30).returncode == code


@contextmanager
def listening(status: int | None) -> Iterator[int]:
    """The port of a server that answers with this status, or that no longer answers."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert status is not None
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        if status is None:
            server.server_close()
            yield server.server_port
        else:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server.server_port
            server.shutdown()


def test_no_volume_is_made_that_nobody_asked_for() -> None:
    # Each `docker run` without -v would leave an anonymous one behind, with a cache in it.
    assert arguments("VOLUME") == []


def test_the_folder_of_the_cache_belongs_to_the_user_and_the_documents_name_it() -> None:
    (made,) = re.findall(r"install -d -o origin -g origin (.*)$", "\n".join(arguments("RUN")), re.MULTILINE)
    (folder,) = re.findall(r"-v origin-cache:(\S+)", (ROOT / "docs" / "operations.md").read_text())
    assert folder in shlex.split(made)


def test_the_labels_say_what_the_package_says() -> None:
    (text,) = arguments("LABEL")
    labels = dict(label.split("=", 1) for label in shlex.split(text))
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}title"] == PROJECT["name"]
    assert labels[f"{prefix}description"] == PROJECT["description"]
    assert labels[f"{prefix}licenses"] == PROJECT["license"]
    assert {text.partition("=")[0] for text in arguments("ARG")} == {"PYTHON", "VERSION", "REVISION"}
    assert labels[f"{prefix}base.name"] == "$PYTHON"
