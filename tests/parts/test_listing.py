"""The keys that the playground offers: those of the source, for the admin token, and not too many."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from benchmarks.ports import closed_port
from origin.config.load import build_config
from origin.errors import ConfigError
from origin.errors import OriginError
from origin.pages.playground import PATH
from origin.pages.playground import Playground
from origin.pages.playground import playground_routes
from origin.parts.listing import MAX_KEYS
from origin.parts.listing import list_keys
from origin.parts.playground import make_playground
from tests.support.operated import TOKEN
from tests.support.s3_servers import S3Server

KEYS = ["2024/cat.jpg", "2024/été.jpg", "2025/dog.jpg", "logo.png"]


def handler(source: dict[str, Any]) -> Any:
    return build_config({"handlers": [{"name": "photos", "source": source}]}).handlers[0]


@pytest.fixture(params=["folder", "bucket"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    if request.param == "folder":
        for key in KEYS:
            (tmp_path / key).parent.mkdir(exist_ok=True)
            (tmp_path / key).write_bytes(b"x")
        return {"type": "local", "root": str(tmp_path)}
    server: S3Server = request.getfixturevalue("moto_server")
    bucket = f"listed-{uuid.uuid4().hex[:8]}"
    server.client.create_bucket(Bucket=bucket)
    for key in ("other/cat.jpg", *(f"below/{key}" for key in KEYS)):
        server.client.put_object(Bucket=bucket, Key=key, Body=b"x")
    keys = {"access_key": server.access_key, "secret_key": server.secret_key}
    return {
        **{"type": "s3", "bucket": bucket, "folder": "below", "region": "us-east-1"},
        **{"endpoint_url": server.url, "addressing_style": "path", **keys},
    }


async def test_the_keys_below_a_prefix(source: dict[str, Any]) -> None:
    assert await list_keys(handler(source), "") == KEYS
    assert await list_keys(handler(source), "2024/") == KEYS[:2]
    assert await list_keys(handler(source), "2024/é") == KEYS[1:2]
    for elsewhere in ("nothing", "../", "other/", "/etc/"):
        assert await list_keys(handler(source), elsewhere) == []


async def test_keys_that_no_url_can_have_are_left_out(tmp_path: Path) -> None:
    for name in ("a.jpg", "line\nbreak.jpg", "tab\t.jpg", "z.jpg"):
        (tmp_path / name).write_bytes(b"x")
    assert await list_keys(handler({"type": "local", "root": str(tmp_path)}), "") == ["a.jpg", "z.jpg"]


def test_a_folder_is_read_as_it_is_and_not_to_its_end(tmp_path: Path) -> None:
    for number in range(MAX_KEYS + 20):
        (tmp_path / f"{number:03}.jpg").write_bytes(b"x")
    tmp_path.chmod(0o555)
    keys = asyncio.run(list_keys(handler({"type": "local", "root": str(tmp_path)}), ""))
    assert keys == [f"{number:03}.jpg" for number in range(MAX_KEYS)]
    assert len(list(tmp_path.iterdir())) == MAX_KEYS + 20  # nothing was made there


async def test_what_cannot_be_listed_says_so() -> None:
    port = closed_port()
    gone = {"type": "s3", "bucket": "b", "region": "us-east-1", "endpoint_url": f"http://127.0.0.1:{port}"}
    with pytest.raises((OriginError, TimeoutError)):
        await list_keys(handler({**gone, "access_key": "a", "secret_key": "b"}), "")
    with pytest.raises(ConfigError):
        await list_keys(handler({"type": "http", "base_url": "http://127.0.0.1"}), "")


class Site:
    """Handlers with a source that is there, one that is not, and one that cannot be listed."""

    admin_token = TOKEN

    def __init__(self, folder: Path) -> None:
        sources = {
            "photos": {"type": "local", "root": str(folder)},
            "missing": {"type": "local", "root": str(folder / "canary")},
            "http": {"type": "http", "base_url": "http://127.0.0.1"},
        }
        handlers = [{"name": name, "source": source} for name, source in sources.items()]
        self._config = build_config({"handlers": handlers, "admin": {"token": TOKEN, "playground": True}})
        self._client = TestClient(Starlette(routes=playground_routes(self)))

    @property
    def playground(self) -> Playground | None:
        return make_playground(self._config, 0.0)

    def ask(self, token: str = TOKEN, **value: Any) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {token}"}
        answer = self._client.post(f"{PATH}/keys", json=value, headers=headers)
        return answer.status_code, answer.json()


def test_they_are_for_the_admin_token(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"x")
    site = Site(tmp_path)
    assert site.ask(handler="photos", prefix="c") == (200, {"keys": ["cat.jpg"]})
    assert site.ask(handler="photos") == (200, {"keys": ["cat.jpg"]})
    assert site.ask("0" * 16, handler="photos")[0] == 401
    assert site.ask(handler="photos", prefix=7)[0] == 400
    assert site.ask(handler="nobody")[0] == 400
    assert site.ask(handler="http")[0] == 400
    assert site.ask(handler="missing") == (502, {"error": "the source cannot be listed"})
