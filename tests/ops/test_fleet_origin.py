"""One origin of a fleet as a whole: its purges over HTTP, a reload, and a start over an old folder."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import pytest

from origin.config.load import build_config
from tests.support.documents import PICTURES
from tests.support.running import Running
from tests.support.running import settings
from tests.support.running import wait_until

TOKEN = "a-token-for-the-tests-of-fleets"
TARGET = "/h/logo.png?w=30&f=png"

pytestmark = pytest.mark.slow


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    results = tmp_path / "results"
    results.mkdir()
    shared = {"results": {"type": "local", "root": str(results)}}
    return settings(PICTURES, tmp_path / "cache") | {"shared": shared, "admin": {"token": TOKEN}}


def purge(origin: Running, **what: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=60)
    body = json.dumps({"handler": "h", **what})
    connection.request("POST", "/-/purge", body, {"authorization": f"Bearer {TOKEN}"})
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def came(origin: Running) -> str:
    status = origin.get(TARGET).headers["Cache-Status"]
    return status.rpartition("detail=")[2] if "; hit" in status else "miss"


def in_bucket(config: dict[str, Any]) -> int:
    root = Path(config["shared"]["results"]["root"])
    return sum(path.name.startswith("R") for path in (root / "results").rglob("*"))


def test_results_and_purges_are_in_the_bucket(config: dict[str, Any], tmp_path: Path) -> None:
    with Running(config) as origin:
        assert came(origin) == "miss"
        wait_until(lambda: in_bucket(config) == 1, "the result is in the bucket")
        other = config | {"cache": config["cache"] | {"path": str(tmp_path / "other")}}
        with Running(other) as second:
            assert [came(second), came(second)] == ["shared", "memory"]
        assert purge(origin, key="logo.png") == {"purged": 1}
        assert in_bucket(config) == 0
        assert came(origin) == "miss"
        # What is purged once is not purged again by a reload of the same handlers, only for new ones.
        app = origin.app
        origin.call(app.reload(build_config(config | {"log": {"level": "warning"}})))
        assert came(origin) == "memory"
    with Running(other) as second:  # over the folder with the old result
        assert came(second) == "shared"
