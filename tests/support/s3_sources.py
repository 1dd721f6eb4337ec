"""S3 sources and stores from plain words, as a configuration would make them."""

from __future__ import annotations

from typing import Any

from origin.sources.s3 import S3Settings
from origin.sources.s3_source import S3Source
from origin.sources.s3_store import S3Store
from origin.sources.settings import Secret

_SECRETS = ("access_key", "secret_key", "session_token")
_LIMITS = ("max_bytes", "timeout", "connections")


def settings_and_limits(bucket: str, words: dict[str, Any]) -> tuple[S3Settings, dict[str, Any]]:
    limits = {name: words.pop(name) for name in _LIMITS if name in words}
    secrets = {name: Secret(words.pop(name)) for name in _SECRETS if words.get(name) is not None}
    return S3Settings(bucket, **{**words, **secrets}), limits


def s3_source(bucket: str, **words: Any) -> S3Source:
    settings, limits = settings_and_limits(bucket, words)
    return S3Source(settings, **limits)


def s3_store(bucket: str, **words: Any) -> S3Store:
    settings, limits = settings_and_limits(bucket, words)
    return S3Store(settings, **limits)
