"""One contract for every source, then what only S3 and only a folder can do."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import threading
import unicodedata
import uuid
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from typing import Protocol

import pytest

from origin.errors import KeyRefused
from origin.errors import NotFound
from origin.errors import OriginalUnavailable
from origin.errors import Overloaded
from origin.errors import SourceTimeout
from origin.errors import SourceUnavailable
from origin.errors import Unprocessable
from origin.sources import EXPECTED_BYTES
from origin.sources import Original
from origin.sources import Source
from origin.sources.base import Access
from origin.sources.http import HttpSettings
from origin.sources.http_source import HttpSource
from origin.sources.local import LocalSettings
from origin.sources.local import LocalSource
from origin.sources.s3_source import S3Source
from tests.support import hostile_server
from tests.support import s3_servers
from tests.support.cases import await_each
from tests.support.loop_clock import LoopClock
from tests.support.s3_sources import s3_source
from tests.support.web_servers import WebServer

BODY = bytes(range(256)) * 700  # 179,200 bytes: several pieces, no piece whole


class Store(Protocol):
    """Where a test puts originals, by means other than the code under test."""

    def put(self, key: str, body: bytes) -> None: ...

    def modified(self, key: str) -> float: ...

    def source(self, **settings: Any) -> Source: ...


class Folder:
    def __init__(self, top: Path) -> None:
        self._root = top / "originals"
        self._root.mkdir()

    def put(self, key: str, body: bytes) -> None:
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        written = self._root.parent / "being-written"
        written.write_bytes(body)
        written.replace(path)

    def modified(self, key: str) -> float:
        return (self._root / key).stat().st_mtime

    def source(self, **settings: Any) -> Source:
        return LocalSource(LocalSettings(self._root), **settings)


class Bucket:
    def __init__(self, server: s3_servers.S3Server) -> None:
        self.server = server
        self.name = f"bucket-{uuid.uuid4().hex}"
        server.client.create_bucket(Bucket=self.name)

    def put(self, key: str, body: bytes, **more: Any) -> None:
        path = key.removeprefix("../") if key.startswith("../") else f"originals/{key}"
        self.server.client.put_object(Bucket=self.name, Key=path, Body=body, **more)

    def modified(self, key: str) -> float:
        answer = self.server.client.head_object(Bucket=self.name, Key=f"originals/{key}")
        return float(answer["LastModified"].timestamp())

    def source(self, **settings: Any) -> Source:
        return self.s3_source(folder="originals", **settings)

    def s3_source(self, **settings: Any) -> S3Source:
        keys = {"access_key": self.server.access_key, "secret_key": self.server.secret_key}
        return s3_source(self.name, **{"endpoint_url": self.server.url} | keys | settings)


class Site:
    """A web server, of which the source knows one path."""

    def __init__(self, web: WebServer) -> None:
        self.web = web

    def put(self, key: str, body: bytes) -> None:
        path = f"/{key.removeprefix('../')}" if key.startswith("../") else f"/originals/{key}"
        self.web.put(path, body)

    def modified(self, key: str) -> float:
        date = self.web.pages[f"/originals/{key}"].headers["Last-Modified"]
        return parsedate_to_datetime(date).timestamp()

    def source(self, **settings: Any) -> Source:
        own = HttpSettings(base_url=f"{self.web.url}/originals", allow_private=("127.0.0.0/8",))
        return HttpSource(own, **settings)


@pytest.fixture(params=["folder", "moto_server", "web", pytest.param("seaweed", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return Folder(tmp_path)
    if request.param == "web":
        return Site(request.getfixturevalue("web"))
    return Bucket(request.getfixturevalue(request.param))


@pytest.fixture
def bucket(moto_server: s3_servers.S3Server) -> Bucket:
    return Bucket(moto_server)


@pytest.fixture
async def source(store: Store) -> AsyncIterator[Source]:
    source = store.source()
    await source.open()
    yield source
    await source.close()


async def original(source: Source, key: str, if_none_match: str | None = None) -> Original:
    found = await source.get(key, if_none_match)
    assert found is not None, "not modified"
    return found


async def fails(source: Source, key: str) -> Exception:
    """What one `get` raises; then the source is closed."""
    try:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller asks which
            await source.get(key)
        return caught.value
    finally:
        await source.close()


# --- the contract -------------------------------------------------------------------------------------


async def test_any_key_gives_the_bytes_that_were_put(store: Store, source: Source) -> None:
    keys = [
        "cat.jpg",
        "users/42/avatars/cat.jpg",
        "a cat.jpg",
        "a+cat.jpg",
        "100%.jpg",
        "50%25.jpg",
        "a%2Fb.jpg",
        "what?.jpg",
        "cat.jpg?w=300",
        "no#1.jpg",
        "a&b=c;d.jpg",
        "~'()*!@:,$[].jpg",
        'say "cheese".jpg',
        "...jpg",
        "Größe/猫/🐈.jpg",
    ]
    bodies = {key: BODY + key.encode() for key in keys}

    async def check(key: str) -> None:
        store.put(key, bodies[key])
        assert (await original(source, key)).body == bodies[key]

    await await_each({key: key for key in keys}, check)
    for key, body in bodies.items():  # no other key was for it
        assert (await original(source, key)).body == body


async def test_keys_are_not_normalised(store: Store, source: Source) -> None:
    composed = "café.jpg"
    decomposed = unicodedata.normalize("NFD", composed)
    store.put(composed, b"NFC")
    with pytest.raises(NotFound):
        await source.get(decomposed)
    store.put(decomposed, b"NFD")
    assert (await original(source, composed)).body == b"NFC"
    assert (await original(source, decomposed)).body == b"NFD"


async def test_an_empty_object_is_an_original_without_bytes(store: Store, source: Source) -> None:
    store.put("empty.jpg", b"")
    empty = await original(source, "empty.jpg")
    assert empty.body == b""
    assert empty.etag


async def test_the_version_is_stable_and_changes_with_the_bytes(store: Store, source: Source) -> None:
    store.put("cat.jpg", b"one")
    first, again = await original(source, "cat.jpg"), await original(source, "cat.jpg")
    store.put("cat.jpg", b"two")
    overwritten = await original(source, "cat.jpg", first.etag)
    assert first == again
    assert overwritten.body == b"two"
    assert overwritten.etag != first.etag


async def test_an_unchanged_original_is_not_read_again(store: Store, source: Source) -> None:
    store.put("cat.jpg", BODY)
    assert await source.get("cat.jpg", (await original(source, "cat.jpg")).etag) is None


async def test_the_time_of_change_is_the_stores(store: Store, source: Source) -> None:
    store.put("cat.jpg", BODY)
    assert (await original(source, "cat.jpg")).last_modified == store.modified("cat.jpg")


async def are_not_found(source: Source, *keys: str) -> None:
    async def check(key: str) -> None:
        with pytest.raises(NotFound):
            await source.get(key)

    await await_each({repr(key): key for key in keys}, check)


async def test_a_key_that_is_not_there_is_not_found(store: Store, source: Source) -> None:
    store.put("cat.jpg", BODY)
    store.put("users/cat.jpg", BODY)
    await are_not_found(source, "no.jpg", "no/such/cat.jpg", "cat.jpg/cat.jpg", "users", "cat", "CAT.JPG")


async def test_a_key_that_is_too_long_is_not_found(source: Source) -> None:
    await are_not_found(source, "x" * 300 + ".jpg", "x" * 1100, "/".join(["ab"] * 500))


async def test_no_key_leaves_the_folder(store: Store, source: Source) -> None:
    store.put("cat", BODY)
    store.put("../secret", b"secret")
    await are_not_found(source, "../secret", "a/../../secret", "..", ".", "", "/secret", "//secret")
    await are_not_found(source, "a//cat", "./cat", "cat/", "c\0t", "\ud800")


async def test_the_cap_is_in_bytes_and_inclusive(store: Store) -> None:
    store.put("cat.jpg", BODY)
    enough, short = store.source(max_bytes=len(BODY)), store.source(max_bytes=len(BODY) - 1)
    assert (await original(enough, "cat.jpg")).body == BODY
    await enough.close()
    assert type(await fails(short, "cat.jpg")) is Unprocessable


@pytest.mark.slow
async def test_memory_is_reserved_before_a_large_original_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the wait for it takes nothing of the time that the source has."""
    source = store.source(timeout=30)
    clock = LoopClock(monkeypatch)
    content = random.Random(1).randbytes(EXPECTED_BYTES + 1)
    store.put("large.jpg", content)
    store.put("small.jpg", b"x" * EXPECTED_BYTES)
    asked: list[int] = []

    async def reserve(size: int) -> None:
        asked.append(size)
        clock.advance(31)
        await asyncio.sleep(0)

    large = await source.get("large.jpg", None, reserve)
    small = await source.get("small.jpg", None, reserve)
    assert large is not None
    assert small is not None
    assert bytes(large.body) == content
    assert len(small.body) == EXPECTED_BYTES
    assert asked == [EXPECTED_BYTES + 1]
    await source.close()


@pytest.mark.slow
async def test_without_memory_a_large_original_is_not_read(store: Store, source: Source) -> None:
    async def none(size: int) -> None:
        raise Overloaded("no memory")

    store.put("large.jpg", b"x" * 5_000_000)
    for _ in range(60):  # more than there are connections
        with pytest.raises(Overloaded):
            await source.get("large.jpg", None, none)
    found = await source.get("large.jpg")
    assert found is not None
    assert len(found.body) == 5_000_000


async def test_check_finds_an_original_and_reads_it(store: Store, source: Source) -> None:
    if isinstance(store, Site):
        assert (await source.check()).access is Access.UNKNOWN  # nothing lists what a web server has
        return
    store.put("2024/cat.jpg", BODY)
    result = await source.check()
    assert (result.access, result.example, result.warnings) == (Access.READABLE, "2024/cat.jpg", ())
    assert "2024/cat.jpg" in str(result)


async def test_check_tells_of_a_place_without_originals(store: Store, source: Source) -> None:
    if isinstance(store, Site):
        assert (await source.check()).place.endswith("originals/")
        return
    store.put("../secret", b"not below the folder")
    result = await source.check()
    assert (result.access, result.example) == (Access.EMPTY, None)
    assert str(result) == f"no objects below {result.place}"
    assert result.place.endswith("originals/")


@pytest.mark.slow
async def test_cancelled_and_failed_fetches_cost_nothing_later(store: Store, source: Source) -> None:
    store.put("cat.jpg", BODY)
    for begun in range(100):
        task = asyncio.create_task(source.get("cat.jpg" if begun % 2 else "no.jpg"))
        for _ in range(begun):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    several = await asyncio.gather(*(source.get("cat.jpg") for _ in range(8)))
    assert [found and found.body for found in several] == [BODY] * 8


# --- S3 alone -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["a/b", "/a/b/", "a/b/", "//a/b"])
async def test_folder_and_key_are_joined_by_one_slash(folder: str) -> None:
    async with hostile_server.listening(hostile_server.answer(200, b"ok", ETag='"1"')) as server:
        source = s3_source("photos", folder=folder, endpoint_url=server.url, access_key="a", secret_key="b")
        await source.get("c d+e/f.jpg")
        await source.close()
        assert server.heads[0].startswith(b"GET /photos/a/b/c%20d%2Be/f.jpg HTTP/1.1\r\n")


@pytest.mark.parametrize("folder", ["..", "a/../b", "./a", "a/."])
def test_a_folder_that_climbs_is_refused(folder: str) -> None:
    with pytest.raises(ValueError, match="without"):
        s3_source("photos", folder=folder)


async def test_a_bucket_without_a_folder(bucket: Bucket) -> None:
    bucket.put("../cat.jpg", BODY)
    source = bucket.s3_source()
    assert (await original(source, "cat.jpg")).body == BODY
    await source.close()


async def test_a_missing_bucket_is_named(bucket: Bucket) -> None:
    bucket.name = "no-such-bucket"
    source = bucket.s3_source()
    with pytest.raises(SourceUnavailable, match="no-such-bucket"):
        await source.check()
    error = await fails(source, "cat.jpg")
    assert type(error) is SourceUnavailable
    assert "no-such-bucket" in str(error)
    assert "check bucket" in str(error)


@pytest.mark.slow
@pytest.mark.parametrize(
    "keys", [{"access_key": "AKIANOBODY"}, {"secret_key": "wrong-0123456789"}], ids=["unknown", "wrong"]
)
async def test_wrong_credentials_are_told_and_not_shown(
    seaweed: s3_servers.S3Server, keys: dict[str, str]
) -> None:
    bucket = Bucket(seaweed)
    bucket.put("cat.jpg", BODY)
    error = await fails(bucket.source(**keys), "cat.jpg")
    assert type(error) is SourceUnavailable
    assert "check access_key and secret_key" in str(error)
    assert not any(secret in str(error) for secret in [*keys.values(), seaweed.secret_key])


@pytest.mark.slow
async def test_a_server_that_checks_signatures_accepts_ours(seaweed: s3_servers.S3Server) -> None:
    bucket = Bucket(seaweed)
    bucket.put("a b+c%20/é.jpg", BODY)
    source = bucket.source(region="eu-central-1", addressing_style="path")
    assert (await original(source, "a b+c%20/é.jpg")).body == BODY
    await source.close()


@pytest.mark.slow
async def test_a_private_bucket_denies_an_anonymous_source(seaweed: s3_servers.S3Server) -> None:
    bucket = Bucket(seaweed)
    bucket.put("cat.jpg", BODY)
    anonymous = bucket.source(anonymous=True)
    assert (await anonymous.check()).access is Access.UNKNOWN
    assert type(await fails(anonymous, "cat.jpg")) is KeyRefused


async def test_an_anonymous_source_signs_nothing(bucket: Bucket) -> None:
    bucket.put("cat.jpg", BODY, ACL="public-read")
    source = bucket.s3_source(folder="originals", anonymous=True, access_key=None, secret_key=None)
    assert (await original(source, "cat.jpg")).body == BODY
    await source.close()
    async with hostile_server.listening(hostile_server.answer(200, b"ok")) as server:
        source = s3_source("photos", endpoint_url=server.url, anonymous=True)
        await source.get("cat.jpg")
        await source.close()
        assert b"authorization" not in server.heads[0].lower()


async def test_bytes_come_as_stored_whatever_their_content_encoding(bucket: Bucket) -> None:
    bucket.put("cat.svgz", BODY, ContentEncoding="gzip")  # in truth it is no gzip
    source = bucket.source(max_bytes=len(BODY))
    assert (await original(source, "cat.svgz")).body == BODY
    await source.close()


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("no_credentials")
async def test_credentials_come_from_the_usual_chain_as_soon_as_it_has_some(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("cat.jpg", BODY)
    source = bucket.source(access_key=None, secret_key=None)
    with pytest.raises(SourceUnavailable, match="no AWS credentials found"):
        await source.open()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bucket.server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bucket.server.secret_key)
    assert (await original(source, "cat.jpg")).body == BODY
    await source.close()


@pytest.mark.usefixtures("no_credentials")
async def test_a_silent_metadata_service_ends_with_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LoopClock(monkeypatch)
    async with hostile_server.listening(hostile_server.silence) as metadata:
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url)
        source = s3_source("photos", endpoint_url="http://127.0.0.1:1", timeout=30)
        opening = asyncio.create_task(source.open())
        await clock.advance_when(lambda: bool(metadata.heads), 30)
        with pytest.raises(SourceTimeout):
            await opening


# --- a folder alone -----------------------------------------------------------------------------------


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[LocalSource]:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "cat.jpg").write_bytes(b"secret")
    root = tmp_path / "originals"
    root.mkdir()
    (root / "cat.jpg").write_bytes(BODY)
    source = LocalSource(LocalSettings(root))
    yield source
    await source.close()


@pytest.mark.parametrize(
    ("link", "target", "key"),
    [
        ("link.jpg", "../secret/cat.jpg", "link.jpg"),
        ("link", "../secret", "link/cat.jpg"),
        ("link", "/", "link/etc/passwd"),
        ("link.jpg", "cat.jpg", "link.jpg"),
        ("link.jpg", "link.jpg", "link.jpg"),
    ],
    ids=["file outside", "folder outside", "file system", "inside", "loop"],
)
async def test_no_symbolic_link_is_followed(
    folder: LocalSource, tmp_path: Path, link: str, target: str, key: str
) -> None:
    (tmp_path / "originals" / link).symlink_to(target)
    with pytest.raises(NotFound):
        await folder.get(key)


async def test_the_root_itself_may_be_a_link(folder: LocalSource, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("originals")
    linked = LocalSource(LocalSettings(tmp_path / "link"))
    assert await linked.get("cat.jpg") == await folder.get("cat.jpg")
    await linked.close()


async def test_a_fifo_neither_hangs_nor_is_an_original(folder: LocalSource, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "originals" / "fifo.jpg")
    with pytest.raises(NotFound):
        await folder.get("fifo.jpg")


async def test_a_socket_is_no_original(folder: LocalSource, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "originals" / "s"))
        with pytest.raises(NotFound):
            await folder.get("s")


async def test_a_device_is_no_original() -> None:
    assert type(await fails(LocalSource(LocalSettings(Path("/dev"))), "zero")) is NotFound


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_we_may_not_read_is_refused(folder: LocalSource, tmp_path: Path) -> None:
    (tmp_path / "originals" / "cat.jpg").chmod(0)
    with pytest.raises(KeyRefused):
        await folder.get("cat.jpg")
    assert (await folder.check()).access is Access.REFUSED


async def test_a_file_that_is_not_as_long_as_it_says_is_never_an_original() -> None:
    # The kernel says 0 bytes of this file and then gives some.
    error = await fails(LocalSource(LocalSettings(Path("/proc/self"))), "status")
    assert isinstance(error, OriginalUnavailable)
    assert error.remember_for == 1


@pytest.mark.parametrize("root", ["missing", "originals/cat.jpg"])
async def test_a_root_that_is_no_folder_is_named(folder: LocalSource, tmp_path: Path, root: str) -> None:
    source = LocalSource(LocalSettings(tmp_path / root))
    for attempt in (source.open(), source.check(), source.get("cat.jpg")):
        with pytest.raises(SourceUnavailable, match=root):
            await attempt
    await source.close()


async def test_a_disk_that_hangs_ends_with_the_deadline(tmp_path: Path) -> None:
    answers = threading.Event()

    class Hanging(LocalSource):
        def _read(self, *what: Any) -> Original | int | None:
            assert answers.wait(60)
            return super()._read(*what)

    (tmp_path / "cat.jpg").write_bytes(BODY)
    source = Hanging(LocalSettings(tmp_path), timeout=0.05)
    with pytest.raises(SourceTimeout):
        await source.get("cat.jpg")
    answers.set()
    await source.close()


async def test_a_file_that_changes_while_memory_is_waited_for_is_read_as_it_is_then(tmp_path: Path) -> None:
    """The memory may hold what it held before: none of that is part of an original."""
    source = LocalSource(LocalSettings(tmp_path), max_bytes=2_400_000)
    file = tmp_path / "cat.jpg"
    first, random_bytes = EXPECTED_BYTES + 1, random.Random(1).randbytes(2_500_000)

    async def read(*later: int) -> tuple[bytes, list[int]]:
        """What is read where the file has another size after each wait; and what was waited for."""
        file.write_bytes(b"old" * (first // 3 + 1))
        sizes, asked = iter(later), []

        async def reserve(size: int) -> None:
            asked.append(size)
            if (other := next(sizes, None)) is not None:
                file.write_bytes(random_bytes[:other])

        found = await source.get("cat.jpg", None, reserve)
        assert found is not None
        return bytes(found.body), asked

    for size in (0, 1, EXPECTED_BYTES, first - 1):
        assert (await read(size))[0] == random_bytes[:size]
    body, asked = await read(first + 5, 2_400_000, 7)
    assert (body, asked[1:]) == (random_bytes[:7], [first + 5, 2_400_000])
    with pytest.raises(Unprocessable):
        await read(first + 5, 2_400_001)
    await source.close()


async def test_no_file_stays_open(folder: LocalSource) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for key in ["cat.jpg", "no.jpg", "cat.jpg/x"] * 20:
        await asyncio.gather(folder.get(key), return_exceptions=True)
    assert len(os.listdir("/proc/self/fd")) <= before + 1
