"""What operators graph, in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client import CollectorRegistry
from prometheus_client import Counter
from prometheus_client import Gauge
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from origin.http.message import Response

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Times:
    """How often something took how long."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_SECONDS) + 1)  # by the first bound that is not passed
        self.total = 0.0  # seconds

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(_SECONDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """As Prometheus has them: each holds all that is below it as well."""
        found, below = [], 0
        for bound, count in zip((*map(float, _SECONDS), "+Inf"), self.counts, strict=True):
            below += count
            found.append((str(bound), float(below)))
        return found


class _Answers(Collector):
    """Counts of answers. Whoever asks for them puts them in the library's form, since its own counters
    cost a request four times as much; they are the event loop's alone and need no locks."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int, str, str], int] = {}
        self.sent: dict[str, int] = {}
        self.seconds: dict[str, _Times] = {}
        self.stages: dict[str, _Times] = {}

    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        text = "Requests answered, by handler, status, class of error and cache outcome."
        labels = ["handler", "status", "error", "cache"]
        requests = CounterMetricFamily("origin_requests", text, labels=labels)
        for names, count in self.requests.items():
            requests.add_metric(list(map(str, names)), count)
        sent = CounterMetricFamily("origin_sent_bytes", "Bytes of bodies sent.", labels=["handler"])
        for handler, size in self.sent.items():
            sent.add_metric([handler], size)
        yield requests
        yield sent
        yield _histogram("origin_request_seconds", "Time to answer, by cache outcome.", "cache", self.seconds)
        text = "Time in one stage: source, queue, render or cache."
        yield _histogram("origin_stage_seconds", text, "stage", self.stages)


def _histogram(name: str, text: str, label: str, times: dict[str, _Times]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=[label])
    for value, those in times.items():
        family.add_metric([value], buckets=those.buckets(), sum_value=those.total)
    return family


class Metrics:
    """The numbers of one app, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = _Answers()
        self.registry.register(self._answers)
        self._purged = Counter(
            "origin_purged_entries", "Results and originals removed by purges.", registry=self.registry
        )
        self.in_flight = 0
        self.gauge("origin_in_flight_requests", "Requests being answered.", lambda: self.in_flight)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A number that is read when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def observe(self, answer: Response, sent: int, seconds: float) -> None:
        answers, outcome = self._answers, answer.outcome
        key = (answer.handler, answer.status, answer.kind, outcome)
        answers.requests[key] = answers.requests.get(key, 0) + 1
        answers.sent[answer.handler] = answers.sent.get(answer.handler, 0) + sent
        _among(answers.seconds, outcome or "none").add(seconds)
        for stage, took in answer.stages.items():
            _among(answers.stages, stage).add(took)

    def purged(self, count: int) -> None:
        self._purged.inc(count)

    def text(self) -> bytes:
        return generate_latest(self.registry)


def _among(times: dict[str, _Times], name: str) -> _Times:
    found = times.get(name)
    if found is None:
        found = times[name] = _Times()
    return found
