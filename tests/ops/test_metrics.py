"""The numbers that operators graph, read back with Prometheus' own parser."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import origin
from origin.errors import KeyRefused
from origin.errors import NotFound
from origin.http.message import Response
from origin.ops.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families: Any = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def answer(status: int = 200, kind: str = "", outcome: str = "hit", **stages: float) -> Response:
    return Response(status, [], b"", "photos", None, kind, outcome, stages)


def test_requests_are_counted_by_handler_status_class_and_outcome() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.observe(answer(), 100, 0.001)
    metrics.observe(answer(404, "not-found", "error"), 50, 0.1)
    labels = {"handler": "photos", "status": "200", "error": "", "cache": "hit"}
    assert value(metrics, "origin_requests_total", **labels) == 3
    labels = {"handler": "photos", "status": "404", "error": "not-found", "cache": "error"}
    assert value(metrics, "origin_requests_total", **labels) == 1
    assert value(metrics, "origin_sent_bytes_total", handler="photos") == 350


def test_latencies_are_histograms_by_outcome_and_stage() -> None:
    metrics = Metrics()
    metrics.observe(answer(outcome="miss", source=0.03, queue=0.0001, render=0.2), 1, 0.24)
    metrics.observe(answer(outcome="miss", render=20.0), 1, 20.5)
    assert value(metrics, "origin_request_seconds_count", handler="photos", cache="miss") == 2
    assert value(metrics, "origin_request_seconds_bucket", handler="photos", cache="miss", le="0.25") == 1
    assert value(metrics, "origin_request_seconds_bucket", handler="photos", cache="miss", le="+Inf") == 2
    assert value(metrics, "origin_stage_seconds_count", stage="render") == 2
    assert value(metrics, "origin_stage_seconds_sum", stage="render") == pytest.approx(20.2)
    assert value(metrics, "origin_stage_seconds_count", stage="source") == 1


def test_refusals_of_the_source_are_counted_apart_from_missing_keys() -> None:
    metrics = Metrics()
    for error in (KeyRefused("403"), KeyRefused("403"), NotFound("404")):
        metrics.observe(Response(404, [], b"", "photos", error, "not-found", "error"), 1, 0.1)
    assert value(metrics, "origin_source_refusals_total", handler="photos") == 2


def test_the_version_and_the_process_are_told() -> None:
    assert value(Metrics(), "origin_build_info", version=origin.__version__) == 1
    assert "process_resident_memory_bytes" in Metrics().text().decode()


def test_an_answer_outside_every_handler_is_counted_too() -> None:
    metrics = Metrics()
    metrics.observe(Response(414, [], b""), 0, 0.001)
    assert value(metrics, "origin_requests_total", handler="", status="414", error="", cache="") == 1
    assert value(metrics, "origin_request_seconds_count", handler="", cache="") == 1


def test_a_gauge_is_read_when_it_is_asked_for() -> None:
    queue = [1]
    metrics = Metrics([lambda: [("origin_render_queue", "Renders that wait.", len(queue))]])
    assert value(metrics, "origin_render_queue") == 1
    queue.append(2)
    assert value(metrics, "origin_render_queue") == 2


def test_parts_with_the_same_number_are_added_up() -> None:
    metrics = Metrics([lambda: [("origin_cache_failures_total", "Reads that failed.", 2)]] * 3)
    assert value(metrics, "origin_cache_failures_total") == 6
    assert "# TYPE origin_cache_failures_total counter" in metrics.text().decode()


def test_requests_in_flight_and_purged_entries() -> None:
    metrics = Metrics()
    metrics.in_flight = 4
    metrics.purged(3)
    metrics.purged(0)
    assert value(metrics, "origin_in_flight_requests") == 4
    assert value(metrics, "origin_purged_entries_total") == 3


def test_no_metric_tells_when_another_one_was_made() -> None:
    """The client library adds a gauge that ends in _created to each of its own counters."""
    metrics = Metrics([lambda: [("origin_renderer_restarts_total", "Renderers replaced.", 1)]])
    metrics.purged(1)
    metrics.observe(answer(outcome="miss", render=1.0), 1, 1.0)
    assert "_created" not in metrics.text().decode()


def test_a_handler_with_an_odd_name_does_not_break_the_text() -> None:
    metrics = Metrics()
    metrics.observe(Response(200, [], b"", 'a"b\\c\nd'), 1, 0.1)
    assert value(metrics, "origin_sent_bytes_total", handler='a"b\\c\nd') == 1


def test_two_apps_in_one_process_count_apart() -> None:
    one, two = Metrics(), Metrics()
    one.purged(1)
    assert value(two, "origin_purged_entries_total") == 0
