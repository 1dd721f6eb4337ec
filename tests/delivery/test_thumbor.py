"""A handler with thumbor's dialect, over HTTP: sizes, parts, signatures, logs, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

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

KEY = "a-thumbor-key-16"
WIDTH, HEIGHT = 1000, 600
KEYS = ("cat.jpg", "unsafe/cat.jpg", "été/my cat+1.jpg", "300x200/cat.jpg", "small.png")

HANDLERS: dict[str, dict[str, Any]] = {
    "root": {"prefix": "", "dialect": "thumbor", "error_status": "exact", "debug": True},
    "signed": {
        "prefix": "a/signed",
        "dialect": "thumbor",
        "signing": {"thumbor_key": KEY},
        "error_status": "exact",
    },
    "optional": {"dialect": "thumbor", "signing": {"thumbor_key": KEY, "required": False}},
    "named": {"dialect": "thumbor", "preset_names": {"MI": "medium"}},
    "h": {},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("thumbor")
    source = {"type": "local", "root": str(folder)}
    write = {"auth": "open"}
    config = {
        "handlers": [
            *({"name": name, "source": source, **own} for name, own in HANDLERS.items()),
            {
                **{"name": "full", "source": source, "dialect": "thumbor", "write": write},
                "signing": {"thumbor_key": KEY},
            },
            {"name": "free", "source": source, "dialect": "thumbor", "write": write},
        ],
        "presets": {"medium": {"w": 40}},
        "cache": {"path": f"{folder}-cache"},
        "renderers": 1,
        "limits": {"render_timeout": 60},  # of a machine that others keep busy, too
    }
    picture = encoded(field(WIDTH, HEIGHT), "PNG")
    greys = np.repeat(np.array([LEVELS], np.uint8)[..., None], 3, axis=-1)
    shelf = Shelf(**dict.fromkeys(KEYS, picture), **{"greys.png": encoded(Image.fromarray(greys), "PNG")})
    clock = Clock()
    with Running(config, sources=dict.fromkeys(HANDLERS, shelf), clock=clock) as origin:
        yield Served(origin, clock)


def signed(path: str, *, before: str = "/a/signed", key: str = KEY) -> str:
    """The URL with the signature that thumbor documents."""
    digest = hmac.new(key.encode(), path.encode(), hashlib.sha1).digest()
    return f"{before}/{base64.urlsafe_b64encode(digest).decode()}/{path}"


# Of 1000 x 600. thumbor 7.8.0 itself answers with these sizes, apart from `orig` beside what is enlarged.
SIZES = {
    "": (1000, 600),
    "300x": (300, 180),
    "0x300": (500, 300),
    "0x0": (1000, 600),
    "300x300": (300, 300),
    "300x300/smart": (300, 300),
    "-300x-300": (300, 300),
    "300xorig": (300, 600),
    "origx300": (1000, 300),
    "origxorig": (1000, 600),
    "fit-in/300x300": (300, 180),
    "full-fit-in/300x300": (500, 300),
    "adaptive-fit-in/200x300": (300, 180),
    "adaptive-full-fit-in/200x300": (333, 200),
    "adaptive-fit-in/200x300/filters:fill(red)": (300, 200),
    "adaptive-fit-in/200x300/filters:rotate(90)": (180, 300),
    "10x10:110x400/adaptive-fit-in/300x200": (77, 300),
    "fit-in/300x300/filters:fill(blue)": (300, 300),
    "300x300/filters:stretch()": (300, 300),
    "300x300/filters:proportion(0.5)": (150, 150),
    "filters:proportion(0.5)": (500, 300),
    "300x200/filters:rotate(90)": (200, 300),
    "100x0:600x600/100x": (100, 120),
    # larger than the original
    "2000x": (2000, 1200),
    "x900": (1500, 900),
    "2000x2000": (2000, 2000),
    "2000x300": (2000, 300),
    "1200xorig": (1000, 600),
    "2000x2000/filters:proportion(0.4)": (800, 800),
    "2000x/filters:no_upscale()": (1000, 600),
    "2000x2000/filters:no_upscale()": (1000, 600),
    "2000x2000/filters:upscale():no_upscale()": (1000, 600),
    "2000x300/filters:no_upscale()": (1000, 300),
    "fit-in/2000x2000": (1000, 600),
    "full-fit-in/2000x2000": (3333, 2000),
    "full-fit-in/2000x": (2000, 1200),
    "full-fit-in/2000x2000/filters:no_upscale()": (1000, 600),
    "fit-in/2000x2000/filters:fill(blue)": (2000, 2000),
    "fit-in/1200x1200/filters:upscale()": (1200, 720),
    "fit-in/2000x/filters:upscale()": (1000, 600),
    "300x300/filters:no_upscale()": (300, 300),
    "2000x2000/filters:stretch()": (2000, 2000),
    "fit-in/300x300/filters:upscale()": (300, 180),
    "fit-in/2000x2000/filters:upscale()": (2000, 1200),
}


@pytest.mark.many
@pytest.mark.parametrize(("options", "size"), SIZES.items())
def test_a_result_has_the_size_that_thumbor_documents(
    served: Served, options: str, size: tuple[int, int]
) -> None:
    assert served.size(f"/unsafe/{options}/cat.jpg".replace("//", "/")) == size


SHOWN = {
    "300x300": (0.2, 0, 0.8, 1),
    "300x300/left": (0, 0, 0.6, 1),
    "300x300/right/bottom": (0.4, 0, 1, 1),
    "1000x300/top": (0, 0, 1, 0.5),
    "1000x300/left/bottom": (0, 0.5, 1, 1),
    "600x600/filters:focal(400x100:500x300)": (0.15, 0, 0.75, 1),
    "600x600/filters:focal(100x100:300x300)": (0, 0, 0.6, 1),
    "600x600/filters:focal(900x100:1000x300)": (0.4, 0, 1, 1),
    "1000x300/filters:focal(100x300:300x400)": (0, 1 / 3, 1, 5 / 6),
    "100x0:900x600/600x600/filters:focal(400x100:500x300)": (0.15, 0, 0.75, 1),
    "300xorig": (0.35, 0, 0.65, 1),
    "300x300/filters:stretch()": (0, 0, 1, 1),
    "500x300:1000x600/250x": (0.5, 0.5, 1, 1),
}


@pytest.mark.parametrize(("options", "part"), SHOWN.items())
def test_a_result_shows_the_part_that_was_asked_for(
    served: Served, options: str, part: tuple[float, float, float, float]
) -> None:
    assert_shows(served.get(f"/unsafe/{options}/cat.jpg").body, *part)


def test_flips_and_turns_are_those_of_pillow(served: Served) -> None:
    """thumbor mirrors, and then turns as Pillow does, counter-clockwise."""
    upright = pixels(served.get("/unsafe/100x/cat.jpg").body)
    flipped = pixels(served.get("/unsafe/-100x/cat.jpg").body)
    assert_field(flipped[:, ::-1], 0, 0, 1, 1)
    both = pixels(served.get("/unsafe/-100x0/filters:rotate(90)/cat.jpg").body)
    assert np.abs(both - np.rot90(upright[:, ::-1])).max() <= 3
    turned = pixels(served.get("/unsafe/100x-0/filters:rotate(90)/cat.jpg").body)
    assert np.abs(turned - np.rot90(upright[::-1])).max() <= 3


LEVELS = (0, 32, 64, 96, 128, 160, 192, 224)
TONES = {
    "brightness(40)": (102, 134, 166, 198, 230, 255, 255, 255),
    "brightness(-40)": (0, 0, 0, 0, 26, 58, 90, 122),
    "contrast(40)": (0, 0, 3, 66, 128, 190, 253, 255),
    "contrast(-40)": (82, 94, 105, 117, 128, 139, 151, 162),
}
"""What thumbor 7.8.0 itself makes of these levels of grey."""


def test_tones_are_those_of_thumbor(served: Served) -> None:
    for tone, levels in TONES.items():
        got = pixels(served.get(f"/unsafe/filters:{tone}/greys.png").body)
        assert np.abs(got[0, :, 0] - levels).max() <= 1, tone


def test_what_is_filled_has_its_colour(served: Served) -> None:
    got = pixels(served.get("/unsafe/fit-in/100x100/filters:fill(f00)/cat.jpg").body)
    assert got.shape == (100, 100, 3)
    assert (got[:15] == (255, 0, 0)).all()
    assert (got[-15:] == (255, 0, 0)).all()
    assert_field(got[20:80], 0, 0, 1, 1)


def test_round_corners_have_their_colour_or_none(served: Served) -> None:
    solid = opened(served.get("/unsafe/100x/filters:round_corner(20,0,0,255)/cat.jpg").body)
    clear = opened(served.get("/unsafe/100x/filters:round_corner(20,0,0,255,1)/cat.jpg").body)
    assert (solid.mode, solid.getpixel((0, 0)), solid.getpixel((99, 59))) == ("RGB", (0, 0, 255), (0, 0, 255))
    assert clear.getchannel("A").getpixel((0, 0)) == 0
    assert clear.convert("RGB").getpixel((50, 30)) == solid.getpixel((50, 30))


def test_formats_and_names(served: Served) -> None:
    answer = served.get("/unsafe/30x/filters:format(webp)/cat.jpg")
    assert answer.type == "image/webp"
    assert served.get("/unsafe/30x/filters:autojpg()/cat.jpg").type == "image/jpeg"
    assert served.size("/named/unsafe/catMI.webp") == (40, 24)
    assert served.size("/unsafe/30x/%C3%A9t%C3%A9/my%20cat%2B1.jpg") == (30, 18)
    assert served.size("/unsafe/30x/unsafe/cat.jpg") == (30, 18)
    assert served.size("/unsafe/30x/300x200%2Fcat.jpg") == (30, 18)


def test_the_root_has_what_nothing_else_claims(served: Served) -> None:
    assert served.get("/status").body == b"OK"
    assert served.get("/-/live").body == b"OK"
    assert served.size("/h/cat.jpg?w=30&h=30") == (30, 30)  # ours, in our words
    for path in (
        "/",
        "/unsafe",
        "/unsafe/",
        "/unsafe//cat.jpg",
        "/unsafe/../cat.jpg",
        "/cat.jpg",
        "/x/cat.jpg",
    ):
        assert served.get(path).kind in ("bad-request", "forbidden"), path
    for path in ("/unsafe/%ff.jpg", "/unsafe/30x/%zz.jpg"):
        assert served.get(path).kind == "bad-request", path


# Signatures


def test_a_signed_url_is_answered_and_any_other_is_forbidden(served: Served) -> None:
    assert served.size(signed("30x/cat.jpg")) == (30, 18)
    assert served.size(signed("30x/cat.jpg").replace("=", "%3D")) == (30, 18)
    assert served.size(signed("30x/%C3%A9t%C3%A9/my%20cat%2B1.jpg")) == (30, 18)
    assert served.size(signed("30x/unsafe/cat.jpg")) == (30, 18)
    assert served.size(signed("30x/cat.jpg") + "?w=300&p=none&t=x&utm=1") == (30, 18)  # no query is signed
    right = signed("30x/cat.jpg")
    for target in (
        "/a/signed/unsafe/30x/cat.jpg",
        "/a/signed/30x/cat.jpg",
        right.replace("30x", "31x"),
        right.replace("30x", "3%30x"),
        right.replace("cat.jpg", "c%61t.jpg"),
        right.replace("/30x", "//30x"),
        right.replace("/30x", "/./30x"),
        right.replace("/30x", "%2F30x"),
        right.replace("/a/signed/", "/a/signed%2F"),
        right.replace("=", ""),
        right.replace("=", "%253D"),
        signed("30x/cat.jpg", key="another-thumbor-key"),
        signed("a/signed/30x/cat.jpg").replace("/a/signed/30x", "/30x", 1),
    ):
        answer = served.get(target)
        assert (answer.status, answer.kind) == (403, "forbidden"), target
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_signature_that_need_not_be_there_has_to_be_right(served: Served) -> None:
    assert served.size("/optional/unsafe/30x/cat.jpg") == (30, 18)
    assert served.size(signed("30x/cat.jpg", before="/optional")) == (30, 18)
    assert served.get(signed("31x/cat.jpg", before="/optional").replace("31", "30")).kind == "forbidden"
    assert served.size(signed("30x/cat.jpg", before="")) == (30, 18)  # not looked at, without signing


def test_one_picture_is_one_result_whoever_signed_it(served: Served) -> None:
    first = served.get("/unsafe/33x33/smart/cat.jpg")
    assert first.headers["Cache-Status"].startswith("origin; fwd=uri-miss")
    again = signed("33x33/smart/filters:strip_icc()/cat.jpg", before="")
    for _ in range(3):
        second = served.get(again)
        assert second.headers["Cache-Status"].startswith("origin; hit")
    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.headers["Surrogate-Key"] == second.headers["Surrogate-Key"]
    assert again.split("/")[1] not in str(second.headers)


def test_no_signature_is_in_the_log(served: Served, caplog: Any) -> None:
    right = signed("30x/cat.jpg")
    signature = right.split("/")[3]
    with caplog.at_level(logging.INFO, "origin"):
        for target in (
            right,
            right.replace("=", "%3D"),
            right.replace("30x", "31x"),
            right.replace("/a/signed", "/a/sign%65d"),
            right.replace("/a/signed/", "/a/signed%2F"),
            right.replace("/a/signed/", "/a/signed//"),
            right.replace("/a/signed/", "/elsewhere/"),
            right.replace("/a/signed/", "/a/signed/unsafe/"),
            right + "%ff",
            f"/unsafe/{signature}/cat.jpg",
        ):
            served.get(target)
        served.get("/a/signed/unsafe/last.jpg")
        wait_until(lambda: "last.jpg" in caplog.text, "the log has its lines")
    assert caplog.text.count("[signature]") >= 10
    assert signature not in caplog.text
    assert signature.removesuffix("=") not in caplog.text
    assert "/a/signed/unsafe/last.jpg" in caplog.text


@pytest.mark.parametrize("handler", ["full", "free"])
def test_the_url_in_the_answer_to_an_upload_may_be_read(served: Served, handler: str) -> None:
    url = f"http://127.0.0.1:{served.origin.port}/{handler}"
    picture = encoded(field(30, 20), "PNG")
    request = urllib.request.Request(url, picture, {"Content-Type": "image/png"}, method="POST")
    with urllib.request.urlopen(request) as answer:
        location = str(answer.headers["Location"])
    key = location.split("/", 3)[3]
    first = f"/free/unsafe/{key}" if handler == "free" else signed(key, before="/full")
    assert location == first
    assert served.size(location) == (30, 20)


# What is refused


def test_what_cannot_be_done_is_refused_and_logged_by_its_name(served: Served, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "origin"):
        answer = served.get("/unsafe/30x20/filters:noise(40):watermark(a.png,1,1,50):format(png)/cat.jpg")
        wait_until(lambda: "thumbor option" in caplog.text, "the log has its line")
    assert (answer.status, answer.kind) == (400, "bad-request")
    assert answer.type == "image/png"
    assert max(opened(answer.body).size) <= 30
    assert "thumbor option noise" in caplog.text
    assert "thumbor option watermark" in caplog.text
    ignored = served.get("/unsafe/30x/filters:strip_exif():made_up()/cat.jpg?utm=1").headers[
        "X-Origin-Ignored"
    ]
    assert set(ignored.replace(" ", "").split(",")) == {"strip_exif", "made_up", "utm"}
