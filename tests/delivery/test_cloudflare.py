"""A handler with Cloudflare's dialect, over HTTP: sizes, places, paths, tokens, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from itsdangerous import URLSafeSerializer
from PIL import Image
from PIL import ImageOps

from origin.signing import UrlSigner
from tests.support.pictures import assert_shows
from tests.support.pictures import encoded
from tests.support.pictures import field
from tests.support.pictures import opened
from tests.support.pictures import pixels
from tests.support.running import Clock
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import wait_until

KEY = "a-signing-key-of-ours-that-is-long-enough"
TENTH = (108, 72)  # a tenth of the pictures in Cloudflare's examples
FIELD = field(*TENTH)
SIZED = {"square.png": (90, 90), "portrait.png": (61, 61)}
URL = "https://example.com/été/a cat.png"
HANDLERS: dict[str, dict[str, Any]] = {
    "image": {"prefix": "cdn-cgi/image", "error_status": "exact", "debug": True},
    "root": {"prefix": ""},
    "signed": {"signing": {"keys": [KEY]}},
    "bounded": {"options": ["w", "h", "fit"]},
    "plain": {"passthrough": "plain"},
    "named": {"preset_names": {"MI": "medium"}},
    "sites": {"source": {"type": "http", "keys": "url", "hosts": ["example.com"]}},
    "shown": {"source": {"type": "http", "keys": "url"}, "signing": {"keys": [KEY]}},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("cloudflare")
    own = {"source": {"type": "local", "root": str(folder)}, "dialect": "cloudflare"}
    config = {
        "handlers": [{"name": name, **own, **more} for name, more in HANDLERS.items()],
        "presets": {"medium": {"w": 40}},
        "cache": {"path": str(folder / "cache")},
        "renderers": 1,
        "limits": {"render_timeout": 60},  # of a machine that others keep busy, too
    }
    keys = ("cat.png", "a/my cat.png", URL, f"{URL}?v=1", "-/cat.png")
    shelf = Shelf(
        **dict.fromkeys(keys, encoded(FIELD, "PNG")),
        **{name: encoded(field(*size), "PNG") for name, size in SIZED.items()},
    )
    with Running(config, sources=dict.fromkeys(HANDLERS, shelf), clock=Clock()) as origin:
        yield origin


def size(served: Running, target: str) -> tuple[int, int]:
    answer = served.get(target)
    assert (answer.status, answer.kind) == (200, None), target
    return opened(answer.body).size


# A tenth of the sizes in https://developers.cloudflare.com/images/optimization/features/#fit, of 1080 x 720.
SIZES = {
    "width=50,height=50,fit=scale-down": (50, 33),
    "width=200,height=200,fit=scale-down": TENTH,
    "width=50,height=50": (50, 33),
    "width=50,height=50,fit=contain": (50, 33),
    "width=216,height=216,fit=contain": (216, 144),  # the example has no size; twice the original's
    "width=216,fit=contain": (216, 144),
    "width=50,height=50,fit=cover": (50, 50),
    "width=50,height=50,fit=aspect-crop": (50, 50),
    "width=50,height=50,fit=pad": (50, 50),
    "width=50,height=50,fit=squeeze": (50, 50),
    "width=216,height=216,fit=scale-down": TENTH,
    "width=216,height=216,fit=crop": TENTH,
    "width=216,height=216,fit=aspect-crop": (72, 72),
    "width=216,height=216,fit=squeeze": (216, 216),
    "width=216,height=216,fit=cover": (216, 216),
    "width=130,height=130,fit=crop": TENTH,
    "width=50,height=50,fit=crop": (50, 50),
    "width=192,height=112,fit=aspect-crop": (108, 63),
    "width=108,height=108,fit=pad": (108, 108),
    "width=216,height=216,fit=pad": (216, 216),
    "width=108,height=54,fit=squeeze": (108, 54),
    "width=300,height=54,fit=squeeze": (300, 54),
    "width=216": TENTH,
    "width=30,height=20,dpr=2,fit=cover": (60, 40),
    "width=30,height=20,rotate=90,fit=cover": (30, 20),
    "width=30,rotate=90": (30, 45),
    "trim=12;8;4;0": (100, 56),
    "trim.width=20,trim.height=10,trim.left=30": (20, 10),
    "width=auto": TENTH,
}


@pytest.mark.many
@pytest.mark.parametrize(("options", "expected"), SIZES.items())
def test_a_result_has_the_size_that_cloudflare_documents(
    served: Running, options: str, expected: tuple[int, int]
) -> None:
    assert size(served, f"/cdn-cgi/image/{options}/cat.png") == expected


def test_a_square_asked_for_wider_than_it_is_keeps_the_shape_of_the_box(served: Running) -> None:
    """612 x 613 asked for as 1920 x 1120 is 612 x 357, at Cloudflare; here a tenth of it."""
    assert size(served, "/cdn-cgi/image/width=192,height=112,fit=aspect-crop/portrait.png") == (61, 36)


def test_the_point_of_a_cut_lies_on_the_point_of_the_picture(served: Running) -> None:
    """900 x 900 cut to 300 x 900 at 0.33x0.5 begins a third of the 600 that are cut off from the left."""
    answer = served.get("/cdn-cgi/image/width=30,height=90,fit=cover,gravity=0.33x0.5/square.png")
    assert_shows(answer.body, 20 / 90, 0, 50 / 90, 1)
    right = served.get("/cdn-cgi/image/width=30,height=90,fit=cover,gravity=right/square.png")
    assert_shows(right.body, 60 / 90, 0, 1, 1)


def _cut(box: tuple[int, int, int, int]) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.crop(box)


# What Pillow makes of the same picture, in the order that Cloudflare documents: trim, flip, rotate, cut.
PICTURES: dict[str, list[Callable[[Image.Image], Image.Image]]] = {
    "trim=12;8;4;20": [_cut((20, 12, 100, 68))],
    "trim.left=30,trim.top=20,trim.width=50": [_cut((30, 20, 80, 72))],
    "flip=h,rotate=90": [ImageOps.mirror, lambda image: image.transpose(Image.Transpose.ROTATE_270)],
    "flip=v,rotate=270": [ImageOps.flip, lambda image: image.transpose(Image.Transpose.ROTATE_90)],
    "flip=hv,rotate=180": [],
    "trim=12;8;4;20,flip=h,rotate=90": [
        _cut((20, 12, 100, 68)),
        ImageOps.mirror,
        lambda image: image.transpose(Image.Transpose.ROTATE_270),
    ],
    "fit=crop,width=72,height=40,gravity=0.5x0.25,rotate=90": [
        lambda image: image.transpose(Image.Transpose.ROTATE_270),
        _cut((0, 17, 72, 57)),
    ],
    "fit=crop,width=40,height=72,gravity=left,flip=h": [ImageOps.mirror, _cut((0, 0, 40, 72))],
    "fit=crop,width=40,height=72,gravity=0.25x0,flip=h,rotate=180": [
        ImageOps.mirror,
        lambda image: image.transpose(Image.Transpose.ROTATE_180),
        _cut((17, 0, 57, 72)),
    ],
}


@pytest.mark.parametrize("options", PICTURES)
def test_a_result_is_what_pillow_makes(served: Running, options: str) -> None:
    expected = FIELD
    for step in PICTURES[options]:
        expected = step(expected)
    got = pixels(served.get(f"/cdn-cgi/image/{options},format=png/cat.png").body)
    np.testing.assert_array_equal(got, np.asarray(expected))


def test_padding_is_white_or_the_background(served: Running) -> None:
    for background, colour in (
        ("", (255, 255, 255)),
        (",background=rgb%28240%2C40%2C145%29", (240, 40, 145)),
    ):
        target = f"/cdn-cgi/image/width=108,height=108,fit=pad{background},format=png/cat.png"
        got = pixels(served.get(target).body)
        assert {tuple(pixel) for pixel in np.concatenate([got[:18], got[90:]]).reshape(-1, 3)} == {colour}
        np.testing.assert_array_equal(got[18:90], np.asarray(FIELD))


def test_edges_that_leave_nothing_are_a_bad_request(served: Running) -> None:
    for options in ("trim=40;0;40;0", "trim=0;200;0;0", "trim.left=200"):
        assert served.get(f"/cdn-cgi/image/{options}/cat.png").kind == "bad-request", options


# Paths


def test_the_original_is_a_path_with_or_without_its_slash(served: Running) -> None:
    for path in ("a/my%20cat.png", "/a/my%20cat.png", "a%2Fmy%20cat.png"):
        assert size(served, f"/cdn-cgi/image/width=30/{path}") == (30, 20), path
    assert size(served, "/cdn-cgi%2Fimage%2Fwidth%3D30%2Ccat.png/cat.png") == (30, 20)
    assert size(served, "/cdn-cgi/image/width=30/cat.png?v=1") == (30, 20)
    for path in ("cat.png", "a/my%20cat.png", "width=30", "width=30/", "width=30//", "width=30///cat.png"):
        assert served.get(f"/cdn-cgi/image/{path}").kind == "bad-request", path
    for path in ("width=30/../cat.png", "width=30/a/../../cat.png", "width=30/%2e%2e/cat.png", "width=3/%ff"):
        assert served.get(f"/cdn-cgi/image/{path}").kind == "bad-request", path
    assert served.get("/cdn-cgi/image/width=30/dog.png").kind == "not-found"
    assert served.get("/cdn-cgi/image/width=30/a%2520b.png").kind == "not-found"  # decoded once


def test_a_handler_at_the_root_has_the_whole_path(served: Running) -> None:
    assert size(served, "/width=30/cat.png") == (30, 20)
    assert served.get("/cat.png").kind == "bad-request"
    assert served.get("/status").body == b"OK"


def test_the_path_of_cloudflare_may_be_part_of_the_key(tmp_path: Path) -> None:
    source = {"type": "local", "root": str(tmp_path)}
    handler = {"name": "photos", "prefix": "", "source": source, "dialect": "cloudflare"}
    config = {"handlers": [handler], "cache": {"path": str(tmp_path / "cache")}, "renderers": 1}
    with Running(config, source=Shelf(**{"cat.png": encoded(FIELD, "PNG")})) as origin:
        assert size(origin, "/cdn-cgi/image/width=30/cat.png") == (30, 20)
        first = origin.get("/cdn-cgi/image/width=31/cat.png")
        second = origin.get("/w=31,metadata=none//cat.png")
    assert first.headers["ETag"] == second.headers["ETag"]
    assert second.headers["Cache-Status"].startswith("origin; hit")


def test_originals_of_other_sites_are_named_by_their_urls(served: Running) -> None:
    for url in (
        "https://example.com/%C3%A9t%C3%A9/a%20cat.png",
        "https:/example.com/%C3%A9t%C3%A9/a%20cat.png",
        "https%3A%2F%2Fexample.com%2F%C3%A9t%C3%A9%2Fa%20cat.png",
        "https://example.com/%C3%A9t%C3%A9/a%20cat.png?v=1",
        "https://example.com/%C3%A9t%C3%A9/a%20cat.png%3Fv=1",
    ):
        assert size(served, f"/sites/width=30/{url}") == (30, 20), url
    assert served.get("/sites/width=30/https://example.com/%C3%A9t%C3%A9/a%20cat.png?v=2").kind == "not-found"
    assert served.get("/sites/width=30/https://example.org/cat.png").kind == "forbidden"
    assert served.get("/sites/width=30/https://user@example.com/cat.png").kind == "forbidden"
    assert served.get("/cdn-cgi/image/width=30/https://example.com/cat.png").kind == "bad-request"
    assert served.get("/sites/width=30/cat.png").kind == "bad-request"


# Tokens: Cloudflare has none, and ours sign the path and the query as they stand


def test_our_token_signs_the_path_with_its_options(served: Running) -> None:
    target = UrlSigner("", "signed", [KEY]).url("width=30,fit=cover/cat.png", expires_in=3600, now=_now())
    assert size(served, target) == (30, 20)
    assert size(served, target.replace("%3D", "=").replace("%2C", ",")) == (30, 20)
    token = target.partition("?")[2]
    for other in ("width=31,fit=cover/cat.png", "width=30/cat.png", "width=30,fit=cover//cat.png"):
        assert served.get(f"/signed/{other}?{token}").kind == "forbidden", other
    assert served.get("/signed/width=30,fit=cover/cat.png").kind == "forbidden"
    assert served.get(f"{target}&v=1").kind == "forbidden"
    crowded = "&".join(f"x{i}=1" for i in range(200))
    assert served.get(f"{target}&{crowded}").kind == "forbidden"


def test_a_grant_is_for_the_keys_that_it_names(served: Running) -> None:
    query = "t=" + UrlSigner("", "signed", [KEY]).grant("width=30/*", expires_in=3600, now=_now())
    assert size(served, f"/signed/width=30/cat.png?{query}") == (30, 20)
    assert served.get(f"/signed/width=31/cat.png?{query}").kind == "forbidden"


def test_a_grant_is_for_no_query_of_an_original(served: Running) -> None:
    """A name that is no option is free beside a grant, and here it would lead to another original."""
    signer = UrlSigner("", "shown", [KEY])
    encoded_once = "width=30/https%3A%2F%2Fexample.com%2F%C3%A9t%C3%A9%2Fa%20cat.png"
    assert size(served, signer.url(encoded_once)) == (30, 20)
    target, key = "/shown/width=30/https://example.com/%C3%A9t%C3%A9/a%20cat.png", f"width=30/{URL}"
    scheme: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    serializer = URLSafeSerializer(KEY, salt="origin/v1/grant", signer_kwargs=scheme)
    grant = str(serializer.dumps({"k": key}))
    assert size(served, f"{target}?t={grant}") == (30, 20)
    for query in ("v=1", "utm_source=x", "%76=1"):
        assert served.get(f"{target}?{query}&t={grant}").kind == "forbidden", query
    derived = hmac.digest(KEY.encode(), b"origin/v1", "sha256")
    digest = hmac.digest(derived, f"shown\n{key}\nv=1".encode(), "sha256")
    exact = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert size(served, f"{target}?v=1&t={exact}") == (30, 20)
    assert served.get(f"{target}?v=2&t={exact}").kind == "forbidden"


def _now() -> float:
    return Clock().now


# What is refused, and what a handler settles


def test_a_grant_for_urls_of_another_site_is_for_these_alone(served: Running) -> None:
    def get(grant: str, name: str, query: str = "") -> str | None:
        target = f"/shown/width=30/https:/example.com/%C3%A9t%C3%A9/{name}?{query}t={grant}"
        return served.get(target).kind

    signer = UrlSigner("", "shown", [KEY])
    folder, one = (
        signer.grant(f"width=30/https:/example.com/été/{name}", expires_in=3600, now=_now())
        for name in ("*", "a cat.png")
    )
    assert (get(folder, "a%20cat.png"), get(folder, "a%20cat.png", "v=1&")) == (None, "forbidden")
    for left in ("../%C3%A9t%C3%A9/a%20cat.png", "%252e%252e/%C3%A9t%C3%A9/a%20cat.png"):
        assert get(folder, left) == "forbidden", left
    # The query is part of the URL that is asked for.
    assert (get(one, "a%20cat.png"), get(one, "a%20cat.png", "v=1&")) == (None, "forbidden")
    url = signer.url("width=30/https:/example.com/été/a cat.png", expires_in=3600, now=_now())
    assert served.get(url).status == 200
    assert served.get(f"{url}&v=1").kind == "forbidden"


def test_what_cannot_be_done_is_refused_and_logged_by_its_name(served: Running, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "origin"):
        answer = served.get("/cdn-cgi/image/width=30,segment=foreground,gamma=2,format=png/cat.png")
        wait_until(lambda: "cloudflare option" in caplog.text, "the log has its line")
    assert (answer.status, answer.kind, answer.type) == (400, "bad-request", "image/png")
    assert max(opened(answer.body).size) <= 30
    assert "cloudflare option segment: not available here" in caplog.text
    assert "cloudflare option gamma" in caplog.text


def test_names_that_change_nothing_are_told(served: Running) -> None:
    answer = served.get("/cdn-cgi/image/width=30,metadata=none,foo=1/cat.png?utm=1")
    ignored = answer.headers["X-Origin-Ignored"].replace(" ", "").split(",")
    assert set(ignored) == {"metadata", "foo", "utm"}


def test_the_bounds_of_a_handler_hold_in_its_dialect(served: Running) -> None:
    assert size(served, "/bounded/width=216,height=216,fit=cover/cat.png") == (72, 72)  # without enlarge
    assert size(served, "/bounded/width=30,blur=250/cat.png") == (30, 20)


def test_a_url_that_asks_for_nothing_passes_through(served: Running) -> None:
    assert served.get("/plain/metadata=keep,onerror=redirect/cat.png").body == encoded(FIELD, "PNG")


def test_presets_are_named_in_options_and_in_file_names(served: Running) -> None:
    assert size(served, "/cdn-cgi/image/p=medium/cat.png") == (40, 27)
    assert size(served, "/cdn-cgi/image/p=medium,width=30/cat.png") == (30, 20)
    answer = served.get("/named/metadata=none/catMI.webp")
    assert (answer.type, opened(answer.body).size) == ("image/webp", (40, 27))


def test_formats_follow_the_browser_where_auto_says_so(served: Running) -> None:
    answer = served.get("/cdn-cgi/image/width=30,format=auto/cat.png", headers={"Accept": "image/webp"})
    assert (answer.type, answer.headers["Vary"]) == ("image/webp", "Accept")
