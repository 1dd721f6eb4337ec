"""`origin registry` adds, blocks and lists URLs, and finds mistakes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import invoke
from tests.support.commands import write_config
from tests.support.redis_servers import RedisServer

URL = "https://example.com/a/cat.jpg"


def handler(name: str, **registry: str) -> dict[str, Any]:
    return {"name": name, "source": {"type": "http", "keys": "hex", "registry": registry}}


@pytest.fixture(params=["sqlite", "redis"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    registry = {"path": "urls.db"}
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        server.command("FLUSHALL")
        registry = {"url": server.url}
    return write_config(tmp_path, {"handlers": [handler("img", type=request.param, **registry)]})


def test_urls_are_added_blocked_and_listed(config: str) -> None:
    def run(*arguments: str) -> str:
        done = invoke("registry", arguments[0], "-c", config, *arguments[1:])
        assert done.exit_code == 0, done.stderr
        return done.stdout

    assert run("add", URL) == "added\n"
    assert run("add", "img", URL) == "was there already\n"
    assert re.fullmatch(rf"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ {re.escape(URL)}\n", run("list"))
    run("block", URL)
    assert run("list", "img").endswith(f"{URL} blocked\n")
    run("unblock", URL)
    assert run("list").endswith(f"{URL}\n")
    assert run("check") == ""


def test_one_url_is_looked_up(config: str) -> None:
    other = "https://example.com/b.jpg"

    def check(*arguments: str) -> tuple[int, str]:
        done = invoke("registry", "check", "-c", config, *arguments)
        return done.exit_code, done.stdout

    assert check(URL) == (1, "not registered\n")
    for url in (URL, other):
        invoke("registry", "add", "-c", config, url)
    assert check("img", URL) == (0, "registered\n")
    listed = invoke("registry", "list", "-c", config, "img", URL).stdout
    assert listed.endswith(f"Z {URL}\n")
    assert other not in listed
    invoke("registry", "block", "-c", config, URL)
    assert check("img", URL) == (1, "blocked\n")
    assert check(other) == (0, "registered\n")


def test_mistakes_are_listed_and_fail(tmp_path: Path, redis_server: RedisServer) -> None:
    redis_server.command("FLUSHALL")
    redis_server.command("HSET", f"img/{URL}", "type", "jpeg")
    config = write_config(tmp_path, {"handlers": [handler("img", type="redis", url=redis_server.url)]})
    done = invoke("registry", "check", "-c", config)
    assert (done.exit_code, done.stdout) == (1, f"{URL}: no created_at\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "ftp://example.com/x"), "not http or https"),
        (("add", "a", "b", URL), "expected a URL"),
        (("add", "other", URL), "expected one with a registry (one, two), got other"),
        (("list",), "expected one with a registry (one, two), got none"),
        (("check", URL), "expected one with a registry (one, two), got none"),
        (("check", "one", "cat.jpg"), "is no URL"),
    ],
)
def test_wrong_use_is_told(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    handlers = [handler("one", type="sqlite", path="1.db"), handler("two", type="sqlite", path="2.db")]
    config = write_config(tmp_path, {"handlers": handlers})
    done = invoke("registry", arguments[0], "-c", config, *arguments[1:])
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_registry_that_is_down_fails(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"handlers": [handler("img", type="redis", url="redis://127.0.0.1:1/0")]})
    done = invoke("registry", "add", "-c", config, URL)
    assert done.exit_code == 1
    assert "registry in Redis" in done.stderr
