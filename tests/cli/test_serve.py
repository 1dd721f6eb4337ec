"""`origin serve`: what stops the start is one line on stderr and exit code 2."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import ports
from tests.support import pictures
from tests.support import s3_servers
from tests.support.commands import invoke
from tests.support.running import PATIENCE
from tests.support.running import command
from tests.support.running import settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "originals"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(pictures.small())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"handlers": [', r"config\.json: not JSON: .*"),
        ('{"handlers": []}', r"config\.json: handlers: expected a list with at least one entry, got \[\]"),
        (
            '{"handlers": [{"name": "a", "source": {"type": "local", "root": "."}}, '
            '{"name": "b", "source": {"type": "local", "root": "."}, "cache_time": "a week"}]}',
            r'config\.json: handlers\[1\]\.cache_time: expected seconds >= -1, got "a week"',
        ),
        (
            '{"handlers": [{"name": "a", "source": {"type": "local", "root": "."}, "qality": 80}]}',
            r"config\.json: handlers\[0\]\.qality: unknown key; did you mean quality\?",
        ),
        (
            '{"handlers": [{"name": "a", "source": {"type": "local", "root": "env:NOT_SET_ANYWHERE"}}]}',
            r"config\.json: handlers\[0\]\.source\.root: the environment has no NOT_SET_ANYWHERE; set it",
        ),
    ],
)
def test_a_wrong_configuration_is_one_line_and_exit_2(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.json").write_text(text)
    done = invoke("serve", "-c", str(tmp_path / "config.json"))

    assert (done.exit_code, done.stdout) == (2, "")
    assert re.fullmatch(f"origin: {message}\n", done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "named"), [([], "config.json"), (["-c", "nowhere/photos.json"], "nowhere/photos.json")]
)
def test_a_configuration_that_is_not_there_is_one_line_that_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("serve", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"origin: {named}: there is no such file; ")
    assert all(way in line for way in ("-c", "config.example.json", "origin demo"))


@pytest.mark.slow
def test_a_configuration_that_cannot_be_read_is_one_line_and_exit_2(tmp_path: Path) -> None:
    done = command("serve", "-c", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"origin: {tmp_path.name}: cannot be read: Is a directory\n"


@pytest.mark.slow
def test_a_configuration_comes_from_stdin_as_well() -> None:
    done = invoke("check", "-c", "-", text='{"handlers": 1}')
    assert (done.exit_code, done.stderr) == (2, "origin: stdin: handlers: expected a list, got 1\n")


@pytest.mark.slow
def test_a_taken_port_is_one_line_and_exit_2(
    tmp_path: Path, root: Path, moto_server: s3_servers.S3Server
) -> None:
    port = int(moto_server.url.rpartition(":")[2])
    config = settings(root, tmp_path / "cache") | {"http_host": "127.0.0.1", "http_port": port}
    done = command("serve", "-c", "-", text=json.dumps(config))

    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "Traceback" not in done.stderr


# `origin serve`, whose callback connects to it and then ends it.
CONNECT_AND_STOP = """
import json, os, signal, socket, sys
from origin.cli.serve import run_server
from origin.config.load import parse_config

def connect_and_stop():
    socket.create_connection(("127.0.0.1", config.http_port), timeout=20).close()
    print("connected")
    os.kill(os.getpid(), signal.SIGTERM)

config = parse_config(sys.argv[1])
run_server(config, on_listening=connect_and_stop)
"""


@pytest.mark.slow
def test_what_is_called_once_it_listens_can_connect(tmp_path: Path) -> None:
    config = {**settings(tmp_path, tmp_path / "cache"), "http_port": ports.closed_port(), "drain": 0}
    done = subprocess.run(
        [sys.executable, "-c", CONNECT_AND_STOP, json.dumps(config)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "connected\n"), done.stderr
