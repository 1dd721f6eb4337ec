"""Files made of each original and stored with it: what lies there, is served, and what a crash leaves."""

from __future__ import annotations

import io
import json
import os
import uuid
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import cast

import pytest
from PIL import Image

from origin.errors import PreconditionMissed
from origin.ingest.deriving_store import DerivingStore
from origin.ingest.preconditions import Preconditions
from origin.ingest.store import purge_nothing
from origin.ingest.unfinished import LEASE
from origin.sources.base import ObjectSettings
from origin.sources.base import Store
from tests.ingest.test_put import BLUE
from tests.ingest.test_put import RED
from tests.ingest.test_put import colour_of
from tests.ingest.test_put import picture
from tests.support import pictures
from tests.support.running import Running
from tests.support.running import wait_until
from tests.support.uploads import BEARER
from tests.support.uploads import Answered
from tests.support.uploads import files
from tests.support.uploads import multipart
from tests.support.uploads import pictures_in
from tests.support.uploads import send
from tests.support.uploads import writing

PRESETS = {
    "big": {"w": 30, "h": 30, "c": False},
    "small": {"w": 10, "h": 10, "c": True, "enlarge": True, "q": 90},
    "web": {"w": 20, "f": "webp"},
}
DERIVE = {"BI": "big", "SI": "small", "WI": "web"}
SUFFIXES = ("", "BI", "SI", "WI")


def deriving(folder: Path, cache: Path, **write: Any) -> dict[str, Any]:
    config = writing(folder, cache, {"derive": DERIVE, **write})
    return {**config, "presets": PRESETS}


@dataclass(frozen=True)
class Place:
    """An origin that writes to a folder or a bucket, and what lies there."""

    origin: Running
    folder: Path | None = None
    bucket: Any = None
    source: Mapping[str, Any] = field(default_factory=dict)  # as the configuration names it

    def keys(self) -> set[str]:
        if self.folder is not None:
            return pictures_in(self.folder)
        listing = self.bucket.list_objects_v2(Bucket=self.name)
        return {entry["Key"] for entry in listing.get("Contents", ())}

    def body(self, key: str) -> bytes:
        if self.folder is not None:
            return (self.folder / key).read_bytes()
        read: bytes = self.bucket.get_object(Bucket=self.name, Key=key)["Body"].read()
        return read

    @property
    def name(self) -> str:
        return str(self.origin.origin.config.handlers[0].source.describe()).strip("/").rpartition("/")[2]

    @property
    def store(self) -> Store:
        return self.published.store

    @property
    def published(self) -> DerivingStore:
        published = self.origin.origin.writers["up"].published
        assert isinstance(published, DerivingStore)
        return published


@pytest.fixture(scope="module", params=["folder", "seaweed"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("store")
    config = deriving(folder, tmp_path_factory.mktemp("cache"), accept=["jpg", "png", "gif", "webp", "svg"])
    config["handlers"][0]["allowed_formats"] = ["jpg", "png", "gif", "webp", "svg"]
    if request.param == "folder":
        with Running(config) as origin:
            yield swept_by_hand(Place(origin, folder))
        return
    server = request.getfixturevalue("seaweed")
    name = f"derive-{uuid.uuid4().hex}"
    server.client.create_bucket(Bucket=name)
    source = {"type": "s3", "bucket": name, "endpoint_url": server.url, "region": "us-east-1"}
    config["handlers"][0]["source"] = {
        **source,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
    }
    with Running(config) as origin:
        yield swept_by_hand(Place(origin, bucket=server.client))


def swept_by_hand(place: Place) -> Place:
    """Without the sweeps that go on by themselves, which would do a test's work."""
    place.origin.call(place.published.unfinished.close())
    return place


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key of the test's own."""
    return f"{uuid.uuid4().hex}/cat.jpg"


def named(key: str, suffix: str) -> str:
    stem = key.removesuffix(".jpg")
    return {"": key, "WI": f"{stem}WI.webp"}.get(suffix, f"{stem}{suffix}.jpg")


def put(place: Place, key: str, body: bytes, **headers: str) -> Answered:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(place.origin.port, "PUT", f"/up/{key}", body, {**BEARER, **fields})


def lying(place: Place, key: str) -> set[str]:
    folder = key.rpartition("/")[0]
    return {each for each in place.keys() if each.startswith(folder)}  # noqa: SIM118 - no mapping


def size(body: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(body)).size


# What is made


@pytest.mark.slow
def test_the_files_lie_beside_the_original_in_the_shape_of_their_presets(place: Place, key: str) -> None:
    assert put(place, key, picture("#ff0000", "JPEG", (90, 60))).status == 201
    assert lying(place, key) == {named(key, suffix) for suffix in SUFFIXES}
    sizes = {suffix: size(place.body(named(key, suffix))) for suffix in SUFFIXES}
    assert sizes == {"": (90, 60), "BI": (30, 20), "SI": (10, 10), "WI": (20, 13)}
    shown = {Image.open(io.BytesIO(place.body(named(key, suffix)))).format for suffix in ("BI", "SI")}
    assert shown == {"JPEG"}
    assert Image.open(io.BytesIO(place.body(named(key, "WI")))).format == "WEBP"


@pytest.mark.slow
def test_the_origin_answers_with_the_bytes_that_lie_there(place: Place, key: str) -> None:
    put(place, key, pictures.land())
    for suffix in ("BI", "SI", "WI"):
        answer = place.origin.get(f"/up/{named(key, suffix)}")
        assert (answer.status, answer.body) == (200, place.body(named(key, suffix)))
    avif = place.origin.get(f"/up/{named(key, 'BI').removesuffix('.jpg')}.avif")
    assert (avif.status, avif.type) == (200, "image/avif")
    assert place.origin.get(f"/up/{named(key, 'BI')}?w=10").status == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "derived"),
    [
        ("a.jpeg", "JPEG", {"aBI.jpeg": "JPEG", "aWI.webp": "WEBP"}),
        ("a.JPG", "JPEG", {"aBI.JPG": "JPEG"}),
        ("a.png", "PNG", {"aBI.png": "PNG", "aSI.png": "PNG"}),
        ("a.gif", "GIF", {"aBI.gif": "GIF"}),
        ("a.b/c", "PNG", {"a.b/cBI.jpg": "JPEG"}),
    ],
)
def test_extensions_are_those_of_the_original(
    place: Place, key: str, name: str, kind: str, derived: dict[str, str]
) -> None:
    folder = key.removesuffix("cat.jpg")
    assert put(place, folder + name, picture("#00ff00", kind)).status == 201
    found = lying(place, key)
    for each, format in derived.items():
        assert folder + each in found
        assert Image.open(io.BytesIO(place.body(folder + each))).format == format


@pytest.mark.slow
def test_an_svg_becomes_jpeg_on_white(place: Place, key: str) -> None:
    folder = key.removesuffix("cat.jpg")
    right_half = b'<rect x="20" width="20" height="40"/>'
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">%s</svg>' % right_half
    assert put(place, f"{folder}a.svg", drawing).status == 201
    assert lying(place, key) == {f"{folder}{name}" for name in ("a.svg", "aBI.jpg", "aSI.jpg", "aWI.webp")}
    image = Image.open(io.BytesIO(place.body(f"{folder}aBI.jpg")))
    assert (image.format, image.size) == ("JPEG", (30, 30))
    left, right = image.convert("L").getpixel((3, 15)), image.convert("L").getpixel((26, 15))
    assert isinstance(left, int)
    assert isinstance(right, int)
    assert left > 250
    assert right < 5
    assert place.origin.get(f"/up/{folder}aBI.jpg").body == place.body(f"{folder}aBI.jpg")


@pytest.mark.slow
def test_files_have_no_place_in_them_and_the_headers_of_the_original(place: Place, key: str) -> None:
    put(place, key, pictures.tagged())
    for suffix in ("BI", "SI"):
        assert not Image.open(io.BytesIO(place.body(named(key, suffix)))).getexif()
    if place.folder is None:
        head = place.bucket.head_object(Bucket=place.name, Key=named(key, "BI"))
        assert head["ContentType"] == "image/jpeg"


@pytest.mark.slow
def test_a_post_makes_them_too(place: Place) -> None:
    body, headers = multipart(("file", "a.png", RED))
    answer = send(place.origin.port, "POST", "/up", body, {**headers, **BEARER})
    stem = answer.json["key"].removesuffix(".png")
    assert {f"{stem}{end}" for end in (".png", "BI.png", "SI.png", "WI.webp")} <= place.keys()


# Replaced and removed


@pytest.mark.slow
def test_a_replaced_picture_is_new_in_all_its_names(place: Place, key: str) -> None:
    reads = [f"/up/{named(key, suffix)}" for suffix in SUFFIXES]
    assert [place.origin.get(read).status for read in reads] == [404] * 4
    red, blue = (255, 0, 0), (0, 0, 255)
    for colour, name, status in (red, "red", 201), (blue, "blue", 200), (red, "red", 200):
        assert put(place, key, picture(name, "JPEG")).status == status
        assert all(_is(colour, place.origin.get(read).body) for read in reads)
        assert all(_is(colour, place.body(named(key, suffix))) for suffix in SUFFIXES)


@pytest.mark.slow
def test_what_is_removed_takes_its_files_with_it(place: Place, key: str) -> None:
    put(place, key, pictures.land())
    assert place.origin.get(f"/up/{named(key, 'BI')}").status == 200
    for _ in range(2):
        assert send(place.origin.port, "DELETE", f"/up/{key}", b"", BEARER).status == 204
        assert lying(place, key) == set()
        assert [place.origin.get(f"/up/{named(key, suffix)}").status for suffix in SUFFIXES] == [404] * 4


@pytest.mark.slow
def test_conditions_are_those_of_the_original(place: Place, key: str) -> None:
    first = put(place, key, RED)
    again = put(place, key, BLUE, If_None_Match="*")
    other = put(place, key, BLUE, If_Match='"x"')
    assert (again.status, again.kind) == (412, "exists")
    assert (other.status, other.kind) == (412, "precondition-failed")
    assert colour_of(place.body(named(key, "BI"))) == colour_of(RED) or _is(
        (255, 0, 0), place.body(named(key, "BI"))
    )
    assert put(place, key, BLUE, If_Match=first.headers["ETag"]).status == 200
    assert _is((0, 0, 255), place.body(named(key, "BI")))


@pytest.mark.slow
def test_many_who_replace_at_once_leave_one_picture(place: Place, key: str) -> None:
    put(place, key, RED)
    with ThreadPoolExecutor(3) as clients:
        bodies = [picture(f"#{40 * n:02x}0000", "JPEG") for n in range(1, 4)]
        statuses = {answer.status for answer in clients.map(lambda body: put(place, key, body), bodies)}
    assert statuses == {200}
    assert len({round(_red(place.body(named(key, suffix))) / 40) for suffix in SUFFIXES}) == 1


# Names


@pytest.mark.slow
@pytest.mark.parametrize("name", ["aBI.jpg", "b/aSI.png", "aWI", "aBI.svg"])
def test_the_names_of_files_are_not_for_originals(place: Place, name: str) -> None:
    for method in ("PUT", "DELETE"):
        answer = send(place.origin.port, method, f"/up/{name}", RED, BEARER)
        assert (answer.status, answer.kind) == (400, "bad-request")


@pytest.mark.slow
def test_a_picture_that_a_preset_does_not_suit_is_refused(tmp_path: Path) -> None:
    config = writing(tmp_path / "s", tmp_path / "c", {"derive": {"X": "part"}})
    (tmp_path / "s").mkdir()
    with Running({**config, "presets": {"part": {"rect": [100, 100, 10, 10]}}}) as origin:
        answer = send(origin.port, "PUT", "/up/a.png", RED, BEARER)
        assert (answer.status, answer.kind) == (415, "unsupported")
        assert files(tmp_path / "s") == set()


# Files of others


@pytest.mark.slow
def test_a_file_that_another_system_made_stands_for_itself(place: Place, key: str) -> None:
    other = picture("#00ff00", "JPEG", (30, 20))
    for each, body in (key, pictures.land()), (named(key, "BI"), other):
        place.origin.call(place.store.put(each, body))
    assert _is((0, 255, 0), place.origin.get(f"/up/{named(key, 'BI')}").body)
    put(place, key, picture("#ff0000", "JPEG"))
    assert _is((255, 0, 0), place.origin.get(f"/up/{named(key, 'BI')}").body)


@pytest.mark.slow
def test_of_two_originals_each_has_its_own_files(place: Place, key: str) -> None:
    folder = key.removesuffix("cat.jpg")
    put(place, f"{folder}a.jpg", picture("#ff0000", "JPEG"))
    place.origin.call(place.store.put(f"{folder}a.png", BLUE))  # by another system
    assert _is((255, 0, 0), place.origin.get(f"/up/{folder}aBI.jpg").body)
    assert _is((0, 0, 255), place.origin.get(f"/up/{folder}aBI.png").body)


@pytest.mark.slow
@pytest.mark.parametrize("other", ["cat.svg", "cat.png", "cat"])
def test_an_original_that_would_share_a_file_with_another_is_refused(
    place: Place, key: str, other: str
) -> None:
    """That of `cat.svg` is `catBI.jpg`, and `catWI.webp` is of every picture of that name."""
    assert put(place, key, picture("#ff0000", "JPEG")).status == 201
    lies, second = lying(place, key), key.replace("cat.jpg", other)
    answer = put(place, second, BLUE)
    assert (answer.status, answer.kind) == (412, "exists")
    assert "cat.jpg" in answer.json["message"]
    assert lying(place, key) == lies
    assert send(place.origin.port, "DELETE", f"/up/{key}", b"", BEARER).status == 204
    assert put(place, second, BLUE).status == 201
    assert put(place, second, BLUE).status == 200


@pytest.mark.slow
@pytest.mark.parametrize("absent", ["cat.svg", "cat.png", "cat"])
def test_the_files_of_another_original_stay_where_one_is_removed_or_repaired(
    place: Place, key: str, absent: str
) -> None:
    assert put(place, key, picture("#ff0000", "JPEG")).status == 201
    lies, second = lying(place, key), key.replace("cat.jpg", absent)
    assert send(place.origin.port, "DELETE", f"/up/{second}", b"", BEARER).status == 204
    assert lying(place, key) == lies
    place.origin.call(note(place, second))
    assert place.origin.call(place.published.unfinished.sweep()) == 1
    assert lying(place, key) == lies


@pytest.mark.slow
def test_a_file_of_another_system_goes_with_its_original_alone(place: Place, key: str) -> None:
    other = named(key, "BI")
    place.origin.call(place.store.put(other, BLUE))
    assert send(place.origin.port, "DELETE", f"/up/{key}", b"", BEARER).status == 204
    assert lying(place, key) == {other}
    place.origin.call(place.store.put(key, BLUE))
    assert send(place.origin.port, "DELETE", f"/up/{key}", b"", BEARER).status == 204
    assert lying(place, key) == set()


# What a crash leaves: the steps of a write, up to each of its ends


async def note(place: Place, key: str, **owner: Any) -> None:
    """As a process of this machine wrote it that is no more."""
    own = {"handler": "up", "machine": place.published.unfinished._machine, "process": 2**22 + 1, **owner}
    await place.store.put_note(uuid.uuid4().hex, json.dumps({"key": key, **own}))


async def leave_half(place: Place, key: str, body: bytes) -> None:
    """Files of a write that did not come to its original."""
    for file in await place.published._deriver.make(key, body, None):
        await place.store.put(file.key, file.body, settings=ObjectSettings(metadata={"origin-derived": "x"}))
        break
    await note(place, key)


@pytest.mark.slow
def test_a_new_picture_that_was_left_half_is_never_seen_and_goes(place: Place, key: str) -> None:
    place.origin.call(leave_half(place, key, BLUE))
    assert lying(place, key) == {named(key, "BI")}
    assert place.origin.get(f"/up/{named(key, 'BI')}").status == 404
    assert place.origin.call(place.published.unfinished.sweep()) == 1
    assert lying(place, key) == set()
    assert place.origin.call(place.store.notes()) == []


@pytest.mark.slow
def test_a_replacement_that_was_left_half_is_never_seen_and_taken_back(place: Place, key: str) -> None:
    put(place, key, picture("#ff0000", "JPEG"))
    place.origin.call(leave_half(place, key, BLUE))
    assert _is((0, 0, 255), place.body(named(key, "BI")))
    assert _is((255, 0, 0), place.origin.get(f"/up/{named(key, 'BI')}").body)
    assert place.origin.call(place.published.unfinished.sweep()) == 1
    assert all(_is((255, 0, 0), place.body(named(key, suffix))) for suffix in SUFFIXES)


@pytest.mark.slow
def test_a_removal_that_was_left_half_is_finished(place: Place, key: str) -> None:
    put(place, key, RED)
    place.origin.call(note(place, key))
    place.origin.call(place.store.delete(key))
    assert place.origin.call(place.published.unfinished.sweep()) == 1
    assert lying(place, key) == set()


@pytest.mark.slow
def test_the_note_of_a_process_that_may_be_alive_stands_for_a_minute(place: Place, key: str) -> None:
    unfinished, clock, now = place.published.unfinished, place.published.unfinished._clock, 1000.0
    unfinished._clock = lambda: now
    put(place, key, RED)
    place.origin.call(note(place, key, machine="another"))
    place.origin.call(note(place, key, process=os.getppid()))
    place.origin.call(note(place, key, handler="another"))
    for _ in range(2):
        assert place.origin.call(unfinished.sweep()) == 0
        now += LEASE / 2
    assert place.origin.call(unfinished.sweep()) == 2
    (left,) = place.origin.call(place.store.notes())
    place.origin.call(place.store.delete_note(left.name))
    unfinished._clock = clock


@pytest.mark.slow
def test_a_note_that_lost_its_text_goes_after_a_minute(place: Place) -> None:
    """SeaweedFS keeps an empty object of a PUT that was cut off by `kill -9`: the write had not begun."""
    unfinished, clock, now = place.published.unfinished, place.published.unfinished._clock, 1000.0
    unfinished._clock = lambda: now
    place.origin.call(place.store.put_note("0e", ""))
    for _ in range(2):
        assert place.origin.call(unfinished.sweep()) == 0
        assert [note.name for note in place.origin.call(place.store.notes())] == ["0e"]
        now += LEASE / 2
    assert place.origin.call(unfinished.sweep()) == 0  # nothing to repair
    assert place.origin.call(place.store.notes()) == []
    unfinished._clock = clock


@pytest.mark.slow
def test_writes_leave_no_note(place: Place, key: str) -> None:
    put(place, key, RED)
    put(place, key, RED, If_None_Match="*")
    send(place.origin.port, "DELETE", f"/up/{key}", b"", BEARER)
    assert place.origin.call(place.store.notes()) == []


@pytest.mark.slow
def test_a_version_that_is_there_no_more_is_not_removed_with_its_files(place: Place, key: str) -> None:
    """Another origin has replaced it behind our look."""
    put(place, key, RED)
    lies, old = lying(place, key), Preconditions(match=('"old"',), found='"old"')
    with pytest.raises(PreconditionMissed):
        place.origin.call(place.published.delete(key, old))
    assert lying(place, key) == lies
    assert place.origin.call(place.store.notes()) == []
    now = place.origin.call(place.published.check(key, Preconditions(match=("*",))))
    place.origin.call(place.published.delete(key, now))
    assert lying(place, key) == set()


@pytest.mark.slow
def test_an_original_that_another_origin_wrote_meanwhile_gets_its_files_back(place: Place, key: str) -> None:
    """The other one is faster with the original, and this one has put its files over the other's."""
    put(place, key, picture("#00ff00", "JPEG"))
    store: Any = place.store
    put_original, raced = store.put, [False]

    async def put_late(name: str, body: bytes, **how: Any) -> str:
        if name == key and not raced[0]:
            raced[0] = True
            await put_original(name, picture("#ff0000", "JPEG"))
        return str(await put_original(name, body, **how))

    store.put = put_late
    try:
        assert put(place, key, picture("#0000ff", "JPEG"), If_Match="*").status == 200
    finally:
        store.put = put_original
    assert raced[0]
    assert all(_is((0, 0, 255), place.body(named(key, suffix))) for suffix in SUFFIXES)


@pytest.mark.slow
def test_files_that_another_origin_wrote_meanwhile_stay_with_its_original(place: Place, key: str) -> None:
    """It is faster with all it does than this one with its last look at the files."""
    mine, store = place.published, cast(Any, place.store)
    other = DerivingStore("up", store, purge_nothing, mine._deriver, mine._admission, ObjectSettings())
    put_original, raced = store.put, [False]

    async def put_and_wait(name: str, body: bytes, **how: Any) -> str:
        version = str(await put_original(name, body, **how))
        if name == key and not raced[0]:
            raced[0] = True
            await other.put(key, picture("#00ff00", "JPEG"), Preconditions(), ObjectSettings())
        return version

    store.put = put_and_wait
    try:
        assert put(place, key, picture("#0000ff", "JPEG")).status == 201
    finally:
        store.put = put_original
    assert all(_is((0, 255, 0), place.body(named(key, suffix))) for suffix in SUFFIXES)


@pytest.mark.slow
def test_the_next_start_repairs(tmp_path: Path) -> None:
    config = deriving(tmp_path / "s", tmp_path / "c")
    (tmp_path / "s").mkdir()
    with Running(config) as origin:
        place = Place(origin, tmp_path / "s")
        put(place, "a/cat.jpg", picture("#ff0000", "JPEG"))
        origin.call(leave_half(place, "a/cat.jpg", BLUE))
        origin.call(leave_half(place, "b/cat.jpg", BLUE))
    with Running(config) as origin:
        place = Place(origin, tmp_path / "s")
        wait_until(lambda: not origin.call(place.store.notes()), "the notes are dealt with")
        assert all(_is((255, 0, 0), place.body(named("a/cat.jpg", suffix))) for suffix in SUFFIXES)
        assert lying(place, "b/cat.jpg") == set()


def _is(colour: tuple[int, ...], body: bytes) -> bool:
    """JPEG and WebP are a little off."""
    return all(abs(one - other) < 8 for one, other in zip(colour_of(body), colour, strict=True))


def _red(body: bytes) -> int:
    return colour_of(body)[0]
