"""Parts of published pictures: the original stays whole, and everything that is shown is of the part."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from origin.sources.base import ObjectSettings
from origin.sources.object_metadata import CROP
from origin.sources.object_metadata import WHOLE
from tests.ingest.test_derive import Place
from tests.ingest.test_derive import size
from tests.ingest.test_put import BLUE
from tests.ingest.test_put import RED
from tests.ingest.test_put import colour_of
from tests.support import pictures
from tests.support.running import Running
from tests.support.uploads import BEARER
from tests.support.uploads import TOKEN
from tests.support.uploads import Answered
from tests.support.uploads import files
from tests.support.uploads import multipart
from tests.support.uploads import send

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# Of 600 x 400 pixels: red grows to the right and green downwards, so that pixels tell where they come from.
PHOTO = pictures.encoded(pictures.field(600, 400), "PNG")


def configuration(published: dict[str, Any], waiting: dict[str, Any], cache: Path) -> dict[str, Any]:
    write = {
        "auth": {"bearer": TOKEN},
        "methods": ["POST", "PUT", "DELETE"],
        "stage": {"source": waiting},
        "name": "{epoch}_{rand31}",
        "derive": {"MI": "medium"},
        "normalise": {"strip": "all"},
    }
    return {
        "handlers": [
            {"name": "up", "source": published, "write": write, "error_status": "exact"},
            {"name": "read", "source": published},
            {"name": "plain", "source": published, "passthrough": "plain"},
        ],
        "presets": {"medium": {"w": 100, "h": 100, "c": False}},
        "cache": {"path": str(cache)},
        "renderers": 1,
    }


@pytest.fixture(scope="module", params=["folder", "seaweed"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    cache = tmp_path_factory.mktemp("cache")
    if request.param == "folder":
        folders = [tmp_path_factory.mktemp(name) for name in ("active", "incoming")]
        sources = [{"type": "local", "root": str(folder)} for folder in folders]
        with Running(configuration(sources[0], sources[1], cache)) as origin:
            yield Place(origin, folders[0], source=sources[0])
        return
    server = request.getfixturevalue("seaweed")
    keys = {"access_key": server.access_key, "secret_key": server.secret_key, "region": "us-east-1"}
    names = [f"crop-{uuid.uuid4().hex}" for _ in range(2)]
    for name in names:
        server.client.create_bucket(Bucket=name)
    sources = [{"type": "s3", "bucket": name, "endpoint_url": server.url, **keys} for name in names]
    with Running(configuration(sources[0], sources[1], cache)) as origin:
        yield Place(origin, bucket=server.client, source=sources[0])


def upload(place: Place) -> str:
    body, headers = multipart(("file", "a.png", PHOTO))
    answer = send(place.origin.port, "POST", "/up", body, {**headers, **BEARER})
    assert answer.status == 201
    return str(answer.json["key"])


def act(place: Place, action: str, key: str, crop: str = "") -> Answered:
    body = urlencode({"key": key, "crop": crop} if crop else {"key": key}).encode()
    return send(place.origin.port, "POST", f"/up/-/{action}", body, {**FORM, **BEARER})


def published(place: Place, crop: str = "") -> str:
    key = upload(place)
    assert act(place, "publish", key, crop).status == 200
    return key


def medium(key: str) -> str:
    return key.replace(".png", "MI.png")


def shows(body: bytes, left: float, top: float, right: float, bottom: float) -> None:
    pictures.assert_shows(body, left, top, right, bottom)


@pytest.mark.slow
def test_what_is_shown_is_the_part_and_what_is_stored_is_whole(place: Place) -> None:
    key = upload(place)
    answer = act(place, "publish", key, "300x100+150+200")
    assert (answer.status, answer.json["width"], answer.json["height"]) == (200, 300, 100)
    assert pictures.opened(place.body(key)).size == (600, 400)
    part = (0.25, 0.5, 0.75, 0.75)
    for handler in ("up", "read"):
        assert size(place.origin.get(f"/{handler}/{key}").body) == (300, 100)
        shows(place.origin.get(f"/{handler}/{key}").body, *part)
        shows(place.origin.get(f"/{handler}/{key}?w=30").body, *part)
        shows(place.origin.get(f"/{handler}/{key}?rect=0.5,0,0.5,1").body, 0.5, 0.5, 0.75, 0.75)
    assert place.origin.get(f"/plain/{key}").body == place.body(key)
    shows(place.origin.get(f"/plain/{key}?w=30").body, *part)
    assert size(place.body(medium(key))) == (100, 33)
    shows(place.body(medium(key)), *part)
    assert place.origin.get(f"/up/{medium(key)}").body == place.body(medium(key))
    facts = send(place.origin.port, "GET", f"/up/{key}?f=json").json
    assert (facts["width"], facts["height"], facts["bytes"]) == (300, 100, len(place.body(key)))


@pytest.mark.slow
def test_each_part_is_a_new_version_and_without_one_it_is_whole_again(place: Place) -> None:
    key = upload(place)
    seen: list[str] = []
    for crop, expected in (
        ("", (600, 400)),
        ("300x100+0+0", (300, 100)),
        ("200x100+0+0", (200, 100)),
        ("", (600, 400)),
        ("700x50+100+380", (500, 20)),
        ("600x400+0+0", (600, 400)),
    ):
        answer = act(place, "publish", key, crop)
        assert (answer.json["width"], answer.json["height"]) == expected
        reads = [place.origin.get(f"/{read}") for read in (f"up/{key}", f"read/{key}", f"up/{key}?w=1000")]
        assert [size(read.body) for read in reads] == [expected] * 3
        head = place.origin.get(f"/up/{key}", "HEAD")
        assert head.headers["ETag"] == reads[0].headers["ETag"]
        for version in seen[-1:]:
            assert place.origin.get(f"/up/{key}", headers={"If-None-Match": version}).status == 200
        seen.append(str(head.headers["ETag"]))
        assert size(place.body(medium(key)))[0] == 100


@pytest.mark.slow
def test_publishing_the_same_part_again_changes_nothing(place: Place) -> None:
    key = published(place, "300x100+150+200")
    before = place.origin.get(f"/up/{key}").headers["ETag"]
    assert act(place, "publish", key, "300x100+150+200").status == 200
    assert place.origin.get(f"/up/{key}").headers["ETag"] == before
    assert place.origin.call(place.store.notes()) == []


@pytest.mark.slow
def test_publishing_again_shows_what_a_crash_has_kept_from_being_told(place: Place) -> None:
    """The origin was killed between the write to the store and the purge; the client publishes again."""
    key = published(place, "300x100+0+0")
    reads = [f"/up/{key}", f"/read/{key}", f"/up/{medium(key)}?w=50"]
    before = [place.origin.get(read).body for read in reads]
    metadata = place.origin.call(place.store.head(key)).metadata
    for crop in ("200x100+0+0", "200x100+0+0", "600x400+0+0"):
        settings = ObjectSettings(metadata={**metadata, CROP: crop.replace("600x400+0+0", WHOLE)})
        place.origin.call(place.store.put(key, PHOTO, settings=settings))
        assert act(place, "publish", key, crop).status == 200
        after = [place.origin.get(read).body for read in reads]
        assert size(after[0]) == size(after[1]) == ((200, 100) if crop[0] == "2" else (600, 400))
        assert after[2] != before[2]
        before = [b"", b"", b""]


@pytest.mark.slow
def test_a_recropped_picture_has_a_new_name_and_the_old_one_stays(place: Place) -> None:
    key = published(place, "300x100+0+0")
    answer = act(place, "recrop", key, "100x50+500+0")
    new = answer.json["key"]
    assert (answer.status, answer.json["width"], answer.json["height"]) == (200, 100, 50)
    assert new != key
    assert new.endswith(".png")
    assert place.body(new) == place.body(key)
    assert size(place.origin.get(f"/up/{key}").body) == (300, 100)
    shows(place.origin.get(f"/up/{new}").body, 5 / 6, 0, 1, 0.125)
    assert {key, medium(key), new, medium(new)} <= place.keys()
    whole = act(place, "recrop", key).json
    assert size(place.origin.get(whole["url"]).body) == (600, 400)


@pytest.mark.slow
def test_what_is_no_part_is_refused_and_changes_nothing(place: Place) -> None:
    key = published(place)
    before = place.keys()
    for crop in (
        "10x10",
        "0x10+0+0",
        "10x10+600+0",
        "10x10+0+400",
        "-5x10+0+0",
        "10x10-1+0",
        "a",
        "1e2x1+0+0",
    ):
        for action in ("publish", "recrop"):
            answer = act(place, action, key, crop)
            assert (answer.status, answer.kind) == (400, "bad-request")
            assert "crop" in answer.json["message"]
    for action, name in ("recrop", "1_1.png"), ("publish", "1_1.png"), ("recrop", upload(place)):
        answer = act(place, action, name, "10x10+0+0")  # recrop: what waits is not published
        assert (answer.status, answer.kind) == (404, "not-found")
    assert place.keys() == before
    assert size(place.origin.get(f"/up/{key}").body) == (600, 400)


@pytest.mark.slow
def test_a_picture_that_another_system_has_published_gets_a_part(place: Place) -> None:
    """Nothing beside its bytes tells of it."""
    name = f"1_{uuid.uuid4().int % 10**6}.png"
    place.origin.call(place.store.put(name, PHOTO))
    assert act(place, "publish", name).status == 200
    answer = act(place, "publish", name, "300x100+0+0")
    assert (answer.status, answer.json["width"], answer.json["height"]) == (200, 300, 100)
    assert size(place.body(medium(name))) == (100, 33)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["seaweed"], indirect=True)  # whose own ETag stays the same
def test_another_origin_sees_the_first_part_of_such_a_picture(place: Place, tmp_path: Path) -> None:
    """It knows the picture already, and asks the store again in time."""
    name = f"1_{uuid.uuid4().int % 10**6}.png"
    place.origin.call(place.store.put(name, PHOTO))
    now = [time.time()]
    reads = {"name": "read", "source": place.source, "cache_time": 60, "stale_while_revalidate": 0}
    config = {"handlers": [reads], "cache": {"path": str(tmp_path)}, "renderers": 1}
    with Running(config, clock=lambda: now[0]) as other:
        assert size(other.get(f"/read/{name}").body) == (600, 400)
        for crop, expected in (("300x100+0+0", (300, 100)), ("200x100+0+0", (200, 100)), ("", (600, 400))):
            assert act(place, "publish", name, crop).status == 200
            now[0] += 61
            assert size(other.get(f"/read/{name}").body) == expected


@pytest.mark.slow
def test_a_part_is_deleted_with_its_picture(place: Place) -> None:
    key = published(place, "300x100+0+0")
    assert act(place, "delete", key).status == 200
    assert place.keys().isdisjoint({key, medium(key)})
    place.origin.call(place.store.put(key, PHOTO))
    assert size(place.origin.get(f"/read/{key}").body) == (600, 400)


@pytest.mark.slow
def test_many_who_publish_and_recrop_at_once_leave_one_state(place: Place) -> None:
    key = published(place)
    crops = [f"{width}x100+0+0" for width in (100, 200, 300, 400)]
    work = [("publish", crop) for crop in crops] + [("recrop", crop) for crop in crops]
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda each: act(place, each[0], key, each[1]), work))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["key"] for answer in answers[4:]}) == 4
    for answer, crop in zip(answers[4:], crops, strict=True):
        assert size(place.origin.get(answer.json["url"]).body) == (int(crop.partition("x")[0]), 100)
    metadata = place.origin.call(place.store.head(key)).metadata
    width = int(metadata[CROP].partition("x")[0])
    assert size(place.origin.get(f"/up/{key}").body) == (width, 100)
    assert size(place.body(medium(key)))[1] == round(100 * 100 / width)


@pytest.mark.slow
def test_what_is_deleted_while_it_is_rendered_does_not_come_back(place: Place) -> None:
    key = published(place)
    done = threading.Event()
    statuses = set()

    def read() -> None:
        number = 0
        while not done.is_set():
            number += 1
            statuses.add(place.origin.get(f"/up/{key}?w={number % 90 + 10}").status)

    with ThreadPoolExecutor(2) as clients:
        readers = [clients.submit(read) for _ in range(2)]
        assert act(place, "delete", key).status == 200
        assert place.origin.get(f"/up/{key}?w=20").status == 404
        done.set()
    assert [reader.result() for reader in readers] == [None, None]
    assert statuses <= {200, 404}
    assert {place.origin.get(f"/up/{key}?w={width}").status for width in range(10, 100, 10)} == {404}


# PUT beside a stage


def put(place: Place, key: str, body: bytes, **headers: str) -> Answered:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(place.origin.port, "PUT", f"/up/{key}", body, {**BEARER, **fields})


@pytest.mark.slow
def test_what_is_put_waits_too_and_replaces_when_it_is_published(place: Place) -> None:
    key = f"{uuid.uuid4().hex}.png"
    assert put(place, key, RED).status == 201
    assert place.origin.get(f"/up/{key}").status == 404
    assert put(place, key, BLUE, If_None_Match="*").status == 412
    second = put(place, key, BLUE)
    assert second.status == 200
    assert put(place, key, RED, If_Match='"x"').status == 412
    assert put(place, key, RED, If_Match=second.headers["ETag"]).status == 200
    act(place, "publish", key)
    assert colour_of(place.origin.get(f"/up/{key}").body) == (255, 0, 0)
    etag = place.origin.get(f"/up/{key}").headers["ETag"]
    assert put(place, key, BLUE, If_None_Match="*").status == 412
    assert put(place, key, BLUE, If_Match=etag).status == 200
    assert put(place, key, BLUE, If_Match=etag).status == 412  # what waits is compared now
    assert colour_of(place.origin.get(f"/up/{key}").body) == (255, 0, 0)
    act(place, "publish", key)
    assert colour_of(place.origin.get(f"/up/{key}").body) == (0, 0, 255)
    assert colour_of(place.body(medium(key))) == (0, 0, 255)


@pytest.mark.slow
def test_delete_removes_what_waits_and_what_is_published(place: Place) -> None:
    key = published(place)
    assert put(place, key, RED).status == 200
    assert send(place.origin.port, "DELETE", f"/up/{key}", b"", BEARER).status == 204
    assert place.origin.get(f"/up/{key}").status == 404
    assert act(place, "publish", key).status == 404


@pytest.mark.slow
def test_files_that_differ_in_their_extension_are_not_shared(place: Place) -> None:
    siblings = place.published._deriver.siblings
    assert siblings("a.jpg") == ["a", "a.svg"]  # all three have aMI.jpg
    assert siblings("a.png") == []
    assert siblings("b.c/a.svg") == ["b.c/a", "b.c/a.jpg"]


@pytest.mark.slow
def test_rectangles_are_out_of_reach_and_out_of_listings(place: Place) -> None:
    key = published(place, "300x100+0+0")
    if place.folder is None:
        assert place.bucket.head_object(Bucket=place.name, Key=key)["Metadata"][CROP] == "300x100+0+0"
        return
    sidecars = [name for name in files(place.folder) if name.startswith(".origin/metadata/")]
    reads = [f"/{handler}/{name}" for name in sidecars for handler in ("up", "read")]
    assert {place.origin.get(read).status for read in reads} == {404}
