"""The settings of webcompat.com's uploads, and that its form goes on with the printed configuration."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from origin.config.load import build_config
from origin.convert.conversion import CannotConvert
from origin.convert.webcompat import convert
from tests.support import pictures
from tests.support.posting import form
from tests.support.posting import post
from tests.support.running import Answer
from tests.support.running import Running

URL = "https://webcompat.example/uploads/"


def converted(*arguments: str, settings: str = "", **environment: str) -> dict[str, Any]:
    return convert(arguments, settings, environment).config


def test_the_settings_are_kept() -> None:
    config = converted("-b", "0.0.0.0:81", UPLOADS_DEFAULT_DEST="/srv/up/", UPLOADS_DEFAULT_URL=URL)
    (handler,) = config["handlers"]
    assert (config["http_host"], config["http_port"]) == ("0.0.0.0", 81)
    assert handler["source"] == {"type": "local", "root": "/srv/up/"}
    assert handler["prefix"] == "uploads"
    assert handler["write"]["max_bytes"] == 5_767_168
    assert handler["write"]["reply"]["post"]["json"]["url"] == f"{URL}{{key}}"


def test_the_folder_and_the_url_are_those_of_the_place() -> None:
    both = {"PROD_UPLOADS_DEFAULT_DEST": "/prod/", "STAGING_UPLOADS_DEFAULT_DEST": "/staging/"}
    for name, folder in (("PRODUCTION", "/prod/"), ("DEVELOPMENT", "/staging/")):
        (handler,) = converted(**both, UPLOADS_DEFAULT_URL=URL, **{name: "1"})["handlers"]
        assert handler["source"]["root"] == folder
        with pytest.raises(CannotConvert, match="UPLOADS_DEFAULT_URL is not set"):
            converted(**both, **{name: "1"})
    assert "http://localhost:5000/uploads/" in json.dumps(converted(**both))


def test_a_file_of_settings_is_read() -> None:
    settings = "import os\nUPLOADS_DEFAULT_DEST = '/a/'\nMAX_CONTENT_LENGTH = 100\nOTHER = os.getcwd()\n"
    (handler,) = converted(settings=settings)["handlers"]
    assert handler["source"]["root"] == "/a/"
    assert handler["write"]["max_bytes"] == 100
    (handler,) = converted(settings=settings, UPLOADS_DEFAULT_DEST="/b/")["handlers"]
    assert handler["source"]["root"] == "/b/"
    computed = "UPLOADS_DEFAULT_DEST = os.environ['A']\nMAX_CONTENT_LENGTH = 5.5 * 1024 * 1024\n"
    (handler,) = converted(settings=computed, STAGING_UPLOADS_DEFAULT_DEST="/d/")["handlers"]
    assert (handler["source"]["root"], handler["write"]["max_bytes"]) == ("/d/", 5_767_168)
    with pytest.raises(CannotConvert, match="UPLOADS_DEFAULT_DEST is computed"):
        converted(settings=computed)
    (handler,) = converted(PROD_UPLOADS_DEFAULT_DEST="/c/")["handlers"]
    assert handler["source"]["root"] == "/c/"


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        ((), {}, "UPLOADS_DEFAULT_DEST"),
        (("-x",), {"UPLOADS_DEFAULT_DEST": "/a"}, "expected -b HOST:PORT"),
        ((), {"UPLOADS_DEFAULT_DEST": "/a", "UPLOADS_DEFAULT_URL": "/uploads/"}, "expected a URL"),
        ((), {"UPLOADS_DEFAULT_DEST": "/a", "UPLOADS_DEFAULT_URL": "https://a.example"}, "expected a path"),
        ((), {"UPLOADS_DEFAULT_DEST": "/a", "MAX_CONTENT_LENGTH": "5.5 * 1024"}, "a number of bytes"),
    ],
)
def test_what_cannot_be_kept_is_an_error(
    arguments: tuple[str, ...], environment: dict[str, str], told: str
) -> None:
    with pytest.raises(CannotConvert, match=told):
        convert(arguments, "", environment)


# Its clients


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def webcompat(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    config = converted(UPLOADS_DEFAULT_DEST=f"{folder}/", UPLOADS_DEFAULT_URL=URL)
    cache = {"path": str(tmp_path_factory.mktemp("cache"))}
    with Running(build_config({**config, "renderers": 1, "cache": cache})) as origin:
        yield origin


def upload(origin: Running, picture: bytes, **how: Any) -> Answer:
    headers, body = form(picture, name="image", **how)
    return post(origin, "/upload/", body, headers).answer()


def urlencoded(origin: Running, text: str, name: str = "image") -> Answer:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return post(origin, "/upload/", f"{name}={quote(text, safe='')}".encode(), headers).answer()


def stored(answer: Answer, folder: Path, extension: str) -> Image.Image:
    """The picture that an answer tells of, in its file."""
    assert (answer.status, answer.type) == (201, "application/json"), answer.body
    content = json.loads(answer.body)
    assert content.keys() == {"filename", "url"}
    now = datetime.now(UTC)
    key = content["url"].removeprefix(URL)
    assert re.fullmatch(rf"{now.year}/{now.month}/[0-9a-f-]{{36}}\.{extension}", key)
    assert content["filename"] == key.rpartition("/")[2]
    return Image.open(io.BytesIO((folder / key).read_bytes()))


@pytest.mark.slow
def test_what_its_form_sends_is_stored_as_before(webcompat: Running, folder: Path) -> None:
    for body, extension, kind in (
        (pictures.small(), "jpeg", "JPEG"),
        (pictures.port(), "jpg", "JPEG"),
        (pictures.encoded(pictures.field(20, 10), "GIF"), "gif", "GIF"),
        (pictures.encoded(pictures.field(20, 10), "BMP"), "bmp", "BMP"),
    ):
        image = stored(upload(webcompat, body, file_name="wrong.txt"), folder, extension)
        assert (image.format, image.size) == (kind, pictures.opened(body).size)


@pytest.mark.slow
def test_transparency_becomes_white(webcompat: Running, folder: Path) -> None:
    image = stored(upload(webcompat, pictures.alpha()), folder, "jpg").convert("RGB")
    assert np.abs(np.asarray(image).astype(int)[50, 20] - 255).max() <= 3


@pytest.mark.slow
def test_a_data_uri_is_taken_in_both_kinds_of_form(webcompat: Running, folder: Path) -> None:
    uri = "data:image/png;base64," + base64.b64encode(pictures.palette()).decode()
    assert stored(urlencoded(webcompat, uri), folder, "jpg").size == (400, 240)
    assert stored(urlencoded(webcompat, uri.rstrip("=")), folder, "jpg").size == (400, 240)
    headers, body = form(None, image=uri)
    assert stored(post(webcompat, "/upload/", body, headers).answer(), folder, "jpg").size == (400, 240)


def test_what_was_uploaded_is_served(webcompat: Running) -> None:
    content = json.loads(upload(webcompat, pictures.small()).body)
    answer = webcompat.get(urlsplit(content["url"]).path)
    assert (answer.status, answer.type) == (200, "image/jpeg")
    assert answer.body == pictures.small()


def test_failures_have_the_statuses_that_clients_know(webcompat: Running) -> None:
    assert upload(webcompat, b"plain text").status == 415
    assert upload(webcompat, pictures.land()[:5000]).status == 415
    assert upload(webcompat, pictures.wide()).status == 415  # WebP
    assert urlencoded(webcompat, "data:image/png;base64,!!!").status == 415
    assert upload(webcompat, bytes(5_767_169)).status == 413
    assert urlencoded(webcompat, "x", name="other").status == 501
    assert post(webcompat, "/upload/", form()[1], form()[0]).answer().status == 501


def test_the_paths_answer_as_before(webcompat: Running) -> None:
    answer = post(webcompat, "/upload").answer()
    assert (answer.status, answer.headers["Location"]) == (308, "/upload/")
    assert webcompat.get("/upload/").status == 404
    assert webcompat.get("/upload/", "HEAD").status == 404
    refused = webcompat.get("/upload/", "PUT")
    assert (refused.status, refused.headers["Allow"]) == (405, "POST")
    assert webcompat.get("/uploads/2019/4/nothing.jpg").status == 404
    # As docs/migrating.md says, other than before:
    assert webcompat.get("/upload/", "OPTIONS").status == 405
    assert post(webcompat, "/upload/", b"{}", {"Content-Type": "application/json"}).answer().status == 415
