"""`origin demo` serves every URL that it prints."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path

import pytest

from benchmarks import ports
from origin.imaging.binding import WHEEL
from tests.support import libvips
from tests.support import pictures
from tests.support import s3_servers
from tests.support.running import Client
from tests.support.running import command
from tests.support.running import serving
from tests.support.running import wait_until


@pytest.mark.slow
def test_the_demo_prints_no_url_where_nothing_can_be_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libvips.old_module(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    done = command("demo", "--port", str(ports.closed_port()))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("origin: libvips 8.18 in API mode is needed, found 8.14.1 in API mode (")
    assert line.endswith(f" -m pip install --force-reinstall --no-deps '{WHEEL}'")


@pytest.mark.slow
def test_the_demo_prints_no_url_where_its_port_is_taken(moto_server: s3_servers.S3Server) -> None:
    done = command("demo", "--port", moto_server.url.rpartition(":")[2])
    assert (done.returncode, done.stdout) == (2, "")
    assert "something else listens there; choose another --port" in done.stderr


@pytest.mark.slow
def test_the_demo_serves_every_url_it_prints_and_every_picture_of_its_page(tmp_path: Path) -> None:
    port = ports.closed_port()
    with serving(tmp_path, "demo", "--port", str(port), port=port) as process:
        demo = Client(port)
        wait_until((tmp_path / "stdout").read_text, "the demo prints its URLs")
        urls = (tmp_path / "stdout").read_text().split()
        printed = {url.removeprefix(f"http://127.0.0.1:{port}") for url in urls}
        pages = {"/", "/-/playground"}
        page, icon = demo.get("/"), demo.get("/favicon.ico")
        shown = re.findall(r'<img src="(/[^"]+)"', html.unescape(page.body.decode()))
        answers = {path: demo.get(path) for path in {*printed, *shown} - pages}

    assert process.returncode == 0
    assert pages <= printed
    assert (page.status, page.type) == (200, "text/html; charset=utf-8")
    assert sum(answer.status == 200 for answer in answers.values()) > 20
    assert (icon.status, icon.type) == (200, "image/png")
    assert pictures.opened(icon.body).size == (64, 64)
    # One example of each of these failures, fallback image and all.
    assert sorted(answer.kind for answer in answers.values() if answer.kind) == [
        "bad-request",
        "not-found",
        "unprocessable",
    ]
    assert all(pictures.opened(answer.body).width > 1 for answer in answers.values())


@pytest.mark.slow
def test_a_folder_of_ones_own_is_served_beside_them(tmp_path: Path) -> None:
    folder = tmp_path / "my pictures"
    folder.mkdir()
    (folder / "cat.png").write_bytes(pictures.encoded(pictures.field(90, 60), "PNG"))
    port = ports.closed_port()
    with serving(tmp_path, "demo", "--port", str(port), "--pictures", str(folder), port=port):
        wait_until((tmp_path / "stdout").read_text, "the demo prints its URLs")
        printed = (tmp_path / "stdout").read_text()
        picture = Client(port).get("/yours/cat.png?w=45")
    assert f"http://127.0.0.1:{port}/-/playground#/yours/?w=600&f=auto" in printed.split()
    assert pictures.opened(picture.body).size == (45, 30)


@pytest.mark.slow
def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = command("demo", "--pictures", str(tmp_path / "nothing"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not exist" in done.stderr
