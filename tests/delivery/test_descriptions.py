"""`f=json`, `f=thumbhash` and `f=blurhash` over HTTP: types, cache, failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import pictures
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings

TYPES = {"json": "application/json", "thumbhash": "text/plain", "blurhash": "text/plain"}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("descriptions")
    config = settings(folder, folder / "cache", error_status="exact", output_format="auto")
    shelf = Shelf(
        **{
            "land.jpg": pictures.land(),
            "port.png": pictures.port(),
            "moving.gif": pictures.animation(),
            "cut.jpg": pictures.land()[:-500],
            "text.jpg": b"no picture",
        }
    )
    with Running(config, source=shelf) as running:
        yield running


@pytest.mark.parametrize("format", TYPES)
def test_a_description_is_an_answer_like_any_other(origin: Running, format: str) -> None:
    first = origin.get(f"/h/port.png?f={format}")
    again = origin.get(f"/h/port.png?w=300&radius=max&q=7&f={format}&utm=x", headers={"Accept": "image/avif"})
    assert (first.status, first.type) == (200, TYPES[format])
    assert first.body == again.body
    assert "uri-miss" in str(first.headers["Cache-Status"])
    assert "hit" in str(again.headers["Cache-Status"])  # whatever else is asked for
    assert first.headers["ETag"] == again.headers["ETag"]
    assert first.headers["Cache-Control"] == origin.get("/h/port.png?w=10").headers["Cache-Control"]
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["Vary"] is None
    assert first.headers["Content-Disposition"] == f'inline; filename="port.{format}"'
    headers = {"If-None-Match": str(first.headers["ETag"])}
    assert origin.get(f"/h/port.png?f={format}", headers=headers).status == 304
    head = origin.get(f"/h/port.png?f={format}", "HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(first.body)))


def test_the_json_tells_of_the_original(origin: Running) -> None:
    facts = json.loads(origin.get("/h/land.jpg?f=json").body)
    assert (facts["width"], facts["height"], facts["bytes"]) == (1000, 600, len(pictures.land()))
    assert list(facts) == [
        *("width", "height", "format", "bytes", "frames", "duration_ms", "alpha", "orientation"),
        *("dominant", "palette", "thumbhash", "blurhash", "lqip"),
    ]
    assert facts["blurhash"].encode() == origin.get("/h/land.jpg?f=blurhash").body
    assert facts["thumbhash"].encode() == origin.get("/h/land.jpg?f=thumbhash").body


@pytest.mark.parametrize("format", TYPES)
@pytest.mark.parametrize(
    ("target", "status", "kind"),
    [
        ("none.jpg?", 404, "not-found"),
        ("land.jpg?w=wide&", 400, "bad-request"),
        ("cut.jpg?", 422, "unprocessable"),
        ("text.jpg?", 415, "unprocessable"),
    ],
)
def test_a_failure_is_its_class(origin: Running, format: str, target: str, status: int, kind: str) -> None:
    answer = origin.get(f"/h/{target}f={format}")
    assert (answer.status, answer.type, answer.kind) == (status, TYPES[format], kind)
    assert answer.body == (json.dumps({"error": kind}).encode() if format == "json" else kind.encode())


def test_a_frame_past_the_last_is_a_bad_request(origin: Running) -> None:
    assert origin.get("/h/moving.gif?frame=4&f=png").status == 200
    answer = origin.get("/h/moving.gif?frame=5&f=png")
    assert (answer.status, answer.kind, answer.type) == (400, "bad-request", "image/png")
    assert answer.headers["Cache-Control"] == "no-store"


def test_bytes_that_no_quality_meets_are_unprocessable(origin: Running) -> None:
    answer = origin.get("/h/port.png?f=png&bytes=1000")
    assert (answer.status, answer.kind) == (422, "unprocessable")


def test_a_fallback_image_has_the_size_and_format_that_were_asked_for_and_no_effects(origin: Running) -> None:
    plain = origin.get("/h/none.jpg?w=90&h=60&f=png").body
    assert pictures.opened(plain).size == (90, 60)
    for effects in ("blur=20", "radius=max", "gray=1", "frame=3", "q=auto", "bytes=1000", "lossless=1"):
        assert origin.get(f"/h/none.jpg?w=90&h=60&f=png&{effects}").body == plain
