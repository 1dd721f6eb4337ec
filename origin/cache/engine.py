"""Values by name, in SQLite and in files beside it.

`Engine` is all that the disk tier sees: names, bytes, no diskcache and no SQL. Another engine could stand in
its place.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from origin.cache.diskcache_safe import DATABASE
from origin.cache.diskcache_safe import LOCK_TIMEOUT
from origin.cache.diskcache_safe import SafeCache
from origin.cache.diskcache_safe import SafeDisk
from origin.cache.records import Pieces

# Bytes from which a value has a file. In SQLite it is a chain of pages, for which the system reads ahead:
# 44 pages from the disk for a value of 7. With smaller files a disk could run out of inodes before space.
MIN_FILE_BYTES = 16_384
DELETES_SECONDS = 600  # for which deletes are written down for other processes
_DELETES_TABLE = (
    "CREATE TABLE IF NOT EXISTS Deletes"
    " (id INTEGER PRIMARY KEY AUTOINCREMENT, prefix TEXT, process TEXT, time REAL)"
)
# The numbers of a new table start at the time, so that no other table ever had them.
_FIRST_DELETE = (
    "INSERT INTO sqlite_sequence (name, seq) SELECT 'Deletes', ?"
    " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'Deletes')"
)
_LAST = "\U0010ffff"


class Row(NamedTuple):
    """An entry as the table has it. Both names may be anything in a table that another program wrote."""

    rowid: int
    name: str
    filename: str | None


class Deletes(NamedTuple):
    """What other processes have deleted from a shared folder."""

    last: int  # the number of the last delete
    prefixes: list[str]
    complete: bool  # False where more was deleted than is still written down


class Engine:
    """Values by name in one folder. Names are text, values are bytes; diskcache calls a name a key.

    Any thread may read; one thread at a time may write. Every method raises one of ERRORS where the folder
    or the disk under it fails; a ValueError, such as DamagedValue, where one value is at fault.
    """

    def __init__(self, path: Path, process: str | None = None) -> None:
        """`process` names this process among those that share the folder. Deletes are then written down, so
        that the others can apply them. None where no other process uses the folder."""
        self._process = process
        self._cache = SafeCache(
            str(path),
            timeout=LOCK_TIMEOUT,
            disk=SafeDisk,
            disk_min_file_size=MIN_FILE_BYTES,
            eviction_policy="least-recently-stored",  # the others turn every read into a write
            # Its culling overshoots without bound where small values are followed by large ones: 52 MB in a
            # folder of 10 MB. The disk tier culls.
            cull_limit=0,
            size_limit=2**60,
            sqlite_wal_autocheckpoint=128,  # pages: keeps the log, which counts as well, near 512 kB
            sqlite_journal_size_limit=1 << 19,  # bytes to which a longer log is cut
            # Each connection took 32 MB of pages and 64 MB of mapping, and was slower than with the cache of
            # the operating system alone. There are 17 of them: with 256 pages each they take 12 MB more. With
            # those a find among 1,000 entries took 3 % less, among 200,000 as long, and so did a write.
            sqlite_cache_size=64,  # pages
            sqlite_mmap_size=0,
        )
        self._log = os.path.join(path, DATABASE + "-wal")
        if process is not None:
            self._cache._sql_retry(_DELETES_TABLE)
            self._cache._sql_retry(_FIRST_DELETE, (time.time_ns() // 1000,))

    def close(self) -> None:
        """Close the connection of the calling thread. The others end with their threads."""
        self._cache.close()

    def get(self, name: str, most: int | None = None) -> bytes | None:
        """Raises ValueIsLarge for a value of more than `most` bytes."""
        return self._cache.get(name, most)

    def put_all(self, values: Iterable[tuple[str, Pieces]], heard: int | None = None) -> None:
        """Put all of them, or none where one fails. diskcache leaves the files of rows that it could not
        write.

        Values that another process has deleted after the delete of number `heard` are left out: they may be
        older than that delete.
        """
        disk = self._cache._disk
        disk.new_files.clear()
        try:
            with self._cache._transact():
                gone = () if heard is None else self._unheard(heard)
                for name, value in values:
                    if not name.startswith(gone):
                        self._cache.set(name, value)
        except BaseException:
            for file in disk.new_files:
                disk.remove(file)
            raise

    def delete(self, names: Sequence[str] = (), prefixes: Sequence[str] = ()) -> set[str]:
        """Delete names, and all names that start with a prefix, in one transaction; those that were there."""
        deleted = set()
        with self._cache._transact() as (sql, remove_file):
            for condition, bounds in _conditions(names, prefixes):
                for name, filename in sql(f"SELECT key, filename FROM Cache WHERE {condition}", bounds):
                    deleted.add(name)
                    remove_file(filename)
                sql(f"DELETE FROM Cache WHERE {condition}", bounds)
            if self._process is not None:
                now = time.time()
                rows = [(prefix, self._process, now) for prefix in (*names, *prefixes)]
                self._cache._con.executemany(
                    "INSERT INTO Deletes (prefix, process, time) VALUES (?, ?, ?)", rows
                )
                sql("DELETE FROM Deletes WHERE time < ?", (now - DELETES_SECONDS,))
        return deleted

    def remove_files(self, prefix: str) -> set[str]:
        """Delete the files of values whose names start with `prefix`, and not their rows, which no full disk
        lets go. The names; of these values, those with a file are not found any more.
        """
        sql = "SELECT key, filename FROM Cache WHERE key >= ? AND key < ?"
        rows = self._cache._sql(sql, _range(prefix)).fetchall()
        for _, filename in rows:
            self._cache._disk.remove(filename)
        return {name for name, _ in rows}

    def last_delete(self) -> int:
        """The number of the last delete that was written down."""
        sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'Deletes'"
        return int(self._cache._sql(sql).fetchone()[0])

    def deletes_of_others(self, after: int) -> Deletes:
        """What other processes have deleted after the delete of that number."""
        last = self.last_delete()
        sql = "SELECT prefix, process FROM Deletes WHERE id > ? AND id <= ?"
        rows = self._cache._sql(sql, (after, last)).fetchall()
        prefixes = [prefix for prefix, process in rows if process != self._process]
        return Deletes(last, prefixes, complete=len(rows) == last - after)

    def names(self, prefix: str) -> set[str]:
        sql = "SELECT key FROM Cache WHERE key >= ? AND key < ?"
        return {name for (name,) in self._cache._sql(sql, _range(prefix))}

    def count(self, prefix: str = "") -> int:
        """How many entries there are, or how many whose name starts with `prefix`."""
        if not prefix:
            return len(self._cache)
        sql = "SELECT count(*) FROM Cache WHERE key >= ? AND key < ?"
        return int(self._cache._sql(sql, _range(prefix)).fetchone()[0])

    def size(self) -> tuple[int, int]:
        """Bytes of the database with the files of values, and bytes of SQLite's log."""
        return int(self._cache.volume()), os.path.getsize(self._log) if os.path.exists(self._log) else 0

    def rows(self, after: int, count: int) -> list[Row]:
        """Entries in the order of their rowid, from the first one after the given rowid."""
        sql = "SELECT rowid, key, filename FROM Cache WHERE rowid > ? ORDER BY rowid LIMIT ?"
        return [Row(*row) for row in self._cache._sql(sql, (after, count)).fetchall()]

    def oldest(self, count: int) -> list[Row]:
        """The entries that were put or renewed first."""
        sql = "SELECT rowid, key, filename FROM Cache ORDER BY store_time LIMIT ?"
        return [Row(*row) for row in self._cache._sql(sql, (count,)).fetchall()]

    def renew(self, row: Row) -> None:
        """Make an entry the newest."""
        self._cache._sql("UPDATE Cache SET store_time = ? WHERE rowid = ?", (time.time(), row.rowid))

    def remove(self, row: Row) -> None:
        with self._cache._transact() as (sql, remove_file):
            sql("DELETE FROM Cache WHERE rowid = ?", (row.rowid,))
            remove_file(row.filename)

    def _unheard(self, heard: int) -> tuple[str, ...]:
        """The prefixes that other processes have deleted since; everything where that is not written down."""
        deletes = self.deletes_of_others(heard)
        return tuple(deletes.prefixes) if deletes.complete else ("",)


def is_damage(error: BaseException, while_opening: bool) -> bool:
    """Whether SQLite's file is at fault, and not the disk under it or another process."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    damage = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
    if while_opening:
        damage.add(sqlite3.SQLITE_ERROR)  # tables that are not diskcache's
    return (code & 0xFF) in damage


def _conditions(names: Iterable[str], prefixes: Iterable[str]) -> Iterator[tuple[str, Sequence[str]]]:
    yield from (("key = ? AND raw = 1", (name,)) for name in names)
    yield from (("key >= ? AND key < ?", _range(prefix)) for prefix in prefixes)


def _range(prefix: str) -> tuple[str, str]:
    """The bounds, in SQLite's order of text, of all names that start with `prefix`."""
    head = prefix.rstrip(_LAST)
    if not head:
        return prefix, _LAST * (len(prefix) + 1)
    last = ord(head[-1])
    following = 0xE000 if last == 0xD7FF else last + 1  # no text holds a surrogate
    return prefix, head[:-1] + chr(following)
