"""Traces, as a collector gets them; and errors, as Sentry does."""

from __future__ import annotations

import gzip
import importlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.ports import closed_port
from origin.ops import tracing
from origin.ops.error_reports import scrub
from origin.ops.tracing import TelemetrySettings
from origin.ops.tracing import wants_metrics
from origin.ops.tracing import wants_traces
from tests.support import pictures
from tests.support.recording_server import RecordingServer
from tests.support.recording_server import recording_server
from tests.support.running import Client
from tests.support.running import Running
from tests.support.running import serving
from tests.support.running import settings
from tests.support.running import wait_until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TOKEN = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U"  # 43 characters


def body_of(request: Any) -> bytes:
    body: bytes = request.body
    encoding = request.headers.get("content-encoding")
    if encoding == "br":  # as Sentry's SDK does where the module is there
        return bytes(importlib.import_module("brotli").decompress(body))
    return gzip.decompress(body) if encoding == "gzip" else body


def spans_of(server: RecordingServer) -> list[Any]:
    """All spans that came, with their service's name."""
    spans = []
    for request in server.requests:
        if request.target == "/v1/traces":
            assert request.headers["content-type"] == "application/x-protobuf"
            told = ExportTraceServiceRequest.FromString(body_of(request))
            for resource in told.resource_spans:
                for scope in resource.scope_spans:
                    spans += scope.spans
    return spans


def attributes(span: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


def source_at(url: str, kind: str) -> dict[str, Any]:
    if kind == "http":
        return {"type": "http", "base_url": url, "allow_private": ["127.0.0.0/8"]}
    keys = {"access_key": "AKIATEST", "secret_key": "k" * 40, "region": "us-east-1"}
    return {"type": "s3", "bucket": "photos", "endpoint_url": url, **keys}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "target"), [("http", "/cat.png"), ("s3", "/photos/cat.png")])
def test_a_miss_is_a_trace_from_the_client_to_the_source(kind: str, target: str, tmp_path: Path) -> None:
    with recording_server() as collector, recording_server() as source:
        source.default = (200, {"ETag": '"1"', "Content-Type": "image/png"}, pictures.small())
        config = settings(tmp_path, tmp_path / "cache")
        config["handlers"][0]["source"] = source_at(source.url, kind)
        with Running(config) as origin:
            tracer = tracing.start_tracing(TelemetrySettings(collector.url, {"X-Key": "k"}), {})
            assert tracer is not None
            origin.app.trace(tracer)
            traced = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            assert origin.get(f"/h/cat.png?w=20&t={TOKEN}", headers=traced).status == 200
            origin.settle()
            for _ in range(2):  # the second one is a hit past ASGI
                origin.get(f"/h/cat.png?w=20&t={TOKEN}")
            assert origin.get(f"/h/cat.png?w=20&t={TOKEN}", headers=traced).status == 200
            origin.get("/h/cat.png?w=x")
            origin.get("/status")
            tracer.close()
        (fetched,) = [request for request in source.requests if request.target == target]
        spans = spans_of(collector)
        assert collector.requests[0].headers["x-key"] == "k"
    by_name: dict[str, list[Any]] = {}
    for span in spans:
        by_name.setdefault(span.name, []).append(span)
    # Two of this trace, the first plain hit (which goes through ASGI), the failure: no probe, no plain hit.
    assert {name: len(those) for name, those in by_name.items()} == {
        **{"GET h": 4, "fetch": 1, "queue": 1, "render": 1, "encode": 1, "store": 1},
    }
    miss, first_hit, hit, failure = by_name["GET h"]
    assert (miss.trace_id.hex(), miss.parent_span_id.hex()) == (TRACE, PARENT)
    assert (hit.trace_id.hex(), attributes(hit)["origin.cache"]) == (TRACE, "hit")
    assert first_hit.trace_id.hex() != TRACE
    assert attributes(miss) == {
        "http.request.method": "GET",
        "url.path": "/h/cat.png",
        "http.response.status_code": 200,
        "http.response.body.size": attributes(hit)["http.response.body.size"],
        "origin.handler": "h",
        "origin.cache": "miss",
    }
    assert attributes(failure)["error.type"] == "bad-request"
    for name in ("fetch", "queue", "render", "encode", "store"):
        (span,) = by_name[name]
        assert (span.trace_id, span.parent_span_id) == (miss.trace_id, miss.span_id)
        assert miss.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= miss.end_time_unix_nano + 5_000_000  # of another clock
    (fetch,) = by_name["fetch"]
    assert fetched.headers["traceparent"] == f"00-{TRACE}-{fetch.span_id.hex()}-01"
    assert "traceparent" not in fetched.headers.get("authorization", "")  # a proxy may change it
    assert TOKEN not in "".join(map(str, spans))


@pytest.mark.parametrize(
    ("environment", "configured", "traces", "metrics"),
    [
        ({}, TelemetrySettings(), False, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, TelemetrySettings(), True, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/x"}, TelemetrySettings(), True, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, TelemetrySettings(), True, False),
        ({"OTEL_TRACES_EXPORTER": "none"}, TelemetrySettings("http://127.0.0.1:4318"), False, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, TelemetrySettings("x"), False, False),
        ({"OTEL_METRICS_EXPORTER": "otlp"}, TelemetrySettings(), False, True),
        ({"OTEL_METRICS_EXPORTER": "none"}, TelemetrySettings(metrics=True), False, False),
        ({}, TelemetrySettings("http://127.0.0.1:4318", metrics=True), True, True),
    ],
)
def test_the_variables_switch_it_on_and_off(
    environment: Mapping[str, str], configured: TelemetrySettings, traces: bool, metrics: bool
) -> None:
    assert wants_traces(configured, environment) is traces
    assert wants_metrics(configured, environment) is metrics


def test_without_tracing_a_stage_costs_next_to_nothing() -> None:
    """Process time: 100,000 of them within a second, where a miss has two."""
    start = time.process_time()
    for _ in range(100_000):
        with tracing.stage("fetch"):
            pass
    tracing.record_stages({"queue": (0.0, 0.0)})
    assert time.process_time() - start < 1


@pytest.mark.slow
def test_variables_alone_switch_on_traces_metrics_and_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cat.jpg").write_bytes(pictures.small())
    port = closed_port()
    config = settings(tmp_path, tmp_path / "cache")
    config["http_port"], config["drain"] = port, 0
    config["admin"] = {"token": TOKEN}
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    with recording_server() as server:
        for name, value in {
            "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_SERVICE_NAME": "photos",
            "SENTRY_DSN": server.url.replace("://", "://key@") + "/1",
        }.items():
            monkeypatch.setenv(name, value)
        with serving(tmp_path, "serve", "-c", str(file), port=port):
            assert Client(port).get(f"/h/cat.jpg?w=20&t={TOKEN}").status == 200
            file.write_text(json.dumps({**config, f"https://h/?t={TOKEN}": 1}))  # which the log repeats
            bearer = {"Authorization": f"Bearer {TOKEN}", "Content-Length": "0"}
            assert Client(port).get("/-/reload", "POST", bearer).status == 409
        wait_until(lambda: len({request.target for request in server.requests}) >= 3, "all has come")
        by_path = {request.target: body_of(request) for request in server.requests}
        assert {span.name for span in spans_of(server)} >= {"GET h", "render"}
    told = ExportMetricsServiceRequest.FromString(by_path["/v1/metrics"])
    (resource,) = told.resource_metrics
    assert {a.key: a.value.string_value for a in resource.resource.attributes}["service.name"] == "photos"
    metrics = {metric.name: metric for metric in resource.scope_metrics[0].metrics}
    requests = {
        a.value.string_value: point.as_int
        for point in metrics["origin_requests"].sum.data_points
        for a in point.attributes
        if a.key == "handler"
    }
    assert requests["h"] == 1
    (histogram,) = [
        point
        for point in metrics["origin_request_seconds"].histogram.data_points
        if {"h", "miss"} <= {a.value.string_value for a in point.attributes}
    ]
    assert (histogram.count, sum(histogram.bucket_counts)) == (1, 1)
    assert len(histogram.bucket_counts) == len(histogram.explicit_bounds) + 1
    report = by_path["/api/1/envelope/"].decode()
    assert "the old configuration goes on" in report
    assert TOKEN in (tmp_path / "stderr").read_text()
    assert TOKEN not in report


def test_nothing_that_could_be_a_token_leaves() -> None:
    event = {
        "message": f"GET /a.jpg?w=1&t={TOKEN} failed",
        "exception": {"values": [{"value": f"https://h/x?X-Amz-Signature={'a' * 64}", "list": ("?s=1", 7)}]},
        "extra": {"grant": f"eyJr.{TOKEN}"},
    }
    text = json.dumps(scrub(event))
    assert TOKEN not in text
    assert "Amz" not in text
    assert "s=1" not in text
    assert scrub({"lineno": 7, "in_app": True}) == {"lineno": 7, "in_app": True}
