"""A registry of URLs in a file, for one machine. Its columns are the fields of the one in Redis."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from origin.errors import RegistryDown
from origin.sources.url_registry import BLOCKED
from origin.sources.url_registry import FetchedRecord
from origin.sources.url_registry import Refusal
from origin.sources.url_registry import RegisteredUrl
from origin.sources.url_registry import SqliteRegistrySettings
from origin.sources.url_registry import UrlState

BUSY_SECONDS = 5.0  # that a write waits for the write of another process
_PAGE = 500  # lines that one visit to the thread brings
_TABLE = """
CREATE TABLE IF NOT EXISTS urls (
    url TEXT PRIMARY KEY, created_at INTEGER, status TEXT, type TEXT, checksum TEXT, etag TEXT,
    updated TEXT, updated_until REAL, err TEXT, err_until REAL
) WITHOUT ROWID
"""
_ADD = "INSERT INTO urls (url, created_at) VALUES (?, ?) ON CONFLICT (url) DO NOTHING"

T = TypeVar("T")


def make(settings: SqliteRegistrySettings) -> SqliteRegistry:
    return SqliteRegistry(settings.path)


class SqliteRegistry:
    """One connection to read and one to write, so that nobody who asks waits for a write of another process.
    Other processes may read and write the file meanwhile."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        file = _File(path)
        self._reader = _Database(file, "origin-registry")
        self._writer = _Database(file, "origin-registry-writer")

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()

    async def state(self, url: str) -> UrlState:
        def read(database: sqlite3.Connection) -> UrlState:
            row = database.execute(
                "SELECT created_at, status, err, err_until FROM urls WHERE url = ?", (url,)
            ).fetchone()
            if row is None:
                return UrlState()
            created_at, status, err, err_until = row
            refusal = Refusal(err) if err and err_until > self._clock() else None
            return UrlState(created_at is not None, status == BLOCKED, refusal)

        return await self._reader.run(read)

    async def add(self, url: str) -> bool:
        def write(database: sqlite3.Connection) -> bool:
            is_new = database.execute(_ADD, (url, int(self._clock()))).rowcount > 0
            database.execute("UPDATE urls SET err = NULL, err_until = NULL WHERE url = ?", (url,))
            return is_new

        return await self._writer.run(write)

    async def block(self, url: str) -> None:
        await self._set_status(url, BLOCKED)

    async def unblock(self, url: str) -> None:
        await self._execute("UPDATE urls SET status = NULL WHERE url = ?", url)

    async def urls(self) -> AsyncIterator[RegisteredUrl]:
        last = ""
        while rows := await self._reader.run(lambda database, after=last: _page(database, after)):  # type: ignore[misc]
            for url, created_at, status in rows:
                yield RegisteredUrl(url, created_at, status == BLOCKED)
            last = rows[-1][0]

    async def note_fetched(self, url: str, record: FetchedRecord, seconds: int) -> None:
        until = self._clock() + seconds
        await self._execute(
            "UPDATE urls SET type = ?, checksum = ?, etag = ?, updated = ?, updated_until = ?, err = NULL,"
            " err_until = NULL WHERE url = ?",
            *(record.type, record.checksum, record.etag, record.modified, until, url),
        )

    async def note_unchanged(self, url: str, modified: float, seconds: int) -> None:
        until = self._clock() + seconds
        await self._execute(
            "UPDATE urls SET updated = ?, updated_until = ? WHERE url = ?", modified, until, url
        )

    async def note_refused(self, url: str, refusal: Refusal, seconds: int) -> None:
        until = self._clock() + seconds
        await self._execute("UPDATE urls SET err = ?, err_until = ? WHERE url = ?", refusal.value, until, url)

    async def mistakes(self) -> AsyncIterator[str]:
        for (line,) in await self._reader.run(
            lambda database: database.execute("PRAGMA quick_check").fetchall()
        ):
            if line != "ok":
                yield f"{self._path}: {line}"
        async for entry in self.urls():
            if entry.created_at is None:
                yield f"{entry.url}: no created_at"

    async def _set_status(self, url: str, status: str) -> None:
        def write(database: sqlite3.Connection) -> None:
            database.execute(_ADD, (url, int(self._clock())))
            database.execute("UPDATE urls SET status = ? WHERE url = ?", (status, url))

        await self._writer.run(write)

    async def _execute(self, text: str, *values: object) -> None:
        await self._writer.run(lambda database: database.execute(text, values))


class _File:
    """Which file stands at the path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.was_there = False

    def number(self) -> tuple[int, int]:
        """Device and inode. Raises OSError for no file."""
        status = self.path.stat()
        self.was_there = True
        return status.st_dev, status.st_ino


class _Database:
    """A connection to the file, in a thread of its own."""

    def __init__(self, file: _File, name: str) -> None:
        self._file = file
        self._thread = ThreadPoolExecutor(1, name)
        self._connection: sqlite3.Connection | None = None
        self._number: tuple[int, int] | None = None  # of the file that it is connected to

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do it in the thread, as one transaction. Raises RegistryDown."""

        def run() -> T:
            with self._connect() as connection:
                return work(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except (sqlite3.Error, OSError, ValueError, RuntimeError) as error:
            raise RegistryDown(f"the registry {self._file.path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        """The connection to the file that is there now. One that was removed is not made anew: an empty
        registry would forbid every picture. Raises OSError and sqlite3.Error."""
        if self._file.was_there and self._file.number() != self._number:
            self._disconnect()
        if self._connection is None:
            self._connection = _open(self._file.path)
            self._number = self._file.number()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")  # readers never wait for a writer
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(_TABLE)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _page(database: sqlite3.Connection, after: str) -> list[tuple[str, int | None, str | None]]:
    select = "SELECT url, created_at, status FROM urls WHERE url > ? ORDER BY url LIMIT ?"
    return database.execute(select, (after, _PAGE)).fetchall()
