"""The top of the configuration, as frozen values, and what it holds beside `handlers`.

`load` reads the file into these. Secrets are `SecretStr`, or `Secret` in a source, from the first moment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from typing import Any
from typing import Literal

from pydantic import Field
from pydantic import PrivateAttr
from pydantic import SecretStr
from pydantic import model_validator

from origin.config.answers import FixedAnswer
from origin.config.cdn import Cdn
from origin.config.events import Events
from origin.config.handler import Handler
from origin.config.legacy import read_top
from origin.config.limits import Limits
from origin.config.part import Part
from origin.config.part import defaults
from origin.config.part import meaning
from origin.config.pictures import Name
from origin.config.pictures import Preset
from origin.config.pictures import Watermark
from origin.config.shared import Shared
from origin.config.sources import AnySource
from origin.config.sources import NamedSource
from origin.config.telemetry import Telemetry
from origin.config.types import AnswerRoute
from origin.config.types import DurationOrNone
from origin.config.types import FilePath
from origin.config.types import Flag
from origin.config.types import HostName
from origin.config.types import OrText
from origin.config.types import Port
from origin.config.types import Size
from origin.config.types import Text
from origin.config.types import Whole
from origin.config.types import expected
from origin.config.types import expects
from origin.config.types import one_of
from origin.config.write import StagePart
from origin.urls.parsing import OptionDefaults


class Cache(Part):
    """The store of results and originals that handlers share."""

    path: Annotated[FilePath, meaning("folder of results and originals")] = Field(
        default="./cache", validate_default=True
    )
    max_size: Annotated[
        Size, meaning("bytes that the folder may take; with 0, memory alone keeps results")
    ] = 10_000_000_000
    memory: Annotated[
        Size,
        meaning(
            "bytes of the hottest results, kept in memory as well; with 0, every hit comes from the folder"
        ),
    ] = 64_000_000
    shared: Annotated[
        Flag,
        meaning("whether other origins on this machine use the folder too; all of them have to say so"),
    ] = False


class Admin(Part):
    """What is for operators."""

    token: Annotated[
        Annotated[SecretStr, Field(min_length=16), expects("a token of 16 characters or more")] | None,
        meaning("bearer token for purge and reload, 16 characters or more; without it there is neither"),
    ] = None
    host: Annotated[Text | None, meaning("address of the listener of `port`; `http_host` when absent")] = None
    port: Annotated[
        Port | None,
        meaning("a listener of its own for purge, metrics and playground, which then leave the public one"),
    ] = None
    playground: Annotated[Flag, meaning("`/-/playground`, a page on which to try every option")] = False


class Log(Part):
    """Log lines, on stderr."""

    format: Annotated[Literal["text", "json"], expects("text or json"), meaning("`text` or `json`")] = "text"
    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        expects("debug, info, warning or error"),
        meaning("lines below it are left out: `debug`, `info`, `warning`, `error`"),
    ] = "info"
    probes: Annotated[Flag, meaning("a line for each request of `/status` and below `/-/`, too")] = False


class Config(Part):
    """The configuration of an image origin."""

    handlers: Annotated[tuple[Handler, ...], Field(min_length=1), meaning("what is served")]
    sources: Annotated[dict[Text, AnySource], meaning("named sources, for handlers that share one")] = (
        defaults()
    )
    presets: Annotated[dict[Name, Preset], meaning("named options, for URLs and handlers")] = defaults()
    watermarks: Annotated[dict[Name, Watermark], meaning("named pictures, for the option `wm`")] = defaults()
    http_host: Annotated[Text, meaning("address of all listeners")] = "0.0.0.0"
    http_port: Annotated[Port, meaning("port of the plain listener")] = 80
    https_enabled: Annotated[Flag, meaning("a TLS listener beside it, with the same pictures")] = False
    https_strict: Annotated[Flag, meaning("the plain listener answers 301 to https; needs `hosts`")] = False
    https_port: Annotated[Port, meaning("port of the TLS listener")] = 443
    https_cert: Annotated[FilePath | None, meaning("path of the certificate chain, PEM")] = None
    https_key: Annotated[FilePath | None, meaning("path of its private key, PEM")] = None
    hosts: Annotated[
        tuple[HostName, ...], meaning("host names that are answered; empty for any; others get 421")
    ] = ()
    cache: Annotated[Cache, meaning("the store of results and originals")] = defaults()
    renderers: Annotated[
        Whole, meaning("render processes; 0 is one more than cores, or than the quota of the cgroup")
    ] = 0
    limits: Annotated[Limits, meaning("what one request may cost")] = defaults()
    drain: Annotated[
        DurationOrNone,
        meaning("seconds after SIGTERM in which `/-/ready` says 503 and new requests are still answered"),
    ] = 15.0
    admin: Annotated[Admin, meaning("what is for operators")] = defaults()
    log: Annotated[Log, meaning("log lines")] = defaults()
    shared: Annotated[
        Shared | None, meaning("what many origins share: results, purges and renders; without it, nothing")
    ] = None
    telemetry: Annotated[Telemetry, meaning("traces by OpenTelemetry, or by `OTEL_*` alone")] = defaults()
    events: Annotated[Events, meaning("what S3 tells of changes, which is purged")] = defaults()
    cdn: Annotated[Cdn | None, meaning("the CDN that every purge reaches")] = None
    answers: Annotated[
        dict[AnswerRoute, Annotated[FixedAnswer, OrText()]],
        meaning('fixed answers, by path: `"/ping"`, `"POST /upload"`, `"GET /old/*"`; a text, or an object'),
    ] = defaults()

    _from_environment: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def from_environment(self) -> dict[str, str]:
        """The variables that set values, by the place of the value."""
        return self._from_environment

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        return read_top(data)

    @model_validator(mode="after")
    def _look_up_sources(self) -> Config:
        for i, handler in enumerate(self.handlers):
            self._look_up_source(handler, f"handlers[{i}].source")
            if handler.write is not None and handler.write.stage is not None:
                self._look_up_source(handler.write.stage, f"handlers[{i}].write.stage.source")
        return self

    def _look_up_source(self, holder: Handler | StagePart, place: str) -> None:
        if not isinstance(holder.source, NamedSource):
            return
        if holder.source not in self.sources:
            names = f", {one_of(list(self.sources))}" if self.sources else ""
            raise expected(f"a source, or a name of sources{names}", key=place, got="")
        object.__setattr__(holder, "source", self.sources[holder.source])

    def option_defaults(self, handler: Handler) -> OptionDefaults:
        """What a handler settles about options, with the presets and watermarks that its URLs may name."""
        return replace(
            handler.option_defaults(self.limits.within(handler.limits)),
            presets={name: preset.to_values() for name, preset in self.presets.items()},
            watermarks=frozenset(self.watermarks),
        )

    @property
    def legacy(self) -> bool:
        """Whether it is a configuration of s3imageserver."""
        return any(handler.aws is not None for handler in self.handlers)
