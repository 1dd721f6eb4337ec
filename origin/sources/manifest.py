"""The record of a copy between stores, by which it is taken up again: one line of JSON for each object."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO
from typing import Any


class WrongManifest(Exception):
    """The file is no manifest of this copy, or another copy uses it. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class Copied:
    """One object that is in both stores. `etag` is its version where it came from."""

    key: str
    etag: str
    size: int  # bytes
    sha256: str  # of the bytes, in hex


class Manifest:
    """What has been copied from one place to another, in a file that grows. Use it as a context manager.

    A line that a crash has cut is dropped: its object is copied once more. Raises WrongManifest and OSError.
    """

    def __init__(self, path: Path, source: str, target: str) -> None:
        self._path = path
        self._places = {"from": source, "to": target}
        self._file: IO[bytes]
        self._etags: dict[str, str] = {}

    def __enter__(self) -> Manifest:
        self._file = self._path.open("a+b")
        try:
            self._lock()
            self._read()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def __len__(self) -> int:
        return len(self._etags)

    def has(self, key: str, etag: str) -> bool:
        """Whether this version has been copied."""
        return self._etags.get(key) == etag

    def add(self, copied: Copied) -> None:
        self._etags[copied.key] = copied.etag
        self._write({"key": copied.key, "etag": copied.etag, "size": copied.size, "sha256": copied.sha256})

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WrongManifest(f"{self._path}: another copy uses it") from None

    def _read(self) -> None:
        self._file.seek(0)
        whole = 0  # bytes of complete lines
        for number, line in enumerate(self._file):
            if not line.endswith(b"\n"):
                break
            self._take(number, line)
            whole += len(line)
        self._file.truncate(whole)
        if not whole:
            self._write(self._places)

    def _take(self, number: int, line: bytes) -> None:
        try:
            entry = json.loads(line)
            if number:
                self._etags[entry["key"]] = entry["etag"]
                return
            places = {name: entry[name] for name in self._places}
        except (ValueError, KeyError, TypeError):
            raise WrongManifest(f"{self._path}: line {number + 1} is none of a manifest") from None
        if places != self._places:
            raise WrongManifest(f"{self._path}: is of a copy from {places['from']} to {places['to']}")

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
