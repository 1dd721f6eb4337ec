"""Presets, names of files that name them, and what passes as it is, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from origin.errors import SourceUnavailable
from origin.signing import UrlSigner
from tests.support import pictures
from tests.support.running import Clock
from tests.support.running import Running
from tests.support.running import Shelf

LOGO = pictures.alpha()
PRESETS = {
    "medium": {"w": 40},
    "big": {"w": 80, "h": 50, "c": True},
    "jpgs": {"w": 30, "f": "png", "only": ["jpg"]},
    "fixed": {"w": 20, "locked": True},
}
HOUR = 3600


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Running]:
    def run(shelf: Shelf, clock: Clock | None = None, **handler: Any) -> Running:
        config = {
            "handlers": [
                {
                    "name": "h",
                    "source": {"type": "local", "root": str(tmp_path)},
                    "preset_names": {"MI": "medium", "BI": "big"},
                    "original_extensions": ["jpg", "png", "gif"],
                    "cache_time": HOUR,
                    **handler,
                }
            ],
            "presets": PRESETS,
            "cache": {"path": str(tmp_path / "cache")},
            "renderers": 1,
            "admin": {"token": "0123456789abcdef"},
        }
        return Running(config, source=shelf, clock=clock)

    return run


def size(body: bytes) -> tuple[int, int]:
    return pictures.opened(body).size


def keys(shelf: Shelf) -> list[str]:
    return [key for key, _ in shelf.gets]


def test_urls_that_mean_the_same_picture_share_one_result(run: Callable[..., Running]) -> None:
    with run(Shelf(**{"a.jpg": pictures.land()})) as origin:
        first = origin.get("/h/a.jpg?w=80&h=50")
        for query in ("p=big", "p=medium,big", "h=50&p=big&dl=x.jpg", "p=fixed,big&w=7&c=1"):
            other = origin.get(f"/h/a.jpg?{query}")
            assert (other.status, other.body) == (200, first.body)
            assert "hit" in str(other.headers["Cache-Status"])
        assert origin.get("/h/a.jpg?p=none").kind == "bad-request"


def test_a_file_name_is_a_preset_of_the_first_original_that_is_there(run: Callable[..., Running]) -> None:
    shelf = Shelf(**{"d/1.png": LOGO, "d/1.gif": pictures.animation()})
    with run(shelf) as origin:
        answer = origin.get("/h/d/1MI.webp")
        assert (answer.status, answer.type, size(answer.body)[0]) == (200, "image/webp", 40)
        assert answer.headers["Content-Disposition"] == 'inline; filename="1MI.webp"'
        assert keys(shelf) == ["d/1MI.webp", "d/1.jpg", "d/1.png"]
        again = origin.get("/h/d/1MI.webp")
        assert again.body == answer.body
        assert keys(shelf) == ["d/1MI.webp", "d/1.jpg", "d/1.png"]  # nobody is asked again
        # The same picture by its options, and its tag.
        plain = origin.get("/h/d/1.png?w=40&f=webp")
        assert plain.body == answer.body
        assert plain.headers["Surrogate-Key"] == answer.headers["Surrogate-Key"]
        assert origin.get("/h/d/1MI.webp?w=20").headers["ETag"] != answer.headers["ETag"]
        assert size(origin.get("/h/d/1MI.webp?w=20").body)[0] == 20


def test_a_key_that_is_there_wins_over_the_preset_that_it_names(run: Callable[..., Running]) -> None:
    shelf = Shelf(**{"1.jpg": pictures.land(), "1MI.jpg": pictures.small()})
    with run(shelf) as origin:
        assert size(origin.get("/h/1.jpg").body) == (1000, 600)
        assert size(origin.get("/h/1MI.jpg").body) == (100, 80)
        assert size(origin.get("/h/1BI.jpg").body) == (80, 50)
        assert keys(shelf) == ["1.jpg", "1MI.jpg", "1BI.jpg"]  # 1.jpg is in the cache


def test_a_name_without_an_original_is_missing_in_the_size_of_the_preset(run: Callable[..., Running]) -> None:
    shelf = Shelf()
    with run(shelf, error_status="exact") as origin:
        answer = origin.get("/h/1BI.png")
        assert (answer.status, answer.kind, answer.type) == (404, "not-found", "image/png")
        assert size(answer.body) == (80, 50)
        assert keys(shelf) == ["1BI.png", "1.jpg", "1.png", "1.gif"]
        origin.get("/h/1BI.png")
        assert len(keys(shelf)) == 4  # failures are remembered
        assert origin.get("/h/1BI.png?w=x").kind == "bad-request"


def test_the_source_is_asked_again_when_the_time_has_come(run: Callable[..., Running]) -> None:
    shelf, clock = Shelf(**{"1.jpg": pictures.land()}), Clock()
    with run(shelf, clock, stale_while_revalidate=0) as origin:
        assert size(origin.get("/h/1MI.jpg").body) == (40, 24)
        shelf.originals["1MI.jpg"] = pictures.small()
        clock.now += HOUR - 1
        assert size(origin.get("/h/1MI.jpg").body) == (40, 24)
        clock.now += 2
        assert size(origin.get("/h/1MI.jpg").body) == (100, 80)
        del shelf.originals["1MI.jpg"]
        clock.now += HOUR + 1
        assert size(origin.get("/h/1MI.jpg").body) == (40, 24)


def test_a_source_that_is_down_leaves_what_is_known(run: Callable[..., Running]) -> None:
    shelf, clock = Shelf(**{"1.png": LOGO}), Clock()
    with run(shelf, clock, stale_while_revalidate=0) as origin:
        first = origin.get("/h/1MI.webp")
        shelf.failure = SourceUnavailable("down")
        clock.now += HOUR + 60
        stale = origin.get("/h/1MI.webp")
        assert (stale.status, stale.body) == (200, first.body)
        assert "stale-if-error" in str(stale.headers["Cache-Status"])
        assert origin.get("/h/2MI.webp").kind == "source-unavailable"


def test_a_purge_forgets_what_a_name_meant(run: Callable[..., Running]) -> None:
    shelf = Shelf(**{"1.jpg": pictures.land()})
    with run(shelf) as origin:
        origin.get("/h/1MI.jpg")
        shelf.originals["1MI.jpg"] = pictures.small()
        origin.call(origin.app.handlers_by_name["h"].purge("1MI.jpg", None))
        assert size(origin.get("/h/1MI.jpg").body) == (100, 80)


def test_originals_that_a_preset_is_not_for_pass_as_they_are(run: Callable[..., Running]) -> None:
    gif = pictures.animation()
    with run(Shelf(**{"a.jpg": pictures.land(), "a.gif": gif, "a.txt": b"<html>"})) as origin:
        assert size(origin.get("/h/a.jpg?p=jpgs").body) == (30, 18)
        passed = origin.get("/h/a.gif?p=jpgs")
        assert (passed.status, passed.type, passed.body) == (200, "image/gif", gif)
        assert str(passed.headers["Content-Security-Policy"]).endswith("sandbox")
        assert "hit" in str(origin.get("/h/a.gif?p=jpgs").headers["Cache-Status"])
        assert size(origin.get("/h/a.gif?w=30&f=png").body)[0] == 30
        assert origin.get("/h/a.txt?p=jpgs").kind == "unprocessable"


KEY = "k" * 32


def test_a_grant_names_presets_and_bounds_nothing_inside_them(run: Callable[..., Running]) -> None:
    signer = UrlSigner("", "h", [KEY])
    both = signer.grant("d/*", p=["big", "fixed"])
    plain = signer.grant("d/*")
    one = signer.grant("d/1.jpg")
    with run(Shelf(**{"d/1.jpg": pictures.land()}), signing={"keys": [KEY]}) as origin:

        def get(query: str) -> Any:
            return origin.get(f"/h/d/1.jpg?{query}&t={both}")

        assert size(get("p=big").body) == (80, 50)
        assert size(get("p=fixed").body) == (20, 12)
        for outside in ("p=big,fixed", "p=medium", "p=big&w=10", "w=80", ""):
            assert get(outside).kind == "forbidden"
        # A file name is part of the key.
        assert size(origin.get(f"/h/d/1MI.jpg?t={plain}").body) == (40, 24)
        assert origin.get(f"/h/d/1MI.jpg?t={one}").kind == "forbidden"


def test_an_exact_token_signs_the_name_of_a_preset_and_a_lock_holds(run: Callable[..., Running]) -> None:
    signer = UrlSigner("", "h", [KEY])
    with run(Shelf(**{"1.jpg": pictures.land()}), signing={"keys": [KEY]}) as origin:
        url = signer.url("1.jpg", p="medium,fixed", w=500)
        assert size(origin.get(url).body) == (20, 12)
        assert origin.get(url.replace("p=medium", "p=big")).kind == "forbidden"
        assert size(origin.get(signer.url("1MI.png")).body) == (40, 24)


@pytest.mark.slow
def test_a_plain_url_passes_unless_a_preset_gives_it_options(run: Callable[..., Running]) -> None:
    shelf = Shelf(**{"1.jpg": pictures.land(), "2MI.jpg": pictures.small()})
    with run(shelf, passthrough="plain") as origin:
        assert origin.get("/h/1.jpg").body == pictures.land()
        assert origin.get("/h/2MI.jpg").body == pictures.small()
        assert size(origin.get("/h/1MI.jpg").body) == (40, 24)
        assert size(origin.get("/h/1.jpg?p=big").body) == (80, 50)
    with run(shelf, passthrough="plain", preset="fixed") as origin:
        assert size(origin.get("/h/1.jpg").body) == (20, 12)
    with run(shelf, passthrough="always") as origin:
        assert origin.get("/h/1.jpg?p=big").body == pictures.land()
        assert origin.get("/h/1MI.jpg").kind == "not-found"


def test_what_passes_is_whole(run: Callable[..., Running]) -> None:
    with run(Shelf(**{"a.gif": pictures.animation()[:-200], "a.png": LOGO[: len(LOGO) // 2]})) as origin:
        assert origin.get("/h/a.gif?p=jpgs").kind == "unprocessable"
        assert origin.get("/h/a.png?p=jpgs").kind == "unprocessable"


def test_what_passes_is_still_of_a_format_that_is_allowed(run: Callable[..., Running]) -> None:
    with run(Shelf(**{"a.gif": pictures.animation()}), allowed_formats=["jpg"]) as origin:
        assert origin.get("/h/a.gif?p=jpgs").kind == "unprocessable"


def test_a_download_names_its_file_and_is_the_same_picture(run: Callable[..., Running]) -> None:
    with run(Shelf(**{"a.jpg": pictures.land()})) as origin:
        shown = origin.get("/h/a.jpg?w=30")
        saved = origin.get("/h/a.jpg?w=30&dl=Holiday%20%C3%A9t%C3%A9.png")
        assert saved.body == shown.body
        assert saved.headers["ETag"] == shown.headers["ETag"]
        assert "hit" in str(saved.headers["Cache-Status"])
        assert saved.headers["Content-Disposition"] == (
            "attachment; filename=\"Holiday _t_.jpg\"; filename*=UTF-8''Holiday%20%C3%A9t%C3%A9.jpg"
        )
        assert shown.headers["Content-Disposition"] == 'inline; filename="a.jpg"'
        # From memory, past ASGI, each keeps its own.
        for _ in range(3):
            assert str(origin.get("/h/a.jpg?w=30&dl=x").headers["Content-Disposition"]).startswith(
                "attachment"
            )
            assert str(origin.get("/h/a.jpg?w=30").headers["Content-Disposition"]).startswith("inline")
        assert origin.get("/h/a.jpg?w=30&dl=a%0d%0aSet-Cookie:x").kind == "bad-request"
        assert "Set-Cookie" not in origin.get("/h/a.jpg?w=30&dl=a%0d%0aSet-Cookie:x").headers
