"""The record of a walk through a store, by which it is taken up again: one line of JSON for each object."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO
from typing import Any


class WrongManifest(Exception):
    """The file is no manifest of this work, or another process uses it. The message is for the operator."""


class Manifest:
    """Which objects have been dealt with, in a file that grows. Use it as a context manager.

    `head` says what the `work` is, and stands in the first line: `{"from": "/a/", "to": "s3://b/"}`. A line
    that a crash has cut is dropped: its object is dealt with once more. Raises WrongManifest and OSError.
    """

    def __init__(self, path: Path, head: Mapping[str, str], work: str = "copy") -> None:
        self._path = path
        self._head = head
        self._work = work
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
        """Whether this version has been dealt with."""
        return self._etags.get(key) == etag

    def add(self, key: str, etag: str, **facts: str | int) -> None:
        """`etag` is the version that the listing told; `facts` are for people and for other programs."""
        self._etags[key] = etag
        self._write({"key": key, "etag": etag, **facts})

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WrongManifest(f"{self._path}: another {self._work} uses it") from None

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
            self._write(self._head)

    def _take(self, number: int, line: bytes) -> None:
        try:
            entry = json.loads(line)
            if number:
                self._etags[entry["key"]] = entry["etag"]
                return
            head = {name: entry[name] for name in self._head}
        except (ValueError, KeyError, TypeError):
            raise WrongManifest(f"{self._path}: line {number + 1} is none of a manifest") from None
        if head != self._head:
            other = " ".join(f"{name} {value}" for name, value in head.items())
            raise WrongManifest(f"{self._path}: is of a {self._work} {other}")

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
