"""Origins as processes on one cache folder, and folders that cannot be used."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from origin.app import create_app
from origin.errors import ConfigError
from origin.server.run import run
from tests.support import warm_origins
from tests.support.commands import invoke
from tests.support.origin_process import on_loopback
from tests.support.origin_process import process
from tests.support.pictures import land
from tests.support.pictures import small
from tests.support.running import PATIENCE
from tests.support.running import Running
from tests.support.running import wait_until

TOKEN = "a-token-for-the-tests-of-folders"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.jpg").write_bytes(land())
    return root


def config(root: Path, folder: Path, **cache: Any) -> dict[str, Any]:
    settings = on_loopback(root, folder, admin={"token": TOKEN})
    settings["cache"].update(cache)
    return settings


def test_a_second_origin_on_one_cache_folder_is_refused(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    with process(tmp_path / "one", config(root, folder)) as running:
        assert running.get("/h/a.jpg?w=10").status == 200
        for shared in (False, True):
            log = tmp_path / f"log-{shared}"
            given = json.dumps(config(root, folder, shared=shared)).encode()
            assert warm_origins.start("serve", "-c", "-", given=given, log=log).wait(PATIENCE) == 2
            [line] = [line for line in log.read_text().splitlines() if line.startswith("origin: ")]
            assert line == (
                f"origin: cache.path: {folder} is in use by process {running.process.pid}; give each origin "
                'a folder of its own, or set "shared": true under "cache" for all that use this one'
            )
            assert "Traceback" not in log.read_text()
        checked = invoke("check", "-c", "-", text=json.dumps(config(root, folder)))
        assert (checked.exit_code, checked.stderr) == (0, "")
        assert running.get("/h/a.jpg?w=10").headers["Cache-Status"].startswith("origin; hit")
    with process(tmp_path / "two", config(root, folder)) as running:  # the first one was killed
        assert running.get("/h/a.jpg?w=10").headers["Cache-Status"].startswith("origin; hit")


def test_a_purge_reaches_all_origins_that_share_a_folder(root: Path, tmp_path: Path) -> None:
    configs = [config(root, tmp_path / "cache", shared=True) for _ in range(2)]
    with process(tmp_path / "one", configs[0]) as one, process(tmp_path / "two", configs[1]) as two:
        first = one.get("/h/a.jpg?w=10")
        wait_until(lambda: "hit" in two.get("/h/a.jpg?w=10").headers["Cache-Status"], "the other has it")
        (root / "a.jpg").write_bytes(small())
        request = urllib.request.Request(
            f"http://127.0.0.1:{one.port}/-/purge",
            json.dumps({"handler": "h"}).encode(),
            {"Authorization": f"Bearer {TOKEN}"},
        )
        with urllib.request.urlopen(request) as answer:
            assert json.loads(answer.read())["purged"] >= 1
        purged, asked = time.monotonic(), [0.0]

        def is_new() -> bool:
            begun = time.monotonic()
            answer = two.get("/h/a.jpg?w=10")
            asked.append(time.monotonic() - begun)
            return answer.headers["ETag"] != first.headers["ETag"]

        wait_until(is_new, "it is purged")
        # On a busy machine everything waits for a core, a request as well.
        assert time.monotonic() - purged < 2.0 + 10 * max(asked[:-1])
        assert one.get("/h/a.jpg?w=10").headers["ETag"] != first.headers["ETag"]


def test_two_handlers_with_folders_of_their_own_start(root: Path, tmp_path: Path) -> None:
    settings = config(root, tmp_path / "cache")
    settings["handlers"].append(
        {**settings["handlers"][0], "name": "other", "cache_path": str(tmp_path / "b")}
    )
    with Running(settings) as origin:
        assert {origin.get(f"/{name}/a.jpg?w=10").status for name in ("h", "other")} == {200}
    assert (tmp_path / "b" / "cache.db").exists()


# Folders that cannot be used


def test_a_cache_path_that_is_a_file_stops_the_start(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert complaint(config(root, path)) == f"cache.path: {path} is a file; choose a folder"


def test_a_cache_folder_that_cannot_be_made_stops_the_start(root: Path) -> None:
    assert complaint(config(root, Path("/proc/cache"))).startswith("cache.path: /proc/cache cannot be made: ")


def complaint(settings: dict[str, Any]) -> str:
    """The one line that a wrong start says, as `origin serve` prints it."""
    with pytest.raises(ConfigError) as refused:
        run(create_app(settings))
    assert str(refused.value).isprintable()
    return str(refused.value)


# No memory, no disk


def cache_status(origin: Running, target: str) -> str:
    return str(origin.get(target).headers["Cache-Status"])


def test_without_memory_every_hit_comes_from_the_disk(root: Path, tmp_path: Path) -> None:
    with Running(config(root, tmp_path / "cache", memory=0)) as origin:
        assert "stored" in cache_status(origin, "/h/a.jpg?w=10")
        origin.settle()
        for _ in range(3):
            assert cache_status(origin, "/h/a.jpg?w=10").endswith("; detail=disk")
        assert b"origin_cache_memory_bytes 0.0" in origin.get("/-/metrics").body


def test_without_a_disk_memory_keeps_the_results_and_no_folder_is_made(root: Path, tmp_path: Path) -> None:
    settings = config(root, tmp_path / "cache", max_size=0)
    with Running(settings) as origin:
        assert "stored" in cache_status(origin, "/h/a.jpg?w=10")
        assert cache_status(origin, "/h/a.jpg?w=10").endswith("; detail=memory")
        assert b"origin_cache_memory_bytes" in origin.get("/-/metrics").body
    assert not (tmp_path / "cache").exists()
    settings["cache"]["path"] = "/proc/cache"
    checked = invoke("check", "-c", "-", text=json.dumps(settings))
    assert (checked.exit_code, checked.stderr) == (0, "")
    with Running(settings) as origin:
        assert "stored" in cache_status(origin, "/h/a.jpg?w=10")  # what memory had has gone with the process


def test_without_both_nothing_is_kept(root: Path, tmp_path: Path) -> None:
    with Running(config(root, tmp_path / "cache", max_size=0, memory=0)) as origin:
        for _ in range(2):
            assert cache_status(origin, "/h/a.jpg?w=10") == "origin; fwd=uri-miss; fwd-status=200"
    assert not (tmp_path / "cache").exists()
