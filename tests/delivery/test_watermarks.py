"""Watermarks over HTTP: how they reach the renderers, and what a new one does to the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from origin.config.load import build_config
from origin.errors import ConfigError
from tests.support import pictures
from tests.support.running import Running
from tests.support.running import Shelf

RED, BLUE = (200, 40, 30), (30, 40, 200)
ORIGINAL = pictures.encoded(Image.new("RGB", (100, 100), (90, 90, 90)), "PNG")


def solid(colour: tuple[int, int, int]) -> bytes:
    return pictures.encoded(Image.new("RGB", (10, 10), colour), "PNG")


def settings(folder: Path, **changes: Any) -> dict[str, Any]:
    (folder / "red.png").write_bytes(solid(RED))
    (folder / "blue.png").write_bytes(solid(BLUE))
    logo = {"picture": str(folder / "red.png"), "gravity": "top-left", "size": 0.2}
    return {
        "handlers": [{"name": "h", "source": {"type": "local", "root": str(folder)}}],
        "watermarks": {"logo": {**logo, **changes}, "other": {**logo, "picture": str(folder / "blue.png")}},
        "cache": {"path": str(folder / "cache")},
        "renderers": 1,
    }


def corner(body: bytes) -> tuple[int, ...]:
    return tuple(np.asarray(pictures.opened(body).convert("RGB"))[3, 3])


@pytest.mark.slow
def test_each_url_gets_the_watermark_that_it_names(tmp_path: Path) -> None:
    with Running(settings(tmp_path), source=Shelf(**{"a.png": ORIGINAL})) as origin:
        for width in (40, 50, 60, 70):  # with and without the picture at hand
            for name, colour in (("logo", RED), ("other", BLUE)):
                answer = origin.get(f"/h/a.png?w={width}&wm={name}")
                assert (answer.status, corner(answer.body)) == (200, colour)
            assert corner(origin.get(f"/h/a.png?w={width}").body) == (90, 90, 90)
        assert origin.get("/h/a.png?wm=none").kind == "bad-request"


@pytest.mark.slow
def test_a_renderer_that_is_replaced_gets_the_picture_again(tmp_path: Path) -> None:
    with Running(settings(tmp_path), source=Shelf(**{"a.png": ORIGINAL})) as origin:
        assert corner(origin.get("/h/a.png?wm=logo").body) == RED
        [renderer] = origin.origin.pool._renderers
        origin.call(renderer.kill())
        assert corner(origin.get("/h/a.png?wm=logo&w=50").body) == RED


@pytest.mark.slow
def test_a_new_watermark_makes_new_results_and_no_others(tmp_path: Path) -> None:
    with Running(settings(tmp_path), source=Shelf(**{"a.png": ORIGINAL})) as origin:
        first = origin.get("/h/a.png?wm=logo")
        plain = origin.get("/h/a.png")
        for change in (
            {"picture": str(tmp_path / "blue.png")},
            {"opacity": 0.5},
            {"size": 0.5},
            {"gravity": "center"},
            {"tile": True},
        ):
            origin.call(origin.app.reload(build_config(settings(tmp_path, **change))))
            second = origin.get("/h/a.png?wm=logo")
            assert "stored" in str(second.headers["Cache-Status"])
            assert second.body != first.body
            assert "hit" in str(origin.get("/h/a.png").headers["Cache-Status"])
            assert origin.get("/h/a.png").body == plain.body
        origin.call(origin.app.reload(build_config(settings(tmp_path))))
        assert "hit" in str(origin.get("/h/a.png?wm=logo").headers["Cache-Status"])


@pytest.mark.slow
def test_a_fallback_image_has_none(tmp_path: Path) -> None:
    with Running(settings(tmp_path), source=Shelf()) as origin:
        missing = origin.get("/h/none.png?w=50&h=50&f=png&wm=logo")
        assert missing.kind == "not-found"
        assert missing.body == origin.get("/h/none.png?w=50&h=50&f=png").body


def test_a_watermark_that_does_not_decode_stops_the_start(tmp_path: Path) -> None:
    config = settings(tmp_path)
    (tmp_path / "red.png").write_bytes(solid(RED)[:60])
    with (
        pytest.raises(ConfigError, match=r"^watermarks\.logo\.picture: expected a picture that can be laid"),
        Running(config, source=Shelf()),
    ):
        pass
