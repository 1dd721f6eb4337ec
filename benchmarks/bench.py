"""What the cases share: where they work, how long they measure, and whom they measure beside ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from benchmarks import pictures
from benchmarks import servers
from benchmarks.drive import Targets
from benchmarks.drive import drive
from benchmarks.rounds import Contender
from benchmarks.rounds import Drive
from benchmarks.rounds import Row
from benchmarks.rounds import tell
from benchmarks.servers import Server
from benchmarks.servers import Start


@dataclass(frozen=True)
class Form:
    """How thorough a run is."""

    name: str
    rounds: int
    hit_seconds: float  # of one round
    miss_seconds: float
    replay_seconds: float
    few: int  # entries of the small store
    entries: int  # of the large store, and URLs of the replay
    sizes: tuple[str, ...]  # of originals
    photographs: int  # of the quality case
    budget: float  # seconds after which no further case begins
    formats: tuple[str, ...] = ("jpg", "webp", "avif", "png")
    formats_of_large: tuple[str, ...] = ("jpg", "webp", "avif", "png")  # of originals over 2 megapixels
    widths: int = 6  # of a srcset, the smallest first

    def formats_of(self, size: str) -> tuple[str, ...]:
        return self.formats if size == "2MP" else self.formats_of_large


_ALL = ("2MP", "6MP", "24MP")
TINY = Form("tiny", 1, 0.2, 0.2, 0.2, 100, 300, ("2MP",), 1, 300, ("jpg",), ("jpg",))
"""Whether the benchmarks themselves work; its figures say nothing."""
QUICK = Form("quick", 1, 1, 0.4, 2, 1000, 10_000, _ALL, 1, 115, formats_of_large=("jpg",), widths=3)
FULL = Form("full", 3, 3, 1.2, 60, 1000, 200_000, _ALL, 9, 870)


@dataclass(frozen=True)
class Bar:
    """One thing that has to hold, and whether it does."""

    text: str
    wanted: float
    measured: float
    unit: str = ""  # empty: a ratio
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted


@dataclass
class Outcome:
    """What a case found. `tables` are further ones, ready to print."""

    rows: list[Row] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)


@dataclass
class Bench:
    """One run of the benchmarks."""

    form: Form
    work: Path
    peers: frozenset[str]  # what is there of nginx, thumbor, ipx and score
    guests: tuple[Server, ...] = ()  # that others have started
    store: Server | None = None  # what gives the originals out as S3 would; None: from the folder
    stores: dict[int, Path] = field(default_factory=dict)  # filled in this run, by how many entries

    @property
    def originals(self) -> Path:
        folder = self.work / "originals"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def can(self, *starts: tuple[str, Start]) -> list[Start]:
        """Those of these servers whose program is there."""
        return [start for name, start in starts if name in self.peers]


def contender(server: Server, targets: Targets, connections: int, name: str = "") -> Contender:
    def run(seconds: float) -> Drive:
        return drive(server, targets, connections, seconds)

    return Contender(name or server.name, run, server.pid, server.is_ours)


def expect(server: Server, target: str, width: int, format: str) -> bytes:
    """The picture at a target, looked at. Raises WrongPicture for anything else."""
    status, fields, body = server.get(target)
    if status != 200 or fields.get("content-type") != pictures.MIME[format]:
        what = f"{status} {fields.get('content-type')}"
        raise pictures.WrongPicture(f"{server.name} answers {target} with {what}")
    pictures.check(body, width, format)
    return body


def started(stack: contextlib.ExitStack, starts: Iterable[Start]) -> list[Server]:
    """Those servers that do start; it is told of the others."""
    found = []
    for start in starts:
        try:
            found.append(stack.enter_context(start()))
        except servers.NotStarted as exc:
            tell(str(exc))
    return found
