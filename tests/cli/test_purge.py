"""`origin purge` against an origin that runs, and what it says where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import ports
from origin.cli.purge import _default_base
from origin.config.load import build_config
from tests.support import pictures
from tests.support.commands import invoke
from tests.support.commands import write_config
from tests.support.running import Running
from tests.support.running import settings

NAMES = ("cat.jpg", "cow.jpg", "dog.jpg")
TOKEN = "canary-admin-token-0123456789"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("purge")
    for name in NAMES:
        (folder / name).write_bytes(pictures.small())
    return settings(folder, folder / "cache") | {"admin": {"token": TOKEN}}


@pytest.fixture(scope="module")
def origin(config: dict[str, Any]) -> Iterator[Running]:
    with Running(config) as origin:
        yield origin


@pytest.mark.parametrize(
    ("arguments", "forgotten"),
    [
        (["--key", "cat.jpg"], {"cat.jpg"}),
        (["--prefix", "c"], {"cat.jpg", "cow.jpg"}),
        ([], set(NAMES)),
        (["--key", "no.jpg"], set()),
    ],
)
def test_a_purge_forgets_one_key_those_that_start_so_or_all(
    origin: Running, config: dict[str, Any], tmp_path: Path, arguments: list[str], forgotten: set[str]
) -> None:
    for name in NAMES:
        origin.get(f"/h/{name}?w=20")
    origin.settle()
    url = f"http://127.0.0.1:{origin.port}/"
    done = invoke("purge", "-c", write_config(tmp_path, config), "--url", url, *arguments, "h")
    assert (done.exit_code, done.stderr) == (0, "")
    assert (json.loads(done.stdout)["purged"] > 0) is bool(forgotten)
    statuses = {name: origin.get(f"/h/{name}?w=20").headers["Cache-Status"] for name in NAMES}
    assert {name for name, status in statuses.items() if not status.startswith("origin; hit")} == forgotten


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--key", "/cat.jpg"], "a key begins without a slash"),
        (["--prefix", "/"], "a key begins without a slash"),
        (["--key", "h/cat.jpg"], "a key is what stands behind h/ in a URL"),
        (["--key", "https://img.example.com/h/cat.jpg"], "a key is what stands behind h/ in a URL"),
        (["--key", "cat.jpg?w=20"], "a key has no options"),
        (["--prefix", "c*"], "a prefix is the beginning itself, without *"),
    ],
)
def test_a_purge_of_nothing_says_what_was_probably_meant(
    origin: Running, config: dict[str, Any], tmp_path: Path, arguments: list[str], hint: str
) -> None:
    url = f"http://127.0.0.1:{origin.port}/"
    done = invoke("purge", "-c", write_config(tmp_path, config), "--url", url, *arguments, "h")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"purged": 0})
    assert done.stderr == f"origin: nothing of it was kept; {hint}\n"


def test_a_listener_without_purges_is_told_as_such(
    origin: Running, config: dict[str, Any], tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{origin.port}/elsewhere"
    done = invoke("purge", "-c", write_config(tmp_path, config), "--url", url, "h")
    assert done.exit_code == 1
    assert done.stderr == (
        f"origin: {url} answered 404, so nothing there takes purges; --url names the listener for operators, "
        "with admin.port\n"
    )


@pytest.mark.parametrize(
    ("change", "handler", "answer"),
    [
        ({"admin": {"token": "another-token-0123456789"}}, "h", '401: {"error":"the bearer token is wrong"}'),
        ({}, "nowhere", '404: {"error":"no handler has that name; there are h"}'),
    ],
)
def test_what_the_origin_refuses_is_exit_1_with_its_answer(
    origin: Running, config: dict[str, Any], tmp_path: Path, change: Any, handler: str, answer: str
) -> None:
    path = write_config(tmp_path, config | change)
    done = invoke("purge", "-c", path, "--url", f"http://127.0.0.1:{origin.port}", handler)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"origin: http://127.0.0.1:{origin.port} answered {answer}\n"
    assert TOKEN not in done.stderr


def test_an_origin_that_does_not_answer_is_exit_1_and_asks_for_its_address(
    config: dict[str, Any], tmp_path: Path
) -> None:
    port = ports.closed_port()
    done = invoke("purge", "-c", write_config(tmp_path, config | {"http_port": port}), "h")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"origin: http://127.0.0.1:{port} cannot be reached: ")
    assert done.stderr.endswith("; --url names another address\n")


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({"admin": {}}, [], "the configuration has no admin.token"),
        ({}, ["--key", "a", "--prefix", "b"], "give --key or --prefix, not both"),
        ({}, ["--key", ""], "give --key or --prefix, not both, and not empty"),
        ({}, ["--url", "img.example.com:80"], "--url: expected http://HOST:PORT"),
        ({}, ["--url", "file:///etc"], "--url: expected http://HOST:PORT"),
    ],
)
def test_a_purge_that_says_no_one_thing_is_exit_2(
    config: dict[str, Any], tmp_path: Path, change: Any, arguments: list[str], message: str
) -> None:
    done = invoke("purge", "-c", write_config(tmp_path, config | change), *arguments, "h")
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("top", "base"),
    [
        ({"http_port": 8080}, "http://127.0.0.1:8080"),
        ({"http_host": "127.0.0.2", "http_port": 8080}, "http://127.0.0.2:8080"),
        ({"http_host": "::", "http_port": 8080}, "http://[::1]:8080"),
        ({"http_port": 8080, "admin": {"token": TOKEN, "port": 9090}}, "http://127.0.0.1:9090"),
        ({"admin": {"token": TOKEN, "host": "127.0.0.3", "port": 9090}}, "http://127.0.0.3:9090"),
    ],
)
def test_the_origin_that_is_asked_is_the_one_of_the_configuration(
    config: dict[str, Any], top: dict[str, Any], base: str
) -> None:
    assert _default_base(build_config(config | top)) == base
