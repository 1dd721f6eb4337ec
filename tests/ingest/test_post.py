"""POST at a handler: raw bodies, forms and data URIs, names, answers, and who may post."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import shutil
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.ingest.test_put import BLUE
from tests.ingest.test_put import RED
from tests.ingest.test_put import picture
from tests.support.running import Running
from tests.support.running import wait_until
from tests.support.uploads import BEARER
from tests.support.uploads import KEY
from tests.support.uploads import Answered
from tests.support.uploads import files
from tests.support.uploads import multipart
from tests.support.uploads import send
from tests.support.uploads import writing

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
NOW = datetime(2024, 3, 5, 12, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Handlers over one folder that differ in what they take."""
    source = {"type": "local", "root": str(folder)}

    def handler(own_name: str, /, **write: Any) -> dict[str, Any]:
        write = {"auth": "open", **write}
        return {"name": own_name, "prefix": f"p/{own_name}", "source": source, "write": write}

    handlers = [
        handler("plain"),
        handler("guarded", auth={"bearer": BEARER["Authorization"].removeprefix("Bearer ")}),
        handler("secret", auth={"form": {"field": "secret", "value": "open sesame"}}),
        handler("uris", data_uri=True, field="image", accept=["jpg", "png"], max_bytes=3_000_000),
        handler("unpadded", name="{year}/{month}/{uuid}"),
        handler(
            "c2c", name="{epoch}_{rand31}", reply={"post": {"status": 200, "json": {"filename": "{name}"}}}
        ),
        handler("brief", reply={"post": {"status": 204}}),
        handler("content", name="by/{sha256}"),
        handler(
            "staged",
            name="{sha256}",
            stage={"source": {"type": "local", "root": str(tmp_path_factory.mktemp("stage"))}},
        ),
        handler(
            "twins",
            name="{sha256}",
            extensions={"png": "jpg", "jpg": "jpeg"},
            normalise={"convert": {"png": "jpg"}},
            derive={"WI": "web"},
        ),
        handler("stem", name="s/{stem}"),
        handler(
            "replies",
            extensions={"png": "jpg", "jpg": "jpeg"},
            normalise={"convert": {"png": "jpg"}},
            reply={
                "post": {
                    "json": {
                        "all": ["{key}", "{name}", "{stem}", "{ext}", "{url}", "{format}"],
                        "numbers": {"size": "{bytes}", "box": "{width}x{height}", "wide": "{width}"},
                        "fixed": True,
                    }
                }
            },
        ),
    ]
    handlers.append({**handler("signed-reading"), "signing": {"keys": [KEY]}})
    cache = {"path": str(tmp_path_factory.mktemp("cache"))}
    presets = {"web": {"w": 20, "f": "webp"}}
    config = {"handlers": handlers, "cache": cache, "renderers": 1, "presets": presets}
    with Running(config, clock=lambda: NOW) as it:
        yield it


def post(origin: Running, name: str, body: bytes, headers: dict[str, str] | None = None) -> Answered:
    return send(origin.port, "POST", f"/p/{name}", body, headers)


def form(origin: Running, name: str, *parts: tuple[str, str | None, bytes]) -> Answered:
    return post(origin, name, *multipart(*parts))


@pytest.mark.slow
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_raw_body_is_stored_under_a_made_name(origin: Running, folder: Path, slash: str) -> None:
    answer = send(origin.port, "POST", f"/p/plain{slash}", RED, {"Content-Type": "image/png"})
    assert answer.status == 201
    key = answer.json["key"]
    assert re.fullmatch(rf"2024/03/{UUID}\.png", key)
    assert answer.json == {"key": key, "url": f"/p/plain/{key}", "width": 40, "height": 30}
    assert answer.headers["Location"] == f"/p/plain/{key}"
    assert (folder / key).read_bytes() == RED
    assert answer.headers["ETag"] == origin.get(f"/p/plain/{key}", "HEAD").headers["ETag"]


def test_the_file_of_a_form_is_stored(origin: Running, folder: Path) -> None:
    parts = [("note", None, b"x"), ("other", "a.png", BLUE), ("file", "b.png", RED), ("file", "c.png", BLUE)]
    answer = form(origin, "plain", *parts)
    assert (folder / answer.json["key"]).read_bytes() == RED


@pytest.mark.parametrize(
    ("head", "stem"),
    [
        ("filename*=UTF-8''my%20k%C3%A4t.png", "my-kät"),  # RFC 8187, as some clients spell it
        ("filename=x.png; filename*=utf-8''y.png", "x"),  # RFC 7578 section 4.2: the plain one counts
        ("\r\nContent-Type: image/png", "picture"),  # a name is not demanded there
    ],
)
def test_a_file_is_told_without_a_plain_name(origin: Running, folder: Path, head: str, stem: str) -> None:
    shutil.rmtree(folder / "s", ignore_errors=True)
    parameter = head if head.startswith("\r\n") else f"; {head}"
    start = f'--b\r\nContent-Disposition: form-data; name="file"{parameter}\r\n\r\n'.encode()
    answer = post(
        origin, "stem", start + RED + b"\r\n--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert (answer.status, answer.json.get("key")) == (201, f"s/{stem}.png")


@pytest.mark.parametrize("before", [b"", b"\r\n", b"This is a message of several parts.\r\n--bor\r\n"])
def test_what_stands_around_the_parts_of_a_form_is_ignored(
    origin: Running, folder: Path, before: bytes
) -> None:
    body, headers = multipart(("file", "b.png", RED))  # RFC 2046 section 5.1.1: preamble and epilogue
    sent = before + body + b"and an end"
    for pieces in ([sent], [sent[i : i + 7] for i in range(0, len(sent), 7)]):
        answer = send(origin.port, "POST", "/p/plain", iter(pieces), headers)
        assert answer.status == 201
        assert (folder / answer.json["key"]).read_bytes() == RED
    long = send(origin.port, "POST", "/p/plain", b"x" * 9_000 + b"\r\n" + body, headers)
    assert (long.status, long.kind) == (400, "bad-request")


def test_the_content_tells_the_format(origin: Running) -> None:
    answer = form(origin, "plain", ("file", "wrong.txt", picture("#123456", "JPEG")))
    assert answer.json["key"].endswith(".jpg")


@pytest.mark.parametrize("padding", ["", "=="])
@pytest.mark.parametrize("encoded", ["multipart", "urlencoded"])
def test_a_data_uri_is_stored(origin: Running, folder: Path, encoded: str, padding: str) -> None:
    body = RED + b"\0" * ((1 - len(RED)) % 3)  # so that its base64 ends with two signs of padding
    uri = b"data:image/png;base64," + base64.b64encode(body).rstrip(b"=") + padding.encode()
    if encoded == "multipart":
        answer = form(origin, "uris", ("image", None, uri))
    else:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = post(origin, "uris", urlencode({"image": uri}).encode(), kind)
    assert answer.status == 201
    assert (folder / answer.json["key"]).read_bytes() == RED


@pytest.mark.parametrize(
    "start",
    [
        b"DATA:IMAGE/PNG;BASE64,",
        b"data:image/png;charset=utf-8;base64,",
        b'data:image/png;name="my picture.png";base64,',
        b"data:image/*;base64,",
        b" data:image/png; base64, ",
    ],
)
def test_a_data_uri_is_read_as_browsers_read_one(origin: Running, folder: Path, start: bytes) -> None:
    """Fetch standard, section 6."""
    uri = start + base64.b64encode(RED)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    sent = [form(origin, "uris", ("image", None, uri))]
    sent.append(post(origin, "uris", urlencode({"image": uri}).encode(), kind))
    assert [(folder / answer.json["key"]).read_bytes() for answer in sent] == [RED, RED]


def test_a_long_text_beside_the_picture_is_ignored(origin: Running, folder: Path) -> None:
    """As webcompat.com's form sends the console of a page."""
    log = ("console_logs", None, b"x" * 100_000)
    for parts in [[log, ("image", "a.png", RED)], [("image", "a.png", RED), log]]:
        answer = form(origin, "uris", *parts)
        assert (folder / answer.json["key"]).read_bytes() == RED
    assert form(origin, "uris", log).kind == "nothing-sent"


@pytest.mark.parametrize("coding", ["", "identity", "Identity"])
def test_a_body_that_is_not_encoded_may_say_so(origin: Running, coding: str) -> None:
    """RFC 9110 section 8.4.1: names of codings have no case."""
    assert post(origin, "plain", RED, {"Content-Encoding": coding}).status == 201


def test_a_file_counts_for_more_than_a_data_uri(origin: Running, folder: Path) -> None:
    uri = b"data:image/png;base64," + base64.b64encode(BLUE)
    for parts in (
        [("image", None, uri), ("image", "a.png", RED)],
        [("image", "a.png", RED), ("image", None, uri)],
    ):
        answer = form(origin, "uris", *parts)
        assert (folder / answer.json["key"]).read_bytes() == RED


@pytest.mark.parametrize(
    "text",
    [
        b"data:image/png;base64,!!!!",
        b"data:text/html;base64,AAAA",
        b"https://a.example/a.png",
        b"data:image/png;base64,A",
    ],
)
def test_a_text_that_is_no_picture_is_415(origin: Running, text: bytes) -> None:
    answer = form(origin, "uris", ("image", None, text))
    assert (answer.status, answer.kind) == (415, "unsupported")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        multipart(("other", "a.png", RED)),
        multipart(("file", None, b"data:image/png;base64,AAAA")),  # data URIs are not taken there
        multipart(("file", "", b"")),
        multipart(("file", "a.png", b"")),
        multipart(),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}),
    ],
)
def test_no_picture_is_400(origin: Running, body: bytes, headers: dict[str, str]) -> None:
    answer = post(origin, "plain", body, headers)
    assert (answer.status, answer.kind) == (400, "nothing-sent")
    where = "field file" if headers else "request"
    assert answer.json == {"error": "nothing-sent", "message": f"there is no picture in the {where}"}


def test_a_picture_that_is_called_a_form_is_told_so(origin: Running) -> None:
    """As `curl --data-binary` calls it."""
    answer = post(origin, "plain", RED, {"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status, answer.kind) == (400, "bad-request")
    assert answer.json["message"].startswith("the body is a picture, and not application/x-www-form-url")


def test_the_log_says_under_which_key_a_picture_was_stored(
    origin: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "origin"):
        key = post(origin, "plain", RED).json["key"]
        wait_until(lambda: f" key={key!r}" in caplog.text, "it is logged")


def test_what_strangers_send_fills_no_log(origin: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        answer = post(origin, "plain", RED, {"Content-Type": "multipart/form-data; boundary=x"})
        assert answer.kind == "bad-request"
    assert caplog.records == []


def test_names_follow_the_template(origin: Running) -> None:
    assert re.fullmatch(rf"2024/3/{UUID}\.png", post(origin, "unpadded", RED).json["key"])
    answer = post(origin, "c2c", RED)
    assert answer.status == 200
    assert answer.json.keys() == {"filename"}
    assert re.fullmatch(rf"{int(NOW)}_\d{{1,10}}\.png", answer.json["filename"])


def test_the_same_content_has_the_same_name(origin: Running, folder: Path) -> None:
    first, second = post(origin, "content", RED), post(origin, "content", RED)
    assert (first.status, second.status) == (201, 201)
    assert first.json == second.json
    assert first.json["key"] == f"by/{hashlib.sha256(RED).hexdigest()}.png"
    assert first.headers["ETag"] == second.headers["ETag"]


def test_the_same_content_in_the_stage_has_the_same_version(origin: Running) -> None:
    first, second = post(origin, "staged", RED), post(origin, "staged", RED)
    assert (second.status, second.json) == (201, first.json)
    assert second.headers["ETag"] == first.headers["ETag"]
    assert first.headers["ETag"]


def test_nothing_is_told_to_be_stored_that_is_not(origin: Running, folder: Path) -> None:
    """The bytes of one are stored under two names, of which `derive` makes files of one name."""
    key = post(origin, "twins", RED).json["key"]
    twin = post(origin, "twins", (folder / key).read_bytes())
    assert (twin.status, twin.kind) == (412, "exists")
    assert key in twin.json["message"]
    assert not (folder / key).with_suffix(".jpeg").exists()


@pytest.mark.parametrize(
    ("file_name", "stem"),
    [
        ("Ferien 2024.PNG", "Ferien-2024"),
        ("../../etc/passwd.png", "passwd"),
        ("C:\\\\Users\\\\me\\\\photo.png", "photo"),
        ("été.png", "été"),
        ("...", "picture"),
        (".png", "png"),
        ("a" * 300 + ".png", "a" * 100),
        ("a/../..", "picture"),
    ],
)
def test_a_name_of_the_client_is_made_safe(origin: Running, folder: Path, file_name: str, stem: str) -> None:
    (folder / "s" / f"{stem}.png").unlink(missing_ok=True)
    answer = form(origin, "stem", ("file", file_name, RED))
    assert (answer.status, answer.json["key"]) == (201, f"s/{stem}.png")


def test_a_name_that_is_taken_is_412(origin: Running, folder: Path) -> None:
    form(origin, "stem", ("file", "taken.png", RED))
    answer = form(origin, "stem", ("file", "taken.png", BLUE))
    assert (answer.status, answer.kind) == (412, "exists")
    assert (folder / "s/taken.png").read_bytes() == RED


def test_a_reply_is_filled_in(origin: Running, folder: Path) -> None:
    answer = post(origin, "replies", RED)
    key = answer.json["all"][0]
    name = key.rpartition("/")[2]
    assert answer.json["all"] == [key, name, name[:-4], "jpg", f"/p/replies/{key}", "jpg"]
    size = (folder / key).stat().st_size
    assert answer.json["numbers"] == {"size": size, "box": "40x30", "wide": 40}
    assert answer.json["fixed"] is True
    assert post(origin, "replies", picture("#0f0", "JPEG")).json["all"][3] == "jpeg"


def test_a_reply_without_content_ends_with_its_head(origin: Running) -> None:
    answer = post(origin, "brief", RED)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (204, b"", None)
    assert origin.get(answer.headers["Location"]).status == 200


def test_where_reading_needs_a_token_the_url_carries_one_for_an_hour(origin: Running) -> None:
    answer = post(origin, "signed-reading", RED)
    url = answer.json["url"]
    assert f"e={int(NOW) + 3600}&t=" in url
    assert answer.headers["Location"] == url
    assert origin.get(url).status == 200
    assert origin.get(url.partition("?")[0]).kind == "forbidden"


def test_a_secret_in_the_form_lets_in(origin: Running, folder: Path) -> None:
    good = form(origin, "secret", ("file", "a.png", RED), ("secret", None, b"open sesame"))
    assert good.status == 201
    before = files(folder)
    for secret in (b"open", b"", b"open sesame ", "öffne".encode()):
        answer = form(origin, "secret", ("secret", None, secret), ("file", "a.png", RED))
        assert (answer.status, answer.kind) == (403, "forbidden")
    assert form(origin, "secret", ("file", "a.png", RED)).status == 403
    assert post(origin, "secret", RED).status == 403
    assert files(folder) == before


def test_a_bearer_token_is_asked_for_before_the_body(origin: Running) -> None:
    assert post(origin, "guarded", RED).status == 401
    assert post(origin, "guarded", RED, BEARER).status == 201


def test_a_picture_is_posted_to_the_prefix_alone(origin: Running) -> None:
    assert send(origin.port, "POST", "/p/plain/a.png", RED).kind == "bad-request"


@pytest.mark.slow
def test_the_errors_of_answers_have_their_status(tmp_path: Path) -> None:
    config = writing(tmp_path / "s", tmp_path / "c", {"auth": "open"}, error_status={"unsupported": 422})
    (tmp_path / "s").mkdir()
    with Running(config) as origin:
        answer = send(origin.port, "POST", "/up", b"no picture")
    assert (answer.status, answer.kind) == (422, "unsupported")
    assert answer.json["message"] == "not a picture; accepted are jpg, png, webp, gif, avif"
