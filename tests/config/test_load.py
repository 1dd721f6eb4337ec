"""The file: its comments, its references, and what is no file of JSON."""

from __future__ import annotations

import contextlib
from pathlib import Path

import json5
import pytest

from origin.config.load import build_config
from origin.config.load import load_config
from origin.config.load import parse_config
from origin.config.load import parse_json
from origin.errors import ConfigError
from origin.sources.s3 import S3Settings
from tests.support.configurations import CANARY
from tests.support.configurations import config
from tests.support.configurations import mistake


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, -0, 1.5, 1e3, true, false, null, "x"], "b": {"c": {}}, "d": 12345678901234567890}',
        "[1, 2,]",
        '{"a": 1, /* two */ "b": 2, // three\n}',
        "{a: 'single', b: 0x10, c: +1, d: .5}",
        '"\\u2028\\/"',
        " [ ] ",
        '{"a": {"b": 1, "c": 2}, "b": 1}',
    ],
)
def test_json_is_read_as_json5_reads_it(text: str) -> None:
    assert parse_json(text) == json5.loads(text)


def test_a_character_in_two_escapes_is_one() -> None:
    """RFC 8259 section 7."""
    assert parse_json(r'"\ud83d\ude00"') == "\U0001f600"


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '{"b": {"a": 1, "a": 2}}', "{a: 1, 'a': 2}"])
def test_a_key_that_stands_there_twice_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match='"a"'):
        parse_json(text)


@pytest.mark.parametrize("stage", ["real", "real/in", "link", "link/in", "real/../real", "."])
def test_a_stage_that_a_handler_reads_is_a_mistake(tmp_path: Path, stage: str) -> None:
    """However its path is spelled."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write = {"auth": "open", "stage": {"source": {"type": "local", "root": stage}}}
    with pytest.raises(ConfigError, match="expected a place that no handler reads"):
        build_config(config(source={"type": "local", "root": "real"}, write=write), base=tmp_path)


@pytest.mark.parametrize(
    ("reads", "waits", "is_seen"),
    [
        (None, None, True),
        (None, "https://s3.eu-west-1.amazonaws.com", True),  # a name is that of one bucket there
        ("http://store:9000", "http://STORE:9000/", True),
        ("https://store", "https://store:443", True),
        ("http://store:9000", "http://store:9001", False),
        ("http://store:9000", None, False),
    ],
)
def test_a_stage_in_a_bucket_of_that_name_on_another_server_is_none_that_is_read(
    reads: str | None, waits: str | None, is_seen: bool
) -> None:
    def bucket(endpoint: str | None) -> dict[str, object]:
        return {"type": "s3", "bucket": "photos", **({"endpoint_url": endpoint} if endpoint else {})}

    write = {"auth": "open", "stage": {"source": bucket(waits)}}
    raises = pytest.raises(ConfigError, match="expected a place that no handler reads")
    with raises if is_seen else contextlib.nullcontext():
        build_config(config(source=bucket(reads), write=write))


def test_a_reference_is_replaced_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_BUCKET", "from-env")
    monkeypatch.setenv("TEST_PORT", "8080")
    monkeypatch.setenv("TEST_TIMEOUT", "2.5")
    monkeypatch.setenv("TEST_SIZE", "1GB")
    (tmp_path / "key").write_text(CANARY + "\n")
    monkeypatch.setenv("TEST_DEBUG", "true")
    (tmp_path / "crop").write_text("false\n")
    top = {"http_port": "env:TEST_PORT", "cache": {"max_size": "env:TEST_SIZE"}}
    source = {"type": "s3", "bucket": "env:TEST_BUCKET", "timeout": "env:TEST_TIMEOUT"}
    flags = {"debug": "env:TEST_DEBUG", "crop": "file:crop"}
    built = build_config(config(top, source=source, signing={"keys": ["file:key"]}, **flags), base=tmp_path)
    handler = built.handlers[0]
    assert (handler.debug, handler.crop) == (True, False)
    assert isinstance(handler.source, S3Settings)
    assert (handler.source.bucket, handler.source.timeout) == ("from-env", 2.5)
    assert (built.http_port, built.cache.max_size) == (8080, 1_000_000_000)
    assert handler.signing is not None
    assert handler.signing.keys[0].get_secret_value() == CANARY


def test_a_reference_to_nothing_names_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_NOWHERE", raising=False)
    signing = {"keys": ["env:TEST_NOWHERE"]}
    assert mistake(config(signing=signing)) == (
        "config.json: handlers[0].signing.keys[0]: the environment has no TEST_NOWHERE; set it"
    )
    assert mistake(config({"admin": {"token": "file:/no/where"}})) == (
        "config.json: admin.token: the file /no/where cannot be read"
    )


def test_an_error_names_the_reference_and_not_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PORT", CANARY)
    assert mistake(config({"http_port": "env:TEST_PORT"})) == (
        "config.json: http_port: expected a port, 1 to 65535, got the content of env:TEST_PORT"
    )
    assert mistake(config(debug="env:TEST_PORT")) == (
        "config.json: handlers[0].debug: expected true or false, got the content of env:TEST_PORT"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"handlers": [}', 'not JSON: line 1 Unexpected "}" at column 15'),
        ('{\n"handlers": [}', "not JSON: line 2 "),
        ('{"a": 1, "a": 2}', 'not JSON: Duplicate key "a"'),
        ("", "there is nothing in it; "),
        (" \n", "there is nothing in it; "),
        ("[" * 100_000, "not JSON: "),
        ('{"a": "b\nc"}', "not JSON: line 1 "),
    ],
)
def test_what_is_not_json_is_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(text, name="config.json")
    assert str(error.value).startswith(f"config.json: {told}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), (b"\xff{}", "it is not UTF-8 text")]
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "config.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load_config(file)
    assert str(error.value) == f"config.json: cannot be read: {reason}"
    with pytest.raises(ConfigError, match=r"^\.: cannot be read: Is a directory$"):
        load_config(Path("."))
