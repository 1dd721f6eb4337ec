"""Fixed answers of the configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from origin.delivery.answers import Answer
from origin.delivery.answers import FixedAnswers
from tests.support.documents import PICTURES
from tests.support.running import Running
from tests.support.running import settings

ANSWERS = {
    "/ping": "Pong!",
    "GET /upload/": {"status": 404},
    "POST /upload": {"status": 308, "location": "/upload/"},
    "GET /images/fit/*": {
        "json": {"uptime": "{uptime}", "text": "up {uptime} s", "list": [1, None, "{uptime}"]}
    },
    "/h/logo.png": "in the place of a picture",
}


@pytest.mark.slow
def test_they_stand_before_everything_else(tmp_path: Path) -> None:
    with Running(settings(PICTURES, tmp_path / "cache") | {"answers": ANSWERS}) as origin:
        ping, head, posted = origin.get("/ping"), origin.get("/ping", "HEAD"), origin.get("/ping", "POST")
        assert (ping.status, ping.body, ping.type) == (200, b"Pong!", "text/plain; charset=utf-8")
        assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "5")
        assert posted.body == b"Pong!"
        assert ping.headers["Cache-Control"] == "no-store"
        assert ping.headers["X-Content-Type-Options"] == "nosniff"
        moved = origin.get("/upload", "POST")
        assert (moved.status, moved.headers["Location"]) == (308, "/upload/")
        assert origin.get("/upload/").status == 404
        assert origin.get("/images/fit/100x100/a.jpg").type == "application/json"
        assert origin.get("/h/logo.png").body == b"in the place of a picture"
        assert origin.get("/h/portrait.jpg?w=30").status == 200
        assert origin.get("/status").body == b"OK"


def test_seconds_stand_where_they_are_asked_for() -> None:
    answers = FixedAnswers(
        {"GET /a/*": Answer(json=ANSWERS["GET /images/fit/*"]["json"]), "/t": Answer(text="{uptime}")},  # type: ignore[index]
        lambda: 41.9,
    )
    found = answers.find("GET", b"/a/b")
    assert found is not None
    assert json.loads(found.body) == {"uptime": 41, "text": "up 41 s", "list": [1, None, 41]}
    text = answers.find("PUT", b"/t")
    assert text is not None
    assert text.body == b"41"


@pytest.mark.parametrize(("status", "length"), [(200, b"0"), (204, None), (205, b"0"), (304, None)])
def test_what_ends_with_its_head_has_no_length(status: int, length: bytes | None) -> None:
    found = FixedAnswers({"/favicon.ico": Answer(status)}).find("GET", b"/favicon.ico")
    assert found is not None
    assert dict(found.headers).get(b"content-length") == length
    assert b"content-type" not in dict(found.headers)


def test_the_nearest_answer_counts() -> None:
    answers = FixedAnswers(
        {name: Answer(text=name) for name in ("/*", "/a/*", "GET /a/*", "/a/b", "POST /a/b", "GET /é")}
    )

    def answer(method: str, path: bytes) -> bytes | None:
        found = answers.find(method, path)
        return None if found is None else found.body

    assert answer("GET", b"/a/b") == b"/a/b"
    assert answer("POST", b"/a/b") == b"POST /a/b"
    assert answer("GET", b"/a/%62") == b"/a/b"
    assert answer("HEAD", b"/a/c") == b"GET /a/*"
    assert answer("PUT", b"/a/c") == b"/a/*"
    assert answer("GET", b"/x") == b"/*"
    assert answer("GET", b"/%ff") is None
