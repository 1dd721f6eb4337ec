"""A handler with imgix's dialect, over HTTP: sizes, paths, signatures, and what is refused."""

from __future__ import annotations

import hashlib
import logging
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from tests.support import pictures
from tests.support.dialects import Served
from tests.support.pictures import assert_shows
from tests.support.pictures import encoded
from tests.support.pictures import field
from tests.support.pictures import opened
from tests.support.running import Clock
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import wait_until

TOKEN = "an-imgix-token-1"
WIDTH, HEIGHT = 1000, 600
KEYS = ("cat.jpg", "été/my cat+1.jpg", "status.jpg", "statuses/cat.jpg")

HANDLERS: dict[str, dict[str, Any]] = {
    "root": {"prefix": "", "dialect": "imgix", "error_status": "exact"},
    "signed": {"dialect": "imgix", "signing": {"imgix_token": TOKEN}, "error_status": "exact"},
    "key": {
        "prefix": "behind/cdn",
        "dialect": "imgix",
        "signing": {"imgix_token": TOKEN, "signed_path": "key"},
    },
    "optional": {"dialect": "imgix", "signing": {"imgix_token": TOKEN, "required": False}},
    "bounded": {"dialect": "imgix", "widths": [200, 400], "options": ["w", "h", "p"], "debug": True},
    "plain": {"dialect": "imgix", "passthrough": "plain"},
    "named": {"dialect": "imgix", "preset_names": {"MI": "medium"}},
    "h": {},
}
UPLOADS = {  # each with a folder of its own
    "full": {"dialect": "imgix", "signing": {"imgix_token": TOKEN}},
    "cdn": {"dialect": "imgix", "signing": {"imgix_token": TOKEN, "signed_path": "key"}},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("imgix")
    source = {"type": "local", "root": str(folder)}
    config = {
        "handlers": [
            *({"name": name, "source": source, **own} for name, own in HANDLERS.items()),
            *(
                {
                    **{"name": name, "source": {"type": "local", "root": str(folder / name)}, **own},
                    "write": {"auth": "open"},
                }
                for name, own in UPLOADS.items()
            ),
        ],
        "presets": {"medium": {"w": 40}, "fixed": {"w": 20, "locked": True}},
        "cache": {"path": f"{folder}-cache"},
        "renderers": 1,
        "limits": {"render_timeout": 60},  # of a machine that others keep busy, too
    }
    picture = encoded(field(WIDTH, HEIGHT), "PNG")
    shelf = Shelf(**dict.fromkeys(KEYS, picture), **{"moves.gif": pictures.animation()})
    clock = Clock()
    for name in UPLOADS:
        (folder / name).mkdir()
    with Running(config, sources=dict.fromkeys(HANDLERS, shelf), clock=clock) as origin:
        yield Served(origin, clock)


def signed(path: str, query: str = "", *, as_path: str | None = None) -> str:
    """The URL with the signature that imgix documents: MD5 of token, path and query."""
    text = TOKEN + (as_path or path) + (f"?{query}" if query else "")
    return f"{path}?" + f"{query}&s={hashlib.md5(text.encode()).hexdigest()}".removeprefix("&")


# Sizes, by the rules that https://docs.imgix.com/apis/rendering/size/resize-fit-mode has, of 1000 x 600
SIZES = {
    "": (1000, 600),
    "w=300": (300, 180),
    "h=300": (500, 300),
    "w=300&h=300": (300, 180),
    "w=300&h=300&fit=clip": (300, 180),
    "w=300&h=300&fit=max": (300, 180),
    "w=300&h=300&fit=crop": (300, 300),
    "w=300&h=300&fit=min": (300, 300),
    "w=300&h=300&fit=fill": (300, 300),
    "w=300&h=300&fit=fillmax": (300, 300),
    "w=300&h=300&fit=scale": (300, 300),
    "w=300&h=300&fit=facearea,crop": (300, 300),
    "w=300&fit=crop&ar=2:1": (300, 150),
    "fit=crop&ar=1:1": (600, 600),
    "w=0.5": (500, 300),
    "w=0.25&dpr=2": (500, 300),
    "w=300&dpr=2": (600, 360),
    "w=300&h=300&pad=20": (300, 196),  # 260 x 156 in 20 on each side
    "w=300&h=200&fit=crop&pad=20": (300, 200),
    "pad=20": (1040, 640),
    # larger than the original
    "w=2000": (1000, 600),
    "w=2000&h=2000": (1000, 600),
    "w=2000&h=2000&fit=clip": (1000, 600),
    "w=2000&h=2000&fit=max": (1000, 600),
    "w=2000&h=2000&fit=fillmax": (2000, 2000),
    "w=2000&h=2000&fit=crop": (600, 600),
    "w=2000&h=2000&fit=min": (600, 600),
    "w=2000&h=300&fit=min": (1000, 150),
    "w=2000&h=2000&fit=scale": (600, 600),
    "w=2000&h=2000&fit=fill": (2000, 2000),
    "w=400&h=400&fit=crop&dpr=5": (600, 600),
    "w=300&h=300&fit=crop&crop=focalpoint&fp-z=2": (300, 300),
    "w=300&h=300&fit=crop&crop=focalpoint&fp-z=4": (150, 150),
    "rect=100,0,500,full": (500, 600),
    "rect=0.1,0,0.5,1&w=100": (100, 120),
}


@pytest.mark.many
@pytest.mark.parametrize(("query", "size"), SIZES.items())
def test_a_result_has_the_size_that_imgix_documents(
    served: Served, query: str, size: tuple[int, int]
) -> None:
    assert served.size(f"/cat.jpg?{query}") == size


SHOWN = {
    "w=300&h=300&fit=crop&fm=png": (0.2, 0, 0.8, 1),
    "w=300&h=300&fit=crop&crop=left&fm=png": (0, 0, 0.6, 1),
    "w=300&h=300&fit=crop&crop=right,bottom&fm=png": (0.4, 0, 1, 1),
    "w=300&h=300&fit=crop&crop=focalpoint&fp-x=0.4&fm=png": (0.1, 0, 0.7, 1),
    "w=300&h=300&fit=crop&crop=focalpoint&fp-x=0.4&fp-z=2&fm=png": (0.25, 0.25, 0.55, 0.75),
    "w=300&h=300&fit=crop&crop=focalpoint&fp-x=0.4&fp-z=4&fm=png": (0.325, 0.375, 0.475, 0.625),
    "w=2000&h=300&fit=crop&fm=png": (0, 0.375, 1, 0.625),
    "w=300&h=300&fit=scale&fm=png": (0, 0, 1, 1),
}


@pytest.mark.parametrize(("query", "part"), SHOWN.items())
def test_a_result_shows_the_part_that_was_asked_for(
    served: Served, query: str, part: tuple[float, float, float, float]
) -> None:
    assert_shows(served.get(f"/cat.jpg?{query}").body, *part)


def test_formats_follow_the_browser_where_auto_says_so(served: Served) -> None:
    def type_of(query: str, accept: str) -> str | None:
        return served.get(f"/cat.jpg?w=20&{query}", Accept=accept).type

    assert type_of("auto=format,compress", "image/avif,image/webp,*/*") == "image/avif"
    assert type_of("auto=format&fm=jpg", "image/webp") == "image/webp"
    assert type_of("auto=format&fm=jpg", "*/*") == "image/jpeg"
    assert type_of("auto=compress", "image/webp") == "image/png"
    assert (
        served.get("/cat.jpg?w=20&dl=my.png").headers["Content-Disposition"]
        == 'attachment; filename="my.png"'
    )
    assert not getattr(opened(served.get("/moves.gif?frame=1").body), "is_animated", False)


# Paths


def test_the_root_has_what_nothing_else_claims(served: Served) -> None:
    assert served.size("/%C3%A9t%C3%A9/my%20cat%2B1.jpg?w=30") == (30, 18)
    assert served.size("/status.jpg?w=30") == served.size("/statuses/cat.jpg?w=30") == (30, 18)
    assert served.size("/h/cat.jpg?w=30&h=30&c=true") == (30, 30)  # ours, in our words
    assert served.get("/status").body == b"OK"
    assert served.get("/%73tatus").body == b"OK"
    assert served.get("/-/live").body == b"OK"
    assert b"origin_requests" in served.get("/-/metrics").body
    for path in ("/-/cat.jpg", "/%2d/live", "/-%2flive"):
        answer = served.get(path)
        assert (answer.status, answer.kind) == (404, None), path
    assert served.origin.get("/-/purge", "POST").kind is None
    for path, kind in (("/", "bad-request"), ("/dog.jpg", "not-found"), ("/../cat.jpg", "bad-request")):
        assert served.get(path).kind == kind, path
    assert served.origin.get("/cat.jpg", "POST").status == 405


# Signatures


def test_a_signed_url_is_answered_and_any_other_is_forbidden(served: Served) -> None:
    assert served.size(signed("/signed/cat.jpg", "w=30&ixlib=js-3.8.0")) == (30, 18)
    assert served.size(signed("/signed/%C3%A9t%C3%A9/my%20cat%2B1.jpg")) == (WIDTH, HEIGHT)
    for target in (
        "/signed/cat.jpg?w=30",
        signed("/signed/cat.jpg", "w=30").replace("w=30", "w=31"),
        signed("/signed/cat.jpg", "w=30") + "&h=3",
        signed("/signed/cat.jpg", as_path="/cat.jpg"),
        "/signed/cat.jpg?s=" + "0" * 32,
        signed("/signed/cat.jpg").upper().replace("/SIGNED/CAT.JPG?S", "/signed/cat.jpg?s"),
    ):
        answer = served.get(target)
        assert (answer.status, answer.kind) == (403, "forbidden"), target
        assert answer.headers["Cache-Control"] == "no-store"


def test_nothing_is_asked_of_the_source_without_a_signature(served: Served, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "origin"):
        served.get("/signed/dog.jpg")
        wait_until(lambda: "missing" in caplog.text, "the log has its line")
    assert served.get("/signed/dog.jpg").kind == "forbidden"  # and not not-found


def test_a_hit_from_memory_needs_the_signature_too(served: Served) -> None:
    target = signed("/signed/cat.jpg", "w=31")
    for _ in range(4):
        assert served.size(target) == (31, 19)
    assert served.get(target).headers["Cache-Status"].startswith("origin; hit")
    assert served.get("/signed/cat.jpg?w=31").kind == "forbidden"


def test_the_key_alone_is_signed_where_the_cdn_adds_the_prefix(served: Served) -> None:
    for prefix in ("/behind/cdn", "/behind/c%64n", "/behind%2Fcdn"):
        query = signed("/cat.jpg", "w=30").partition("?")[2]
        assert served.size(f"{prefix}/cat.jpg?{query}") == (30, 18)
    assert served.get(signed("/behind/cdn/cat.jpg", "w=30")).kind == "forbidden"
    escaped = signed("/cat.jpg", "w=30").partition("?")[2]
    assert served.get(f"/behind/cdn%2Fcat.jpg?{escaped}").kind == "forbidden"


def test_a_signature_that_need_not_be_there_has_to_be_right(served: Served) -> None:
    assert served.size("/optional/cat.jpg?w=30") == (30, 18)
    assert served.size(signed("/optional/cat.jpg", "w=30")) == (30, 18)
    assert served.get("/optional/cat.jpg?w=30&s=" + "0" * 32).kind == "forbidden"


@pytest.mark.parametrize("handler", ["/signed", ""])
def test_an_expiry_ends_a_url_and_what_caches_are_told(served: Served, handler: str) -> None:
    now = served.clock.now
    target = signed(f"{handler}/cat.jpg", f"w=32&expires={int(now) + 100}")
    for passed in (0, 60):
        served.clock.now = now + passed
        assert _max_age(served.get(target).headers) <= 100 - passed
    served.clock.now = now + 131  # past it, and past the leeway
    assert served.get(target).kind == "forbidden"
    served.clock.now = now
    assert served.get(signed(f"{handler}/cat.jpg", "expires=soon")).kind == "forbidden"


def _max_age(headers: Message) -> int:
    parts = dict(part.strip().partition("=")[::2] for part in headers["Cache-Control"].split(","))
    return int(parts["max-age"]) + int(parts.get("stale-while-revalidate", 0))


@pytest.mark.parametrize("handler", UPLOADS)
def test_the_url_in_the_answer_to_an_upload_is_signed_as_imgix_signs(served: Served, handler: str) -> None:
    url = f"http://127.0.0.1:{served.origin.port}/{handler}"
    picture = encoded(field(30, 20), "PNG")
    request = urllib.request.Request(url, picture, {"Content-Type": "image/png"}, method="POST")
    with urllib.request.urlopen(request) as answer:
        location = str(answer.headers["Location"])
    assert f"expires={int(served.clock.now) + 3600}&s=" in location
    assert served.size(location) == (30, 20)
    assert served.get(location.partition("?")[0]).kind == "forbidden"


# What is refused, and what a handler settles


def test_what_cannot_be_done_is_refused_and_logged_by_its_name(served: Served, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "origin"):
        answer = served.get("/cat.jpg?w=30&h=20&mark64=YQ&txt=Hello&fm=png")
        wait_until(lambda: "imgix option" in caplog.text, "the log has its line")
    assert (answer.status, answer.kind) == (400, "bad-request")
    assert answer.type == "image/png"
    assert max(opened(answer.body).size) <= 30
    assert "imgix option mark64" in caplog.text
    assert "imgix option txt" in caplog.text


def test_the_bounds_of_a_handler_hold_in_its_dialect(served: Served) -> None:
    assert served.size("/bounded/cat.jpg?w=150&ixlib=js&blur=200&utm=1") == (200, 120)
    assert served.size("/bounded/cat.jpg?p=medium") == (40, 24)
    assert served.size("/bounded/cat.jpg?p=fixed&w=300") == (20, 12)
    assert served.get("/bounded/cat.jpg?w=0.5").kind == "bad-request"
    ignored = served.get("/bounded/cat.jpg?w=150&ixlib=js&blur=200&utm=1").headers["X-Origin-Ignored"]
    assert set(ignored.replace(" ", "").split(",")) == {"ixlib", "blur", "utm"}


def test_a_url_that_asks_for_nothing_passes_through(served: Served) -> None:
    original = encoded(field(WIDTH, HEIGHT), "PNG")
    assert served.get("/plain/cat.jpg?ixlib=js-3.8.0&auto=compress").body == original
    assert served.get("/plain/cat.jpg?w=30").body != original


def test_a_file_name_may_hold_a_preset(served: Served) -> None:
    assert served.size("/named/catMI.webp") == (40, 24)
    assert served.size("/named/catMI.webp?w=30&fit=max") == (30, 18)


def test_urls_of_one_picture_share_a_result(served: Served) -> None:
    first = served.get("/cat.jpg?w=33&h=33&fit=clip&ixlib=js-1")
    second = served.get("/cat.jpg?ixlib=js-2&h=33&dpr=1&w=33&f=max&cs=strip")
    assert first.headers["Cache-Status"].startswith("origin; fwd=uri-miss")
    assert second.headers["Cache-Status"].startswith("origin; hit")
    assert first.headers["ETag"] == second.headers["ETag"]
