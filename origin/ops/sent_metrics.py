"""The numbers of Prometheus sent to an OTLP collector, where `OTEL_METRICS_EXPORTER` asks for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol

from origin.ops.metrics import Metrics
from origin.ops.tracing import NEEDED
from origin.ops.tracing import TelemetrySettings
from origin.ops.tracing import exporter_arguments
from origin.ops.tracing import resource_of
from origin.ops.tracing import wants_metrics

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData

log = logging.getLogger(__name__)

INTERVAL = 60_000  # milliseconds between two exports, where OTEL_METRIC_EXPORT_INTERVAL says nothing else


class Family(Protocol):
    """A metric as Prometheus' library has it."""

    name: str
    documentation: str
    type: str
    samples: list[Any]


class MetricsSender:
    """Sends the numbers every so often. They are read in the event loop, and sent in a thread."""

    def __init__(self, metrics: Metrics, settings: TelemetrySettings, environment: Mapping[str, str]) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        self._metrics = metrics
        self._resource = resource_of(settings, environment)
        self._exporter = OTLPMetricExporter(**exporter_arguments(settings, environment, "metrics"))
        self._started = time.time_ns()
        self._interval = int(environment.get("OTEL_METRIC_EXPORT_INTERVAL") or INTERVAL) / 1000
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            await self._send()

    async def _send(self) -> None:
        data = to_otlp(self._metrics.families(), self._resource, self._started, time.time_ns())
        await asyncio.to_thread(self._exporter.export, data)

    async def close(self) -> None:
        """Send the last numbers."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._send()
        await asyncio.to_thread(self._exporter.shutdown)


def start_sending(
    metrics: Metrics, settings: TelemetrySettings, environment: Mapping[str, str]
) -> MetricsSender | None:
    """What sends metrics from now on; None where nobody wants it, or the package is missing."""
    if not wants_metrics(settings, environment):
        return None
    try:
        return MetricsSender(metrics, settings, environment)
    except ImportError:
        log.error("metrics by OTLP are asked for and are off: %s", NEEDED)
        return None


def to_otlp(families: Iterable[Family], resource: Any, started: int, now: int) -> MetricsData:
    """Families of Prometheus as OTLP has them: `started` and `now` are Unix nanoseconds."""
    from opentelemetry.sdk.metrics.export import Metric
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.metrics.export import ResourceMetrics
    from opentelemetry.sdk.metrics.export import ScopeMetrics
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    told = [
        Metric(family.name, family.documentation, "", _data(family, started, now))
        for family in families
        if family.samples
    ]
    scope = ScopeMetrics(InstrumentationScope("image-origin"), told, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _data(family: Family, started: int, now: int) -> Any:
    from opentelemetry.sdk.metrics.export import AggregationTemporality
    from opentelemetry.sdk.metrics.export import Gauge
    from opentelemetry.sdk.metrics.export import Histogram
    from opentelemetry.sdk.metrics.export import NumberDataPoint
    from opentelemetry.sdk.metrics.export import Sum

    if family.type == "histogram":
        return Histogram(_histogram_points(family, started, now), AggregationTemporality.CUMULATIVE)
    points = [
        NumberDataPoint(dict(sample.labels), started, now, sample.value)
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
    if family.type == "counter":
        return Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
    return Gauge(points)


def _histogram_points(family: Family, started: int, now: int) -> list[Any]:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint

    bounds: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = defaultdict(list)
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for sample in family.samples:
        labels = tuple(sorted((name, text) for name, text in sample.labels.items() if name != "le"))
        if sample.name.endswith("_bucket"):
            bounds[labels].append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_sum"):
            sums[labels] = sample.value
    points = []
    for labels, cumulative in bounds.items():
        counts = [int(count) for _, count in cumulative]
        each = [count - before for before, count in zip([0, *counts], counts, strict=False)]
        finite = [bound for bound, _ in cumulative[:-1]]
        # What was least and most is not known; the range of the buckets is as near as it gets.
        point = HistogramDataPoint(
            *(dict(labels), started, now, counts[-1], sums.get(labels, 0.0), each, finite),
            min=0.0,
            max=finite[-1],
        )
        points.append(point)
    return points
