"""Pictures that ask for more than anyone should give: refused by their headers, or ended in time.

The table of decompression bombs: what is over a limit costs neither time nor memory; what is under it
costs one render at most, and the next picture is served.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support import bombs
from tests.support import pictures
from tests.support.idle_machine import idle_machine
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings
from tests.support.running import wait_until

TRIES = 3
ALL = ["jpg", "png", "webp", "gif", "avif", "tiff", "svg"]
# Made when they are asked for: every process collects this file, and one runs it.
Bombs = dict[str, Callable[[], bytes]]
OVER_A_LIMIT: Bombs = {
    "png-of-65536-squared": lambda: pictures.png(65536, 65536),
    "interlaced-png-of-12000-squared": lambda: bombs.interlaced_png(12_000),
    "progressive-jpeg-of-16000-squared": lambda: bombs.jpeg(16_000),
    "webp-of-16383-squared": lambda: bombs.webp(16_383),
    "avif-of-16384-squared": lambda: bombs.avif(16_384),
    "avif-that-takes-more-memory-than-there-is": lambda: bombs.avif(9_000),
    "gif-of-10000-frames": lambda: pictures.many_frames(10_000),
}
OTHERS: Bombs = {
    "tiff-of-90-million-squared": lambda: bombs.tiff(90_000_000),
    "tiff-of-20000-pages": lambda: bombs.tiff_of_pages(20_000),
    "svg-of-a-billion-laughs": lambda: bombs.LAUGHS,
}
UNDER_THE_LIMITS: Bombs = {
    "interlaced-png": lambda: bombs.interlaced_png(9_999),
    "progressive-jpeg": lambda: bombs.jpeg(9_999),
    "webp": lambda: bombs.webp(9_999),
    "avif": lambda: bombs.avif(8_000),
    "tiff": lambda: bombs.tiff(9_999),
    "gif-of-24-frames-of-2000-squared": lambda: pictures.many_frames(24),
    "gif-of-100000-frames": lambda: bombs.gif_of_frames(100_000),
    "png-with-100-mb-of-pixels": lambda: bombs.png_with(b"IDAT", 100),
    "png-with-100-mb-of-profile": lambda: bombs.png_with(b"iCCP", 100),
    "png-with-100-mb-of-text": lambda: bombs.png_with(b"zTXt", 100),
    "png-with-100000-texts": lambda: bombs.png_of_texts(100_000),
    "svg-of-a-million-squared": lambda: bombs.GIANT,
}
TOO_SLOW: Bombs = {
    "progressive-jpeg-of-many-scans": lambda: bombs.jpeg_of_scans(300),
    "svg-of-uses-of-uses": lambda: bombs.USES,
}


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    makers = OVER_A_LIMIT | OTHERS | UNDER_THE_LIMITS | TOO_SLOW | {"good.jpg": pictures.small}
    files = {key: make() for key, make in makers.items()}
    return Shelf(**{f"{n}/{key}": body for n in range(TRIES) for key, body in files.items()})


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, shelf: Shelf) -> Iterator[Running]:
    """`h` decodes what is decoded by default, `all` everything, `brief` everything within half a second."""
    folder = tmp_path_factory.mktemp("bombs")
    config = settings(folder, folder / "cache", error_status="exact")
    (handler,) = config["handlers"]
    patient = {"render_timeout": 50}  # a busy machine takes long; what a render takes is told by its CPU
    everything = handler | {"allowed_formats": ALL, "limits": patient}
    brief = {"name": "brief", "limits": {"render_timeout": 0.5}}
    config["handlers"] += [everything | {"name": "all"}, everything | brief]
    with idle_machine(), Running(config, source=shelf) as running:
        yield running


def peak_memory(origin: Running) -> int:
    """The most bytes that the one renderer ever had resident."""
    wait_until(lambda: origin.origin.pool.idle, "the renderer has nothing to do")
    lines = Path(f"/proc/{origin.origin.pool.processes[0]}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def renderer_seconds(origin: Running) -> float:
    """CPU seconds that the one renderer has taken: on a busy machine a render waits for a core as well."""
    wait_until(lambda: origin.origin.pool.idle, "the renderer has nothing to do")
    stat = Path(f"/proc/{origin.origin.pool.processes[0]}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def ask(origin: Running, path: str) -> tuple[int, str | None]:
    """Status and class."""
    answer = origin.get(path)
    return answer.status, answer.kind


@pytest.mark.parametrize("bomb", OVER_A_LIMIT)
def test_a_bomb_is_refused_at_its_header(origin: Running, bomb: str) -> None:
    memory, begun = peak_memory(origin), renderer_seconds(origin)
    answers = {ask(origin, f"/h/{n}/{bomb}?w=100") for n in range(TRIES)}
    assert answers == {(422, "unprocessable")}
    assert renderer_seconds(origin) - begun < TRIES * 0.1
    assert peak_memory(origin) - memory < 50 * bombs.MB
    assert origin.origin.pool.restarts == 0


@pytest.mark.parametrize("bomb", OTHERS)
def test_a_format_that_nobody_named_is_never_decoded(origin: Running, bomb: str) -> None:
    assert ask(origin, f"/h/0/{bomb}?w=100") == (415, "unprocessable")
    assert ask(origin, f"/all/0/{bomb}?w=100") == (422, "unprocessable")


@pytest.mark.parametrize("bomb", UNDER_THE_LIMITS)
def test_a_bomb_under_the_limits_costs_one_render_at_most(origin: Running, bomb: str) -> None:
    begun = renderer_seconds(origin)
    status, kind = ask(origin, f"/all/0/{bomb}?w=100")
    assert (status, kind) in [(200, None), (422, "unprocessable"), (500, "render-failed")]
    assert renderer_seconds(origin) - begun < 5
    assert origin.get("/all/0/good.jpg?w=50").status == 200


def test_an_animation_without_end_is_cut(origin: Running) -> None:
    answer = origin.get("/h/1/gif-of-100000-frames?w=1")
    assert pictures.opened(answer.body).n_frames == 100  # type: ignore[attr-defined]


@pytest.mark.parametrize("bomb", TOO_SLOW)
def test_a_bomb_of_time_is_ended_and_then_left_alone(origin: Running, bomb: str) -> None:
    for width in (100, 101):
        assert ask(origin, f"/brief/0/{bomb}?w={width}") == (504, "render-failed")
    begun = renderer_seconds(origin)  # of the one that took the place of what was killed
    restarts = origin.origin.pool.restarts
    assert ask(origin, f"/brief/0/{bomb}?w=102") == (422, "unprocessable")
    assert renderer_seconds(origin) - begun < 0.3
    assert origin.origin.pool.restarts == restarts
    assert origin.get("/all/0/good.jpg?w=51").status == 200


@pytest.mark.parametrize(("declared", "status"), [(True, 422), (False, 200)])
def test_an_svg_reaches_neither_the_network_nor_a_file(
    origin: Running, shelf: Shelf, declared: bool, status: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody_should_call:
        address = f"http://127.0.0.1:{nobody_should_call.getsockname()[1]}"
        shelf.originals[f"reaching-{declared}"] = bombs.reaching_svg(address, declared)
        answer = origin.get(f"/all/reaching-{declared}?f=png")
        assert answer.status == status
        nobody_should_call.setblocking(False)
        with pytest.raises(BlockingIOError):
            nobody_should_call.accept()
    if status == 200:
        assert np.unique(pictures.pixels(answer.body).reshape(-1, 3), axis=0).tolist() == [[0, 0, 255]]
