"""`telemetry`: where traces go."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from origin.config.aws import WebUrl
from origin.config.cdn import HeaderName
from origin.config.part import Part
from origin.config.part import meaning
from origin.config.types import Flag
from origin.config.types import SecretText
from origin.config.types import Text
from origin.config.types import expects


class Telemetry(Part):
    """OpenTelemetry; the variables `OTEL_*` win."""

    endpoint: Annotated[
        WebUrl | None, meaning("URL of an OTLP collector over HTTP, such as `http://10.0.0.9:4318`")
    ] = None
    headers: Annotated[
        dict[HeaderName, SecretText], meaning("headers for the collector, such as an API key")
    ] = Field(default={})
    service_name: Annotated[Text | None, meaning("name of this service; without it, `image-origin`")] = None
    sample: Annotated[
        Annotated[float, Field(ge=0, le=1)] | None,
        expects("a share from 0 to 1"),
        meaning("share of the requests without a trace that begin one; without it, all"),
    ] = None
    metrics: Annotated[Flag, meaning("send metrics too, beside `/-/metrics`")] = False
