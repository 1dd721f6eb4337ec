"""Presets, names of files that name them, and what passes as it is, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple

import pytest

from origin.errors import SourceUnavailable
from origin.signing import UrlSigner
from tests.support import pictures
from tests.support.running import Answer
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
KEY = "k" * 32


# Handlers beside the plain one, each with a source of its own, so that one origin serves most tests.
HANDLERS: dict[str, dict[str, Any]] = {
    "h": {},
    "names": {},
    "own": {},
    "exact": {"error_status": "exact"},
    "purged": {},
    "jpgs": {"allowed_formats": ["jpg"]},
    "signed": {"signing": {"keys": [KEY]}},
    "plain": {"passthrough": "plain"},
    "fixed": {"passthrough": "plain", "preset": "fixed"},
    "always": {"passthrough": "always"},
}


def settings(folder: Path, handlers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    common = {
        "source": {"type": "local", "root": str(folder)},
        "preset_names": {"MI": "medium", "BI": "big"},
        "original_extensions": ["jpg", "png", "gif"],
        "cache_time": HOUR,
    }
    return {
        "handlers": [{"name": name, **common, **own} for name, own in handlers.items()],
        "presets": PRESETS,
        "cache": {"path": str(folder / "cache")},
        "renderers": 1,
    }


class Served(NamedTuple):
    origin: Running
    shelves: dict[str, Shelf]

    def fill(self, handler: str, **originals: bytes) -> Shelf:
        """The source of a handler, with these originals."""
        self.shelves[handler].originals.update(originals)
        return self.shelves[handler]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    shelves = {name: Shelf() for name in HANDLERS}
    folder: Path = tmp_path_factory.mktemp("presets")
    with Running(settings(folder, HANDLERS), sources=shelves) as origin:
        yield Served(origin, shelves)


def size(body: bytes) -> tuple[int, int]:
    return pictures.opened(body).size


def keys(shelf: Shelf) -> list[str]:
    return [key for key, _ in shelf.gets]


@pytest.mark.slow
def test_urls_that_mean_the_same_picture_share_one_result(served: Served) -> None:
    served.fill("h", **{"share.jpg": pictures.land()})
    first = served.origin.get("/h/share.jpg?w=80&h=50")
    for query in ("p=big", "p=medium,big", "h=50&p=big&dl=x.jpg", "p=fixed,big&w=7&c=1"):
        other = served.origin.get(f"/h/share.jpg?{query}")
        assert (other.status, other.body) == (200, first.body)
        assert "hit" in str(other.headers["Cache-Status"])
    assert served.origin.get("/h/share.jpg?p=none").kind == "bad-request"


@pytest.mark.slow
def test_a_file_name_is_a_preset_of_the_first_original_that_is_there(served: Served) -> None:
    shelf, get = served.fill("names", **{"d/1.png": LOGO, "d/1.gif": pictures.animation()}), served.origin.get
    answer = get("/names/d/1MI.webp")
    assert (answer.status, answer.type, size(answer.body)[0]) == (200, "image/webp", 40)
    assert answer.headers["Content-Disposition"] == 'inline; filename="1MI.webp"'
    assert keys(shelf) == ["d/1MI.webp", "d/1.jpg", "d/1.png"]
    again = get("/names/d/1MI.webp")
    assert again.body == answer.body
    assert keys(shelf) == ["d/1MI.webp", "d/1.jpg", "d/1.png"]  # nobody is asked again
    # The same picture by its options, and its tag.
    plain = get("/names/d/1.png?w=40&f=webp")
    assert plain.body == answer.body
    assert plain.headers["Surrogate-Key"] == answer.headers["Surrogate-Key"]
    assert get("/names/d/1MI.webp?w=20").headers["ETag"] != answer.headers["ETag"]
    assert size(get("/names/d/1MI.webp?w=20").body)[0] == 20


def test_a_key_that_is_there_wins_over_the_preset_that_it_names(served: Served) -> None:
    shelf = served.fill("own", **{"1.jpg": pictures.land(), "1MI.jpg": pictures.small()})
    assert size(served.origin.get("/own/1.jpg").body) == (1000, 600)
    assert size(served.origin.get("/own/1MI.jpg").body) == (100, 80)
    assert size(served.origin.get("/own/1BI.jpg").body) == (80, 50)
    assert keys(shelf) == ["1.jpg", "1MI.jpg", "1BI.jpg"]  # 1.jpg is in the cache


def test_a_name_without_an_original_is_missing_in_the_size_of_the_preset(served: Served) -> None:
    shelf, get = served.shelves["exact"], served.origin.get
    answer = get("/exact/1BI.png")
    assert (answer.status, answer.kind, answer.type) == (404, "not-found", "image/png")
    assert size(answer.body) == (80, 50)
    assert keys(shelf) == ["1BI.png", "1.jpg", "1.png", "1.gif"]
    get("/exact/1BI.png")
    assert len(keys(shelf)) == 4  # failures are remembered
    assert get("/exact/1BI.png?w=x").kind == "bad-request"


@pytest.mark.slow
def test_the_source_is_asked_again_when_the_time_has_come(tmp_path: Path) -> None:
    shelf, clock = Shelf(**{"1.jpg": pictures.land(), "2.png": LOGO}), Clock()
    config = settings(tmp_path, {"h": {"stale_while_revalidate": 0}})
    with Running(config, source=shelf, clock=clock) as origin:
        first = origin.get("/h/2MI.webp")
        assert size(origin.get("/h/1MI.jpg").body) == (40, 24)
        shelf.originals["1MI.jpg"] = pictures.small()
        clock.now += HOUR - 1
        assert size(origin.get("/h/1MI.jpg").body) == (40, 24)
        clock.now += 2
        assert size(origin.get("/h/1MI.jpg").body) == (100, 80)
        del shelf.originals["1MI.jpg"]
        clock.now += HOUR + 1
        assert size(origin.get("/h/1MI.jpg").body) == (40, 24)
        # A source that is down leaves what is known.
        shelf.failure = SourceUnavailable("down")
        clock.now += HOUR + 60
        stale = origin.get("/h/2MI.webp")
        assert (stale.status, stale.body) == (200, first.body)
        assert "stale-if-error" in str(stale.headers["Cache-Status"])
        assert origin.get("/h/3MI.webp").kind == "source-unavailable"


def test_a_purge_forgets_what_a_name_meant(served: Served) -> None:
    shelf = served.fill("purged", **{"1.jpg": pictures.land()})
    served.origin.get("/purged/1MI.jpg")
    shelf.originals["1MI.jpg"] = pictures.small()
    served.origin.call(served.origin.app.handlers_by_name["purged"].purge("1MI.jpg", None))
    assert size(served.origin.get("/purged/1MI.jpg").body) == (100, 80)


def test_originals_that_a_preset_is_not_for_pass_as_they_are(served: Served) -> None:
    gif, get = pictures.animation(), served.origin.get
    served.fill("h", **{"a.jpg": pictures.land(), "a.gif": gif, "a.txt": b"<html>"})
    assert size(get("/h/a.jpg?p=jpgs").body) == (30, 18)
    passed = get("/h/a.gif?p=jpgs")
    assert (passed.status, passed.type, passed.body) == (200, "image/gif", gif)
    assert str(passed.headers["Content-Security-Policy"]).endswith("sandbox")
    assert "hit" in str(get("/h/a.gif?p=jpgs").headers["Cache-Status"])
    assert size(get("/h/a.gif?w=30&f=png").body)[0] == 30
    assert get("/h/a.txt?p=jpgs").kind == "unprocessable"


def test_what_passes_is_whole_and_of_a_format_that_is_allowed(served: Served) -> None:
    served.fill("h", **{"cut.gif": pictures.animation()[:-200], "cut.png": LOGO[: len(LOGO) // 2]})
    served.fill("jpgs", **{"a.gif": pictures.animation()})
    for url in ("/h/cut.gif", "/h/cut.png", "/jpgs/a.gif"):
        assert served.origin.get(f"{url}?p=jpgs").kind == "unprocessable"


def test_a_grant_names_presets_and_bounds_nothing_inside_them(served: Served) -> None:
    served.fill("signed", **{"d/1.jpg": pictures.land()})
    signer = UrlSigner("", "signed", [KEY])
    both, plain = signer.grant("d/*", p=["big", "fixed"]), signer.grant("d/*")
    one = signer.grant("d/1.jpg")

    def get(key: str, query: str) -> Answer:
        return served.origin.get(f"/signed/d/{key}?{query}")

    assert size(get("1.jpg", f"p=big&t={both}").body) == (80, 50)
    assert size(get("1.jpg", f"p=fixed&t={both}").body) == (20, 12)
    for outside in ("p=big,fixed", "p=medium", "p=big&w=10", "w=80", ""):
        assert get("1.jpg", f"{outside}&t={both}").kind == "forbidden"
    # A file name is part of the key.
    assert size(get("1MI.jpg", f"t={plain}").body) == (40, 24)
    assert get("1MI.jpg", f"t={one}").kind == "forbidden"


def test_an_exact_token_signs_the_name_of_a_preset_and_a_lock_holds(served: Served) -> None:
    served.fill("signed", **{"1.jpg": pictures.land()})
    signer = UrlSigner("", "signed", [KEY])
    url = signer.url("1.jpg", p="medium,fixed", w=500)
    assert size(served.origin.get(url).body) == (20, 12)
    assert served.origin.get(url.replace("p=medium", "p=big")).kind == "forbidden"
    assert size(served.origin.get(signer.url("1MI.png")).body) == (40, 24)


def test_a_plain_url_passes_unless_a_preset_gives_it_options(served: Served) -> None:
    for handler in ("plain", "fixed", "always"):
        served.fill(handler, **{"1.jpg": pictures.land(), "2MI.jpg": pictures.small()})
    get = served.origin.get
    assert get("/plain/1.jpg").body == pictures.land()
    assert get("/plain/2MI.jpg").body == pictures.small()
    assert size(get("/plain/1MI.jpg").body) == (40, 24)
    assert size(get("/plain/1.jpg?p=big").body) == (80, 50)
    assert size(get("/fixed/1.jpg").body) == (20, 12)
    assert get("/always/1.jpg?p=big").body == pictures.land()
    assert get("/always/1MI.jpg").kind == "not-found"


def test_a_download_names_its_file_and_is_the_same_picture(served: Served) -> None:
    served.fill("h", **{"saved.jpg": pictures.land()})
    get = served.origin.get
    shown = get("/h/saved.jpg?w=30")
    saved = get("/h/saved.jpg?w=30&dl=Holiday%20%C3%A9t%C3%A9.png")
    assert saved.body == shown.body
    assert saved.headers["ETag"] == shown.headers["ETag"]
    assert "hit" in str(saved.headers["Cache-Status"])
    assert saved.headers["Content-Disposition"] == (
        "attachment; filename=\"Holiday _t_.jpg\"; filename*=UTF-8''Holiday%20%C3%A9t%C3%A9.jpg"
    )
    assert shown.headers["Content-Disposition"] == 'inline; filename="saved.jpg"'
    for _ in range(3):  # from memory, past ASGI, each keeps its own
        for query, kind in (("w=30&dl=x", "attachment"), ("w=30", "inline")):
            answer = get(f"/h/saved.jpg?{query}")
            assert str(answer.headers["Content-Disposition"]).startswith(f"{kind}; ")
    hostile = get("/h/saved.jpg?w=30&dl=a%0d%0aSet-Cookie:x")
    assert hostile.kind == "bad-request"
    assert "Set-Cookie" not in hostile.headers
