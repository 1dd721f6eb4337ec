"""What a folder keeps beside the bytes of its objects: seen by all, kept in copies, swept after a crash."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from origin.errors import SourceUnavailable
from origin.sources.base import OWN_FOLDER
from origin.sources.base import ObjectSettings
from origin.sources.local import LocalSettings
from origin.sources.local_store import LocalStore
from origin.sources.object_metadata import CROP

BODY = bytes(range(256)) * 700
SETTINGS = ObjectSettings(metadata={CROP: "20x10+1+2"})


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[LocalStore]:
    store = LocalStore(LocalSettings(tmp_path))
    await store.open()
    yield store
    await store.close()


async def run(*command: str | Path) -> None:
    await (await asyncio.create_subprocess_exec(*command)).wait()


def list_sidecars(root: Path) -> list[Path]:
    return [path for path in root.rglob(f"{OWN_FOLDER}/metadata/*/*") if path.is_file()]


def sidecars(root: Path) -> list[str]:
    return sorted(json.loads(path.read_text())["name"] for path in list_sidecars(root))


@pytest.mark.parametrize(
    "content",
    [
        *("", "7", "[]", "{}", "[" * 100_000, '{"name": "cat.jpg"}', '{"name": "cat.jpg", "metadata": 5}'),
        *('{"name": 5, "metadata": {}}', '{"name": "cat.jpg", "metadata": {"origin-crop": 5}}'),
    ],
)
async def test_damaged_metadata_are_no_reason_to_show_the_whole_picture(
    folder: LocalStore, tmp_path: Path, content: str
) -> None:
    await folder.put("cat.jpg", BODY, settings=SETTINGS)
    [own] = list_sidecars(tmp_path)
    own.write_text(content)
    for ask in (folder.get, folder.head):
        with pytest.raises(SourceUnavailable):
            await ask("cat.jpg")


@pytest.mark.parametrize(("written", "read"), [(".", "a/b"), ("a/b", "."), ("a", "a/b")])
async def test_metadata_are_seen_wherever_the_root_of_a_handler_is(
    tmp_path: Path, written: str, read: str
) -> None:
    """The whole of a picture would be shown by the other one, of which a part is published."""
    (tmp_path / "a/b").mkdir(parents=True)
    writer, reader = (LocalStore(LocalSettings(tmp_path / folder)) for folder in (written, read))
    etag = await writer.put(str(Path("a/b/cat.jpg").relative_to(written)), BODY, settings=SETTINGS)
    key = str(Path("a/b/cat.jpg").relative_to(read))
    original = await reader.get(key)
    assert original is not None
    assert original.etag == etag
    assert (await reader.head(key)).metadata == SETTINGS.metadata
    await reader.delete(key)
    assert sidecars(tmp_path) == []
    await writer.close()
    await reader.close()


async def test_metadata_outlive_a_copy_that_keeps_times(folder: LocalStore, tmp_path: Path) -> None:
    """A backup that is restored must not show the whole of what was cut."""
    await folder.put("a/cat.jpg", BODY, settings=SETTINGS)
    await run("cp", "-a", tmp_path, copied := tmp_path.parent / f"{tmp_path.name}-copy")
    copy = LocalStore(LocalSettings(copied))
    assert (await copy.head("a/cat.jpg")).metadata == SETTINGS.metadata
    await copy.put("a/cat.jpg", BODY)
    assert sidecars(copied) == []
    await copy.close()


async def test_metadata_stay_where_the_clock_of_the_disk_is_too_coarse(
    folder: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    for settings in (SETTINGS, SETTINGS, None):
        await folder.put("cat.jpg", BODY, settings=settings)
        assert (await folder.head("cat.jpg")).metadata == (settings.metadata if settings else {})


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from origin.sources import local_files, local_store
from origin.sources.base import ObjectSettings
from origin.sources.local import LocalSettings

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    store = local_store.LocalStore(LocalSettings(Path(sys.argv[1])))
    settings = ObjectSettings(metadata={"number": "1"})
    await store.put("a/old.jpg", b"old", settings=settings)
    await store.put("a/kept.jpg", b"kept", settings=settings)
    move, calls = local_files.UnfinishedFile.move, []

    def move_or_die(file, name, folder):
        calls.append(name)
        die() if len(calls) == 2 else move(file, name, folder)

    if sys.argv[2] == "before":
        local_files.UnfinishedFile.move = move_or_die
    else:
        local_store.remove_metadata = die
    if sys.argv[2] == "deleted":
        await store.delete("a/old.jpg")
    await store.put("a/old.jpg", b"new", settings=settings)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("killed", "names"),
    [
        ("before", ["kept.jpg", "old.jpg"]),  # the metadata of the new one are there, and it is not
        ("behind", ["kept.jpg", "old.jpg"]),  # it is there, and the metadata of the old one too
        ("deleted", ["kept.jpg"]),
    ],
)
async def test_metadata_that_a_kill_leaves_go_at_the_next_start(
    tmp_path: Path, killed: str, names: list[str]
) -> None:
    await run(sys.executable, "-c", DYING, tmp_path, killed)
    assert sidecars(tmp_path) != names
    for odd in ("0", "z"):
        (tmp_path / odd).mkdir()
        (tmp_path / odd / OWN_FOLDER).symlink_to("..")
    store = LocalStore(LocalSettings(tmp_path))
    await store.open()
    await asyncio.to_thread(store._sweeper.shutdown)  # when it has ended
    assert sidecars(tmp_path) == names
    for name in names:
        assert (await store.head(f"a/{name}")).metadata == {"number": "1"}
    await store.close()


async def test_the_sweep_takes_no_metadata_of_what_is_being_written(folder: LocalStore) -> None:
    """Also between the moment when they are there and that when their object is."""
    done = threading.Event()

    def sweep() -> None:
        while not done.is_set():
            folder._sweep_metadata()

    sweeping = asyncio.ensure_future(asyncio.to_thread(sweep))
    try:
        for number in range(50):
            settings = ObjectSettings(metadata={"number": str(number)})
            await folder.put("a/cat.jpg", BODY, settings=settings)
            assert (await folder.head("a/cat.jpg")).metadata == settings.metadata
    finally:
        done.set()
        await sweeping


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
async def test_what_is_called_like_our_folder_hides_no_picture(
    folder: LocalStore, tmp_path: Path, kind: str
) -> None:
    etag = await folder.put("a/cat.jpg", BODY)
    own = tmp_path / "a" / OWN_FOLDER
    if kind == "file":
        own.write_text("of another program")
    else:
        own.symlink_to(tmp_path if kind == "link" else tmp_path / "nothing")
    original = await folder.get("a/cat.jpg")
    assert original is not None
    assert original.etag == etag == (await folder.head("a/cat.jpg")).etag
