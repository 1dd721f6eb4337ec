"""The commands as people and scripts run them: exit code, what goes to stdout, what to stderr."""

from __future__ import annotations

import html
import json
import os
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from origin.imaging.binding import WHEEL
from tests.support import libvips
from tests.support import pictures
from tests.support import s3_servers
from tests.support.running import Client
from tests.support.running import command
from tests.support.running import serving
from tests.support.running import settings
from tests.support.running import wait_until

SECRET = "canary-0123456789abcdefghijklmnopqrstuvw"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "originals"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(pictures.small())
    return folder


def written(tmp_path: Path, config: dict[str, Any]) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    return str(path)


def s3(server: s3_servers.S3Server, name: str, **more: Any) -> dict[str, Any]:
    source = {"type": "s3", "bucket": name, "endpoint_url": server.url}
    return {"name": name, "source": source | {"access_key": SECRET, "secret_key": SECRET} | more}


def test_check_tells_of_each_handler_and_exits_0_when_all_work(
    tmp_path: Path, root: Path, moto_server: s3_servers.S3Server
) -> None:
    bucket = f"bucket-{uuid.uuid4().hex}"
    moto_server.client.create_bucket(Bucket=bucket)
    config = settings(root, tmp_path / "cache")
    config["handlers"].append(s3(moto_server, bucket))

    done = command("check", "-c", written(tmp_path, config))

    assert (done.returncode, done.stderr) == (0, "")
    first, second, third = done.stdout.splitlines()
    assert first == "handler h at /h/: ok"
    assert second == f"handler {bucket} at /{bucket}/: ok"
    assert third.startswith("renderer: ok, libvips 8.")


def test_check_tells_what_does_not_work_and_exits_1(
    tmp_path: Path, root: Path, moto_server: s3_servers.S3Server
) -> None:
    (tmp_path / "error.jpg").write_text("not a picture")
    config = settings(root, tmp_path / "cache", error_image="error.jpg")
    gone = {"name": "gone", "source": {"type": "local", "root": str(tmp_path / "no-such-folder")}}
    nobody = {"endpoint_url": f"http://127.0.0.1:{s3_servers.closed_port()}"}
    config["handlers"] += [gone, s3(moto_server, "no-such-bucket"), s3(moto_server, "no-server", **nobody)]

    done = command("check", "-c", written(tmp_path, config))

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line for line in lines if "FAILED" not in line] == [lines[0], lines[-1]]
    assert re.fullmatch(r"handler h: error_image \S+error\.jpg: FAILED: it is not a picture", lines[1])
    assert "no-such-folder" in lines[2]
    assert "there is no such bucket" in lines[3]
    assert "no-server" in lines[4]
    assert SECRET not in done.stdout + done.stderr


def test_schema_is_json_on_stdout() -> None:
    done = command("schema")

    assert (done.returncode, done.stderr) == (0, "")
    schema = json.loads(done.stdout)
    assert schema["properties"].keys() >= {"handlers", "http_port", "cache", "limits", "admin", "log"}


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
    done = command("serve", "-c", str(tmp_path / "config.json"))

    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(f"origin: {message}\n", done.stderr)


def test_a_configuration_that_is_not_there_is_one_line_and_exit_2(tmp_path: Path) -> None:
    done = command("serve", "-c", str(tmp_path / "nowhere.json"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "origin: nowhere.json: cannot be read: No such file or directory\n"


def test_a_configuration_comes_from_stdin_as_well() -> None:
    done = command("check", "-c", "-", text='{"handlers": 1}')
    assert (done.returncode, done.stderr) == (2, "origin: stdin: handlers: expected a list, got 1\n")


@pytest.mark.parametrize(
    "arguments", [["no-such-command"], ["serve", "--no-such-option"], ["demo", "--port", "x"]]
)
def test_wrong_use_is_exit_2(arguments: list[str]) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ")


def test_a_taken_port_is_one_line_and_exit_2(
    tmp_path: Path, root: Path, moto_server: s3_servers.S3Server
) -> None:
    port = int(moto_server.url.rpartition(":")[2])
    config = settings(root, tmp_path / "cache") | {"http_host": "127.0.0.1", "http_port": port}
    done = command("serve", "-c", "-", text=json.dumps(config))

    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_prints_no_url_where_nothing_can_be_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libvips.old_module(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    done = command("demo", "--port", str(s3_servers.closed_port()))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("origin: libvips 8.18 in API mode is needed, found 8.14.1 in API mode (")
    assert line.endswith(f" -m pip install --force-reinstall --no-deps '{WHEEL}'")


def test_the_demo_prints_no_url_where_its_port_is_taken(moto_server: s3_servers.S3Server) -> None:
    done = command("demo", "--port", moto_server.url.rpartition(":")[2])
    assert (done.returncode, done.stdout) == (2, "")
    assert "something else listens there" in done.stderr


def test_the_demo_serves_every_url_it_prints_and_every_picture_of_its_page(tmp_path: Path) -> None:
    port = s3_servers.closed_port()
    with serving(tmp_path, "demo", "--port", str(port), port=port) as process:
        demo = Client(port)
        wait_until((tmp_path / "stdout").read_text, "the demo prints its URLs")
        urls = (tmp_path / "stdout").read_text().split()
        printed = {url.removeprefix(f"http://127.0.0.1:{port}") for url in urls}
        page = demo.get("/")
        shown = re.findall(r'\bsrc="(/[^"]+)"', html.unescape(page.body.decode()))
        answers = {path: demo.get(path) for path in {*printed, *shown} - {"/"}}

    assert process.returncode == 0
    assert "/" in printed
    assert (page.status, page.type) == (200, "text/html; charset=utf-8")
    assert sum(answer.status == 200 for answer in answers.values()) > 20
    # One example of each of these failures, fallback image and all.
    assert sorted(answer.kind for answer in answers.values() if answer.kind) == [
        "bad-request",
        "not-found",
        "unprocessable",
    ]
    assert all(pictures.opened(answer.body).width > 1 for answer in answers.values())
