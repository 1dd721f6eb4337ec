"""`POST /{prefix}?w=300`: a posted picture is answered with what it becomes, and nothing of it stays."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from origin.config.load import build_config
from origin.errors import ConfigError
from origin.signing.uploads import write_upload_grant
from tests.support import bombs
from tests.support import pictures
from tests.support.posting import form
from tests.support.posting import post
from tests.support.posting import posted
from tests.support.posting import push
from tests.support.posting import uploaded
from tests.support.running import Answer
from tests.support.running import Running
from tests.support.running import wait_until

TOKEN = "open sesame, please"
SECRET = "a-key-of-at-least-32-characters-for-tests"
TRANSFORM = ["fit", "prepare_jpeg", "resize_avatar", "info", "render"]


def animation(kind: str) -> bytes:
    """Three frames of 80x60, each with a blue of its own, shown for 50, 70 and 90 ms, three times."""
    frames = [pictures.field(80, 60, blue) for blue in (0, 100, 200)]
    timing = {"duration": [50, 70, 90], "loop": 3}
    return pictures.encoded(frames[0], kind, save_all=True, append_images=frames[1:], **timing)


def config(folder: Path, **handler: Any) -> dict[str, Any]:
    own = {"name": "images", "transform": ["render"], "auth": "open", **handler}
    return {"handlers": [own], "cache": {"path": str(folder / "cache")}, "renderers": 1}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(config(tmp_path_factory.mktemp("origin"), limits={"max_original_bytes": 3_000_000})) as one:
        yield one


def test_a_handler_under_debug_tells_reasons_and_what_it_ignored(tmp_path: Path) -> None:
    with Running(config(tmp_path, debug=True, options=["w"])) as origin:
        answer = posted(origin, "/images?w=30&q=5&utm=1", pictures.land())
        assert (answer.status, answer.headers["X-Origin-Ignored"]) == (200, "utm, q")
        damaged = posted(origin, "/images", pictures.land()[:200])
        assert (damaged.status, damaged.kind) == (415, "unsupported")
        assert damaged.headers["X-Origin-Reason"]
        assert "X-Origin-Reason" not in posted(origin, "/images?w=30", pictures.land()).headers


def told(answer: Answer) -> tuple[int, str]:
    """Status and class of a failure, as its body tells them."""
    assert answer.type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    content = json.loads(answer.body)
    assert content.keys() == {"error", "message"}
    assert answer.kind == content["error"]
    return answer.status, content["error"]


@pytest.mark.slow
def test_a_raw_body_is_answered_with_the_picture(origin: Running) -> None:
    answer = posted(origin, "/images?w=300&h=300&f=png", pictures.land())
    assert (answer.status, answer.type) == (200, "image/png")
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Status"] == "origin; fwd=method"
    pictures.assert_shows(answer.body, 0.2, 0, 0.8, 1)


@pytest.mark.slow
def test_the_field_file_of_a_form_is_the_same(origin: Running) -> None:
    raw = posted(origin, "/images?w=200", pictures.land())
    assert uploaded(origin, "/images?w=200", pictures.land(), other="x").body == raw.body


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},  # what curl --data-binary says
        {"Content-Type": "image/png"},
        {"Content-Type": "text/html; charset=utf-8"},
        {"Expect": "100-continue"},
    ],
)
def test_what_a_client_calls_a_raw_body_does_not_matter(origin: Running, headers: dict[str, str]) -> None:
    answer = posted(origin, "/images/?w=100", pictures.land(), headers)
    assert pictures.opened(answer.body).size == (100, 60)


def test_every_option_counts_and_others_are_ignored(origin: Running) -> None:
    query = "w=100&h=100&fit=contain&bg=ffcc00&rotate=90&f=png&utm_source=x"
    got = pictures.pixels(posted(origin, f"/images?{query}", pictures.land()).body)
    assert got.shape == (100, 100, 3)
    assert np.abs(got[50, 2] - [255, 204, 0]).max() <= 1
    assert np.abs(got[2, 50] - [0, 128, 128]).max() <= 12  # left is up now


def test_a_picture_that_lies_on_its_side_is_turned_upright(origin: Running) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = pictures.encoded(pictures.field(400, 200), "JPEG", quality=95, exif=exif)
    answer = posted(origin, "/images?w=100&f=png", picture)
    assert pictures.opened(answer.body).size == (100, 200)
    got = pictures.pixels(answer.body)
    assert got[5, 95, 0] < 20  # what was left is above, what was above is right
    assert got[5, 95, 1] < 20
    assert got[195, 5, 0] > 235


def test_auto_looks_at_accept(origin: Running) -> None:
    answer = posted(origin, "/images?w=50&f=auto", pictures.land(), {"Accept": "image/webp,*/*"})
    assert (answer.type, answer.headers["Vary"]) == ("image/webp", "Accept")
    assert posted(origin, "/images?w=50&f=auto", pictures.land()).type == "image/jpeg"


def frames_of(file: bytes) -> int:
    return getattr(Image.open(io.BytesIO(file)), "n_frames", 1)


def test_an_animation_stays_one(origin: Running) -> None:
    assert frames_of(posted(origin, "/images?w=40", animation("GIF")).body) == 3
    assert frames_of(posted(origin, "/images?w=40&f=png", animation("GIF")).body) == 1


@pytest.mark.parametrize(("kind", "plays"), [("GIF", 4), ("WEBP", 3), ("PNG", 3)])
def test_an_animated_png_is_written_where_it_is_asked_for(origin: Running, kind: str, plays: int) -> None:
    answer = posted(origin, "/images?w=40&f=png&animated", animation(kind))
    image = Image.open(io.BytesIO(answer.body))
    assert (answer.type, image.format, image.size) == ("image/png", "PNG", (40, 30))
    assert (frames_of(answer.body), image.info["loop"]) == (3, plays)
    for number, (blue, delay) in enumerate(((0, 50), (100, 70), (200, 90))):
        image.seek(number)
        assert image.info["duration"] == delay
        assert abs(image.convert("RGB").getpixel((20, 15))[2] - blue) <= 8  # type: ignore[index]


def test_an_animated_png_keeps_transparency(origin: Running) -> None:
    frames = [Image.new("RGBA", (40, 40), (0, 0, 0, 0)) for _ in range(2)]
    frames[0].paste((255, 0, 0, 255), (0, 0, 20, 40))
    frames[1].paste((0, 0, 255, 255), (20, 0, 40, 40))
    webp = pictures.encoded(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=90, lossless=True
    )
    image = Image.open(io.BytesIO(posted(origin, "/images?f=png&animated", webp).body))
    shown = []
    for number in range(2):
        image.seek(number)
        shown.append(np.asarray(image.convert("RGBA"))[20, [5, 35]].tolist())
    assert shown == [[[255, 0, 0, 255], [0, 0, 0, 0]], [[0, 0, 0, 0], [0, 0, 255, 255]]]


def test_what_a_picture_is_can_be_asked(origin: Running) -> None:
    answer = posted(origin, "/images?f=json", pictures.land())
    told_facts = json.loads(answer.body)
    assert (answer.type, told_facts["width"], told_facts["height"]) == ("application/json", 1000, 600)
    for body, message in ((b"plain text", "not a picture"), (pictures.svg(), "svg: not allowed here")):
        refused = posted(origin, "/images?f=json", body)
        assert told(refused) == (415, "unsupported")
        assert json.loads(refused.body)["message"] == message


def test_a_download_has_its_name(origin: Running) -> None:
    answer = posted(origin, "/images?w=9&f=png&dl=my+cat", pictures.small())
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my cat.png"'
    assert "Content-Disposition" not in posted(origin, "/images?w=9", pictures.small()).headers


@pytest.mark.slow
def test_presets_and_watermarks_count(tmp_path: Path) -> None:
    (tmp_path / "mark.png").write_bytes(pictures.encoded(Image.new("RGB", (50, 50), "red"), "PNG"))
    whole = {
        **config(tmp_path, preset="small"),
        "presets": {"small": {"w": 100, "f": "png"}, "photo": {"w": 50, "only": ["jpg"]}},
        "watermarks": {"mark": {"picture": str(tmp_path / "mark.png"), "size": 0.5}},
    }
    with Running(whole) as origin:
        plain = pictures.pixels(posted(origin, "/images", pictures.land()).body)
        marked = pictures.pixels(posted(origin, "/images?wm=mark", pictures.land()).body)
        assert plain.shape == marked.shape == (60, 100, 3)
        assert np.abs(marked[50, 90] - [255, 0, 0]).max() <= 2
        assert np.abs(marked[5, 5] - plain[5, 5]).max() == 0
        svg = pictures.encoded(pictures.field(90, 60), "PNG")
        assert posted(origin, "/images?p=photo", svg).body == svg  # as it is
        assert told(posted(origin, "/images?p=photo", svg[:-200])) == (415, "unsupported")
        assert pictures.opened(posted(origin, "/images?p=photo", pictures.land()).body).size == (50, 30)


@pytest.mark.many
@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        ("w=x", pictures.land, (400, "bad-request")),
        ("w=1&w=2", pictures.land, (400, "bad-request")),
        ("rect=2000,2000,10,10", pictures.land, (400, "bad-request")),
        ("&".join(["a=1"] * 200), pictures.land, (400, "bad-request")),
        ("", lambda: b"", (400, "nothing-sent")),
        ("", lambda: b"plain text", (415, "unsupported")),
        ("", lambda: b"<html><script>alert(1)</script></html>", (415, "unsupported")),
        ("", lambda: pictures.svg(), (415, "unsupported")),
        ("", lambda: pictures.land()[:9000], (415, "unsupported")),
        ("", lambda: pictures.land()[:10] + bytes(500), (415, "unsupported")),
        ("", lambda: b"x" * 3_000_001, (413, "too-large")),
        ("", lambda: b"x" * 5_000_000, (413, "too-large")),
    ],
)  # fmt: skip
def test_what_is_refused_has_its_class_and_status(
    origin: Running, query: str, body: Any, expected: tuple[int, str]
) -> None:
    assert told(posted(origin, f"/images?{query}", body())) == expected


@pytest.mark.parametrize(
    "bomb",
    [
        bombs.jpeg(60_000),
        bombs.interlaced_png(30_000),
        bombs.webp(16_000),
        bombs.avif(60_000),
        bombs.LAUGHS,
    ],
    ids=["jpeg", "png", "webp", "avif", "svg"],
)
def test_a_bomb_is_refused(origin: Running, bomb: bytes) -> None:
    assert told(posted(origin, "/images?w=10", bomb)) == (415, "unsupported")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (form()[0], form()[1]),
        (form()[0], form(pictures.small(), name="picture")[1]),
        (form()[0], form(b"")[1]),
    ],
    ids=["empty form", "another field", "empty file"],
)
def test_a_form_without_a_picture_is_nothing_sent(
    origin: Running, headers: dict[str, str], body: bytes
) -> None:
    assert told(post(origin, "/images", body, headers).answer()) == (400, "nothing-sent")


def test_a_form_that_is_cut_is_bad(origin: Running) -> None:
    headers, body = form(pictures.small())
    assert told(post(origin, "/images", body[:-60], headers).answer()) == (400, "bad-request")
    no_boundary = {"Content-Type": "multipart/form-data"}
    assert told(post(origin, "/images", body, no_boundary).answer()) == (400, "bad-request")


def test_a_compressed_body_is_not_unpacked(origin: Running) -> None:
    answer = posted(origin, "/images", pictures.small(), {"Content-Encoding": "gzip"})
    assert told(answer) == (400, "bad-request")


def test_other_methods_are_refused(origin: Running) -> None:
    for method in ("PUT", "DELETE", "PATCH", "GET", "HEAD"):
        for path in ("/images", "/images?w=9", "/images/", "/images/cat.jpg"):
            answer = origin.get(path, method)
            assert (answer.status, answer.headers["Allow"]) == (405, "POST"), (method, path)


def test_endpoints_that_are_not_named_are_not_there(origin: Running) -> None:
    assert posted(origin, "/images/info", pictures.small()).status == 404


@pytest.mark.slow
def test_nothing_is_stored_and_nothing_cached(tmp_path: Path) -> None:
    with Running(config(tmp_path)) as origin:
        first, second = (posted(origin, "/images?w=90", pictures.land()) for _ in range(2))
        origin.settle()
        assert first.body == second.body
        files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
        assert all(path.suffix not in ("", ".jpg", ".val") for path in files), files
        metrics = origin.get("/-/metrics").body.decode()
        assert 'cache="hit"' not in metrics


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Handlers by what they ask for; `both` has a source too."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "a.jpg").write_bytes(pictures.land())
    ways: dict[str, Any] = {
        "bearer": {"auth": {"bearer": TOKEN}},
        "form": {"auth": {"form": {"field": "secret", "value": "open sesame"}}},
        "signed": {"auth": {"signed": True}, "signing": {"keys": [SECRET]}},
        "both": {"source": {"type": "local", "root": str(folder)}, "transform": TRANSFORM},
    }
    handlers = [{"name": name, "transform": ["render"], **own} for name, own in ways.items()]
    with Running({"handlers": handlers, "cache": {"path": str(folder / "cache")}, "renderers": 1}) as one:
        yield one


@pytest.mark.slow
def test_who_may_post(guarded: Running) -> None:
    answer = posted(guarded, "/bearer", pictures.small())
    assert told(answer) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    wrong = {"Authorization": "Bearer something else"}
    assert told(posted(guarded, "/bearer", pictures.small(), wrong)) == (403, "forbidden")
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert posted(guarded, "/bearer?w=9", pictures.small(), right).status == 200


@pytest.mark.slow
def test_a_refusal_comes_before_the_body(guarded: Running) -> None:
    exchange = post(guarded, "/bearer", b"", length=2_000_000)
    assert told(exchange.answer()) == (401, "unauthorized")


def test_a_secret_in_the_form_lets_in(guarded: Running) -> None:
    assert told(uploaded(guarded, "/form", pictures.small())) == (403, "forbidden")
    assert told(uploaded(guarded, "/form", pictures.small(), secret="x")) == (403, "forbidden")
    assert uploaded(guarded, "/form", pictures.small(), secret="open sesame").status == 200


def test_an_upload_grant_lets_in_what_it_allows(guarded: Running) -> None:
    soon = int(time.time()) + 600
    assert told(posted(guarded, "/signed?w=9", pictures.small())) == (401, "unauthorized")
    grant = write_upload_grant([SECRET], "any/*", soon, 5_000, ["jpg"], False)
    assert posted(guarded, f"/signed?w=9&t={grant}", pictures.small()).status == 200
    assert told(posted(guarded, f"/signed?w=9&t={grant}", pictures.land())) == (413, "too-large")
    png = pictures.encoded(pictures.field(9, 9), "PNG")
    assert told(posted(guarded, f"/signed?t={grant}", png)) == (403, "forbidden")
    late = write_upload_grant([SECRET], "any/*", soon - 1200, None, None, False)
    assert told(posted(guarded, f"/signed?t={late}", pictures.small())) == (403, "forbidden")


def test_a_handler_with_a_source_serves_its_pictures_too(guarded: Running) -> None:
    assert guarded.get("/both/a.jpg?w=30").status == 200
    assert posted(guarded, "/both?w=30", pictures.land()).status == 200
    assert guarded.get("/both/info").status == 404


@pytest.mark.slow
def test_a_handler_that_everyone_may_post_to_is_told_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), Running(config(tmp_path)):
        assert "anyone who can reach the server may post pictures to /images" in caplog.text


# The pool


def test_a_slow_sender_holds_no_renderer(origin: Running) -> None:
    """One renderer, and others are served while a body is on its way."""
    body = pictures.land()
    slow = post(origin, "/images?w=77", body[:5000], length=len(body))
    for _ in range(3):
        assert posted(origin, "/images?w=30", pictures.small()).status == 200
    push(slow.socket, [body[5000:]])
    assert slow.answer().status == 200


@pytest.mark.slow
def test_a_client_that_leaves_frees_its_place(tmp_path: Path) -> None:
    noise = pictures.noise_png(2000, 1500, 1)
    limits = {"queue": 2, "queue_timeout": 30}
    with Running({**config(tmp_path), "limits": limits}) as origin:
        pool = origin.origin.pool
        leaving = [post(origin, "/images?f=avif", noise) for _ in range(3)]
        wait_until(lambda: pool.busy == 1 and pool.waiting == 2, "the queue is full")
        assert told(posted(origin, "/images", pictures.small())) == (503, "overloaded")
        for exchange in leaving:
            exchange.leave()
        wait_until(lambda: pool.waiting == 0, "those that left are out of the queue")
        wait_until(lambda: origin.origin.admission.bytes == 0, "what they sent is forgotten")
        assert posted(origin, "/images?w=30", pictures.small()).status == 200


def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_nothing(origin: Running) -> None:
    for cut in (10, 40_000, 2_000_000):
        exchange = post(origin, "/images", b"\xff\xd8\xff" + bytes(cut), length=2_900_000)
        exchange.leave()
    wait_until(lambda: origin.origin.metrics.in_flight == 0, "the requests ended")
    assert origin.origin.admission.bytes == 0
    assert posted(origin, "/images?w=30", pictures.small()).status == 200


@pytest.mark.slow
def test_an_overload_says_when_to_come_again(tmp_path: Path) -> None:
    with Running({**config(tmp_path), "limits": {"queue": 0, "queue_timeout": 0.2}}) as origin:
        noise = pictures.noise_png(2000, 1500, 1)
        busy = post(origin, "/images?f=avif", noise)
        wait_until(lambda: origin.origin.pool.busy == 1, "it is rendered")
        answer = posted(origin, "/images?w=30", pictures.small())
        assert told(answer) == (503, "overloaded")
        assert answer.headers["Retry-After"]
        busy.leave()


# The configuration


@pytest.mark.parametrize(
    ("handler", "mistake"),
    [
        ({"transform": []}, r"handlers\[0\].transform: expected a list with at least one entry"),
        ({"transform": ["shrink"]}, r"handlers\[0\].transform\[0\]: expected fit, .* got \"shrink\""),
        ({"auth": {}}, r"handlers\[0\].auth: expected \"open\", or an object with one of"),
        ({"auth": "everyone"}, r"handlers\[0\].auth: expected \"open\", or an object with one of"),
        ({"auth": {"bearer": "x" * 16, "signed": True}}, r"handlers\[0\].auth: expected \"open\", or an"),
        ({"write": {"auth": "open"}}, r"handlers\[0\]: expected either `transform` or `write`"),
        ({"auth": {"signed": True}}, r"handlers\[0\].auth.signed: expected `signing`"),
        ({"transform": None}, r"handlers\[0\].source: required, and not there"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(tmp_path: Path, handler: Any, mistake: str) -> None:
    with pytest.raises(ConfigError, match=mistake):
        build_config(config(tmp_path, **handler))


def test_render_that_is_not_in_the_list_is_not_found(tmp_path: Path) -> None:
    with Running(config(tmp_path, transform=["info"])) as other:
        assert told(posted(other, "/images?w=1", pictures.small())) == (404, "not-found")
