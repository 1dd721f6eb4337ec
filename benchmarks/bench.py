"""What the cases share: where they work, how long they measure, and whom they measure beside ours."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks import pictures
from benchmarks import servers
from benchmarks.drive import Targets
from benchmarks.drive import drive
from benchmarks.rounds import Contender
from benchmarks.rounds import Drive
from benchmarks.rounds import Row
from benchmarks.rounds import tell
from benchmarks.servers import Server
from benchmarks.servers import Source
from benchmarks.servers import Start

_LOOK = 0.4  # seconds
_IDLE = 0.05  # of a core: the origin's own clocks take less


@dataclass(frozen=True)
class Form:
    """How thorough a run is."""

    name: str
    rounds: int
    hit_seconds: float  # of one round
    miss_seconds: float
    replay_seconds: float
    few: int  # entries of the smallest store
    entries: int  # of the store of large pictures, and URLs of the replay
    many: int  # of the store of small pictures
    sizes: tuple[str, ...]  # of originals
    photographs: int  # of the quality case
    budget: float  # seconds after which no further case begins
    formats: tuple[str, ...] = ("jpg", "webp", "avif", "png")
    formats_of_large: tuple[str, ...] = ("jpg", "webp", "avif", "png")  # of originals over 2 megapixels
    widths: int = 6  # of a srcset, the smallest first
    ways: int = 99  # at most, of what is measured beside the first of them
    curves: int = 9  # photographs at most, of the case `effort`

    @property
    def is_tiny(self) -> bool:
        """Whether it is only about whether the benchmarks work."""
        return self.hit_seconds < 1

    def formats_of(self, size: str) -> tuple[str, ...]:
        return self.formats if size == "2MP" else self.formats_of_large


_ALL = ("2MP", "6MP", "24MP")
TINY = Form("tiny", 1, 0.2, 0.2, 0.2, 100, 300, 300, ("2MP",), 1, 300, ("jpg",), ("jpg",), ways=2, curves=1)
"""Whether the benchmarks themselves work; its figures say nothing."""
QUICK = Form(
    "quick", 1, 1, 0.4, 2, 1000, 10_000, 10_000, _ALL, 1, 150,
    formats_of_large=("jpg",), widths=3, ways=6, curves=1,
)  # fmt: skip
FULL = Form("full", 5, 3, 1.2, 60, 1000, 200_000, 2_000_000, _ALL, 9, 2400)


@dataclass(frozen=True)
class Bar:
    """One thing that has to hold, and whether it does."""

    text: str
    wanted: float
    measured: float
    unit: str = ""  # empty: a ratio
    at_most: bool = False
    by_cpu: float | None = None  # the same by CPU time, which others on the machine disturb less

    @classmethod
    def beside(cls, text: str, wanted: float, ours: Row, other: Row) -> Bar:
        """How many times as fast as the other ours is."""
        return cls(text, wanted, ours.times(other), by_cpu=ours.times_by_cpu(other))

    @property
    def met(self) -> bool:
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted


@dataclass
class Outcome:
    """What a case found. `tables` are further ones, ready to print."""

    rows: list[Row] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)  # that neither rows nor bars have


@dataclass
class Bench:
    """One run of the benchmarks."""

    form: Form
    work: Path
    peers: frozenset[str]  # what is there of nginx, thumbor, ipx and score
    guests: tuple[Server, ...] = ()  # that others have started
    store: Server | None = None  # what gives the originals out as S3 would; None: from the folder

    @property
    def originals(self) -> Path:
        folder = self.work / "originals"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def source(self, folder: str = "") -> Source:
        """Of our handler: a folder of the originals, from S3 or as it is."""
        if self.store is None:
            return servers.folder_source(self.originals / folder)
        return servers.s3_source(self.store, folder)

    def origin(
        self, on: Sequence[int], home: str = "origin", folder: str = "", **more: Any
    ) -> contextlib.AbstractContextManager[Server]:
        """Ours over a folder of the originals, with its defaults: it logs every request to a file, and keeps
        what it renders in the folder `home`. `more`: further keys of the configuration."""
        if self.form.is_tiny:
            more = {"renderers": 1} | more  # each takes a while to start
        return servers.origin(self.work, self.source(folder), on, home, **more)

    def others(self, on: Sequence[int]) -> list[Start]:
        """thumbor and ipx, where they are there. They read the originals from where ours does."""
        return self.can(
            ("thumbor", partial(servers.thumbor, self.work, self.originals, on, self.store)),
            ("ipx", partial(servers.ipx, self.work, self.originals, on, self.store)),
        )

    def can(self, *starts: tuple[str, Start]) -> list[Start]:
        """Those of these servers whose program is there."""
        return [start for name, start in starts if name in self.peers]


def contender(server: Server, targets: Targets, connections: int, name: str = "") -> Contender:
    def run(seconds: float) -> Drive:
        return drive(server, targets, connections, seconds)

    return Contender(name or server.name, run, server.pid, server.is_ours)


def settled(server: Server) -> None:
    """Wait until a server that has started does nothing any more: it reads the names of all that it keeps.

    Returns at once for one whose processes cannot be seen.
    """
    deadline = time.monotonic() + servers.PATIENCE * 5
    while time.monotonic() < deadline:
        used = machine.process_seconds(server.pid)
        time.sleep(_LOOK)
        if machine.process_seconds(server.pid) - used < _LOOK * _IDLE:
            return
    tell(f"{server.name} does not come to rest")


def expect(server: Server, target: str, width: int, format: str) -> bytes:
    """The picture at a target, looked at. Raises WrongPicture for anything else."""
    status, fields, body = server.get(target)
    if status != 200 or fields.get("content-type") != pictures.MIME[format]:
        what = f"{status} {fields.get('content-type')}"
        raise pictures.WrongPicture(f"{server.name} answers {target} with {what}")
    pictures.check(body, width, format)
    return body


def metric(ours: Server, name: str) -> float:
    """One of our metrics, by its name and labels as `/-/metrics` writes them; 0 where it is not there yet."""
    for line in ours.get("/-/metrics")[2].decode().splitlines():
        if line.startswith(f"{name} "):
            return float(line.removeprefix(f"{name} "))
    return 0.0


def started(stack: contextlib.ExitStack, starts: Iterable[Start]) -> list[Server]:
    """Those servers that do start; it is told of the others."""
    found = []
    for start in starts:
        try:
            found.append(stack.enter_context(start()))
        except servers.NotStarted as exc:
            tell(str(exc))
    return found
