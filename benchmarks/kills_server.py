"""The origin of a run with kills: handlers over one store, started again after each kill."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

from benchmarks.kills_asking import CROPPED
from benchmarks.kills_asking import DERIVED
from benchmarks.kills_asking import FOLDER
from benchmarks.kills_asking import OTHER
from benchmarks.kills_asking import STAGED
from benchmarks.kills_asking import SUFFIX
from benchmarks.kills_asking import TOKEN
from benchmarks.kills_asking import WRITER
from benchmarks.kills_pictures import SMALL
from benchmarks.kills_places import Place
from benchmarks.machine import tree
from benchmarks.origins import Process
from benchmarks.origins import Serve
from benchmarks.origins import wait_until_ready
from benchmarks.ports import closed_port

PUBLIC, STAGE = "public", "stage"  # folders: what is served, and where uploads wait
PICTURES, WITH_FILES, PARTS = (f"{PUBLIC}/{folder}" for folder in (FOLDER, DERIVED, CROPPED))
_PATIENCE = 100.0  # seconds until it has started


def configuration(place: Place, folder: Path, port: int, expire: int) -> dict[str, Any]:
    auth = {"bearer": TOKEN}
    writer = {"name": WRITER, "source": place.source(PICTURES), "error_status": "exact"}
    staged = {"auth": auth, "stage": {"source": place.source(STAGE), "expire": expire}}
    derives = {"auth": auth, "methods": ["PUT", "DELETE"], "derive": {SUFFIX: "small"}}
    cropped = {**staged, "derive": {SUFFIX: "small"}}
    handlers = [
        {**writer, "write": {"auth": auth, "methods": ["POST", "PUT", "DELETE"]}},
        {**writer, "name": STAGED, "write": staged},
        {**writer, "name": DERIVED, "source": place.source(WITH_FILES), "write": derives},
        {**writer, "name": CROPPED, "source": place.source(PARTS), "write": cropped},
        {**writer, "name": OTHER, "source": place.source(PUBLIC)},
    ]
    return {
        "handlers": handlers,
        "presets": {"small": {"w": SMALL, "f": "png"}},
        "http_host": "127.0.0.1",
        "http_port": port,
        "cache": {"path": str(folder / "cache"), "max_size": "200MB", "memory": "20MB"},
        "limits": {"source_timeout": 5, "queue": 1000, "queue_timeout": 30},
        "renderers": 2,
        "drain": 0,
    }


class Server:
    """`origin serve`, started again after each kill. `up` is set while it can be asked."""

    def __init__(self, place: Place, folder: Path, serve: Serve) -> None:
        self.port = closed_port()
        self.up = asyncio.Event()
        self.kills = 0
        self._place = place
        self._folder = folder
        self._serve = serve
        self._process: Process | None = None
        self.spools = folder / "spools"
        self.spools.mkdir()

    async def start(self, expire: int = 3600) -> None:
        """Returns when it can be asked. `expire`: seconds for which uploads wait in the stage."""
        await asyncio.to_thread(self._start, expire)
        self.up.set()

    def _start(self, expire: int) -> None:
        path = self._folder / "config.json"
        path.write_text(json.dumps(configuration(self._place, self._folder, self.port, expire)))
        log = self._folder / "log"
        self._process = self._serve(path, log, {"TMPDIR": str(self.spools)})
        wait_until_ready(self._process, self.port, log, _PATIENCE)

    def kill(self) -> None:
        """All of its processes, with a signal that none of them sees."""
        assert self._process is not None
        self.up.clear()
        processes = tree(self._process.pid)
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()
        self._process = None
        self.kills += 1

    def close(self) -> None:
        if self._process is not None:
            self.kill()
