"""Writes of several files that a crash may leave half: each is noted in the store before its first file.

A note names the original and the process that writes. It is removed when all files are written. A note that
is left is that of a write that failed, or of a process that died, and its original is repaired:

- at once, where the process was on this machine and is no more, and where the write was one of this process;
- otherwise once the note has stood for `LEASE` seconds of this process's own clock: no write takes as long.

A store may keep a note without its text: SeaweedFS does, where the PUT was cut off. Its write had not begun,
so such a note is removed after as long, and nothing is repaired.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from origin.errors import OriginError
from origin.errors import SourceTimeout
from origin.sources.base import Note
from origin.sources.base import Store

log = logging.getLogger(__name__)

PHASE = 30.0  # seconds that a noted write may take
LEASE = 60.0  # seconds after which the note of another process is of one that died
PAUSE = 60.0  # seconds between two looks
RETRY_PAUSE = 10.0  # the same, where something could not be repaired
_FIELDS = {"key", "handler", "machine", "process"}
_under_way: set[str] = set()
"""Names of the notes of writes of this process that are not at their end."""


class UnfinishedWrites:
    """The notes of one handler. `repair` makes the files of an original fit it again, or removes them."""

    def __init__(
        self,
        handler: str,
        store: Store,
        repair: Callable[[str], Awaitable[None]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._handler = handler
        self._store = store
        self._repair = repair
        self._clock = clock
        self._machine = _name_machine()
        self._seen: dict[str, float] = {}  # when a note of another process was first seen
        self._failed = asyncio.Event()
        self._sweeping: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Look now, and from then on."""
        self._sweeping = asyncio.ensure_future(self._sweep_on())

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def writing(self, key: str) -> AsyncIterator[None]:
        """Write the files of an original in the block, within `PHASE` seconds. Raises SourceTimeout."""
        name = secrets.token_hex(16)
        _under_way.add(name)
        try:
            await self._store.put_note(name, self._text(key))
            try:
                async with asyncio.timeout(PHASE):
                    yield
            except TimeoutError as error:
                raise SourceTimeout(f"{key!r} was not written within {PHASE} s") from error
            with contextlib.suppress(OriginError):  # it is repaired later, although it need not be
                await self._store.delete_note(name)
        except BaseException:
            self._failed.set()
            raise
        finally:
            _under_way.discard(name)

    async def sweep(self) -> int:
        """Repair what was left half; how many originals that were.

        Raises OriginError: the last one, where some cannot be repaired yet.
        """
        repaired, failure = 0, None
        notes = [
            note
            for note in await self._store.notes()
            if not note.text or _owner(note).get("handler") == self._handler
        ]
        self._seen = {note.name: self._seen.get(note.name, self._clock()) for note in notes}
        for note in notes:
            if note.name in _under_way or not self._is_left(note):
                continue
            try:
                if note.text:
                    await self._repair(_owner(note)["key"])
                    repaired += 1
                await self._store.delete_note(note.name)
            except OriginError as error:
                failure = error
        if repaired:
            log.info("handler %s: %d writes that were left half are repaired", self._handler, repaired)
        if failure is not None:
            raise failure
        return repaired

    async def _sweep_on(self) -> None:
        while True:
            pause = PAUSE
            try:
                await self.sweep()
            except OriginError as error:
                log.warning("handler %s: writes left half cannot be repaired yet: %s", self._handler, error)
                pause = RETRY_PAUSE
            except Exception:  # a mistake of ours must not end it: nothing would be repaired any more
                log.exception("handler %s: writes left half cannot be repaired yet", self._handler)
                pause = RETRY_PAUSE
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._failed.wait()
                await asyncio.sleep(1.0)  # what has just failed fails again at once
            self._failed.clear()

    def _text(self, key: str) -> str:
        owner = {"handler": self._handler, "machine": self._machine, "process": os.getpid()}
        return json.dumps({"key": key, **owner})

    def _is_left(self, note: Note) -> bool:
        """Whether nobody is writing under this note any more. It is not among those under way."""
        if self._clock() - self._seen[note.name] >= LEASE:
            return True
        if not note.text:
            return False
        owner = _owner(note)
        is_here = owner["machine"] == self._machine
        return is_here and (owner["process"] == os.getpid() or not _is_alive(owner["process"]))


def _owner(note: Note) -> Mapping[str, Any]:
    """Who writes under this note; empty for one that is none of ours."""
    try:
        owner = json.loads(note.text)
        return owner if owner.keys() >= _FIELDS else {}
    except (ValueError, AttributeError):
        return {}


def _name_machine() -> str:
    """Equal for processes that see each other: of one host, and of one container."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        parts = [boot, os.readlink("/proc/self/ns/pid")]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:16]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
