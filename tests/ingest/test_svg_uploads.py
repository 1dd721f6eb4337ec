"""An SVG that comes in is stored without what could harm, or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from origin.app import create_app
from origin.errors import ConfigError
from origin.errors import UnsupportedFormat
from origin.imaging.svg import sanitise_svg
from origin.parts import write
from tests.support import pictures
from tests.support.posting import posted
from tests.support.running import Running

HOSTILE = pictures.svg().replace(b"<rect", b'<script>alert(1)</script><rect onclick="alert(1)"')


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    write = {"auth": "open", "accept": ["svg", "png"], "normalise": {"max_dimension": 50}}
    source = {"type": "local", "root": str(folder)}
    formats = ["svg", "png"]
    with Running(
        {
            "handlers": [
                {
                    "name": "up",
                    "source": source,
                    "allowed_formats": formats,
                    "passthrough": "plain",
                    "write": write,
                },
                {"name": "png", "source": source, "write": {"auth": "open"}},
            ],
            "cache": {"path": str(tmp_path_factory.mktemp("cache"))},
            "renderers": 1,
        }
    ) as one:
        yield one


def stored(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and ".origin" not in path.parts]


@pytest.mark.slow
def test_it_is_stored_without_its_scripts(origin: Running, folder: Path) -> None:
    answer = posted(origin, "/up", HOSTILE)
    assert answer.status == 201, answer.body
    told = json.loads(answer.body)
    assert (told["width"], told["height"]) == (200, 100)
    assert told["key"].endswith(".svg")
    body = (folder / told["key"]).read_bytes()
    assert b"script" not in body
    assert b"onclick" not in body
    served = origin.get(f"/up/{told['key']}")
    assert (served.body, served.type) == (body, "image/svg+xml")
    assert "sandbox" in served.headers["Content-Security-Policy"]
    shown = pictures.pixels(origin.get(f"/up/{told['key']}?f=png&w=100").body, "RGBA")
    assert shown[25, 25].tolist() == [255, 0, 0, 255]
    assert shown[25, 75, 3] == 0


@pytest.mark.parametrize(
    "svg",
    [
        b'<!DOCTYPE svg [<!ENTITY a "b">]>' + pictures.svg(),
        pictures.svg()[:-8],
        b"<svg/>",
        b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<g>" * 200 + b"</g>" * 200 + b"</svg>",
    ],
    ids=["entities", "cut", "no namespace", "deep"],
)
def test_what_cannot_be_made_safe_is_refused(origin: Running, folder: Path, svg: bytes) -> None:
    before = stored(folder)
    answer = posted(origin, "/up", svg)
    assert (answer.status, b"the SVG cannot be made safe" in answer.body) == (415, True)
    assert stored(folder) == before


@pytest.mark.slow
def test_a_large_one_is_no_work_of_the_server(origin: Running) -> None:
    """Most of that is C, during which no other thread of its process would run."""
    attributes = " ".join(f'a{number}="1"' for number in range(60_000))
    large = f'<svg xmlns="http://www.w3.org/2000/svg"><g {attributes}/></svg>'.encode()
    start = time.process_time()
    with pytest.raises(UnsupportedFormat):
        sanitise_svg(large)
    alone = time.process_time() - start
    start = time.process_time()
    assert posted(origin, "/up", large).status == 415
    assert time.process_time() - start < alone / 2


def test_it_is_taken_only_where_it_is_named(origin: Running, folder: Path) -> None:
    before = stored(folder)
    assert posted(origin, "/png", pictures.svg()).status == 415
    assert stored(folder) == before


def test_without_what_disarms_it_svg_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "MAKES_SVG_SAFE", False)
    source = {"type": "local", "root": str(tmp_path / "pictures")}
    handler = {"name": "up", "source": source, "write": {"auth": "open", "accept": ["svg"]}}
    with pytest.raises(ConfigError, match=r"handler up: write\.accept: svg needs pip install .*svg"):
        create_app({"handlers": [handler], "cache": {"path": str(tmp_path / "cache")}})
