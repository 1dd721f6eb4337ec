"""Configurations for tests: one that is right, and what is said of those that are not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from origin.config.load import build_config
from origin.errors import ConfigError

CANARY = "canary-0123456789-0123456789-0123456789"
SOURCE = {"type": "s3", "bucket": "pictures"}
# A file of s3imageserver.
OLD = """
{
    // a file of the old server
    "http_port": 0,
    "https_enabled": false,
    "https_cert": "",
    "https_key": "",
    "handlers": [
        {
            "name": "old",
            "prefix": "",
            "aws": {
                "aws_access": "canary-access",
                "aws_secret": "canary-secret",
                "bucket_name": "pictures",
                "file_path": "imagesLarge/"
            },
            "error_image": "",
            "allowed_formats": [".jpg", ".jpeg", ".png", ".gif", ".webp"],
            "cache_path": "./images",
            "cache_time": 604800, // a week
        },
    ],
}
"""


def config(top: dict[str, Any] | None = None, **handler: Any) -> dict[str, Any]:
    """A configuration with one handler, which is right but for what is given."""
    return {"handlers": [{"name": "photos", "source": SOURCE, **handler}], **(top or {})}


def mistake(data: Any) -> str:
    with pytest.raises(ConfigError) as error:
        build_config(data, name="config.json")
    return str(error.value)


def any_of(names: Iterable[str]) -> str:
    """These names as an error lists them: `a, b or c`. What grows by a row, no test lists again."""
    *first, last = names
    return f"{', '.join(first)} or {last}"
