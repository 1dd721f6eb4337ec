"""What operators graph, in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client import CollectorRegistry
from prometheus_client import ProcessCollector
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from origin import __version__
from origin.errors import KeyRefused
from origin.http.message import Response

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

CONTENT_TYPE = CONTENT_TYPE_LATEST
L = TypeVar("L")

Numbers = Callable[[], Iterable[tuple[str, str, float]]]
"""What one part of the origin counts: name, help and value of each number. A name that ends in `_total` is a
counter, any other a gauge; parts that use the same name are added up."""


class _Times:
    """How often something took how long: the buckets of one histogram."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_SECONDS) + 1)  # by the first bound that is not passed
        self.total = 0.0  # seconds

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(_SECONDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus has them."""
        buckets, sum_of_counts = [], 0
        for bound, count in zip((*map(float, _SECONDS), "+Inf"), self.counts, strict=True):
            sum_of_counts += count
            buckets.append((str(bound), float(sum_of_counts)))
        return buckets


class _Alike:
    """Answers with the same handler, status, class of error and cache outcome."""

    __slots__ = ("count", "sent", "times")

    def __init__(self, times: _Times) -> None:
        self.count = 0
        self.sent = 0  # bytes
        self.times = times  # shared by all that have the same handler and outcome


class _Answers(Collector):
    """Counts of answers. They become the library's objects when Prometheus asks: the library's own counters
    cost a request four times as much, for locks that the event loop does not need."""

    def __init__(self) -> None:
        self.alike: dict[tuple[str, int, str, str], _Alike] = {}  # by what they have in common
        self.refusals: dict[str, int] = {}
        self.seconds: dict[tuple[str, str], _Times] = {}
        self.stages: dict[tuple[str], _Times] = {}

    def add(self, labels: tuple[str, int, str, str]) -> _Alike:
        handler, _, _, cache = labels
        alike = self.alike[labels] = _Alike(_times(self.seconds, (handler, cache)))
        return alike

    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        text = "Requests answered, by handler, status, class of error and cache outcome."
        labels = ["handler", "status", "error", "cache"]
        requests = CounterMetricFamily("origin_requests", text, labels=labels)
        sizes: Counter[str] = Counter()
        for names, alike in self.alike.items():
            requests.add_metric(list(map(str, names)), alike.count)
            sizes[names[0]] += alike.sent
        sent = CounterMetricFamily("origin_sent_bytes", "Bytes of bodies sent.", labels=["handler"])
        for handler, size in sizes.items():
            sent.add_metric([handler], size)
        text = "Keys that the source refused, which clients see as not-found."
        refusals = CounterMetricFamily("origin_source_refusals", text, labels=["handler"])
        for handler, count in self.refusals.items():
            refusals.add_metric([handler], count)
        yield requests
        yield sent
        yield refusals
        text = "Time to answer, by handler and cache outcome."
        yield _histogram("origin_request_seconds", text, ["handler", "cache"], self.seconds)
        text = "Time in one stage: source, queue, render or cache."
        yield _histogram("origin_stage_seconds", text, ["stage"], self.stages)


class _Parts(Collector):
    """The numbers of the origin's parts."""

    def __init__(self, parts: Iterable[Numbers]) -> None:
        self._parts = list(parts)

    def add(self, numbers: Numbers) -> None:
        self._parts.append(numbers)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        values: dict[str, float] = {}
        texts: dict[str, str] = {}
        for part in self._parts:
            for name, text, value in part():
                values[name] = values.get(name, 0) + value
                texts[name] = text
        for name, value in values.items():
            if name.endswith("_total"):
                yield CounterMetricFamily(name.removesuffix("_total"), texts[name], value)
            else:
                yield GaugeMetricFamily(name, texts[name], value)


def _histogram(name: str, text: str, labels: list[str], times: Mapping[Any, _Times]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, those in times.items():
        family.add_metric(list(values), buckets=those.buckets(), sum_value=those.total)
    return family


class _Build(Collector):
    """Which version runs."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        build = GaugeMetricFamily(
            "origin_build_info", "1, with the version as its label.", labels=["version"]
        )
        build.add_metric([__version__], 1)
        yield build


class Metrics:
    """The numbers of one app, in a registry of its own."""

    def __init__(self, parts: Iterable[Numbers] = ()) -> None:
        self.registry = CollectorRegistry()
        self.in_flight = 0
        self._purged = 0
        self._answers = _Answers()
        self.registry.register(self._answers)
        self._parts = _Parts([self._numbers, *parts])
        self.registry.register(self._parts)
        self.registry.register(_Build())
        ProcessCollector(registry=self.registry)

    def add_part(self, numbers: Numbers) -> None:
        """Count what another part of the program counts."""
        self._parts.add(numbers)

    def observe(self, response: Response, sent: int, seconds: float) -> None:
        """Count an answer: `sent` bytes of body, after `seconds`."""
        answers = self._answers
        labels = (response.handler, response.status, response.kind, response.cache)
        alike = answers.alike.get(labels) or answers.add(labels)
        alike.count += 1
        alike.sent += sent
        alike.times.add(seconds)
        if response.stages:
            for stage, took in response.stages.items():
                _times(answers.stages, (stage,)).add(took)
        if response.error is not None and isinstance(response.error, KeyRefused):
            answers.refusals[response.handler] = answers.refusals.get(response.handler, 0) + 1

    def purged(self, count: int) -> None:
        self._purged += count

    def families(self) -> Iterable[Metric]:
        """The numbers as the library has them."""
        return self.registry.collect()

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def _numbers(self) -> Iterator[tuple[str, str, float]]:
        yield "origin_in_flight_requests", "Requests being answered.", self.in_flight
        yield "origin_purged_entries_total", "Results and originals removed by purges.", self._purged


def _times(by_labels: dict[L, _Times], labels: L) -> _Times:
    times = by_labels.get(labels)
    if times is None:
        times = by_labels[labels] = _Times()
    return times
