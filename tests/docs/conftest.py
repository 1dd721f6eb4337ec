"""Origins whose answers are compared with the pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from origin.cli.demo import demo_config
from origin.pages.demo import add_demo_page
from tests.support.documents import PICTURES
from tests.support.documents import SECRET
from tests.support.running import Answer
from tests.support.running import Running


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """One answer of every kind there is."""
    folder = tmp_path_factory.mktemp("answers")
    handler = {
        "name": "h",
        "source": {"type": "local", "root": str(PICTURES)},
        "output_format": "auto",
        "cdn_max_age": 60,
    }
    config = {
        "handlers": [handler, {**handler, "name": "debug", "debug": True}],
        "cache": {"path": str(folder / "cache")},
        "renderers": 1,
        "admin": {"token": SECRET},
    }
    strict = {
        **config,
        "hosts": ["img.example.com"],
        "https_enabled": True,
        "https_strict": True,
        "https_cert": __file__,  # it exists, and nothing here reads it
        "https_key": __file__,
    }
    with Running(config) as origin:
        picture = origin.get("/h/logo.png?w=30")
        kinds = [
            picture,
            origin.get("/h/logo.png?w=30", headers={"If-None-Match": str(picture.headers["ETag"])}),
            origin.get("/h/logo.png?w=30", headers={"Range": "bytes=0-9"}),
            origin.get("/h/logo.png?w=30", headers={"Range": "bytes=99999999-"}),
            origin.get("/h/none.png"),
            origin.get("/h/logo.png", "POST"),
            origin.get("/nowhere/logo.png"),
            origin.get("/h/" + "x" * 9000),
            origin.get("/status"),
            origin.get("/-/metrics"),
            origin.get("/-/purge", "POST"),
        ]
        preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
        kinds.append(origin.get("/h/logo.png", "OPTIONS", preflight))
        kinds.append(origin.get("/debug/logo.png?hight=3&w=x"))
        origin.origin.admission.max_waiting = 0
        kinds.append(origin.get("/h/portrait.jpg"))
    with Running(strict) as origin:
        kinds.append(origin.get("/h/logo.png"))
    assert [answer.status for answer in kinds] == [
        *(200, 304, 206, 416, 404, 405, 404, 414, 200, 200, 401, 204, 404, 503, 301)
    ]
    return kinds


@pytest.fixture(scope="module")
def demo() -> Iterator[Running]:
    with demo_config(8080) as config:
        origin = Running(config)
        add_demo_page(origin.app)
        with origin:
            yield origin
