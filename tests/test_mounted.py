"""The origin inside another ASGI program: mounted below a path, and without anybody who runs its lifespan."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.routing import Route
from starlette.testclient import TestClient

from origin.app import create_app
from origin.cache.folder_lock import FolderLock
from origin.signing import UrlSigner
from tests.support import pictures
from tests.support.running import PATIENCE
from tests.support.running import settings
from tests.support.running import wait_until

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "a.jpg").write_bytes(pictures.land())
    plain = settings(tmp_path, tmp_path / "cache", error_image=pictures.small_fallback(tmp_path))
    signed = {**plain["handlers"][0], "name": "s", "prefix": "s/pictures", "signing": {"keys": [KEY]}}
    return {**plain, "limits": {"queue_timeout": PATIENCE}, "handlers": [*plain["handlers"], signed]}


def around(app: Any, path: str) -> Starlette:
    async def home(_: Request) -> PlainTextResponse:
        return PlainTextResponse("home")

    return Starlette(routes=[Route("/", home), Mount(path, app)])


@pytest.mark.slow
@pytest.mark.parametrize("path", ["", "/img", "/img/v2"])
def test_pictures_are_served_below_the_mount(config: dict[str, Any], path: str) -> None:
    app = create_app(config)
    with TestClient(around(app, path)) as client:
        for _ in range(3):  # made, from memory, and from memory again
            answer = client.get(f"{path}/h/a.jpg?w=30")
            assert answer.status_code == 200
            assert pictures.opened(answer.content).width == 30
        assert "hit" in answer.headers["cache-status"]
        assert client.get(f"{path}/status").text == "OK"
        assert client.get(f"{path}/-/metrics").status_code == 200
        assert client.get("/").text == "home"
        processes = app.origin.pool.processes
        assert processes
    wait_until(lambda: not any(map(is_alive, processes)), "the renderers have ended")


def is_alive(process: int) -> bool:
    return os.path.exists(f"/proc/{process}") and "Z" not in Path(f"/proc/{process}/stat").read_text()


@pytest.mark.slow
def test_signatures_count_from_below_the_mount(config: dict[str, Any]) -> None:
    url = UrlSigner("", "s/pictures", [KEY]).url("a.jpg", w=30)
    with TestClient(around(create_app(config), "/img")) as client:
        assert client.get(f"/img{url}").status_code == 200
        assert client.get(f"/img{url}x").headers["x-origin-error"] == "forbidden"
        assert client.get(f"/img{url}".replace("pictures", "%70ictures")).status_code == 200


@pytest.mark.slow
def test_a_root_path_is_no_part_of_the_key(config: dict[str, Any]) -> None:
    """As uvicorn's --root-path: the server puts it before the path that the proxy has cut."""
    with TestClient(create_app(config), root_path="/behind/a%20proxy") as client:
        assert client.get("/behind/a%20proxy/h/a.jpg?w=30").status_code == 200
        assert client.get("/h/a.jpg?w=30").status_code == 200


@pytest.mark.slow
def test_who_runs_the_lifespan_gets_errors_of_the_start(config: dict[str, Any]) -> None:
    app = create_app(config)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with app.router.lifespan_context(app):
            yield

    outer = Starlette(routes=[Mount("/img", app)], lifespan=lifespan)
    with TestClient(outer) as client:
        assert app.origin.pool.processes
        assert client.get("/img/h/a.jpg?w=30").status_code == 200


@pytest.mark.slow
def test_it_starts_once_however_many_come_first(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(config)
    starts = []
    start = app.origin.pool.start

    async def counted() -> None:
        starts.append(1)
        await start()

    monkeypatch.setattr(app.origin.pool, "start", counted)

    async def crowd() -> list[int]:
        return await asyncio.gather(*(status(app, f"/h/a.jpg?w={width}") for width in range(20, 40)))

    assert asyncio.run(crowd()) == [200] * 20
    assert starts == [1]


@pytest.mark.slow
def test_one_that_cannot_start_says_so(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from origin.render.pool import RenderPool
    from origin.render.process import Renderer

    monkeypatch.setattr(Renderer, "command", ("/nowhere/python",))
    monkeypatch.setattr(RenderPool, "make_template", lambda: None)
    app = create_app(config)
    assert asyncio.run(status(app, "/h/a.jpg")) == 503


@pytest.mark.slow
def test_one_that_could_not_start_is_whole_once_it_can(config: dict[str, Any], tmp_path: Path) -> None:
    """The cache is another process' until that has ended, as where a program replaces itself."""
    other = FolderLock(tmp_path / "cache", False)
    other.acquire()
    app = create_app(config)

    async def ask() -> list[int]:
        before = await status(app, "/h/a.jpg?w=30")
        other.release()
        return [before, *[await status(app, f"/h/a.jpg?w={width}") for width in range(30, 34)]]

    assert asyncio.run(ask()) == [503, 200, 200, 200, 200]


async def status(app: Callable[..., Any], target: str) -> int:
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"x")],
        "root_path": "",
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return int(sent[0]["status"])
