"""v2ex/remote's endpoints, in its words: what its clients send and read."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL import ImageCms
from PIL import ImageOps

from tests.ingest.test_transform import TRANSFORM
from tests.ingest.test_transform import animation
from tests.ingest.test_transform import config
from tests.support import pictures
from tests.support.posting import form
from tests.support.posting import post
from tests.support.posting import posted
from tests.support.posting import uploaded
from tests.support.running import Answer
from tests.support.running import Running
from tests.support.running import wait_until

AVATARS = (24, 48, 73, 128, 256, 512)
FORMATS = ["jpg", "png", "gif", "webp", "avif", "bmp", "ico", "tiff", "svg"]


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("remote")
    with Running(config(folder, transform=TRANSFORM, allowed_formats=FORMATS)) as origin:
        yield origin


def said(answer: Answer) -> dict[str, Any]:
    assert answer.type == "application/json;charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    content: dict[str, Any] = json.loads(answer.body)
    return content


def succeeded(answer: Answer) -> dict[str, Any]:
    content = said(answer)
    assert (answer.status, content.pop("status"), content.pop("success")) == (200, "ok", True), content
    return content


def failed(answer: Answer) -> tuple[int, str]:
    content = said(answer)
    assert content.keys() == {"message", "status", "success"}
    assert (content["status"], content["success"]) == ("error", False)
    return answer.status, content["message"]


def on_its_side(width: int, height: int, orientation: int = 6, **options: Any) -> bytes:
    """A JPEG of `pictures.field` with an EXIF orientation, a camera, GPS, XMP and a comment."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Camera maker"
    exif.get_ifd(0x8825)[2] = (52.0, 30.0, 0.0)
    more = {"quality": 95, "exif": exif, "xmp": b"<x:xmpmeta>geotag</x:xmpmeta>", "comment": b"a note"}
    return pictures.encoded(pictures.field(width, height), "JPEG", **{**more, **options})


# fit


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("GIF", "image/gif"), ("WEBP", "image/webp")],
)
def test_fit_keeps_the_format_and_the_aspect(remote: Running, kind: str, type: str) -> None:
    picture = pictures.encoded(pictures.field(400, 300), kind)
    content = succeeded(uploaded(remote, "/images/fit/200", picture))
    assert content.keys() == {"uploaded", "output", "start", "end", "cost"}
    assert content["uploaded"] == {"size": len(picture), "mime": type}
    assert content["end"] >= content["start"] > 1_700_000_000
    assert content["cost"] == pytest.approx(1000 * (content["end"] - content["start"]), abs=1)
    output = pictures.opened(base64.b64decode(content["output"], validate=True))
    assert (output.format, output.size) == (kind, (200, 150))


def test_fit_never_enlarges(remote: Running) -> None:
    content = succeeded(uploaded(remote, "/images/fit/1000", pictures.small()))
    assert pictures.opened(base64.b64decode(content["output"])).size == (100, 80)
    content = succeeded(uploaded(remote, f"/images/fit/{'9' * 40}", pictures.small()))
    assert pictures.opened(base64.b64decode(content["output"])).size == (100, 80)


def test_fit_turns_upright(remote: Running) -> None:
    """400x200 with orientation 6 became 100x50 there, on its side."""
    content = succeeded(uploaded(remote, "/images/fit/100", on_its_side(400, 200)))
    output = base64.b64decode(content["output"])
    assert pictures.opened(output).size == (50, 100)
    assert dict(pictures.opened(output).getexif()) == {}
    assert pictures.pixels(output)[2, 47, 0] < 25  # what was left is above


@pytest.mark.parametrize("query", ["simple=1", "simple", "simple=0", "x=1&simple="])
def test_fit_with_simple_is_the_picture_itself(remote: Running, query: str) -> None:
    answer = uploaded(remote, f"/images/fit/50?{query}", pictures.port())
    assert (answer.status, answer.type) == (200, "image/png")
    assert pictures.opened(answer.body).size == (30, 50)


def test_fit_keeps_transparency(remote: Running) -> None:
    for kind in ("PNG", "WEBP", "GIF"):
        picture = pictures.encoded(pictures.opened(pictures.alpha()), kind)
        output = uploaded(remote, "/images/fit/100?simple", picture).body
        got = pictures.pixels(output, "RGBA")
        assert got[25, 10, 3] == 0
        assert np.abs(got[25, 90] - [255, 0, 0, 255]).max() <= 6


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_fit_keeps_an_animation_where_animated_is_asked_for(remote: Running, kind: str) -> None:
    for query, frames in (
        ("animated=1&simple", 3),
        ("animated&simple", 3),
        ("simple", 1),
        ("animated=0&simple", 1),
    ):
        image = Image.open(io.BytesIO(uploaded(remote, f"/images/fit/40?{query}", animation(kind)).body))
        assert (image.format, image.size, getattr(image, "n_frames", 1)) == (kind, (40, 30), frames)


def test_fit_makes_what_it_cannot_write_a_png_or_a_jpeg(remote: Running) -> None:
    for kind in ("BMP", "TIFF", "ICO"):
        picture = pictures.encoded(pictures.field(64, 64), kind)
        assert uploaded(remote, "/images/fit/32?simple", picture).type == "image/jpeg"
    assert uploaded(remote, "/images/fit/32?simple", pictures.svg()).type == "image/png"


# prepare_jpeg


def test_prepare_jpeg_does_not_encode_what_is_upright(remote: Running) -> None:
    picture = on_its_side(400, 200, orientation=1, icc_profile=pictures.SRGB)
    content = succeeded(uploaded(remote, "/images/prepare_jpeg", picture))
    assert content.keys() == {"uploaded", "output"}
    assert content["uploaded"] == {"size": len(picture), "mime": "image/jpeg"}
    output = base64.b64decode(content["output"], validate=True)
    image = Image.open(io.BytesIO(output))
    assert dict(image.getexif()) == {}
    assert {"exif", "xmp", "comment"}.isdisjoint(image.info)
    assert image.info["icc_profile"] == pictures.SRGB
    assert np.array_equal(pictures.pixels(output), pictures.pixels(picture))
    scan = picture.index(b"\xff\xda")
    assert output.endswith(picture[scan:])  # byte for byte


@pytest.mark.parametrize("orientation", range(2, 9))
def test_prepare_jpeg_turns_upright(remote: Running, orientation: int) -> None:
    picture = on_its_side(320, 160, orientation)
    output = base64.b64decode(succeeded(uploaded(remote, "/images/prepare_jpeg", picture))["output"])
    image = Image.open(io.BytesIO(output))
    assert image.format == "JPEG"
    assert dict(image.getexif()) == {}
    assert {"exif", "xmp", "comment"}.isdisjoint(image.info)
    upright = ImageOps.exif_transpose(pictures.opened(picture))
    assert image.size == upright.size
    assert np.abs(pictures.pixels(output) - np.asarray(upright).astype(int)).mean() < 2


def test_prepare_jpeg_leaves_no_place_behind(remote: Running) -> None:
    for orientation in (1, 6):
        picture = on_its_side(64, 32, orientation)
        output = base64.b64decode(succeeded(uploaded(remote, "/images/prepare_jpeg", picture))["output"])
        assert b"geotag" not in output
        assert b"Exif" not in output
        assert b"a note" not in output


def test_prepare_jpeg_keeps_the_look_of_wide_colours(remote: Running) -> None:
    """A profile that swaps red and green: upright it stays, on its side the pixels are converted."""
    swapped = pictures.opened(pictures.swapped()).info["icc_profile"]
    for orientation in (1, 3):
        picture = on_its_side(100, 60, orientation, icc_profile=swapped)
        output = base64.b64decode(succeeded(uploaded(remote, "/images/prepare_jpeg", picture))["output"])
        image, before = pictures.opened(output), pictures.opened(picture)
        if orientation == 3:
            before = before.rotate(180)
        assert np.abs(_as_shown(image, output) - _as_shown(before, picture)).mean() < 4


def _as_shown(image: Image.Image, file: bytes) -> Any:
    profile = Image.open(io.BytesIO(file)).info.get("icc_profile")
    if profile:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
        assert converted is not None
        image = converted
    return np.asarray(image).astype(int)


# resize_avatar


@pytest.mark.many
@pytest.mark.parametrize("path", ["resize_avatar", "rescale_avatar"])
@pytest.mark.parametrize(
    ("size", "largest"),
    [
        ((1000, 600), 512),
        ((512, 512), 512),
        ((511, 2000), 256),
        ((256, 300), 256),
        ((2000, 255), 128),
        ((128, 128), 128),
        ((127, 127), 73),
        ((30, 10), 73),
    ],
)
def test_avatars_are_squares_from_the_middle(
    remote: Running, path: str, size: tuple[int, int], largest: int
) -> None:
    picture = pictures.encoded(pictures.field(*size), "PNG")
    content = succeeded(uploaded(remote, f"/images/{path}", picture))
    sides = [side for side in AVATARS if side <= largest]
    assert content.keys() == {"uploaded", *(f"avatar{side}" for side in sides)}
    for side in sides:
        avatar = content[f"avatar{side}"]
        body = base64.b64decode(avatar["body"], validate=True)
        assert avatar.keys() == {"size", "body"}
        assert avatar["size"] == len(body)
        image = pictures.opened(body)
        assert (image.format, image.size) == ("PNG", (side, side))
        expected = ImageOps.fit(pictures.opened(picture), (side, side), Image.Resampling.LANCZOS)
        got = pictures.pixels(body)
        assert np.abs(got - np.asarray(expected).astype(int)).max() <= (16 if min(size) < 100 else 6)


def test_avatars_keep_transparency_and_orientation(remote: Running) -> None:
    content = succeeded(uploaded(remote, "/images/resize_avatar", pictures.alpha()))
    got = pictures.pixels(base64.b64decode(content["avatar48"]["body"]), "RGBA")
    assert got[24, 4, 3] == 0
    assert np.abs(got[24, 44] - [255, 0, 0, 255]).max() <= 4
    content = succeeded(uploaded(remote, "/images/resize_avatar", on_its_side(400, 400)))
    got = pictures.pixels(base64.b64decode(content["avatar128"]["body"]))
    assert got[2, 64, 0] < 20  # what was left is above


def test_avatars_of_an_animation_move_where_animated_is_asked_for(remote: Running) -> None:
    for query, frames in (("?animated=1", 3), ("", 1)):
        content = succeeded(uploaded(remote, f"/images/resize_avatar{query}", animation("GIF")))
        for side in (24, 48, 73):
            image = Image.open(io.BytesIO(base64.b64decode(content[f"avatar{side}"]["body"])))
            assert (image.format, image.size, getattr(image, "n_frames", 1)) == ("PNG", (side, side), frames)


# info


def test_info_tells_what_came(remote: Running) -> None:
    picture = pictures.land()
    assert succeeded(uploaded(remote, "/images/info", picture)) == {
        "width": 1000,
        "height": 600,
        "mime_type": "image/jpeg",
        "binary_size": len(picture),
        "frames": 1,
    }
    content = succeeded(uploaded(remote, "/images/info", animation("GIF")))
    assert (content["width"], content["height"], content["frames"]) == (80, 60, 3)
    content = succeeded(uploaded(remote, "/images/info", pictures.svg()))
    assert (content["width"], content["height"], content["mime_type"]) == (200, 100, "image/svg+xml")
    content = succeeded(uploaded(remote, "/images/info", on_its_side(400, 200)))
    assert (content["width"], content["height"]) == (200, 400)


# Failures


def test_a_get_says_how_to_post(remote: Running) -> None:
    for path in ("fit/100", "prepare_jpeg", "resize_avatar", "rescale_avatar", "info"):
        content = succeeded(remote.get(f"/images/{path}"))
        assert content.keys() == {"usage"}
        head = remote.get(f"/images/{path}", "HEAD")
        assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize("path", ["fit/100", "prepare_jpeg", "resize_avatar", "info"])
def test_a_request_without_a_file_says_so(remote: Running, path: str) -> None:
    expected = (400, "No file was uploaded")
    assert failed(uploaded(remote, f"/images/{path}", None)) == expected
    assert failed(uploaded(remote, f"/images/{path}", b"")) == expected
    assert failed(posted(remote, f"/images/{path}", b"")) == expected
    headers, body = form(pictures.small(), name="image")
    assert failed(post(remote, f"/images/{path}", body, headers).answer()) == expected


@pytest.mark.parametrize("path", ["fit/100", "prepare_jpeg", "resize_avatar", "info"])
def test_what_is_no_picture_is_refused(remote: Running, path: str) -> None:
    unknown = (415, "Unable to determine the file type")
    assert failed(uploaded(remote, f"/images/{path}", b"plain text")) == unknown
    unsupported = (415, "The uploaded file is not in a supported format")
    assert failed(uploaded(remote, f"/images/{path}", b"%PDF-1.7\n" + bytes(90))) == unsupported
    if path != "prepare_jpeg":
        status, _ = failed(uploaded(remote, f"/images/{path}", pictures.port()[:300]))
        assert status == 422


def test_prepare_jpeg_takes_nothing_else(remote: Running) -> None:
    expected = (400, "This endpoint is only for processing JPEG images")
    assert failed(uploaded(remote, "/images/prepare_jpeg", pictures.port())) == expected
    assert failed(uploaded(remote, "/images/prepare_jpeg", pictures.land()[:5000]))[0] == 422


def test_the_box_is_a_number_of_pixels(remote: Running) -> None:
    assert failed(uploaded(remote, "/images/fit/0", pictures.small()))[0] == 400
    assert failed(uploaded(remote, "/images/fit/000", pictures.small()))[0] == 400
    for box in ("x", "-1", "1.5", "", "10x10", "10/10"):
        assert failed(uploaded(remote, f"/images/fit/{box}", pictures.small()))[0] == 404
    assert failed(uploaded(remote, "/images/fit", pictures.small()))[0] == 404
    assert failed(uploaded(remote, "/images/nothing", pictures.small()))[0] == 404
    assert failed(remote.get("/images/nothing"))[0] == 404


@pytest.mark.slow
def test_a_large_body_is_refused(tmp_path: Path) -> None:
    limits = {"max_original_bytes": 10_000, "max_original_pixels": 5_000}
    with Running(config(tmp_path, transform=TRANSFORM, limits=limits)) as origin:
        assert failed(uploaded(origin, "/images/fit/10", bytes(10_001)))[0] == 413
        assert failed(uploaded(origin, "/images/fit/10", bytes(100_000)))[0] == 413
        assert failed(uploaded(origin, "/images/fit/10", pictures.small()))[0] == 422


@pytest.mark.slow
def test_auth_holds_here_too(tmp_path: Path) -> None:
    auth = {"bearer": "open sesame, please"}
    with Running(config(tmp_path, transform=TRANSFORM, auth=auth)) as origin:
        answer = uploaded(origin, "/images/fit/10", pictures.small())
        assert failed(answer)[0] == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.slow
def test_too_much_at_once_is_said_in_json(tmp_path: Path) -> None:
    with Running({**config(tmp_path, transform=TRANSFORM), "limits": {"queue": 0}}) as origin:
        noise = pictures.noise_png(2000, 1500, 1)
        busy = post(origin, "/images?f=avif", noise)
        wait_until(lambda: origin.origin.pool.busy == 1, "it is rendered")
        answer = uploaded(origin, "/images/fit/10", pictures.small())
        assert failed(answer)[0] == 503
        assert answer.headers["Retry-After"]
        busy.leave()
