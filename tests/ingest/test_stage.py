"""Uploads that wait until they are published, as c2corg's clients send them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import NamedTuple
from unittest.mock import ANY
from urllib.parse import urlencode

import pytest

from origin.delivery.admission import FetchAdmission
from origin.formats import Format
from origin.ingest.stage import WIDTH
from origin.ingest.stage import Stage
from origin.ingest.stage import tell
from origin.ingest.store import PictureStore
from origin.sources.base import ObjectSettings
from origin.sources.base import Original
from origin.sources.base import ReserveMemory
from origin.sources.base import StoredObject
from origin.sources.base import no_limit
from origin.sources.local import LocalSettings
from origin.sources.local_store import LocalStore
from origin.sources.object_metadata import CROP
from origin.sources.object_metadata import Crop
from tests.ingest.test_put import RED
from tests.support.running import Running
from tests.support.running import wait_until
from tests.support.uploads import Answered
from tests.support.uploads import multipart
from tests.support.uploads import pictures_in
from tests.support.uploads import send

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SECRET = "the secret of the application"
TOKEN = "the-token-of-the-application"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    (tmp_path / "incoming").mkdir()
    return tmp_path / "incoming"


@pytest.fixture
def active(tmp_path: Path) -> Path:
    (tmp_path / "active").mkdir()
    return tmp_path / "active"


class Staged(NamedTuple):
    """An origin for all tests, and its folders, which have no pictures when a test begins."""

    origin: Running
    incoming: Path
    active: Path


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = os.stat(__file__).st_mtime + 10**8  # ahead of every file
    return clock


@pytest.fixture(scope="module")
def _staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    incoming, active, cache = (tmp_path_factory.mktemp(name) for name in ("incoming", "active", "cache"))
    form = {"form": {"field": "secret", "value": SECRET}}
    said = {"status": 200, "json": {"success": True}}
    write = {
        "auth": {"post": "open", "publish": form, "delete": form},
        "stage": {"source": {"type": "local", "root": str(incoming)}, "expire": 7200},
        "name": "{epoch}_{rand31}",
        "reply": {
            "post": {"status": 200, "json": {"filename": "{name}"}},
            "publish": {
                "status": 200,
                "json": {"success": True, "size": "{width}x{height}", "f": "{format}"},
            },
            "delete": said,
        },
        "routes": {"upload": "/upload", "publish": "/publish", "delete": "/delete"},
        "cors": ["*"],
    }
    handler = {"name": "active", "source": {"type": "local", "root": str(active)}, "write": write}
    with Running({"handlers": [handler], "cache": {"path": str(cache)}, "renderers": 1}) as it:
        yield Staged(it, incoming, active)


@pytest.fixture
def staged(_staged: Staged) -> Staged:
    for folder in (_staged.incoming, _staged.active):
        for name in pictures_in(folder):
            (folder / name).unlink()
    return _staged


@pytest.fixture
def origin(staged: Staged) -> Running:
    return staged.origin


def upload(origin: Running) -> str:
    body, headers = multipart(("file", "a.png", RED))
    answer = send(origin.port, "POST", "/upload", body, headers)
    assert answer.status == 200
    name = answer.json["filename"]
    assert isinstance(name, str)
    return name


def act(origin: Running, action: str, *pairs: tuple[str, str], secret: str = SECRET) -> Answered:
    body = urlencode([("secret", secret), *pairs]).encode()
    return send(origin.port, "POST", f"/{action}", body, FORM)


@pytest.mark.slow
def test_an_upload_is_invisible_until_it_is_published(staged: Staged) -> None:
    origin, incoming, active = staged
    name = upload(origin)
    assert origin.get(f"/active/{name}").status == 404
    assert (pictures_in(incoming), pictures_in(active)) == ({name}, set())
    answer = act(origin, "publish", ("filename", name))
    assert (answer.status, answer.json) == (200, {"success": True, "size": "40x30", "f": "png"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert origin.get(f"/active/{name}").status == 200  # the miss is forgotten
    assert (pictures_in(incoming), pictures_in(active)) == (set(), {name})
    assert (active / name).read_bytes() == RED


@pytest.mark.parametrize("path", ["/upload", "/publish", "/%64elete"])
def test_a_route_has_post_alone(origin: Running, path: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):  # RFC 9110 section 15.5.6
        answer = send(origin.port, method, path)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_route_has_the_methods_of_the_handler_at_the_root_too(tmp_path: Path) -> None:
    """RFC 9110 section 10.2.1: Allow lists what the path takes, whoever takes it."""
    (tmp_path / "pictures").mkdir()
    local = {"type": "local", "root": str(tmp_path / "pictures")}
    up = {"name": "up", "source": local, "write": {"auth": "open", "routes": {"upload": "/upload"}}}
    root = {"name": "root", "prefix": "", "source": local}
    config = {"cache": {"path": str(tmp_path / "cache")}, "handlers": [up, root], "renderers": 1}
    with Running(config) as origin:
        for method in ("PUT", "OPTIONS"):
            answer = send(origin.port, method, "/upload")
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST"), method


@pytest.mark.slow
def test_publishing_again_is_harmless(staged: Staged) -> None:
    origin, _, active = staged
    name = upload(origin)
    first = act(origin, "publish", ("key", name))
    again = act(origin, "publish", ("key", name))
    assert (again.status, again.json) == (200, first.json)
    assert (active / name).read_bytes() == RED


@pytest.mark.slow
def test_deleting_takes_many_and_is_harmless(staged: Staged) -> None:
    origin, incoming, active = staged
    published, waiting = upload(origin), upload(origin)
    act(origin, "publish", ("filename", published))
    assert origin.get(f"/active/{published}").status == 200
    for _ in range(2):
        pairs = [("filenames", name) for name in (published, waiting, "1_2.jpg")]
        answer = act(origin, "delete", *pairs)
        assert (answer.status, answer.json) == (200, {"success": True})
        assert origin.get(f"/active/{published}").status == 404
        assert pictures_in(incoming) | pictures_in(active) == set()
    assert act(origin, "delete").status == 200
    assert act(origin, "publish", ("filename", waiting)).status == 404


@pytest.mark.slow
def test_what_cannot_be_published_is_refused(origin: Running) -> None:
    refused: list[tuple[list[tuple[str, str]], int, str]] = [
        ([("filename", "1_2.jpg")], 404, "not-found"),
        ([("filename", "../../etc/passwd")], 400, "bad-request"),
        ([("filename", "-/publish")], 400, "bad-request"),
        ([], 400, "nothing-sent"),
        ([("filename", "")], 400, "nothing-sent"),
        ([("key", "a.png"), ("key", "b.png")], 400, "bad-request"),
        ([("filename", "1_2.jpg"), ("crop", "10x10")], 400, "bad-request"),
    ]
    for pairs, status, kind in refused:
        answer = act(origin, "publish", *pairs)
        assert (answer.status, answer.kind) == (status, kind), pairs


def test_an_action_without_its_field_is_told_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A deletion would be taken for done. The log names the keys of one that is."""
    (tmp_path / "pictures").mkdir()
    stage = {"source": {"type": "local", "root": str(tmp_path / "waiting")}}
    (tmp_path / "waiting").mkdir()
    source = {"type": "local", "root": str(tmp_path / "pictures")}
    handler = {"name": "up", "source": source, "write": {"auth": {"bearer": TOKEN}, "stage": stage}}
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    config = {"cache": {"path": str(tmp_path / "cache")}, "handlers": [handler], "renderers": 1}
    with Running(config) as origin:
        for action in ("publish", "recrop", "delete"):
            path = f"/up/-/{action}"
            told = send(
                origin.port, "POST", path, b'{"key": "a.jpg"}', {**bearer, "Content-Type": "application/json"}
            )
            assert (told.status, told.kind) == (400, "bad-request"), action
            assert told.json["message"] == "expected a form with the field key, and not application/json"
            told = send(origin.port, "POST", path, b"name=a.jpg", {**bearer, **FORM})
            assert (told.status, told.kind) == (400, "nothing-sent"), action
            assert told.json["message"] == "expected the field key; the form has name"
        assert send(origin.port, "POST", "/up/-/delete", b"", bearer).status == 200  # of no picture
        with caplog.at_level(logging.INFO, "origin"):
            assert (
                send(origin.port, "POST", "/up/-/delete", b"key=a.jpg&key=b.jpg", {**bearer, **FORM}).status
                == 200
            )
            wait_until(lambda: " key='a.jpg, b.jpg'" in caplog.text, "it is logged")


def test_an_action_that_auth_does_not_name_is_off(origin: Running) -> None:
    answer = send(origin.port, "POST", "/active/-/recrop", b"key=1_2.jpg&secret=" + SECRET.encode(), FORM)
    assert (answer.status, answer.kind) == (403, "forbidden")
    assert answer.json["message"] == "nobody may recrop pictures here"
    unknown = send(origin.port, "POST", "/active/-/crop", b"key=1_2.jpg", FORM)
    assert (unknown.status, unknown.kind) == (400, "bad-request")


@pytest.mark.slow
@pytest.mark.parametrize("action", ["publish", "delete"])
def test_the_secret_is_needed(staged: Staged, action: str) -> None:
    origin, incoming, _ = staged
    name = upload(origin)
    for secret in ("", "wrong"):
        answer = act(origin, action, ("filename", name), secret=secret)
        assert (answer.status, answer.kind) == (403, "forbidden")
    assert send(origin.port, "POST", f"/{action}", b"", FORM).status == 403
    assert send(origin.port, "POST", f"/active/-/{action}", b"x" * 70_000, FORM).status == 413
    assert pictures_in(incoming) == {name}


@pytest.mark.slow
def test_the_actions_are_below_the_prefix_too(origin: Running) -> None:
    name = upload(origin)
    body = urlencode({"secret": SECRET, "key": name}).encode()
    assert send(origin.port, "POST", "/active/-/publish", body, FORM).status == 200
    assert send(origin.port, "PUT", f"/active/{name}", RED).status == 405


@pytest.mark.slow
def test_what_is_not_published_is_swept(incoming: Path, active: Path, tmp_path: Path, clock: Clock) -> None:
    stage = {"source": {"type": "local", "root": str(incoming)}, "expire": 100}
    write = {"auth": "open", "stage": stage}
    handler = {"name": "active", "source": {"type": "local", "root": str(active)}, "write": write}
    config = {"handlers": [handler], "cache": {"path": str(tmp_path / "cache")}, "renderers": 1}
    clock.now = 1.0  # before every file: the sweep at the start removes nothing
    with Running(config, clock=clock) as origin:
        keys = [send(origin.port, "POST", "/active", RED).json["key"] for _ in range(2)]
        assert send(origin.port, "POST", "/active/-/publish", f"key={keys[0]}".encode(), FORM).status == 200
        waiting = origin.origin.writers["active"].stage
        assert waiting is not None
        clock.now = (incoming / keys[1]).stat().st_mtime + 99
        assert origin.call(waiting.sweep()) == 0
        clock.now += 2
        assert origin.call(waiting.sweep()) == 1
        assert (pictures_in(incoming), pictures_in(active)) == (set(), {keys[0]})


class LateListing(LocalStore):
    """A folder in which a picture comes again behind a listing that has the old one, or behind its read."""

    replace: Callable[[], None] = staticmethod(lambda: None)

    async def objects(self, prefix: str = "", start_after: str = "") -> AsyncIterator[StoredObject]:
        listed = [stored async for stored in super().objects(prefix, start_after)]
        self.replace()
        for stored in listed:
            yield stored

    async def get(
        self, key: str, if_none_match: str | None = None, reserve_memory: ReserveMemory = no_limit
    ) -> Original | None:
        original = await super().get(key, if_none_match, reserve_memory)
        self.replace()
        return original


async def test_what_comes_while_the_old_one_is_dealt_with_stays(incoming: Path, active: Path) -> None:
    """The same key, from another origin on the same stage or behind the listing of the sweep."""
    now = os.stat(__file__).st_mtime + 10**6
    waiting = LateListing(LocalSettings(incoming))
    published = PictureStore(LocalStore(LocalSettings(active)), purge_nothing)
    admission = FetchAdmission(1, 1, 10**6)
    stage = Stage(
        "h",
        waiting,
        published,
        admission,
        ObjectSettings(),
        measure=measure_red,
        expire=10,
        clock=lambda: now,
    )
    for use in (stage.sweep, lambda: stage.publish("a.png")):
        (incoming / "a.png").write_bytes(RED)
        os.utime(incoming / "a.png", (now - 20, now - 20))
        waiting.replace = lambda: replace_by(incoming / "a.png", b"newer", now - 5)
        await use()
        assert (incoming / "a.png").read_bytes() == b"newer"
    assert (active / "a.png").read_bytes() == RED
    await waiting.close()
    await published.store.close()


class BusyFolder(LocalStore):
    """A folder in which another origin replaces a picture between a look at it and its first read."""

    newer: tuple[bytes, ObjectSettings] | None = None

    async def get(
        self, key: str, if_none_match: str | None = None, reserve_memory: ReserveMemory = no_limit
    ) -> Original | None:
        if self.newer is not None:
            (body, settings), self.newer = self.newer, None
            await self.put(key, body, settings=settings)
        return await super().get(key, if_none_match, reserve_memory)


@pytest.mark.parametrize("action", ["publish", "cut anew", "recrop"])
async def test_what_is_told_of_a_picture_is_never_that_of_another(
    incoming: Path, active: Path, action: str
) -> None:
    old = ObjectSettings(metadata=tell(Format.PNG, 4, 4))
    new = ObjectSettings(metadata=tell(Format.JPG, 600, 400))
    waiting, active_store = BusyFolder(LocalSettings(incoming)), BusyFolder(LocalSettings(active))
    busy = waiting if action == "publish" else active_store
    await busy.put("a", b"old", settings=old)
    busy.newer = b"new", new
    published = PictureStore(active_store, purge_nothing)
    admission = FetchAdmission(1, 1, 10**6)
    stage = Stage(
        "h", waiting, published, admission, ObjectSettings(), measure=measure_red, expire=10, clock=Clock()
    )
    crop = Crop(300, 200, 200, 100)

    async def name(body: bytes, store: Callable[[str], Awaitable[None]]) -> None:
        await store("b")

    if action == "recrop":
        stored = await stage.recrop("a", crop, name)
    else:
        stored = await stage.publish("a", crop)
    assert await active_store.head(stored.key) == replace(stored, last_modified=ANY)
    assert stored.metadata == {**new.metadata, CROP: str(crop)}
    original = await active_store.get(stored.key)
    assert original is not None
    assert bytes(original.body) == b"new"
    await waiting.close()
    await active_store.close()


class HeldFolder(LocalStore):
    """A folder to which one write is long on its way."""

    def hold(self) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def put(self, key: str, *arguments: Any, **more: Any) -> str:
        if hasattr(self, "go"):
            self.begun.set()
            await self.go.wait()
        return await super().put(key, *arguments, **more)


async def test_a_write_that_was_long_on_its_way_takes_the_place_of_no_newer_picture(
    incoming: Path, active: Path
) -> None:
    """Of an origin that was still meanwhile, so that it has lost its lock in Valkey, or has none."""
    held, free = HeldFolder(LocalSettings(active)), LocalStore(LocalSettings(active))
    waiting = LocalStore(LocalSettings(incoming))
    slow, fast = (
        Stage(
            "h",
            waiting,
            PictureStore(store, purge_nothing),
            FetchAdmission(1, 1, 10**6),
            ObjectSettings(),
            measure=measure_red,
            expire=10,
        )
        for store in (held, free)
    )
    held.hold()
    await waiting.put("a.png", b"old", settings=ObjectSettings(metadata=tell(Format.PNG, 4, 4)))
    publishing = asyncio.ensure_future(slow.publish("a.png"))
    await held.begun.wait()
    await waiting.put("a.png", b"newer", settings=ObjectSettings(metadata=tell(Format.PNG, 8, 8)))
    await fast.publish("a.png")
    held.go.set()
    told = await publishing  # as publishing again is
    assert (active / "a.png").read_bytes() == b"newer"
    assert told.metadata[WIDTH] == "8"
    for store in (waiting, held, free):
        await store.close()


def replace_by(path: Path, body: bytes, modified: float) -> None:
    other = path.with_name("other")
    other.write_bytes(body)
    os.utime(other, (modified, modified))
    other.rename(path)


async def purge_nothing(key: str) -> None: ...


async def measure_red(body: bytes) -> tuple[Format, int, int]:
    return Format.PNG, 4, 4


@pytest.mark.slow
def test_a_crash_between_the_two_steps_leaves_a_picture_that_can_be_published(staged: Staged) -> None:
    """As it is where the copy is made and the original not yet removed."""
    origin, incoming, active = staged
    name = upload(origin)
    body = (incoming / name).read_bytes()
    (active / name).write_bytes(body)
    assert act(origin, "publish", ("filename", name)).status == 200
    assert (pictures_in(incoming), pictures_in(active)) == (set(), {name})
