"""PUT and DELETE at a handler: what is stored, under which conditions, and what is served afterwards."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from origin.config.load import build_config
from tests.support.running import Running
from tests.support.running import wait_until
from tests.support.uploads import BEARER
from tests.support.uploads import TOKEN
from tests.support.uploads import files
from tests.support.uploads import multipart
from tests.support.uploads import send
from tests.support.uploads import writing


def picture(colour: str, format: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, format)
    return file.getvalue()


def colour_of(body: bytes) -> tuple[int, ...]:
    pixel = Image.open(io.BytesIO(body)).convert("RGB").getpixel((5, 5))
    assert isinstance(pixel, tuple)
    return pixel


RED, BLUE = picture("#ff0000"), picture("#0000ff")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store, beside which there is the cache and nothing else."""
    folder = tmp_path_factory.mktemp("origin") / "store"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def origin(folder: Path) -> Iterator[Running]:
    config = writing(folder, folder.parent / "cache")
    again = {"name": "again", "source": config["handlers"][0]["source"], "cache_time": 1000}
    (folder / "inner").mkdir()
    inner = {"name": "inner", "source": {"type": "local", "root": str(folder / "inner")}}
    named = {**again, "name": "named", "preset_names": {"MI": "medium"}}
    handlers = [*config["handlers"], again, inner, named]
    with Running({**config, "handlers": handlers, "presets": {"medium": {"w": 20}}}) as it:
        yield it


def put(origin: Running, target: str, body: bytes, **headers: str):  # type: ignore[no-untyped-def]
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(origin.port, "PUT", target, body, {**BEARER, **fields})


@pytest.mark.slow
def test_a_picture_is_put_under_its_key_and_replaced(origin: Running, folder: Path) -> None:
    first = put(origin, "/up/a/b.png", RED)
    assert (first.status, first.headers["Location"]) == (201, "/up/a/b.png")
    assert first.json == {"key": "a/b.png", "url": "/up/a/b.png", "width": 40, "height": 30}
    assert (folder / "a/b.png").read_bytes() == RED
    second = put(origin, "/up/a/b.png", BLUE)
    assert (second.status, (folder / "a/b.png").read_bytes()) == (200, BLUE)
    assert first.headers["ETag"] != second.headers["ETag"]


@pytest.mark.slow
def test_the_etag_is_that_of_the_stored_bytes_everywhere(origin: Running) -> None:
    tag = put(origin, "/up/tag.png", RED).headers["ETag"]
    for _ in range(3):  # made, then a hit through ASGI, then one past it
        assert origin.get("/up/tag.png").headers["ETag"] == tag
        assert origin.get("/up/tag.png", "HEAD").headers["ETag"] == tag
    assert origin.get("/up/tag.png?w=10").headers["ETag"] != tag
    assert origin.get("/up/tag.png", headers={"If-None-Match": tag}).status == 304
    new = put(origin, "/up/tag.png", RED, If_Match=tag)
    assert new.status == 200
    assert origin.get("/up/tag.png").headers["ETag"] == new.headers["ETag"] != tag


@pytest.mark.slow
@pytest.mark.parametrize("target", ["/up/{}", "/again/{}", "/inner/{}"])
def test_a_replaced_picture_is_never_served_old(origin: Running, target: str) -> None:
    key = f"replaced{target[1]}.png"
    where, read = (f"/up/inner/{key}" if "inner" in target else f"/up/{key}"), target.format(key)
    assert origin.get(read + "?w=20").status == 404  # which is remembered
    for colour, body in [((255, 0, 0), RED), ((0, 0, 255), BLUE)] * 3:
        put(origin, where, body)
        for query in ("", "?w=20", "?w=20"):
            assert colour_of(origin.get(read + query).body) == colour
    assert send(origin.port, "DELETE", where, headers=BEARER).status == 204
    assert origin.get(read + "?w=20").status == 404


def test_a_token_is_left_out_of_the_log(origin: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "origin.access")
    secret = "an-upload-grant-that-nobody-may-read.0123456789"
    send(origin.port, "PUT", f"/up/logged.png?t={secret}", RED, BEARER)

    def lines_of_it() -> list[str]:
        return [record.getMessage() for record in caplog.records if "logged.png" in record.getMessage()]

    wait_until(lines_of_it, "the request is in the log")  # which comes behind the answer
    lines = lines_of_it()
    assert len(lines) == 1
    assert secret not in lines[0]
    assert "201" in lines[0]
    assert TOKEN not in lines[0]


def test_a_preset_in_a_file_name_follows_its_picture(origin: Running) -> None:
    read = "/named/followedMI.webp"
    assert origin.get(read).status == 404
    for colour, body in [((255, 0, 0), RED), ((0, 0, 255), BLUE)]:
        put(origin, "/up/followed.png", body)
        for _ in range(3):
            assert np.abs(np.subtract(colour_of(origin.get(read).body), colour)).max() < 8
    put(origin, "/up/followedMI.webp", picture("#00ff00", "WEBP"))  # which goes before the preset
    assert colour_of(origin.get(read).body)[1] > 240
    for key in ("followedMI.webp", "followed.png"):
        send(origin.port, "DELETE", f"/up/{key}", headers=BEARER)
    assert origin.get(read).status == 404


def test_deleting_twice_is_fine(origin: Running, folder: Path) -> None:
    put(origin, "/up/gone.png", RED)
    for _ in range(2):
        answer = send(origin.port, "DELETE", "/up/gone.png", headers=BEARER)
        assert (answer.status, answer.body, answer.headers["Content-Length"]) == (204, b"", None)
    assert not (folder / "gone.png").exists()


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"If-None-Match": "*"}, "exists"),
        ({"If-Match": '"another"'}, "precondition-failed"),
        ({"If-Match": "W/{tag}"}, "precondition-failed"),
        ({"If-None-Match": '"x", W/{tag}'}, "precondition-failed"),
    ],
)
def test_a_condition_that_fails_is_412(
    origin: Running, folder: Path, headers: dict[str, str], kind: str
) -> None:
    tag = put(origin, "/up/conditional.png", RED).headers["ETag"]
    fields = {name: value.format(tag=tag) for name, value in headers.items()}
    answer = send(origin.port, "PUT", "/up/conditional.png", BLUE, {**BEARER, **fields})
    assert (answer.status, answer.kind, answer.json["error"]) == (412, kind, kind)
    assert (folder / "conditional.png").read_bytes() == RED


@pytest.mark.parametrize("value", ["*", '"x", {tag}', "{tag}"])
def test_a_condition_that_holds_lets_it_pass(origin: Running, value: str) -> None:
    tag = put(origin, "/up/holds.png", RED).headers["ETag"]
    assert put(origin, "/up/holds.png", BLUE, If_Match=value.format(tag=tag)).status == 200


def test_behind_a_condition_that_failed_everybody_sees_what_is_there(origin: Running, folder: Path) -> None:
    """The store has another version than is served: as after a crash behind a write, before its answer."""
    tag = put(origin, "/up/behind.png", RED).headers["ETag"]
    assert origin.get("/again/behind.png?w=20").status == 200
    (folder / "behind.png").write_bytes(BLUE)
    assert put(origin, "/up/behind.png", RED, If_Match=tag).status == 412
    for read in ("/up/behind.png", "/again/behind.png?w=20"):
        assert colour_of(origin.get(read).body) == (0, 0, 255)
    send(origin.port, "DELETE", "/up/behind.png", headers=BEARER)


@pytest.mark.slow
def test_a_picture_may_be_unmodified_since_a_date(origin: Running, folder: Path) -> None:
    """RFC 9110 section 13.1.4: compared in whole seconds, ignored beside If-Match and where it is no date."""
    put(origin, "/up/dated.png", RED)
    os.utime(folder / "dated.png", (1_700_000_000.5, 1_700_000_000.5))
    date, earlier = "Tue, 14 Nov 2023 22:13:20 GMT", "Tue, 14 Nov 2023 22:13:19 GMT"
    refused = put(origin, "/up/dated.png", BLUE, If_Unmodified_Since=earlier)
    assert (refused.status, refused.kind) == (412, "precondition-failed")
    headers = {**BEARER, "If-Unmodified-Since": earlier}
    assert send(origin.port, "DELETE", "/up/dated.png", headers=headers).status == 412
    assert (folder / "dated.png").read_bytes() == RED
    tag = origin.get("/up/dated.png").headers["ETag"]
    assert put(origin, "/up/dated.png", BLUE, If_Unmodified_Since=earlier, If_Match=tag).status == 200
    assert put(origin, "/up/dated.png", RED, If_Unmodified_Since="yesterday").status == 200
    os.utime(folder / "dated.png", (1_700_000_000.5, 1_700_000_000.5))
    assert put(origin, "/up/dated.png", BLUE, If_Unmodified_Since=date).status == 200
    assert put(origin, "/up/undated.png", BLUE, If_Unmodified_Since=earlier).status == 201


@pytest.mark.parametrize("header", ["Content_MD5", "Content_Digest"])
def test_a_body_that_came_otherwise_is_refused(origin: Running, folder: Path, header: str) -> None:
    def told_of(body: bytes) -> dict[str, str]:
        name = "md5" if header == "Content_MD5" else "sha256"
        text = base64.b64encode(hashlib.new(name, body).digest()).decode()
        return {header: text if name == "md5" else f"sha-256=:{text}:"}

    target = f"/up/{header}.png"
    refused = put(origin, target, RED, **told_of(BLUE))
    assert (refused.status, refused.kind) == (400, "bad-request")
    assert not (folder / f"{header}.png").exists()
    assert put(origin, target, RED, **{header: "nonsense"}).status == 400
    assert put(origin, target, RED, **told_of(RED)).status == 201
    body, kind = multipart(("file", "b.png", RED))
    for told, status in ((told_of(body), 201), (told_of(RED), 400)):  # of the body, and not of the file in it
        headers = {**BEARER, **kind, **{name.replace("_", "-"): value for name, value in told.items()}}
        assert send(origin.port, "POST", "/up", body, headers).status == status


def test_what_is_not_there_matches_nothing(origin: Running) -> None:
    assert put(origin, "/up/not-there.png", RED, If_Match="*").status == 412
    assert put(origin, "/up/not-there.png", RED, If_None_Match='"x"').status == 201
    assert put(origin, "/up/not-there.png", RED, If_Match="nonsense").status == 400


@pytest.mark.many
@pytest.mark.parametrize(
    "target",
    [
        "/up/-/x.png",
        "/up/%2d/x.png",
        "/up/a//b.png",
        "/up/a/../b.png",
        "/up/%2e%2e/b.png",
        "/up/a%00.png",
        "/up/.origin/tmp/x.png",
        "/up/" + "x" * 1025,
        "/up/" + "x" * 300,  # longer than the name of a file can be
        "/up",
    ],
)
def test_a_key_that_is_none_is_refused(origin: Running, folder: Path, target: str) -> None:
    before = files(folder.parent)
    answer = put(origin, target, RED)
    assert (answer.status, answer.json["error"]) == (400, "bad-request")
    assert files(folder.parent) - {name for name in before if "cache" in name} <= before


def test_reserved_keys_are_not_read(origin: Running, folder: Path) -> None:
    (folder / "-").mkdir(exist_ok=True)
    (folder / "-" / "x.png").write_bytes(RED)
    assert origin.get("/up/-/x.png").kind == "bad-request"
    assert origin.get("/again/-/x.png").status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_nothing_sent_is_401_and_a_wrong_token_403(origin: Running, method: str) -> None:
    target = "/up" if method == "POST" else "/up/guarded.png"
    none = send(origin.port, method, target, RED)
    assert (none.status, none.kind, none.headers["WWW-Authenticate"]) == (401, "unauthorized", "Bearer")
    for wrong in ("Bearer wrong", "Basic bearer-token-of-the-tests", "Bearer ", "bearer-token-of-the-tests"):
        answer = send(origin.port, method, target, RED, {"Authorization": wrong})
        assert (answer.status, answer.kind) == (403, "forbidden")
        assert answer.headers["Cache-Control"] == "no-store"
        assert json.loads(answer.body)["message"] == "the bearer token is wrong"


@pytest.mark.slow
def test_a_method_that_is_off_is_405(tmp_path: Path) -> None:
    way = {"bearer": BEARER["Authorization"].removeprefix("Bearer ")}
    for auth, methods in ((way, ["PUT"]), ({"put": way}, ["PUT", "DELETE", "POST"])):
        with Running(writing(tmp_path / "s", tmp_path / "c", {"auth": auth, "methods": methods})) as origin:
            answer = send(origin.port, "DELETE", "/up/a.png", headers=BEARER)
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, PUT")


@pytest.mark.slow
def test_after_a_reload_a_write_purges_the_handlers_that_are_there_then(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    config = writing(folder, tmp_path / "cache")
    (up,) = config["handlers"]
    gone, new = ({"name": name, "source": up["source"], "cache_time": 1000} for name in ("gone", "new"))
    with Running({**config, "handlers": [up, gone]}) as origin:
        origin.call(origin.app.reload(build_config({**config, "handlers": [up, new]})))
        assert put(origin, "/up/a.png", RED).status == 201
        assert colour_of(origin.get("/new/a.png?w=10").body) == (255, 0, 0)
        assert put(origin, "/up/a.png", BLUE).status == 200
        assert colour_of(origin.get("/new/a.png?w=10").body) == (0, 0, 255)
