"""Traces by OpenTelemetry: a span for each request that is more than a hit in memory, and in it fetch, queue,
render, encode and store. The package comes with the extra `telemetry`.

Off, nothing of it is imported, and a hit pays for nothing. On, a hit in memory has a span only where the
request has a `traceparent`; a miss pays for a few objects, which a thread of the SDK sends.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

from origin import __version__
from origin.http.message import Request
from origin.http.message import Response
from origin.http.trace_context import note_trace
from origin.http.trace_context import trace_headers

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

log = logging.getLogger(__name__)

SERVICE = "image-origin"  # where OTEL_SERVICE_NAME says nothing else
NEEDED = "pip install 'image-origin[server,telemetry]'"
_TRACEPARENT = b"traceparent"

_tracer: ContextVar[Tracer | None] = ContextVar("tracer", default=None)


class TelemetrySettings(NamedTuple):
    """What the configuration says; the variables `OTEL_*` win."""

    endpoint: str | None = None  # URL of an OTLP collector, without /v1/traces
    headers: Mapping[str, str] = {}
    service_name: str | None = None
    sample: float | None = None  # share of requests that begin a trace
    metrics: bool = False


def wants_traces(settings: TelemetrySettings, environment: Mapping[str, str]) -> bool:
    """Whether the variables or the configuration switch tracing on."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "")
    if exporter:
        return exporter != "none"
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return settings.endpoint is not None or any(environment.get(name) for name in names)


def wants_metrics(settings: TelemetrySettings, environment: Mapping[str, str]) -> bool:
    """Whether metrics are sent too: where they are asked for, since Prometheus fetches them anyway."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_METRICS_EXPORTER", "")
    return exporter == "otlp" or (not exporter and settings.metrics)


class RequestTracer:
    """Makes the spans of requests."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("image-origin", __version__)
        self._propagator = TraceContextTextMapPropagator()

    @contextlib.contextmanager
    def request(self, request: Request, path: str) -> Iterator[list[Response]]:
        """The span of a request, around all that is done for it. `path` is that of the log, without tokens.

        The answer is put into the list, for what the span says of it.
        """
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace import StatusCode

        context = self._propagator.extract(_carrier(request.headers))
        attributes = {"http.request.method": request.method, "url.path": path.partition("?")[0]}
        answered: list[Response] = []
        with self._tracer.start_as_current_span(
            request.method, context, SpanKind.SERVER, attributes, record_exception=False
        ) as span:
            token = _tracer.set(self._tracer)
            note_trace(_traceparent_of(span))
            try:
                yield answered
            finally:
                _tracer.reset(token)
                note_trace("")
            for response in answered:
                if response.handler:
                    span.update_name(f"{request.method} {response.handler}")
                    span.set_attribute("origin.handler", response.handler)
                if response.cache:
                    span.set_attribute("origin.cache", response.cache)
                span.set_attribute("http.response.status_code", response.status)
                span.set_attribute("http.response.body.size", len(response.body))
                if response.kind:
                    span.set_attribute("error.type", response.kind)
                if response.status >= 500:
                    span.set_status(StatusCode.ERROR)

    @staticmethod
    def is_asked_for(headers: Mapping[bytes, bytes]) -> bool:
        """Whether another server has begun a trace, which a hit in memory is to be part of."""
        return _TRACEPARENT in headers

    def close(self) -> None:
        """Send what was not sent yet. It blocks."""
        self._provider.shutdown()


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """A span of this name around part of a traced request; nothing where none is traced."""
    tracer = _tracer.get()
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(name, record_exception=False) as span:
        outer = trace_headers().get("traceparent", "")
        note_trace(_traceparent_of(span))
        try:
            yield
        finally:
            note_trace(outer)


def record_stages(stages: Mapping[str, tuple[float, float]]) -> None:
    """Spans of what is over already, in a traced request: by name, for how many seconds, and how many seconds
    ago it ended."""
    tracer = _tracer.get()
    if tracer is None:
        return
    now = time.time_ns()
    for name, (took, ago) in stages.items():
        ended = now - int(ago * 1e9)
        tracer.start_span(name, start_time=ended - int(took * 1e9)).end(ended)


def start_tracing(settings: TelemetrySettings, environment: Mapping[str, str]) -> RequestTracer | None:
    """What traces requests from now on; None where nobody wants it, or the package is missing."""
    if not wants_traces(settings, environment):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
    except ImportError:
        log.error("tracing is asked for and is off: %s", NEEDED)
        return None
    if "grpc" in environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", ""):
        log.error("tracing: OTLP goes over HTTP alone; set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")
    sampler = None
    if settings.sample is not None and "OTEL_TRACES_SAMPLER" not in environment:
        sampler = ParentBasedTraceIdRatio(settings.sample)
    provider = TracerProvider(sampler=sampler, resource=resource_of(settings, environment))
    if environment.get("OTEL_TRACES_EXPORTER") == "console":
        provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
    else:
        exporter = OTLPSpanExporter(**exporter_arguments(settings, environment, "traces"))
        provider.add_span_processor(BatchSpanProcessor(exporter))
    log.info("tracing is on")
    return RequestTracer(provider)


def resource_of(settings: TelemetrySettings, environment: Mapping[str, str]) -> Any:
    from opentelemetry.sdk.resources import Resource

    named = "OTEL_SERVICE_NAME" in environment or "service.name" in environment.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    own = {} if named else {"service.name": settings.service_name or SERVICE}
    return Resource.create({"service.version": __version__, **own})


def exporter_arguments(
    settings: TelemetrySettings, environment: Mapping[str, str], signal: str
) -> dict[str, Any]:
    """What the configuration says, where the variables say nothing: the exporter reads those itself."""
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
    if settings.endpoint is None or any(environment.get(name) for name in names):
        return {}
    return {"endpoint": f"{settings.endpoint.rstrip('/')}/v1/{signal}", "headers": dict(settings.headers)}


def _carrier(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    names = (_TRACEPARENT, b"tracestate")
    return {name.decode(): headers[name].decode("latin-1") for name in names if name in headers}


def _traceparent_of(span: Any) -> str:
    """Its value in the requests that this span leads to (W3C Trace Context, section 3.2)."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
