"""A handler with imgproxy's dialect, over HTTP: sizes, parts, sources, signatures, logs, refusals."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import urllib.request
from collections.abc import Iterator
from email.message import Message
from typing import Any

import numpy as np
import pytest

from tests.support.dialects import Served
from tests.support.pictures import assert_field
from tests.support.pictures import assert_shows
from tests.support.pictures import encoded
from tests.support.pictures import field
from tests.support.pictures import opened
from tests.support.pictures import pixels
from tests.support.running import Clock
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import wait_until

# Those of https://github.com/imgproxy/imgproxy/tree/master/examples
KEY = "943b421c9eb07c830af81030552c86009268de4e532ba2ee2eab8247c6da0881"
SALT = "520f986b998545b4785e0defbc4f3c1203f22de2374a3d53cb7a7fe9fea309c5"
WIDTH, HEIGHT = 1000, 600
KEYS = ("cat.jpg", "unsafe/cat.jpg", "été/my cat@1.jpg", "rs:fill/cat.jpg")
SIGNING = {"imgproxy_key": KEY, "imgproxy_salt": SALT}

HANDLERS: dict[str, dict[str, Any]] = {
    "root": {"prefix": "", "dialect": "imgproxy", "error_status": "exact", "debug": True},
    "signed": {"prefix": "a/signed", "dialect": "imgproxy", "signing": SIGNING, "error_status": "exact"},
    "short": {"dialect": "imgproxy", "signing": {**SIGNING, "imgproxy_signature_size": 8}},
    "optional": {"dialect": "imgproxy", "signing": {**SIGNING, "required": False}},
    "plain": {"dialect": "imgproxy", "passthrough": "plain"},
    "narrow": {"dialect": "imgproxy", "passthrough": "plain", "options": ["h"]},
    "bucket": {"dialect": "imgproxy", "source": {"type": "s3", "bucket": "my-photos"}},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("imgproxy")
    source = {"type": "local", "root": str(folder)}
    write = {"auth": "open"}
    config = {
        "handlers": [
            *({"name": name, "source": source, **own} for name, own in HANDLERS.items()),
            {"name": "full", "source": source, "dialect": "imgproxy", "write": write, "signing": SIGNING},
            {"name": "free", "source": source, "dialect": "imgproxy", "write": write},
        ],
        "presets": {"medium": {"w": 40}},
        "cache": {"path": f"{folder}-cache"},
        "renderers": 1,
        "limits": {"render_timeout": 60},  # of a machine that others keep busy, too
    }
    shelf = Shelf(**dict.fromkeys(KEYS, encoded(field(WIDTH, HEIGHT), "PNG")))
    clock = Clock()
    with Running(config, sources=dict.fromkeys(HANDLERS, shelf), clock=clock) as origin:
        yield Served(origin, clock)


def signed(path: str, *, before: str = "/a/signed", salt: str = SALT, size: int = 32) -> str:
    """The URL with the signature that imgproxy documents."""
    digest = hmac.new(bytes.fromhex(KEY), bytes.fromhex(salt) + path.encode(), hashlib.sha256).digest()
    return f"{before}/{base64.urlsafe_b64encode(digest[:size]).decode().rstrip('=')}{path}"


# Sizes, by the rules of https://docs.imgproxy.net/usage/processing, of 1000 x 600
SIZES = {
    "w:300": (300, 180),
    "h:300": (500, 300),
    "rs:fit:300:300": (300, 180),
    "rs:fill:300:300": (300, 300),
    "rs:fill-down:300:300": (300, 300),
    "rs:force:300:300": (300, 300),
    "rs:auto:300:300": (300, 300),
    "rs:auto:300:100": (300, 100),
    "rs:auto:100:300": (100, 60),
    "rs:auto:100:300/g:sm": (100, 60),
    "rs:auto:100:300/rot:90": (100, 300),
    "rs:auto:300:100/rot:90": (60, 100),
    "rs:fit:300:300:0:1": (300, 300),
    "rs:force:300:0": (300, 600),
    "w:300/dpr:2": (600, 360),
    "w:300/z:0.5": (150, 90),
    "z:0.5": (500, 300),
    "s:100:100/pd:10": (120, 80),
    "s:100:100/pd:10/dpr:2": (240, 160),
    "rs:fill:100:200/rot:90": (100, 200),
    "w:300/rot:90": (300, 500),
    "c:500:0/w:100": (100, 120),
    "c:400:300": (400, 300),
    "pr:medium": (40, 24),
    # larger than the original
    "w:2000": (1000, 600),
    "rs:fit:2000:2000": (1000, 600),
    "rs:fill:2000:2000": (1000, 600),
    "rs:fill:2000:300": (1000, 300),
    "rs:fill-down:2000:2000": (600, 600),
    "rs:force:2000:2000": (1000, 600),
    "rs:force:2000:2000:1": (2000, 2000),
    "rs:fill-down:2000:2000:1": (2000, 2000),
    "rs:fit:2000:2000:0:1": (2000, 2000),
    "rs:fit:1200:1200:1": (1200, 720),
    "rs:fit:2000:2000:1": (2000, 1200),
    "rs:fill:2000:2000:1": (2000, 2000),
    "rs:fit:300:300:1": (300, 180),
    "rs:fill:300:300:1": (300, 300),
    "rs:fill:1200:1200:1": (1200, 1200),
    "c:2000:300": (1000, 300),
}


@pytest.mark.many
@pytest.mark.parametrize(("options", "size"), SIZES.items())
def test_a_result_has_the_size_that_imgproxy_documents(
    served: Served, options: str, size: tuple[int, int]
) -> None:
    assert served.size(f"/_/{options}/plain/cat.jpg") == size


SHOWN = {
    "rs:fill:300:300": (0.2, 0, 0.8, 1),
    "rs:fill:300:300/g:we": (0, 0, 0.6, 1),
    "rs:fill:300:300/g:soea": (0.4, 0, 1, 1),
    "rs:fill:300:300/g:fp:0.4:0.5": (0.1, 0, 0.7, 1),
    "rs:fill:1000:300/g:no": (0, 0, 1, 0.5),
    "rs:force:300:300": (0, 0, 1, 1),
    "c:500:300:nowe:100:60/w:250": (0.1, 0.1, 0.6, 0.6),
    "c:500:300/w:250": (0.25, 0.25, 0.75, 0.75),
    "c:500:300:soea/w:250": (0.5, 0.5, 1, 1),
    "c:500:300/g:no/w:250": (0.25, 0, 0.75, 0.5),
    "c:0.5:0.5:ea/w:250": (0.5, 0.25, 1, 0.75),
    "c:0.5:0.5:fp:0.3:0.9/w:250": (0.05, 0.5, 0.55, 1),
}


@pytest.mark.parametrize(("options", "part"), SHOWN.items())
def test_a_result_shows_the_part_that_was_asked_for(
    served: Served, options: str, part: tuple[float, float, float, float]
) -> None:
    assert_shows(served.get(f"/_/{options}/plain/cat.jpg@png").body, *part)


@pytest.mark.parametrize(("options", "turns"), [("rot:90", -1), ("rot:180", 2), ("rot:270", 1)])
def test_a_turned_picture_is_cut_as_it_is_shown(served: Served, options: str, turns: int) -> None:
    """imgproxy's size and gravity are those of the picture once it is turned: numpy turns it, then cuts."""
    whole = pixels(served.get(f"/_/{options}/plain/cat.jpg@png").body)
    assert np.abs(whole - np.rot90(pixels(encoded(field(WIDTH, HEIGHT), "PNG")), turns)).max() <= 1
    height, width = whole.shape[:2]
    got = pixels(served.get(f"/_/{options}/rs:fill:{width}:200/g:no/plain/cat.jpg@png").body)
    assert np.abs(got - whole[:200]).max() <= 1
    got = pixels(served.get(f"/_/{options}/fl:1/rs:fill:200:{height}/g:we/plain/cat.jpg@png").body)
    assert np.abs(got - whole[:, ::-1][:, :200]).max() <= 1


def test_padding_is_around_the_size_and_has_its_colour(served: Served) -> None:
    got = pixels(served.get("/_/w:100/pd:10:20/bg:255:0:0/plain/cat.jpg@png").body)
    assert got.shape == (80, 140, 3)
    assert (got[:10] == (255, 0, 0)).all()
    assert (got[:, -20:] == (255, 0, 0)).all()
    assert_field(got[10:-10, 20:-20], 0, 0, 1, 1)


def test_formats_and_names(served: Served) -> None:
    assert served.get("/_/w:30/plain/cat.jpg@webp").type == "image/webp"
    assert served.get("/_/w:30/f:webp/plain/cat.jpg@png").type == "image/png"
    assert served.get("/_/w:30/f:best/plain/cat.jpg", Accept="image/avif").type == "image/avif"
    answer = served.get("/_/w:30/att:1/fn:holiday/plain/cat.jpg@png")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="holiday.png"'


def test_a_url_that_asks_for_nothing_passes_through(served: Served) -> None:
    original = encoded(field(WIDTH, HEIGHT), "PNG")
    assert served.get("/plain/_/cb:1/el:1/plain/cat.jpg").body == original
    assert served.size("/plain/_/z:0.5/plain/cat.jpg") == (500, 300)  # which no option of ours says
    assert served.get("/narrow/_/z:0.5/plain/cat.jpg").body == original


def test_sources(served: Served) -> None:
    text = base64.urlsafe_b64encode("été/my cat@1.jpg".encode()).decode().rstrip("=")
    for source in (
        "plain/%C3%A9t%C3%A9/my%20cat%401.jpg",
        "plain/local:///%C3%A9t%C3%A9/my%20cat%401.jpg@png",
        "plain/local:%2F%2F%2F%C3%A9t%C3%A9%2Fmy%20cat%401.jpg",
        text,
        f"{text[:6]}/{text[6:]}.png",
        "plain/unsafe/cat.jpg",
        "plain/rs:fill/cat.jpg",
    ):
        assert served.size(f"/_/w:30/{source}") == (30, 18), source
    assert served.size("/bucket/_/w:30/plain/s3://my-photos/cat.jpg") == (30, 18)
    first = served.get("/bucket/_/w:33/plain/cat.jpg")
    again = served.get("/bucket/_/w:33/cb:2/plain/s3://my-photos/cat.jpg")
    assert again.headers["Cache-Status"].startswith("origin; hit")
    assert first.headers["ETag"] == again.headers["ETag"]
    for source in (
        "s3://other/cat.jpg",
        "http://example.com/cat.jpg",
        "gs://my-photos/cat.jpg",
        "%ff.jpg",
        "",
    ):
        assert served.get(f"/bucket/_/w:30/plain/{source}").kind == "bad-request", source
    assert served.get("/_/w:30/plain/s3://my-photos/cat.jpg").kind == "bad-request"
    assert served.get("/status").body == b"OK"


# Signatures


def test_a_signed_url_is_answered_and_any_other_is_forbidden(served: Served) -> None:
    assert served.size(signed("/w:30/plain/cat.jpg")) == (30, 18)
    assert served.size(signed("/w:30/plain/%C3%A9t%C3%A9/my%20cat%401.jpg@png")) == (30, 18)
    assert served.size(signed("/plain/cat.jpg") + "?w=300&t=x&utm=1") == (WIDTH, HEIGHT)  # no query is signed
    right = signed("/w:30/plain/cat.jpg")
    for target in (
        *(f"/a/signed/{word}/w:30/plain/cat.jpg" for word in ("unsafe", "insecure", "_")),
        "/a/signed/w:30/plain/cat.jpg",
        "/a/signed//w:30/plain/cat.jpg",
        right.replace("30", "31"),
        right.replace("w:30", "w%3A30"),
        right.replace("/w:30", "//w:30"),
        right.replace("/w:30", "%2Fw:30"),
        right.replace("/a/signed/", "/a/signed%2F"),
        right.replace("/w:30", "=/w:30"),
        right.replace("/w:30", "A/w:30"),
        signed("/w:30/plain/cat.jpg", salt=KEY),
        signed("/w:30/plain/cat.jpg", size=8),
        signed("w:30/plain/cat.jpg", before="/a/signed").replace("w:30", "/w:30"),
    ):
        answer = served.get(target)
        assert (answer.status, answer.kind) == (403, "forbidden"), target
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_signature_may_be_short_or_need_not_be_there(served: Served) -> None:
    assert served.size(signed("/w:30/plain/cat.jpg", before="/short", size=8)) == (30, 18)
    for size in (7, 9, 32):
        wrong = signed("/w:30/plain/cat.jpg", before="/short", size=size)
        assert served.get(wrong).kind == "forbidden"
    for word in ("unsafe", "_", "insecure"):
        assert served.size(f"/optional/{word}/w:30/plain/cat.jpg") == (30, 18)
    assert served.size(signed("/w:30/plain/cat.jpg", before="/optional")) == (30, 18)
    assert served.get("/optional/anything/w:30/plain/cat.jpg").kind == "forbidden"
    assert served.size("/anything/w:30/plain/cat.jpg") == (30, 18)  # not looked at, without signing


def test_an_expiry_ends_a_url_and_what_caches_are_told(served: Served) -> None:
    now = served.clock.now
    path = f"/exp:{int(now) + 100}/w:32/plain/cat.jpg"
    for target in (signed(path), f"/_{path}"):
        for passed in (0, 60):
            served.clock.now = now + passed
            assert _max_age(served.get(target).headers) <= 100 - passed
        served.clock.now = now + 131  # past it, and past the leeway
        assert served.get(target).kind == "forbidden"
        served.clock.now = now
    for wrong in ("exp:soon", "expires:-1", f"exp:{int(now) + 100}/exp:1"):
        assert served.get(signed(f"/{wrong}/plain/cat.jpg")).kind == "forbidden", wrong
    assert served.size(signed(f"/exp:1/exp:{int(now) + 100}/plain/cat.jpg")) == (
        WIDTH,
        HEIGHT,
    )  # the last counts


def _max_age(headers: Message) -> int:
    parts = dict(part.strip().partition("=")[::2] for part in headers["Cache-Control"].split(","))
    return int(parts["max-age"]) + int(parts.get("stale-while-revalidate", 0))


def test_no_signature_is_in_the_log(served: Served, caplog: Any) -> None:
    right = signed("/w:30/plain/cat.jpg")
    signature = right.split("/")[3]
    short = signed("/w:30/plain/cat.jpg", before="/short", size=8)
    with caplog.at_level(logging.INFO, "origin"):
        for target in (
            right,
            right.replace("30", "31"),
            right.replace("/a/signed", "/a/sign%65d"),
            right.replace("/a/signed/", "/a/signed%2F"),
            right.replace("/a/signed/", "/a/signed//"),
            right.replace("/a/signed/", "/elsewhere/"),
            right.replace("/a/signed/", "/a/signed/_/"),
            right + "%ff",
            short,
            short.replace("30", "31"),
        ):
            served.get(target)
        served.get("/a/signed/_/plain/last.jpg")
        wait_until(lambda: "last.jpg" in caplog.text, "the log has its lines")
    assert caplog.text.count("[signature]") >= 10
    assert signature not in caplog.text
    assert short.split("/")[2] not in caplog.text
    assert "/a/signed/_/plain/last.jpg" in caplog.text


@pytest.mark.parametrize("handler", ["full", "free"])
def test_the_url_in_the_answer_to_an_upload_may_be_read(served: Served, handler: str) -> None:
    url = f"http://127.0.0.1:{served.origin.port}/{handler}"
    request = urllib.request.Request(
        url, encoded(field(30, 20), "PNG"), {"Content-Type": "image/png"}, method="POST"
    )
    with urllib.request.urlopen(request) as answer:
        location = str(answer.headers["Location"])
    key = location.partition("/plain/")[2]
    ends = int(served.clock.now) + 3600
    assert location == (
        f"/free/_/plain/{key}" if handler == "free" else signed(f"/exp:{ends}/plain/{key}", before="/full")
    )
    assert served.size(location) == (30, 20)


# What is refused


def test_what_cannot_be_done_is_refused_and_logged_by_its_name(served: Served, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "origin"):
        answer = served.get("/_/s:30:20/pix:5/wm:0.5/plain/cat.jpg@png")
        wait_until(lambda: "imgproxy option" in caplog.text, "the log has its line")
    assert (answer.status, answer.kind) == (400, "bad-request")
    assert answer.type == "image/png"
    assert max(opened(answer.body).size) <= 30
    assert "imgproxy option pixelate" in caplog.text
    assert "imgproxy option watermark" in caplog.text
    ignored = served.get("/_/w:30/cb:1/made_up:2/plain/cat.jpg?utm=1").headers["X-Origin-Ignored"]
    assert set(ignored.replace(" ", "").split(",")) == {"cachebuster", "made_up", "utm"}
