"""Configurations of s3imageserver."""

from __future__ import annotations

from pathlib import Path

from origin.config.load import build_config
from origin.config.load import parse_config
from origin.sources.s3 import S3Settings
from tests.support.configurations import OLD
from tests.support.configurations import config


def test_a_file_of_the_old_server_works_unchanged() -> None:
    built = parse_config(OLD, base=Path("/srv"))
    [handler] = built.handlers
    assert built.legacy
    assert (built.http_port, built.https_cert) == (80, None)
    assert (handler.prefix, handler.output_format, handler.error_image) == ("old", "webp", None)
    assert handler.cache_path == Path("/srv/images")
    assert isinstance(handler.source, S3Settings)
    assert (handler.source.bucket, handler.source.folder) == ("pictures", "imagesLarge/")
    assert handler.source.access_key is not None
    assert handler.source.access_key.reveal() == "canary-access"


def test_a_file_of_the_old_server_without_keys_uses_the_usual_credentials() -> None:
    source = (
        build_config({"handlers": [{"name": "a", "aws": {"bucket_name": "b", "aws_access": ""}}]})
        .handlers[0]
        .source
    )
    assert isinstance(source, S3Settings)
    assert source.access_key is None


def test_an_output_format_of_the_old_server_is_honoured() -> None:
    assert (
        build_config({"handlers": [{"name": "a", "aws": {}, "output_format": ".png"}]})
        .handlers[0]
        .output_format
        == "png"
    )


def test_a_file_of_ours_is_not_legacy() -> None:
    assert not build_config(config()).legacy


def test_an_empty_list_and_null_are_as_absent_as_in_go() -> None:
    [handler] = build_config({"handlers": [{"name": "a", "aws": None, "allowed_formats": []}]}).handlers
    [plain] = build_config({"handlers": [{"name": "a", "aws": {}}]}).handlers
    assert (handler.source, handler.allowed_formats) == (plain.source, plain.allowed_formats)
    assert isinstance(handler.source, S3Settings)
    assert handler.source.bucket == ""
