"""Writing to a folder of this machine, so that each file is whole or absent at every moment.

A file is written below `.origin/tmp`, flushed to the disk, and renamed into its place; what is below
`.origin` is no original and is not listed. The folder has to be one file system.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import AsyncIterator
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from itertools import islice

from origin.errors import BadRequest
from origin.errors import NotFound
from origin.errors import OriginError
from origin.errors import SourceTimeout
from origin.errors import SourceUnavailable
from origin.sources.base import MAX_BYTES
from origin.sources.base import OWN_FOLDER
from origin.sources.base import TIMEOUT
from origin.sources.base import Note
from origin.sources.base import ObjectSettings
from origin.sources.base import PreconditionFailed
from origin.sources.base import StoredObject
from origin.sources.base import StoreFull
from origin.sources.base import is_prefix
from origin.sources.local import LocalSettings
from origin.sources.local import LocalSource
from origin.sources.local import key_path
from origin.sources.local_files import locked
from origin.sources.local_files import make_folder
from origin.sources.local_files import open_folder
from origin.sources.local_files import remove_abandoned
from origin.sources.local_files import status_of
from origin.sources.local_files import unfinished_file
from origin.sources.local_files import version
from origin.sources.local_files import walk
from origin.sources.local_metadata import belong_to_both
from origin.sources.local_metadata import read_metadata
from origin.sources.local_metadata import remove_metadata
from origin.sources.local_metadata import remove_strays
from origin.sources.local_metadata import write_metadata
from origin.sources.local_notes import NOTES
from origin.sources.local_notes import delete_note
from origin.sources.local_notes import read_notes
from origin.sources.local_notes import write_note
from origin.sources.object_metadata import object_version

_STEP, _PAUSE = 100, 0.05  # after so many files the sweep of metadata rests for so many seconds
_STORE_IS_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_KEY_IS_NO_FILE_NAME = frozenset(
    {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.EILSEQ}
)


@dataclass(frozen=True)
class _Write:
    """One `put`, for a thread to do."""

    path: list[str]
    body: bytes
    if_match: str | None = None
    if_none_match: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    given_up: threading.Event = field(default_factory=threading.Event)  # nobody waits for it any more

    @property
    def key(self) -> str:
        return "/".join(self.path)

    @property
    def name(self) -> str:
        return self.path[-1]

    def check(self, old: os.stat_result | None) -> None:
        """Raises PreconditionFailed, and BadRequest where `old` is no regular file."""
        if old is not None and not stat.S_ISREG(old.st_mode):
            raise BadRequest(f"{self.key!r} is there and is no regular file")
        if self.if_none_match and old is not None:
            raise PreconditionFailed(f"{self.key!r} is there already")

    def check_version(self, old: str | None) -> None:
        """Raises PreconditionFailed where `old` is not the version to replace."""
        if self.if_match not in (None, old):
            raise PreconditionFailed(f"{self.key!r} is not the version {self.if_match}")


class LocalStore(LocalSource):
    """A folder that can be written to. Conditions hold among the origins of one machine."""

    page = 500  # objects that one visit to a thread brings

    def __init__(
        self, settings: LocalSettings, *, max_bytes: int = MAX_BYTES, timeout: float = TIMEOUT
    ) -> None:
        super().__init__(settings, max_bytes=max_bytes, timeout=timeout)
        self._closing = threading.Event()
        self._sweeper = ThreadPoolExecutor(1, thread_name_prefix="local-sweep")

    async def open(self) -> None:
        await super().open()
        await self._run("open", self._sweep)
        self._sweeper.submit(self._sweep_metadata)

    async def close(self) -> None:
        self._closing.set()
        self._sweeper.shutdown(wait=False, cancel_futures=True)
        await super().close()

    async def put(
        self,
        key: str,
        body: bytes,
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        settings: ObjectSettings | None = None,
    ) -> str:
        try:
            path = key_path(key)
        except NotFound as error:
            raise BadRequest(str(error)) from error
        metadata = settings.metadata if settings else {}
        write = _Write(path, body, if_match, if_none_match, metadata)
        try:
            return await self._run(f"put {key!r}", partial(self._put, write))
        finally:
            write.given_up.set()

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        try:
            path = key_path(key)
        except NotFound:
            return
        given_up = threading.Event()
        try:
            await self._run(f"delete {key!r}", partial(self._delete, path, if_match, given_up))
        finally:
            given_up.set()

    async def head(self, key: str) -> StoredObject:
        return await self._run(f"head {key!r}", partial(self._head, key_path(key)))

    async def objects(self, prefix: str = "", start_after: str = "") -> AsyncIterator[StoredObject]:
        listing = self._list(prefix, start_after)
        while batch := await self._run("listing", lambda: list(islice(listing, self.page))):
            for stored in batch:
                yield stored

    def _put(self, write: _Write) -> str:
        with ExitStack() as stack, self._write_errors_become_ours(write.path):
            root = self._open_root(stack)
            with unfinished_file(root, write.body) as file:
                folder = self._folder_of(write, root, stack)
                with locked(folder):
                    _check_wanted(write.given_up)
                    old = status_of(write.name, folder)
                    write.check(old)
                    if write.if_match is not None:
                        write.check_version(old and _marked(folder, write.name, old))
                    if write.metadata:
                        write_metadata(root, folder, write.name, file.status, write.metadata)
                    file.move(write.name, folder)
                os.fsync(folder)
                if old is not None and not (write.metadata and belong_to_both(write.name, old, file.status)):
                    remove_metadata(folder, write.name, old)
                return object_version(file.version, write.metadata)

    def _folder_of(self, write: _Write, root: int, stack: ExitStack) -> int:
        if write.if_match is None:
            return make_folder(write.path[:-1], stack, root)
        try:
            return open_folder(write.path[:-1], stack, root)
        except (FileNotFoundError, NotADirectoryError):
            raise PreconditionFailed(f"{write.key!r} is not there") from None

    def _delete(self, path: list[str], if_match: str | None, given_up: threading.Event) -> None:
        with ExitStack() as stack, self._write_errors_become_ours(path), _no_such_name_is_fine():
            root = self._open_root(stack)
            folder = open_folder(path[:-1], stack, root)
            with locked(folder):
                _check_wanted(given_up)
                old = status_of(path[-1], folder)
                if old is None or not stat.S_ISREG(old.st_mode):
                    return
                if if_match not in (None, _marked(folder, path[-1], old)):
                    raise PreconditionFailed(f"{'/'.join(path)!r} is not the version {if_match}")
                os.unlink(path[-1], dir_fd=folder)
            os.fsync(folder)
            remove_metadata(folder, path[-1], old)

    def _head(self, path: list[str]) -> StoredObject:
        try:
            with ExitStack() as stack:
                folder, file = self._open(path, stack)
                status = os.fstat(file)
                if not stat.S_ISREG(status.st_mode):
                    raise NotFound("not a regular file")
                return _stored("/".join(path), status, read_metadata(folder, path[-1], status))
        except OSError as error:
            self._raise_read_error(path, error)

    def _list(self, prefix: str, start_after: str) -> Iterator[StoredObject]:
        """The walk starts at the folder of the prefix, not at the root."""
        names = prefix.split("/")[:-1]
        if OWN_FOLDER in names or not is_prefix(prefix):
            return
        with ExitStack() as stack:
            root = self._open_root(stack)
            try:
                with _no_such_name_is_fine():
                    folder = open_folder(names, stack, root)
                    here = "".join(f"{name}/" for name in names)
                    for key, status in walk(folder, prefix, start_after, here):
                        yield _stored(key, status)
            except OSError as error:
                raise SourceUnavailable(f"{self._root}: listing {prefix!r}: {error.strerror}") from error

    async def put_note(self, name: str, text: str) -> None:
        await self._run("put a note", partial(self._write_note, name, text))

    async def notes(self) -> list[Note]:
        return await self._run("notes", self._read_notes)

    async def delete_note(self, name: str) -> None:
        await self._run("delete a note", partial(self._delete_note, name))

    def _write_note(self, name: str, text: str) -> None:
        with ExitStack() as stack, self._write_errors_become_ours([*NOTES, name]):
            write_note(self._open_root(stack), name, text)

    def _read_notes(self) -> list[Note]:
        with ExitStack() as stack, self._write_errors_become_ours([*NOTES]):
            return read_notes(self._open_root(stack))

    def _delete_note(self, name: str) -> None:
        with ExitStack() as stack, self._write_errors_become_ours([*NOTES, name]):
            delete_note(self._open_root(stack), name)

    def _sweep(self) -> None:
        with ExitStack() as stack, contextlib.suppress(OSError):  # a folder that is read-only has no need
            remove_abandoned(self._open_root(stack))

    def _sweep_metadata(self) -> None:
        """In a thread of its own and at leisure: of a large folder it takes minutes."""
        with ExitStack() as stack, contextlib.suppress(OSError, SourceUnavailable):
            for number, _ in enumerate(remove_strays(self._open_root(stack))):
                if self._closing.is_set() or (number % _STEP == _STEP - 1 and self._closing.wait(_PAUSE)):
                    return

    @contextlib.contextmanager
    def _write_errors_become_ours(self, path: list[str]) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = f"{self._root}: {'/'.join(path)!r}: {error.strerror}"
            raise _write_error(where, error) from error


@contextlib.contextmanager
def _no_such_name_is_fine() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _KEY_IS_NO_FILE_NAME | {errno.ENOENT}:
            raise


def _check_wanted(given_up: threading.Event) -> None:
    """What its client was told to have failed must not undo a later write. Raises SourceTimeout."""
    if given_up.is_set():
        raise SourceTimeout("given up before it was done")


def _write_error(where: str, error: OSError) -> OriginError:
    if error.errno in _STORE_IS_FULL:
        return StoreFull(where)
    if error.errno in _KEY_IS_NO_FILE_NAME:
        return BadRequest(where)
    if error.errno == errno.EXDEV:
        return SourceUnavailable(f"{where}; a folder below root is a mount of its own")
    return SourceUnavailable(where)


def _stored(key: str, status: os.stat_result, metadata: Mapping[str, str] | None = None) -> StoredObject:
    etag = object_version(version(status), metadata or {})
    return StoredObject(key, status.st_size, etag, status.st_mtime, metadata or {})


def _marked(folder: int, name: str, status: os.stat_result) -> str:
    return object_version(version(status), read_metadata(folder, name, status))
