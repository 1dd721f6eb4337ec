"""One contract for every store, then what only a folder and only S3 can do."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import resource
import signal
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path

import pytest

from origin.errors import BadRequest
from origin.errors import NotFound
from origin.errors import SourceTimeout
from origin.errors import SourceUnavailable
from origin.sources.base import OWN_FOLDER
from origin.sources.base import Note
from origin.sources.base import ObjectSettings
from origin.sources.base import PreconditionFailed
from origin.sources.base import Store
from origin.sources.base import StoreFull
from origin.sources.local import LocalSettings
from origin.sources.local import LocalSource
from origin.sources.local_files import make_folder
from origin.sources.local_files import open_at
from origin.sources.local_files import open_folder
from origin.sources.local_store import LocalStore
from origin.sources.object_metadata import CROP
from origin.sources.object_metadata import DERIVED
from origin.sources.object_metadata import WHOLE
from origin.sources.object_metadata import crop_of
from origin.sources.object_metadata import is_derived
from origin.sources.s3_store import S3Store
from tests.support import hostile_server
from tests.support import s3_servers
from tests.support.cases import await_each
from tests.support.hostile_server import answer
from tests.support.loop_clock import LoopClock
from tests.support.s3_sources import s3_store

BODY = bytes(range(256)) * 700
KEYS = ["B.jpg", "a.jpg", "a-b.jpg", "a/b.jpg", "a/b/c.jpg", "é.jpg", "猫/🐈.jpg", "z z+%2F.jpg"]


def make_store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if kind == "folder":
        root = tmp_path / "originals"
        root.mkdir()
        return LocalStore(LocalSettings(root))
    server: s3_servers.S3Server = request.getfixturevalue(kind)
    name = f"bucket-{uuid.uuid4().hex}"
    server.client.create_bucket(Bucket=name)
    keys = {"access_key": server.access_key, "secret_key": server.secret_key}
    return s3_store(name, endpoint_url=server.url, folder="originals", timeout=60, **keys)


@pytest.fixture(params=["folder", "moto_server", pytest.param("seaweed", marks=pytest.mark.slow)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = make_store(request.param, request, tmp_path)
    await store.open()
    yield store
    await store.close()


async def body(store: Store, key: str) -> bytes:
    original = await store.get(key)
    assert original is not None
    return bytes(original.body)


async def listed(store: Store, prefix: str = "", start_after: str = "") -> list[str]:
    return [stored.key async for stored in store.objects(prefix, start_after)]


async def each_of(check: Callable[[str], Awaitable[None]], *keys: str) -> None:
    await await_each({repr(key): key for key in keys}, check)


# --- the contract -------------------------------------------------------------------------------------


async def test_what_is_put_is_got_under_the_version_that_put_gave(store: Store) -> None:
    async def check(key: str) -> None:
        whole = BODY + key.encode()
        etag = await store.put(key, whole)
        original = await store.get(key)
        assert original is not None
        assert (original.body, original.etag) == (whole, etag)
        assert await store.get(key, etag) is None

    await each_of(check, "cat.jpg", "users/42/a cat.jpg", "100%.jpg", "a%2Fb+c.jpg", "Größe/猫/🐈.jpg")


async def test_an_empty_body_is_stored(store: Store) -> None:
    await store.put("empty.jpg", b"")
    assert await body(store, "empty.jpg") == b""


async def test_a_put_replaces_what_was_there(store: Store) -> None:
    first = await store.put("cat.jpg", b"one")
    second = await store.put("cat.jpg", b"two")
    assert first != second
    assert await body(store, "cat.jpg") == b"two"


async def test_head_tells_size_version_time_and_metadata(store: Store) -> None:
    before = time.time()
    etag = await store.put("cat.jpg", BODY, settings=ObjectSettings(metadata={"crop": "10,20,300,400"}))
    stored = await store.head("cat.jpg")
    assert (stored.key, stored.size, stored.etag) == ("cat.jpg", len(BODY), etag)
    assert abs(stored.last_modified - before) < 60
    assert stored.metadata == {"crop": "10,20,300,400"}


async def test_metadata_go_with_the_version_that_they_came_with(store: Store) -> None:
    await store.put("cat.jpg", b"one", settings=ObjectSettings(metadata={"crop": "1"}))
    await store.put("cat.jpg", b"two", settings=ObjectSettings(metadata={"crop": "2"}))
    assert (await store.head("cat.jpg")).metadata == {"crop": "2"}
    await store.put("cat.jpg", b"three")
    assert (await store.head("cat.jpg")).metadata == {}
    await store.delete("cat.jpg")
    await store.put("cat.jpg", b"one")
    assert (await store.head("cat.jpg")).metadata == {}


async def test_what_is_not_there_has_no_head(store: Store) -> None:
    await store.put("cat.jpg", BODY)
    for key in ("dog.jpg", "cat.jpg/x", "cat", "../cat.jpg", ""):
        with pytest.raises(NotFound):
            await store.head(key)


async def test_what_is_deleted_is_gone_and_may_be_deleted_again(store: Store) -> None:
    await store.put("a/cat.jpg", BODY)
    await store.put("a/dog.jpg", BODY)
    for _ in range(2):
        await store.delete("a/cat.jpg")
        with pytest.raises(NotFound):
            await store.get("a/cat.jpg")
    assert await body(store, "a/dog.jpg") == BODY


async def test_deleting_what_cannot_be_there_is_no_error(store: Store) -> None:
    await each_of(store.delete, "no.jpg", "no/such/cat.jpg", "../cat.jpg", "", "a//b", "x" * 300)


async def test_no_key_leaves_the_folder(store: Store) -> None:
    async def check(key: str) -> None:
        with pytest.raises(BadRequest):
            await store.put(key, BODY)
        assert await listed(store) == []

    await each_of(check, "", "..", "../cat.jpg", "a/../../b", "/cat.jpg", "a//b", "./a", "cat/", "c\0t")


# Conditions: RFC 9110 sections 13.1.1 and 13.1.2


async def test_with_if_none_match_nothing_is_replaced(store: Store) -> None:
    await store.put("a/cat.jpg", b"one", if_none_match=True)
    with pytest.raises(PreconditionFailed):
        await store.put("a/cat.jpg", b"two", if_none_match=True)
    assert await body(store, "a/cat.jpg") == b"one"


async def test_with_if_match_only_that_version_is_replaced(store: Store) -> None:
    first = await store.put("cat.jpg", b"one")
    second = await store.put("cat.jpg", b"two", if_match=first)
    with pytest.raises(PreconditionFailed):
        await store.put("cat.jpg", b"three", if_match=first)
    assert await body(store, "cat.jpg") == b"two"
    await store.put("cat.jpg", b"four", if_match=second)
    assert await body(store, "cat.jpg") == b"four"


async def test_with_if_match_nothing_is_made(store: Store) -> None:
    etag = await store.put("there.jpg", b"one")

    async def check(key: str) -> None:
        with pytest.raises(PreconditionFailed):
            await store.put(key, b"two", if_match=etag)
        assert await listed(store) == ["there.jpg"]

    await each_of(check, "no.jpg", "no/such/cat.jpg", "there.jpg/cat.jpg")


async def test_with_if_match_only_that_version_is_deleted(store: Store) -> None:
    first = await store.put("cat.jpg", b"one")
    second = await store.put("cat.jpg", b"two")
    with pytest.raises(PreconditionFailed):
        await store.delete("cat.jpg", if_match=first)
    assert await body(store, "cat.jpg") == b"two"
    await store.delete("cat.jpg", if_match=second)
    with pytest.raises(NotFound):
        await store.get("cat.jpg")


@pytest.mark.slow
@pytest.mark.parametrize("store", ["folder", "seaweed"], indirect=True)  # moto looks and writes in two steps
async def test_of_many_that_create_at_once_one_succeeds(store: Store) -> None:
    puts = [store.put("cat.jpg", str(i).encode(), if_none_match=True) for i in range(8)]
    ended = await asyncio.gather(*puts, return_exceptions=True)
    winners = [i for i, end in enumerate(ended) if isinstance(end, str)]
    assert len(winners) == 1
    assert {type(end) for end in ended} == {str, PreconditionFailed}
    assert await body(store, "cat.jpg") == str(winners[0]).encode()


# What metadata tell of a picture is in its version


async def test_a_new_rectangle_is_a_new_version_of_the_same_bytes(store: Store) -> None:
    versions: list[str | None] = [None]
    for crop in (WHOLE, "20x10+1+2", "20x10+1+3"):
        settings = ObjectSettings(metadata={CROP: crop, "who": "app"})
        etag = await store.put("cat.jpg", BODY, if_match=versions[-1], settings=settings)
        original = await store.get("cat.jpg", versions[-1])
        assert original is not None, "the version is another one"
        assert original.etag == etag == (await store.head("cat.jpg")).etag
        assert str(crop_of(etag) or WHOLE) == crop
        assert await store.get("cat.jpg", etag) is None
        versions.append(etag)
    assert len(set(versions)) == 4
    assert (await store.head("cat.jpg")).metadata == {CROP: "20x10+1+3", "who": "app"}


async def test_the_first_rectangle_is_seen_by_who_knows_the_picture_without_one(store: Store) -> None:
    """Another system has put it, and another origin cuts it."""
    plain = await store.put("cat.jpg", BODY)
    await store.put("cat.jpg", BODY, settings=ObjectSettings(metadata={CROP: "20x10+1+2"}))
    original = await store.get("cat.jpg", plain)
    assert original is not None, "the version is another one"
    assert str(crop_of(original.etag)) == "20x10+1+2"


async def test_a_file_that_was_made_of_another_says_so_in_its_version(store: Store) -> None:
    plain = await store.put("a.jpg", BODY)
    etag = await store.put("b.jpg", BODY, settings=ObjectSettings(metadata={DERIVED: "0123"}))
    assert (is_derived(plain), is_derived(etag)) == (False, True)
    original = await store.get("b.jpg")
    assert original is not None
    assert original.etag == etag
    assert await store.get("b.jpg", etag) is None


# Notes


async def test_notes_are_out_of_reach_and_out_of_listings(store: Store) -> None:
    await store.put("a/cat.jpg", BODY)
    await store.put_note("0a", "one")
    await store.put_note("0b", "größer")
    await store.put_note("0a", "two")
    assert sorted(await store.notes(), key=lambda note: note.name) == [
        Note("0a", "two"),
        Note("0b", "größer"),
    ]
    assert await listed(store) == ["a/cat.jpg"]
    assert await listed(store, f"{OWN_FOLDER}/") == []
    for key in (f"{OWN_FOLDER}/notes/0a", f"a/{OWN_FOLDER}/notes/0a", f"{OWN_FOLDER}/cat.jpg"):
        with pytest.raises(NotFound):
            await store.get(key)
        with pytest.raises(BadRequest):
            await store.put(key, BODY)
        await store.delete(key)
    for _ in range(2):
        await store.delete_note("0a")
    assert await store.notes() == [Note("0b", "größer")]


# Listing


async def test_keys_are_those_that_get_knows_with_size_and_version(store: Store) -> None:
    etags = {key: await store.put(key, key.encode()) for key in KEYS}
    found = {stored.key: stored async for stored in store.objects()}
    assert found.keys() == set(KEYS)
    for key, stored in found.items():
        assert (stored.size, stored.etag) == (len(key.encode()), etags[key])
        assert abs(stored.last_modified - time.time()) < 60
        assert await body(store, key) == key.encode()


async def test_a_prefix_is_text_that_keys_begin_with(store: Store) -> None:
    for key in KEYS:
        await store.put(key, b"x")
    expected = {
        "": KEYS,
        "a": ["a.jpg", "a-b.jpg", "a/b.jpg", "a/b/c.jpg"],
        "a/": ["a/b.jpg", "a/b/c.jpg"],
        "a/b": ["a/b.jpg", "a/b/c.jpg"],
        "a/b/": ["a/b/c.jpg"],
        "a/b/c.jpg": ["a/b/c.jpg"],
        "猫/": ["猫/🐈.jpg"],
        "z z+%": ["z z+%2F.jpg"],
        "no": [],
        "no/such/": [],
        "a.jpg/": [],
    }

    async def check(prefix: str) -> None:
        assert sorted(await listed(store, prefix)) == sorted(expected[prefix])

    await each_of(check, *expected)


async def test_a_walk_goes_on_behind_any_key(store: Store) -> None:
    for key in KEYS:
        await store.put(key, b"x")
    walk = await listed(store)
    for number, key in enumerate(walk):
        assert await listed(store, start_after=key) == walk[number + 1 :]
    inner = await listed(store, "a")
    assert await listed(store, "a", inner[1]) == inner[2:]


@pytest.mark.slow
async def test_a_walk_of_more_keys_than_one_page_has(store: Store) -> None:
    assert isinstance(store, LocalStore | S3Store)
    store.page = 7
    keys = {f"{i % 5}/{i:04}.jpg" for i in range(40)}
    for key in keys:
        await store.put(key, b"x")
    walk = await listed(store)
    assert len(walk) == len(keys)
    assert set(walk) == keys


async def test_what_lies_outside_the_folder_is_never_listed(store: Store) -> None:
    await store.put("cat.jpg", b"x")
    for prefix in ("../", "..", "/", "a/../", "./"):
        assert await listed(store, prefix) == []


async def test_deadlines_hold_for_every_operation(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LoopClock(monkeypatch)
    operations = [store.put("a", b"x"), store.delete("a"), store.head("a"), anext(store.objects())]
    for operation in operations:
        task = asyncio.ensure_future(operation)
        await asyncio.sleep(0)
        clock.advance(61)
        with pytest.raises(SourceTimeout):
            await task


# --- a folder alone -----------------------------------------------------------------------------------


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[LocalStore]:
    (tmp_path / "secret").mkdir()
    root = tmp_path / "originals"
    root.mkdir()
    store = LocalStore(LocalSettings(root))
    await store.open()
    yield store
    await store.close()


def unfinished(tmp_path: Path) -> list[str]:
    folder = tmp_path / "originals" / OWN_FOLDER / "tmp"
    return os.listdir(folder) if folder.exists() else []


async def test_keys_of_a_folder_come_in_the_order_of_utf8(folder: LocalStore) -> None:
    for key in KEYS:
        await folder.put(key, b"x")
    assert await listed(folder) == sorted(KEYS, key=str.encode)


@pytest.mark.parametrize(
    ("link", "key"),
    [("link", "link/cat.jpg"), ("link", "link"), ("up", "up/secret/cat.jpg"), ("file.jpg", "file.jpg")],
)
async def test_nothing_is_written_through_a_link(
    folder: LocalStore, tmp_path: Path, link: str, key: str
) -> None:
    secret = tmp_path / "secret" / "cat.jpg"
    secret.write_bytes(b"secret")
    places = {"link": "../secret", "up": "..", "file.jpg": "../secret/cat.jpg"}
    (tmp_path / "originals" / link).symlink_to(places[link])
    with pytest.raises(BadRequest):
        await folder.put(key, BODY)
    await folder.delete(key)
    assert secret.read_bytes() == b"secret"
    assert os.listdir(tmp_path / "secret") == ["cat.jpg"]
    assert await listed(folder) == []
    assert unfinished(tmp_path) == []


async def test_a_link_in_place_of_our_own_folder_is_not_followed(folder: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "originals" / OWN_FOLDER).symlink_to("../secret")
    with pytest.raises((BadRequest, SourceUnavailable)):
        await folder.put("cat.jpg", BODY)
    assert os.listdir(tmp_path / "secret") == []


async def test_our_own_files_are_neither_read_nor_listed_nor_written(
    folder: LocalStore, tmp_path: Path
) -> None:
    await folder.put("cat.jpg", BODY, settings=ObjectSettings(metadata={"crop": "1"}))
    (own,) = (tmp_path / "originals" / OWN_FOLDER / "metadata").glob("*/*")
    key = str(own.relative_to(tmp_path / "originals"))
    reader = LocalSource(LocalSettings(tmp_path / "originals"))
    for source in (folder, reader):
        with pytest.raises(NotFound):
            await source.get(key)
    await reader.close()
    with pytest.raises(BadRequest):
        await folder.put(key, b"{}")
    await folder.delete(key)
    assert own.exists()
    assert await listed(folder) == ["cat.jpg"]
    assert await listed(folder, f"{OWN_FOLDER}/") == []
    assert await listed(folder, ".") == []
    assert (await folder.check()).example == "cat.jpg"


async def test_a_file_and_a_folder_of_one_name_exclude_each_other(folder: LocalStore) -> None:
    await folder.put("a/b.jpg", BODY)
    await folder.put("c.jpg", BODY)
    for key in ("a", "c.jpg/d.jpg"):
        with pytest.raises(BadRequest):
            await folder.put(key, BODY)
    assert await listed(folder) == ["a/b.jpg", "c.jpg"]


async def test_what_is_no_file_is_neither_replaced_nor_removed(folder: LocalStore, tmp_path: Path) -> None:
    fifo = tmp_path / "originals" / "fifo.jpg"
    os.mkfifo(fifo)
    with pytest.raises(BadRequest):
        await folder.put("fifo.jpg", BODY)
    await folder.delete("fifo.jpg")
    assert fifo.is_fifo()


@pytest.mark.parametrize("key", ["x" * 300, "\ud800.jpg"])
async def test_a_key_that_is_no_file_name_is_refused(folder: LocalStore, tmp_path: Path, key: str) -> None:
    with pytest.raises(BadRequest):
        await folder.put(key, BODY)
    assert unfinished(tmp_path) == []


async def test_a_file_is_readable_for_a_web_server_beside_us(folder: LocalStore, tmp_path: Path) -> None:
    await folder.put("a/cat.jpg", BODY)
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "originals" / "a" / "cat.jpg").stat().st_mode & 0o777 == 0o666 & ~mask
    assert (tmp_path / "originals" / OWN_FOLDER).stat().st_mode & 0o777 == 0o700 & ~mask


async def test_the_version_changes_although_size_and_bytes_do_not(folder: LocalStore) -> None:
    seen = set()
    for _ in range(50):
        seen.add(await folder.put("cat.jpg", b"same"))
        await folder.delete("cat.jpg")
    assert len(seen) == 50


async def test_unfinished_files_of_dead_processes_go_at_the_next_start(
    folder: LocalStore, tmp_path: Path
) -> None:
    """At once: what is being written is locked (flock(2)), and a lock ends with its process."""
    await folder.put("cat.jpg", BODY)
    ours = tmp_path / "originals" / OWN_FOLDER / "tmp"
    (ours / "dead").write_bytes(b"half")
    with (ours / "alive").open("wb") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        await folder.open()
        assert unfinished(tmp_path) == ["alive"]
    await folder.open()
    assert unfinished(tmp_path) == []


@pytest.mark.slow
async def test_a_start_beside_takes_no_file_away_that_is_being_written(folder: LocalStore) -> None:
    """Another origin on the folder sweeps all the time, also in the moment before a new file is locked."""
    done = threading.Event()
    other = LocalStore(folder._settings)

    def sweep() -> None:
        while not done.is_set():
            other._sweep()

    sweeping = asyncio.gather(*(asyncio.to_thread(sweep) for _ in range(2)))
    try:
        for number in range(60):
            await folder.put(f"{number % 7}.jpg", BODY)
    finally:
        done.set()
        await sweeping
        await other.close()


async def test_what_is_told_to_have_failed_is_not_stored_later(tmp_path: Path) -> None:
    """A file system that stands still: the write is given up in time, and must not replace a later one."""
    root = tmp_path / "originals"
    root.mkdir()
    store = LocalStore(LocalSettings(root), timeout=0.2)
    await store.put("cat.jpg", b"old")
    held = os.open(root, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    for operation in (store.put("cat.jpg", b"late"), store.delete("cat.jpg")):
        with pytest.raises(SourceTimeout):
            await operation
    os.close(held)
    await asyncio.to_thread(store._threads.shutdown)  # when both have ended
    assert (root / "cat.jpg").read_bytes() == b"old"
    await store.close()


@pytest.mark.slow
async def test_a_deep_key_takes_no_descriptor_for_each_of_its_folders(
    folder: LocalStore, tmp_path: Path
) -> None:
    """Who may name keys names them so, and opens no more of the process's files than others."""
    names = ["a"] * 500
    await folder.put("/".join([*names, "b"]), BODY)
    with ExitStack() as stack:
        root = open_at(tmp_path / "originals", os.O_DIRECTORY, stack)
        before = set(os.listdir("/proc/self/fd"))
        for opening in open_folder, make_folder:
            opening(names, stack, root)
        assert len(set(os.listdir("/proc/self/fd")) - before) == 2


async def test_no_descriptor_stays_open(folder: LocalStore) -> None:
    await folder.put("a/cat.jpg", BODY)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        operations = [
            folder.put("a/b/cat.jpg", BODY, settings=ObjectSettings(metadata={"crop": "1"})),
            folder.put("a/cat.jpg/x", BODY),
            folder.put("a/cat.jpg", BODY, if_none_match=True),
            folder.delete("a/b/cat.jpg"),
            folder.head("a/cat.jpg"),
            listed(folder),
            anext(folder.objects()),
        ]
        await asyncio.gather(*operations, return_exceptions=True)
    assert len(os.listdir("/proc/self/fd")) <= before + 1


@contextmanager
def small_files() -> Iterator[None]:
    """No file may be larger than 1 kB: the nearest thing to a full disk that needs no mount. It binds pytest
    itself too, whose output may be a file, and which then ends without a word: so this is no fixture."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


async def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    folder: LocalStore, tmp_path: Path
) -> None:
    await folder.put("cat.jpg", b"old")
    with small_files(), pytest.raises(SourceUnavailable):
        await folder.put("cat.jpg", BODY)
    assert await body(folder, "cat.jpg") == b"old"
    assert unfinished(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EROFS, SourceUnavailable),
        (errno.EIO, SourceUnavailable),
        (errno.EXDEV, SourceUnavailable),
    ],
)
async def test_what_the_disk_says_has_its_class(tmp_path: Path, number: int, kind: type[Exception]) -> None:
    class Failing(LocalStore):
        def _open_root(self, *_: object) -> int:
            raise OSError(number, os.strerror(number))

    store = Failing(LocalSettings(tmp_path))
    with pytest.raises(kind) as error:
        await store.put("cat.jpg", BODY)
    assert type(error.value) is kind
    await store.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from origin.sources.base import ObjectSettings
from origin.sources.local import LocalSettings
from origin.sources.local_store import LocalStore

async def main():
    store = LocalStore(LocalSettings(Path(sys.argv[1])))
    number = 0
    while True:
        number += 1
        text = str(number % 10)
        settings = ObjectSettings(metadata={"number": text})
        await store.put("cat.jpg", text.encode() * 300_000, settings=settings)
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_reader_sees_a_whole_file_while_writers_are_killed(
    folder: LocalStore, tmp_path: Path
) -> None:
    await folder.put("cat.jpg", b"0" * 300_000, settings=ObjectSettings(metadata={"number": "0"}))
    for _ in range(5):
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, tmp_path / "originals", stdout=asyncio.subprocess.PIPE
        )
        assert writer.stdout is not None
        assert await writer.stdout.readline()  # it writes by now
        for number in range(20):
            found = await body(folder, "cat.jpg")
            assert found == found[:1] * 300_000
            if number == 10:
                writer.kill()
        await writer.wait()
        found, stored = await body(folder, "cat.jpg"), await folder.head("cat.jpg")
        assert found == found[:1] * 300_000
        assert stored.metadata == {"number": found[:1].decode()}
    assert await listed(folder) == ["cat.jpg"]


# --- S3 alone -----------------------------------------------------------------------------------------


@pytest.mark.many
@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (answer(412, b"<Error><Code>PreconditionFailed</Code></Error>"), PreconditionFailed),
        (answer(409, b"<Error><Code>ConditionalRequestConflict</Code></Error>"), PreconditionFailed),
        (answer(404, b"<Error><Code>NoSuchKey</Code></Error>"), PreconditionFailed),
        (answer(404, b"<Error><Code>NoSuchBucket</Code></Error>"), SourceUnavailable),
        (answer(403, b"<Error><Code>AccessDenied</Code></Error>"), SourceUnavailable),
        (answer(400, b"<Error><Code>KeyTooLongError</Code></Error>"), BadRequest),
        (answer(507), StoreFull),
        (answer(500), SourceUnavailable),
    ],
    ids=["412", "409", "no key", "no bucket", "denied", "key too long", "507", "500"],
)
async def test_what_s3_says_to_a_put_has_its_class(
    script: hostile_server.Script, kind: type[Exception]
) -> None:
    async with hostile_server.listening(script) as server:
        store = s3_store("photos", endpoint_url=server.url, access_key="a", secret_key="b")
        with pytest.raises(kind) as error:
            await store.put("cat.jpg", b"", if_match='"1"')
        assert type(error.value) is kind
        await store.close()


@pytest.mark.parametrize("status", [404, 400])
async def test_a_server_that_says_that_there_is_nothing_to_delete_is_content(status: int) -> None:
    async with hostile_server.listening(answer(status, b"<Error><Code>NoSuchKey</Code></Error>")) as server:
        store = s3_store("photos", endpoint_url=server.url, access_key="a", secret_key="b")
        await store.delete("cat.jpg")
        await store.close()


async def test_a_server_without_conditional_deletes_is_asked_for_a_plain_one() -> None:
    unknown = answer(501, b"<Error><Code>NotImplemented</Code></Error>")
    async with hostile_server.listening(unknown, answer(204)) as server:
        store = s3_store("photos", endpoint_url=server.url, access_key="a", secret_key="b")
        await store.delete("cat.jpg", if_match='"1"')
        assert b"if-match" not in server.heads[1].lower()
        assert b'if-match: "1"' in server.heads[0].lower()
        await store.close()


async def test_a_denied_write_says_what_to_check() -> None:
    denied = answer(403, b"<Error><Code>AccessDenied</Code></Error>")
    async with hostile_server.listening(denied) as server:
        store = s3_store("photos", endpoint_url=server.url, access_key="a", secret_key="b")
        for operation in (store.put("cat.jpg", b""), store.delete("cat.jpg")):
            with pytest.raises(SourceUnavailable, match="check the policy of the bucket"):
                await operation
        await store.close()


async def test_an_object_has_the_headers_that_it_was_given(moto_server: s3_servers.S3Server) -> None:
    name = f"bucket-{uuid.uuid4().hex}"
    moto_server.client.create_bucket(Bucket=name)
    keys = {"access_key": moto_server.access_key, "secret_key": moto_server.secret_key}
    store = s3_store(name, endpoint_url=moto_server.url, **keys)
    settings = ObjectSettings("image/png", "max-age=60", "public-read", {"crop": "1"})
    await store.put("cat.png", BODY, settings=settings)
    await store.close()
    head = moto_server.client.head_object(Bucket=name, Key="cat.png")
    assert (head["ContentType"], head["CacheControl"]) == ("image/png", "max-age=60")
    assert head["Metadata"] == {"crop": "1"}
    grants = moto_server.client.get_object_acl(Bucket=name, Key="cat.png")["Grants"]
    assert any(grant["Grantee"].get("URI", "").endswith("AllUsers") for grant in grants)
