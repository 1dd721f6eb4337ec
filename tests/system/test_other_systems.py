"""`origin demo` and `origin serve` where Linux's own calls are missing, as on a front-end developer's Mac.

Both kinds of process, server and renderer, really run without them (see `tests.support.other_systems`).
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.ports import closed_port
from origin.imaging.sandbox import LOCKS
from tests.support import pictures
from tests.support.other_systems import install
from tests.support.running import PATIENCE
from tests.support.running import PROGRAM
from tests.support.running import Client
from tests.support.running import settings
from tests.support.running import wait_until

MAC_WARNING = (
    "renderers run without a sandbox (only Linux has it): serve only pictures that you trust from here"
)


class Process(Client):
    """`origin ...` on such a system, once it is ready."""

    def __init__(self, folder: Path, platform: str, port: int, *arguments: str) -> None:
        super().__init__(port)
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, *arguments],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=os.environ | {"PYTHONPATH": install(folder, platform)},
            )

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/-/ready").status == 200
        except OSError:
            return False

    def troubles(self) -> list[str]:
        """What the log says beyond information, without its time."""
        lines = self.log.read_text().splitlines()
        return [match[1] for line in lines if (match := re.match(r"\S+ (?:warning|error) (.*)", line))]


@contextmanager
def running(folder: Path, platform: str, port: int, *arguments: str) -> Iterator[Process]:
    process = Process(folder, platform, port, *arguments)
    try:
        wait_until(process.is_ready, "the origin is ready")
        yield process
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(PATIENCE) == 0, process.log.read_text()
    finally:
        process.process.kill()
        process.process.wait()


def demo_answers(origin: Process) -> None:
    assert origin.get("/").type == "text/html; charset=utf-8"
    for format in ("webp", "avif"):
        answer = origin.get(f"/demo/landscape.jpg?w=300&f={format}")
        assert (answer.status, answer.type) == (200, f"image/{format}")
        assert pictures.opened(answer.body).size == (300, 200)
    again = origin.get("/demo/landscape.jpg?w=300&f=webp")
    assert again.headers["Cache-Status"].startswith("origin; hit")


def with_svg(folder: Path, port: int) -> str:
    """The path of a configuration that allows every format, and whose folder has an SVG."""
    (folder / "pictures").mkdir()
    (folder / "pictures" / "a.svg").write_bytes(pictures.svg())
    formats = ["jpg", "png", "webp", "gif", "avif", "tiff", "svg"]
    config = settings(folder / "pictures", folder / "cache", allowed_formats=formats)
    path = folder / "config.json"
    path.write_text(json.dumps(config | {"http_host": "127.0.0.1", "http_port": port, "drain": 0}))
    return str(path)


def origin_here(folder: Path, platform: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `origin ...` to its end on such a system."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": install(folder, platform)},
        timeout=PATIENCE,
        check=False,
    )


def test_the_demo_runs_on_a_mac(tmp_path: Path) -> None:
    port = closed_port()
    with running(tmp_path, "darwin", port, "demo", "--port", str(port)) as origin:
        demo_answers(origin)
    assert origin.troubles() == [MAC_WARNING]


def test_an_origin_with_every_format_runs_on_a_mac(tmp_path: Path) -> None:
    port = closed_port()
    with running(tmp_path, "darwin", port, "serve", "-c", with_svg(tmp_path, port)) as origin:
        answer = origin.get("/h/a.svg?f=png")
        assert (answer.status, answer.type) == (200, "image/png")
        assert pictures.opened(answer.body).size == (200, 100)
    assert origin.troubles() == [MAC_WARNING]


def test_a_check_on_a_mac_says_what_is_off(tmp_path: Path) -> None:
    run = origin_here(tmp_path, "darwin", "check", "-c", with_svg(tmp_path, closed_port()))
    assert run.returncode == 0, run.stdout
    line = next(line for line in run.stdout.splitlines() if line.startswith("renderer: ok"))
    for lock in LOCKS:
        assert f"{lock} OFF (only Linux has it)" in line


def test_the_demo_runs_on_a_linux_without_any_lock(tmp_path: Path) -> None:
    """Such as one without /proc, or an emulation."""
    port = closed_port()
    with running(tmp_path, "linux", port, "demo", "--port", str(port)) as origin:
        demo_answers(origin)
    (warning,) = origin.troubles()
    assert warning.startswith("renderers run without a sandbox (")
    assert "pyseccomp or libseccomp is not installed" in warning


@pytest.mark.parametrize("command", ["serve", "check"])
def test_svg_is_refused_on_a_linux_without_landlock(tmp_path: Path, command: str) -> None:
    run = origin_here(tmp_path, "linux", command, "-c", with_svg(tmp_path, closed_port()))
    assert run.returncode == {"serve": 2, "check": 1}[command]
    assert "Landlock is missing" in run.stdout + run.stderr
    assert "take svg out of allowed_formats" in run.stdout + run.stderr
