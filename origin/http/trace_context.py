"""`traceparent` (W3C Trace Context) in the requests that a request leads to, where the request is traced."""

from __future__ import annotations

from contextvars import ContextVar

_traceparent: ContextVar[str] = ContextVar("traceparent", default="")


def note_trace(traceparent: str) -> None:
    """Keep the trace of the work of this task; empty for none."""
    _traceparent.set(traceparent)


def trace_headers() -> dict[str, str]:
    """The headers of a request that this task makes of a source, beside its own."""
    traceparent = _traceparent.get()
    return {"traceparent": traceparent} if traceparent else {}
