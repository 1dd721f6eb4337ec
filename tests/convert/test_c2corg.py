"""The settings of c2corg's image service, and that its clients go on with the printed configuration."""

from __future__ import annotations

import io
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from PIL import Image

from origin.config.load import build_config
from origin.convert.c2corg import convert
from origin.convert.conversion import CannotConvert
from tests.ingest.test_derive import Place
from tests.ingest.test_derive import size
from tests.support import pictures
from tests.support.commands import invoke
from tests.support.running import Running
from tests.support.uploads import Answered
from tests.support.uploads import multipart
from tests.support.uploads import send

SECRET = "the secret of the API"
LOCAL = {
    "STORAGE_BACKEND": "local",
    "ACTIVE_FOLDER": "/srv/active",
    "INCOMING_FOLDER": "/srv/incoming",
    "TEMP_FOLDER": "/tmp/images",
    "API_SECRET_KEY": SECRET,
}
S3 = {
    "STORAGE_BACKEND": "s3",
    "ACTIVE_BUCKET": "active",
    "INCOMING_BUCKET": "incoming",
    "ACTIVE_PREFIX": "A",
    "INCOMING_PREFIX": "A",
    "A_ENDPOINT": "https://s3.example",
    "A_ACCESS_KEY_ID": "key",
    "A_SECRET_KEY": "hidden",
    "A_DEFAULT_REGION": "sw-1",
    "API_SECRET_KEY": SECRET,
}


def converted(*arguments: str, **environment: str) -> dict[str, Any]:
    return convert(arguments, environment).config


def test_the_settings_of_folders_are_kept() -> None:
    config = converted(**LOCAL)
    (handler,) = config["handlers"]
    assert (config["http_host"], config["http_port"]) == ("0.0.0.0", 8080)
    assert handler["source"] == {"type": "local", "root": "/srv/active"}
    assert handler["write"]["stage"] == {"source": {"type": "local", "root": "/srv/incoming"}, "expire": 7200}
    assert (handler["prefix"], handler["max_age"]) == ("active", 3600)
    assert handler["write"]["normalise"] == {"orient": False}
    build_config(config)


def test_the_settings_of_buckets_are_kept() -> None:
    config = converted(
        **S3,
        ROUTE_PREFIX="/images/",
        CACHE_CONTROL="public, max-age=60",
        AUTO_ORIENT_ORIGINAL="1",
        C2CORG_IMAGES_LOG_LEVEL="WARNING",
        GUNICORN_PARAMS="--workers 5 -b 127.0.0.1:81",
    )
    (handler,) = config["handlers"]
    keys = {"access_key": "key", "secret_key": "hidden", "region": "sw-1"}
    place = {"type": "s3", "endpoint_url": "https://s3.example", **keys}
    assert handler["source"] == {**place, "bucket": "active"}
    assert handler["write"]["stage"]["source"] == {**place, "bucket": "incoming"}
    assert handler["write"]["object"] == {"cache_control": "public, max-age=60", "acl": "public-read"}
    assert (handler["prefix"], handler["max_age"]) == ("images/active", 60)
    assert config["log"] == {"level": "warning"}
    assert handler["write"]["routes"]["recrop"] == "/images/recrop"
    assert handler["write"]["normalise"] == {"orient": True}
    assert (config["http_host"], config["http_port"]) == ("127.0.0.1", 81)
    build_config(config)


def test_without_a_set_of_credentials_the_usual_ones_count() -> None:
    environment = {name: value for name, value in S3.items() if name != "ACTIVE_PREFIX"}
    assert converted(**environment)["handlers"][0]["source"] == {"type": "s3", "bucket": "active"}


def test_presets_are_read_from_the_options_of_imagemagick() -> None:
    """As the manual of ImageMagick has geometries: inside, cover and cut, stretched, padded."""
    padding = ("-gravity", "center", "-background", "#fc0")
    sizes = [
        {"suffix": "A", "convert": ["-resize", "1500x1500>", "-quality", "90"]},
        {"suffix": "B", "convert": ["-resize", "200x100^", "-gravity", "north", "-extent", "200x100"]},
        {"suffix": "C", "convert": ["-strip", "-resize", "300"]},
        {"suffix": "D", "convert": ["-resize", "x80!"]},
        {"suffix": "E", "convert": ["-resize", "50x50", *padding, "-extent", "50x50"]},
        {"suffix": "F", "convert": ["-resize", "50x40!", "-extent", "50x40"]},
    ]
    config = converted(**LOCAL, RESIZING_CONFIG=json.dumps(sizes))
    assert config["presets"] == {
        "A": {"w": 1500, "h": 1500, "c": False, "enlarge": False, "q": 90},
        "B": {"w": 200, "h": 100, "fit": "cover", "enlarge": True, "g": "top"},
        "C": {"w": 300, "c": False, "enlarge": True},
        "D": {"h": 80, "fit": "fill", "enlarge": True},
        "E": {"w": 50, "h": 50, "fit": "contain", "enlarge": True, "g": "center", "bg": "fc0"},
        "F": {"w": 50, "h": 40, "fit": "fill", "enlarge": True},
    }
    assert config["handlers"][0]["write"]["derive"] == {name: name for name in "ABCDEF"}
    build_config(config)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"STORAGE_BACKEND": ""}, "STORAGE_BACKEND"),
        ({"STORAGE_BACKEND": "swift"}, "STORAGE_BACKEND"),
        ({"ACTIVE_FOLDER": ""}, "ACTIVE_FOLDER"),
        ({"API_SECRET_KEY": ""}, "API_SECRET_KEY"),
        ({"STORAGE_BACKEND": "s3"}, "ACTIVE_BUCKET"),
        ({**S3, "S3_SIGNATURE_VERSION": "s3"}, "S3_SIGNATURE_VERSION"),
        ({"RESIZING_CONFIG": "[1]"}, "RESIZING_CONFIG"),
        ({"RESIZING_CONFIG": '[{"suffix": "A", "convert": ["-blur", "3"]}]'}, "-blur cannot be kept"),
        ({"RESIZING_CONFIG": '[{"suffix": "A", "convert": ["-resize", "50%"]}]'}, "50%"),
        ({"RESIZING_CONFIG": '[{"suffix": "A", "convert": ["-quality", "9"]}]'}, "expected -resize"),
        (
            {"RESIZING_CONFIG": '[{"suffix": "A", "convert": ["-resize", "9x9", "-extent", "9x8"]}]'},
            "-extent 9x8 after -resize 9x9",
        ),
        ({"GUNICORN_PARAMS": "-b unix:/run/a.sock"}, "bind"),
    ],
)
def test_what_cannot_be_kept_is_an_error(changes: dict[str, str], told: str) -> None:
    with pytest.raises(CannotConvert, match=re.escape(told)):
        convert((), LOCAL | changes)


def test_the_command_reads_the_environment_and_tells_what_differs() -> None:
    done = invoke("convert", "c2corg", "-b", "127.0.0.1:5000", **LOCAL)
    assert json.loads(done.stdout)["http_port"] == 5000
    assert "note: failures are JSON" in done.stderr
    done = invoke("convert", "c2corg", **{**LOCAL, "RESIZING_CONFIG": "x"})
    assert (done.exit_code, "RESIZING_CONFIG" in done.stderr) == (2, True)


# Its clients: the requests of the c2corg API and of its pages, with what the old program answered


@pytest.fixture(scope="module", params=["folder", "seaweed"])
def c2corg(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    environment, folder, client = dict(LOCAL), None, None
    if request.param == "folder":
        folder = tmp_path_factory.mktemp("active")
        environment |= {
            "ACTIVE_FOLDER": str(folder),
            "INCOMING_FOLDER": str(tmp_path_factory.mktemp("incoming")),
        }
    else:
        server = request.getfixturevalue("seaweed")
        client, names = server.client, [f"c2c-{uuid.uuid4().hex}" for _ in range(2)]
        for name in names:
            client.create_bucket(Bucket=name)
        environment = {
            **S3,
            **{"ACTIVE_BUCKET": names[0], "INCOMING_BUCKET": names[1], "A_ENDPOINT": server.url},
            **{"A_ACCESS_KEY_ID": server.access_key, "A_SECRET_KEY": server.secret_key},
            "A_DEFAULT_REGION": "us-east-1",
        }
    cache = {"path": str(tmp_path_factory.mktemp("cache"))}
    with Running(build_config({**converted(**environment), "renderers": 1, "cache": cache})) as origin:
        yield Place(origin, folder, client)


def upload(place: Place, picture: bytes, name: str = "photo.jpg") -> Answered:
    body, headers = multipart(("file", name, picture))
    return send(place.origin.port, "POST", "/upload", body, headers)


def act(place: Place, action: str, *pairs: tuple[str, str], secret: str = SECRET) -> Answered:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode([("secret", secret), *pairs]).encode()
    return send(place.origin.port, "POST", f"/{action}", body, headers)


def sizes(place: Place, name: str) -> dict[str, tuple[int, int]]:
    """Of an original and its presets, as they lie there."""
    stem, _, extension = name.rpartition(".")
    return {suffix: size(place.body(f"{stem}{suffix}.{extension}")) for suffix in ("", "BI", "MI", "SI")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "extension", "shape", "expected"),
    [
        ("JPEG", "jpg", (2000, 500), {"BI": (1500, 375), "MI": (400, 100), "SI": (200, 200)}),
        ("JPEG", "jpg", (426, 592), {"BI": (426, 592), "MI": (288, 400), "SI": (200, 200)}),
        ("PNG", "png", (600, 244), {"BI": (600, 244), "MI": (400, 163), "SI": (200, 200)}),
        ("GIF", "gif", (30, 10), {"BI": (30, 10), "MI": (30, 10), "SI": (200, 200)}),
    ],
)
def test_upload_publish_and_delete(
    c2corg: Place, kind: str, extension: str, shape: tuple[int, int], expected: dict[str, tuple[int, int]]
) -> None:
    """Sizes are those that the old program was seen to make."""
    answer = upload(c2corg, pictures.encoded(pictures.field(*shape), kind))
    assert (answer.status, list(answer.json)) == (200, ["filename"])
    name = answer.json["filename"]
    assert re.fullmatch(rf"\d+_\d+\.{extension}", name)
    assert c2corg.origin.get(f"/active/{name}").status == 404
    for _ in range(2):
        answer = act(c2corg, "publish", ("filename", name))
        assert (answer.status, answer.json) == (200, {"success": True})
    assert sizes(c2corg, name) == {"": shape, **expected}
    stem = name.rpartition(".")[0]
    for suffix in ("", "BI", "MI", "SI"):
        file = f"{stem}{suffix}.{extension}"
        read = c2corg.origin.get(f"/active/{file}")
        assert (read.status, read.body) == (200, c2corg.body(file))
        assert Image.open(io.BytesIO(read.body)).format == kind
    assert c2corg.origin.get(f"/active/{stem}MI.webp").type == "image/webp"
    for _ in range(2):
        answer = act(c2corg, "delete", ("filenames", name), ("filenames", "1_1.jpg"))
        assert (answer.status, answer.json) == (200, {"success": True})
    assert not [key for key in c2corg.keys() if key.startswith(stem)]  # noqa: SIM118 - no mapping
    assert act(c2corg, "delete").status == 200


@pytest.mark.slow
def test_crop_and_recrop(c2corg: Place) -> None:
    name = upload(c2corg, pictures.encoded(pictures.field(600, 400), "PNG")).json["filename"]
    assert act(c2corg, "publish", ("filename", name), ("crop", "200x100+10+20")).json == {"success": True}
    assert sizes(c2corg, name) == {"": (600, 400), "BI": (200, 100), "MI": (200, 100), "SI": (200, 200)}
    answer = act(c2corg, "recrop", ("filename", name), ("crop", "100x100+10+10"))
    assert (answer.status, list(answer.json)) == (200, ["filename"])
    new = answer.json["filename"]
    assert new != name
    assert re.fullmatch(r"\d+_\d+\.png", new)
    assert sizes(c2corg, new) == {"": (600, 400), "BI": (100, 100), "MI": (100, 100), "SI": (200, 200)}
    assert sizes(c2corg, name)["BI"] == (200, 100)
    whole = act(c2corg, "recrop", ("filename", new)).json["filename"]
    assert sizes(c2corg, whole)["BI"] == (600, 400)
    assert act(c2corg, "publish", ("filename", name)).status == 200
    assert sizes(c2corg, name)["BI"] == (600, 400)


@pytest.mark.slow
def test_an_svg_has_presets_in_jpeg(c2corg: Place) -> None:
    name = upload(c2corg, pictures.svg(), "drawing.svg").json["filename"]
    assert name.endswith(".svg")
    assert act(c2corg, "publish", ("filename", name), ("crop", "100x50+0+0")).status == 200
    stem = name.removesuffix(".svg")
    assert size(c2corg.body(f"{stem}MI.jpg")) == (100, 50)
    assert size(c2corg.body(f"{stem}SI.jpg")) == (200, 200)
    read = c2corg.origin.get(f"/active/{name}")
    assert (read.status, read.type) == (200, "image/svg+xml")


@pytest.mark.slow
def test_refusals_have_the_statuses_that_clients_know(c2corg: Place) -> None:
    tiff = pictures.encoded(pictures.field(30, 30), "TIFF")
    webp = pictures.encoded(pictures.field(30, 30), "WEBP")
    for picture in (tiff, webp, b"no picture", b""):
        assert upload(c2corg, picture).status == 400
    body, headers = multipart(("other", "a.png", pictures.small()))
    assert send(c2corg.origin.port, "POST", "/upload", body, headers).status == 400
    assert c2corg.origin.get("/upload").status == 405
    name = upload(c2corg, pictures.small()).json["filename"]
    for action in ("publish", "recrop", "delete"):
        assert act(c2corg, action, ("filename", name), secret="wrong").status == 403
        assert send(c2corg.origin.port, "POST", f"/{action}").status == 403
    for action in ("publish", "recrop"):
        assert act(c2corg, action, ("filename", "1_1.jpg")).status == 404
        assert act(c2corg, action, ("filename", name), ("crop", "a")).status == 400
        assert act(c2corg, action, ("filename", "../../../etc/passwd")).status == 400
        assert act(c2corg, action).status == 400


@pytest.mark.slow
def test_pages_of_other_sites_may_send(c2corg: Place) -> None:
    answer = upload(c2corg, pictures.small())
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    asked = {"Origin": "https://www.camptocamp.org", "Access-Control-Request-Method": "POST"}
    preflight = c2corg.origin.get("/upload", "OPTIONS", asked)
    assert preflight.status in (200, 204)
    assert preflight.headers["Access-Control-Allow-Methods"] == "POST, GET, OPTIONS"
    assert preflight.headers["Access-Control-Max-Age"] == "1728000"
    assert (c2corg.origin.get("/ping").status, c2corg.origin.get("/ping").body) == (200, b"Pong!")


@pytest.mark.slow
def test_presets_that_the_old_program_made_stay_what_they_are(c2corg: Place) -> None:
    """It kept no record of the part that it cut them from."""
    stem = f"1475660224_{uuid.uuid4().int % 10**9}"
    cut = pictures.encoded(pictures.field(100, 100), "JPEG")
    for key, body in (f"{stem}.jpg", pictures.land()), (f"{stem}BI.jpg", cut):
        c2corg.origin.call(c2corg.origin.origin.writers["active"].published.store.put(key, body))
    assert c2corg.origin.get(f"/active/{stem}BI.jpg").body == cut
    assert size(c2corg.origin.get(f"/active/{stem}MI.jpg").body) == (400, 240)
    new = act(c2corg, "recrop", ("filename", f"{stem}.jpg"), ("crop", "50x50+0+0")).json["filename"]
    assert sizes(c2corg, new)["BI"] == (50, 50)
    assert act(c2corg, "delete", ("filenames", f"{stem}.jpg")).status == 200
    assert not [key for key in c2corg.keys() if key.startswith(stem)]  # noqa: SIM118 - no mapping
