"""The types of sources, one row each.

A new type is a module of this folder and its row here. The configuration with its messages, the JSON
schema, `origin check` and `origin explain` follow from the row.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from origin.errors import ConfigError
from origin.sources.base import Source
from origin.sources.base import SourceSettings
from origin.sources.base import Store
from origin.sources.http import HttpSettings
from origin.sources.http import key_reader
from origin.sources.local import LocalSettings
from origin.sources.local import LocalSource
from origin.sources.none import NoSettings
from origin.sources.none import NoSource
from origin.sources.s3 import S3Settings
from origin.urls.url_keys import ReadKey
from origin.urls.url_keys import read_plain_key


@dataclass(frozen=True)
class SourceType:
    """What makes a type: its keys, and what to make of them with `max_bytes` and `timeout`.

    `store` is for types that can be written to. `reads_keys` is for types whose keys are written in another
    way in URLs of the origin: it makes the reader of settings, and of whether tokens sign those URLs.
    `server_of` is for types that ask many servers: of settings and a key it makes the server's name.
    """

    settings: type[SourceSettings]
    source: Callable[..., Source]
    store: Callable[..., Store] | None = None
    reads_keys: Callable[[Any, bool], ReadKey] | None = None
    server_of: Callable[[Any, str], str] | None = None


def _when_made(module: str, name: str) -> Callable[..., Any]:
    """A class of this folder, imported when the first one is made: commands that make none start sooner."""

    def make(*arguments: Any, **named: Any) -> Any:
        return getattr(importlib.import_module(f"origin.sources.{module}"), name)(*arguments, **named)

    return make


# By the text that stands under "type".
SOURCES: dict[str, SourceType] = {
    "s3": SourceType(S3Settings, _when_made("s3_source", "S3Source"), _when_made("s3_store", "S3Store")),
    "local": SourceType(LocalSettings, LocalSource, _when_made("local_store", "LocalStore")),
    "http": SourceType(
        HttpSettings,
        _when_made("http_source", "HttpSource"),
        reads_keys=key_reader,
        server_of=HttpSettings.server_of,
    ),
}
_NONE = SourceType(NoSettings, lambda settings, **limits: NoSource())  # which nobody names


def type_name(settings: SourceSettings) -> str:
    """The text under "type"."""
    return next(name for name, row in SOURCES.items() if isinstance(settings, row.settings))


def _row(settings: SourceSettings) -> SourceType:
    return _NONE if isinstance(settings, NoSettings) else SOURCES[type_name(settings)]


def make_source(settings: SourceSettings, *, max_bytes: int, timeout: float) -> Source:
    """The source of these settings. `max_bytes` bounds an original, `timeout` one fetch, in seconds."""
    return _row(settings).source(settings, max_bytes=max_bytes, timeout=timeout)


def make_key_reader(settings: SourceSettings, *, signed: bool) -> ReadKey:
    """What turns the key in a URL into the key that the source is asked for."""
    make = _row(settings).reads_keys
    return read_plain_key if make is None else make(settings, signed)


def make_server_of(settings: SourceSettings) -> Callable[[str], str]:
    """What names the server of a key; empty text for each where there is but one."""
    server_of = _row(settings).server_of
    return (lambda key: "") if server_of is None else partial(server_of, settings)


def is_store(settings: SourceSettings) -> bool:
    """Whether a source of this type can be listed and written to."""
    return _row(settings).store is not None


def make_store(settings: SourceSettings, *, max_bytes: int, timeout: float) -> Store:
    """The source of these settings, to be written to. Raises ConfigError where its type cannot be."""
    make = _row(settings).store
    if make is None:
        raise ConfigError(f"{settings.describe()}: a source of this type cannot be written to")
    return make(settings, max_bytes=max_bytes, timeout=timeout)
