"""Where uploads under kills go: a folder, or a SeaweedFS that can be killed as well."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from typing import Protocol

from benchmarks.soak_faults import ACCESS
from benchmarks.soak_faults import BUCKET
from benchmarks.soak_faults import SECRET
from benchmarks.soak_faults import Store


class Place(Protocol):
    """A store as the configuration names it, and a look at all that is in it."""

    is_remote: bool  # whether a write goes on where nobody waits for its end any more

    def source(self, name: str) -> dict[str, Any]:
        """The settings of the source with that folder."""

    def names(self) -> list[str]:
        """Every file or object, those of the store's own included, as `folder/key`."""

    def contents(self) -> dict[str, bytes]:
        """The same with their bytes."""

    async def go_away(self, seconds: float) -> bool:
        """Be away for so long; False where that cannot be."""


class Folder:
    is_remote = False

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir()

    def source(self, name: str) -> dict[str, Any]:
        root = self._root / name
        root.mkdir(parents=True, exist_ok=True)
        return {"type": "local", "root": str(root)}

    def names(self) -> list[str]:
        return [str(path.relative_to(self._root)) for path in self._root.rglob("*") if path.is_file()]

    def contents(self) -> dict[str, bytes]:
        return {name: (self._root / name).read_bytes() for name in self.names()}

    async def go_away(self, seconds: float) -> bool:
        return False


class Bucket:
    """A bucket of SeaweedFS, whose objects outlive its being killed."""

    is_remote = True

    def __init__(self, folder: Path) -> None:
        self._store = Store(folder)
        self._store.start()
        self._store.delete("ready")

    def source(self, name: str) -> dict[str, Any]:
        place = {"bucket": BUCKET, "endpoint_url": self._store.url, "region": "us-east-1"}
        keys = {"access_key": ACCESS, "secret_key": SECRET, "addressing_style": "path"}
        return {"type": "s3", "folder": name, **place, **keys}

    def names(self) -> list[str]:
        return self._store.names()

    def contents(self) -> dict[str, bytes]:
        return {name: self._store.get(name) for name in self.names()}

    async def go_away(self, seconds: float) -> bool:
        await asyncio.to_thread(self._store.stop)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self._store.start)
        await asyncio.to_thread(self._store.delete, "ready")
        return True

    def close(self) -> None:
        self._store.stop()
