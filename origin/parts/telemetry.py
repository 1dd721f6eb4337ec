"""Where traces and metrics go, from the configuration."""

from __future__ import annotations

from origin.config.model import Config
from origin.ops.tracing import TelemetrySettings


def telemetry_settings(config: Config) -> TelemetrySettings:
    own = config.telemetry
    headers = {name: value.get_secret_value() for name, value in own.headers.items()}
    return TelemetrySettings(own.endpoint, headers, own.service_name, own.sample, own.metrics)
