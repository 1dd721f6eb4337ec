"""What operators graph, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client import CollectorRegistry
from prometheus_client import Counter
from prometheus_client import Gauge
from prometheus_client import Histogram
from prometheus_client import generate_latest

from .answer import Answer

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The numbers of one app, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "origin_requests",
            "Requests answered, by handler, status, class of error and cache outcome.",
            ("handler", "status", "error", "cache"),
            registry=self.registry,
        )
        self._bytes = Counter(
            "origin_sent_bytes", "Bytes of bodies sent.", ("handler",), registry=self.registry
        )
        self._seconds = Histogram(
            "origin_request_seconds",
            "Time to answer, by cache outcome.",
            ("cache",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._stages = Histogram(
            "origin_stage_seconds",
            "Time in one stage: source, queue, render or cache.",
            ("stage",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._purged = Counter(
            "origin_purged_entries", "Results and originals removed by purges.", registry=self.registry
        )
        self.in_flight = 0
        self.gauge("origin_in_flight_requests", "Requests being answered.", lambda: self.in_flight)
        # A label's child costs a lock and a lookup; the combinations are few.
        self._children: dict[tuple[str, int, str, str], tuple[Any, Any, Any]] = {}

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A number that is read when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def observe(self, answer: Answer, sent: int, seconds: float) -> None:
        key = (answer.handler, answer.status, answer.kind, answer.outcome)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                self._requests.labels(*map(str, key)),
                self._bytes.labels(answer.handler),
                self._seconds.labels(answer.outcome or "none"),
            )
        requests, volume, duration = children
        requests.inc()
        volume.inc(sent)
        duration.observe(seconds)
        for stage, took in answer.stages.items():
            self._stages.labels(stage).observe(took)

    def purged(self, count: int) -> None:
        self._purged.inc(count)

    def text(self) -> bytes:
        return generate_latest(self.registry)
