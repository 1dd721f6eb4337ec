"""Rounds: who is measured takes turns, A B A B, so that a machine's drift meets all alike."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field

from benchmarks import machine


@dataclass(frozen=True)
class Drive:
    """What a load generator saw in one round."""

    requests: int
    seconds: float
    p50: float  # milliseconds
    p99: float
    errors: int
    size: int  # bytes of one answer's body, on average
    steady: float = 0.0  # requests a second, where the whole time says too little of it


@dataclass(frozen=True)
class Round:
    """One turn of one contender."""

    drive: Drive
    cpu: float  # CPU milliseconds of its processes for each request; 0 where they are not ours
    memory: int  # bytes of its processes after it: shared pages count once
    resident: int  # the same, shared pages counted in each process
    others: float  # share of the machine that neither it nor the load took
    first: float = 0.0  # CPU milliseconds for each request of the first of its processes: ours serves in it

    @property
    def rate(self) -> float:
        return self.drive.steady or self.drive.requests / self.drive.seconds


@dataclass(frozen=True)
class Contender:
    """Somebody to measure."""

    name: str
    run: Callable[[float], Drive]  # for so many seconds
    pid: int | None = None
    is_ours: bool = True  # whether this run has started its processes
    cpu: Callable[[], float] | None = None  # CPU seconds so far, where /proc is not the way to know


@dataclass
class Row:
    """One line of the table: a contender in a case, over all its rounds."""

    case: str
    server: str
    rounds: list[Round] = field(default_factory=list)
    note: str = ""

    def median(self, figure: Callable[[Round], float]) -> float:
        return statistics.median(map(figure, self.rounds))

    @property
    def rate(self) -> float:
        return self.median(lambda one: one.rate)

    @property
    def errors(self) -> int:
        return sum(one.drive.errors for one in self.rounds)

    def times(self, other: Row) -> Ratio:
        """How many times as fast as the other, within each round."""
        return Ratio.of([(mine.rate, its.rate) for mine, its in zip(self.rounds, other.rounds, strict=True)])

    def times_by_cpu(self, other: Row) -> Ratio:
        """The same by CPU time for one request, which says more where others use the machine."""
        return Ratio.of([(its.cpu, mine.cpu) for mine, its in zip(self.rounds, other.rounds, strict=True)])


class Ratio(float):
    """The median of the ratios within each round, and the least and the greatest of them."""

    least: float
    greatest: float

    @classmethod
    def of(cls, pairs: list[tuple[float, float]]) -> Ratio:
        return cls.among([mine / its for mine, its in pairs if its] or [0.0])

    @classmethod
    def among(cls, values: list[float]) -> Ratio:
        """Of values that are no ratios, such as seconds."""
        ratio = cls(statistics.median(values))
        ratio.least, ratio.greatest = min(values), max(values)
        return ratio

    @property
    def spread(self) -> str:
        """From the least to the greatest; empty where all are the same."""
        if self.least == self.greatest:
            return ""
        return f"{self.least:.2f} to {self.greatest:.2f}"


def take_turns(case: str, contenders: list[Contender], rounds: int, seconds: float) -> list[Row]:
    """Every contender `rounds` times for `seconds` each, in turns."""
    rows = {contender.name: Row(case, contender.name) for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            tell(f"{case}: {contender.name}, round {number + 1} of {rounds}")
            rows[contender.name].rounds.append(measure(contender, seconds))
    return list(rows.values())


def measure(contender: Contender, seconds: float) -> Round:
    """One turn, with what the contender and everybody else use meanwhile."""
    cpu = contender.cpu or (lambda: machine.cpu_seconds(contender.pid))
    start, used, own, busy = time.perf_counter(), cpu(), machine.own_seconds(), machine.busy_seconds()
    first = machine.process_seconds(contender.pid)
    drive = contender.run(seconds)
    used, first = cpu() - used, machine.process_seconds(contender.pid) - first
    own, busy = machine.own_seconds() - own, machine.busy_seconds() - busy
    if not contender.is_ours:
        own += used
    others = max(0.0, busy - own) / ((time.perf_counter() - start) * machine.CORES)
    each = 1000 / drive.requests if drive.requests else 0.0
    return Round(drive, used * each, *machine.memory(contender.pid), others, first * each)


@contextmanager
def stage(text: str) -> Iterator[None]:
    """Say what takes time before there is anything to measure."""
    start = time.perf_counter()
    tell(text)
    yield
    tell(f"{text}: {time.perf_counter() - start:.1f} s")


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def by_server(rows: list[Row]) -> Mapping[str, Row]:
    return {row.server: row for row in rows}
