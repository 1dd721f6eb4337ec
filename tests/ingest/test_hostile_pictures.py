"""Bombs and polyglots that are uploaded: refused in time or made harmless, and nothing is left behind."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support import bombs
from tests.support import pictures
from tests.support.idle_machine import idle_machine
from tests.support.running import Running
from tests.support.running import wait_until
from tests.support.uploads import BEARER
from tests.support.uploads import files
from tests.support.uploads import multipart
from tests.support.uploads import send
from tests.support.uploads import writing

MAX = 3_000_000  # bytes that a body may have here
MB = 1_000_000
FORMATS = ["jpg", "png", "webp", "gif", "avif", "svg"]
BOMBS = {
    "png-of-65536-squared": pictures.png(65_536, 65_536),
    "interlaced-png-of-12000-squared": bombs.interlaced_png(12_000),
    "progressive-jpeg-of-16000-squared": bombs.jpeg(16_000),
    "webp-of-16383-squared": bombs.webp(16_383),
    "avif-of-16384-squared": bombs.avif(16_384),
    "gif-of-10000-frames": pictures.many_frames(10_000),
    "svg-of-a-billion-laughs": bombs.LAUGHS,
    "svg-with-an-entity-for-a-file": bombs.reaching_svg("http://127.0.0.1:9", declared=True),
}
TOO_MUCH = {  # for the time that a picture is given
    "gif-of-100000-frames": bombs.gif_of_frames(100_000),
    "svg-of-uses-of-uses": bombs.USES,
    "svg-of-a-million-squared": bombs.GIANT,
}
TAILS = {
    "html": b"<!doctype html><script>alert(1)</script>",
    "zip": b"PK\3\4" + bytes(30) + b"PK\5\6" + bytes(18),
    "php": b"<?php system($_GET['c']); ?>",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`up` gives a picture the usual time, `brief` less than any computer takes for what is too much."""
    write = {"max_bytes": MAX, "data_uri": True, "accept": FORMATS}
    config = writing(folder, tmp_path_factory.mktemp("cache"), write, allowed_formats=FORMATS)
    (up,) = config["handlers"]
    config["handlers"].append({**up, "name": "brief", "limits": {"render_timeout": 0.05}})
    with idle_machine(), Running(config) as it:
        yield it
        wait_until(lambda: it.origin.metrics.in_flight == 0, "the requests ended")
        assert (it.origin.pool.waiting, it.origin.admission.bytes) == (0, 0)
        wait_until(lambda: it.origin.pool.busy == 0, "no renderer is at what nobody waits for")


@pytest.fixture(autouse=True)
def nothing_is_left(folder: Path) -> Iterator[None]:
    before = files(folder)
    yield
    assert files(folder) == before


@pytest.mark.many
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_415_however_it_comes(origin: Running, name: str) -> None:
    body, escaped = BOMBS[name], {"Content-Type": "application/x-www-form-urlencoded"}
    form, headers = multipart(("file", "a.jpg", body))
    uri = b"data:image/png;base64," + base64.b64encode(body)
    answers = [
        send(origin.port, "PUT", "/up/bomb.png", body, BEARER),
        send(origin.port, "POST", "/up", form, {**headers, **BEARER}),
        send(origin.port, "POST", "/up", b"file=" + quote(uri).encode(), {**escaped, **BEARER}),
    ]
    assert [(answer.status, answer.kind) for answer in answers] == [(415, "unsupported")] * 3


@pytest.mark.slow
@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_takes_too_long_is_415_and_holds_no_renderer(origin: Running, name: str) -> None:
    answer = send(origin.port, "PUT", "/brief/bomb.png", TOO_MUCH[name], BEARER)
    assert (answer.status, answer.kind) == (415, "unsupported")
    assert send(origin.port, "PUT", "/up/good.png", pictures.port(), BEARER).status == 201
    assert send(origin.port, "DELETE", "/up/good.png", headers=BEARER).status == 204


@pytest.mark.slow
@pytest.mark.parametrize("name", ["IDAT", "iCCP", "zTXt"])
def test_a_chunk_that_inflates_takes_no_memory(origin: Running, name: str) -> None:
    inflating = bombs.png_with(name.encode(), 100)
    (renderer,) = origin.origin.pool.processes
    Path(f"/proc/{renderer}/clear_refs").write_text("5")  # the peak starts anew (proc(5))
    before = peak(renderer)
    assert send(origin.port, "PUT", "/up/inflating.png", inflating, BEARER).status == 201
    assert peak(renderer) < before + 250 * MB
    assert send(origin.port, "DELETE", "/up/inflating.png", headers=BEARER).status == 204


def peak(process: int) -> int:
    """The most bytes that it had resident."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


@pytest.mark.many
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("tail", TAILS)
def test_what_stands_behind_a_picture_is_not_stored(
    origin: Running, folder: Path, kind: str, tail: str
) -> None:
    whole = pictures.encoded(pictures.field(40, 30), kind)
    assert send(origin.port, "PUT", "/up/polyglot", whole + TAILS[tail], BEARER).status == 201
    assert (folder / "polyglot").read_bytes() == whole
    answer = origin.get("/up/polyglot")
    assert (answer.status, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")
    assert TAILS[tail] not in answer.body
    assert send(origin.port, "DELETE", "/up/polyglot", headers=BEARER).status == 204


def test_a_hundred_megabytes_are_413_and_take_no_memory(origin: Running) -> None:
    """The origin runs in this very process. What comes behind its answer is thrown away as it comes."""
    Path("/proc/self/clear_refs").write_text("5")
    before = peak(os.getpid())
    for headers in ({}, {"Content-Length": str(100 * MB)}):
        body = iter([bytes(MB)] * 100)
        answer = send(origin.port, "PUT", "/up/large.png", body, {**BEARER, **headers})
        assert (answer.status, answer.kind) == (413, "too-large")
    assert peak(os.getpid()) < before + 30 * MB
