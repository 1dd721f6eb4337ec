"""Variables for single keys, over a file and without one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from origin.cli.check_settings import list_variables
from origin.cli.main import main
from origin.config.load import build_config
from origin.config.load import only_variables
from origin.config.model import Config
from origin.errors import ConfigError
from origin.sources.local import LocalSettings
from origin.sources.s3 import S3Settings

S3 = {"type": "s3", "bucket": "of-the-file", "region": "eu-central-1"}
FILE: dict[str, Any] = {
    "http_port": 8080,
    "handlers": [{"name": "photos", "source": S3}, {"name": "my-album", "source": "named"}],
    "sources": {"named": {"type": "local", "root": "."}},
    "hosts": ["a.example"],
}


def read(environment: Mapping[str, str], data: Any = FILE) -> Config:
    return build_config(data, name="config.json", environment=environment)


def mistake(environment: Mapping[str, str]) -> str:
    with pytest.raises(ConfigError) as error:
        read(environment)
    return str(error.value)


def test_a_variable_wins_over_the_file() -> None:
    config = read(
        {
            "ORIGIN__HTTP_PORT": "9000",
            "ORIGIN__HANDLERS__PHOTOS__SOURCE__BUCKET": "of-the-variable",
            "ORIGIN__HANDLERS__MY_ALBUM__CACHE_TIME": "60",
            "ORIGIN__HANDLERS__0__QUALITY": '{"jpg": 70}',
            "ORIGIN__HANDLERS__PHOTOS__CROP": "false",
            "ORIGIN__CACHE__MAX_SIZE": "2GB",
            "ORIGIN__HOSTS": '["b.example", "c.example"]',
            "ORIGIN__ADMIN__TOKEN": "1234567890123456",  # no number, though it could be one
            "ORIGIN__SOURCES__NAMED__ROOT": "/srv",
            "ORIGIN__LOG__LEVEL": "",  # is not set
            "ORIGIN_ELSE": "1",
            "PATH": "/bin",
        }
    )
    photos, album = config.handlers
    assert isinstance(photos.source, S3Settings)
    assert (photos.source.bucket, photos.source.region) == ("of-the-variable", "eu-central-1")
    assert (photos.crop, photos.cache_time, album.cache_time) == (False, 604800, 60)
    assert photos.quality["jpg"] == 70
    assert isinstance(album.source, LocalSettings)
    assert str(album.source.root) == "/srv"
    assert (config.http_port, config.cache.max_size, config.hosts) == (
        9000,
        2_000_000_000,
        ("b.example", "c.example"),
    )
    assert config.admin.token is not None
    assert config.admin.token.get_secret_value() == "1234567890123456"
    assert config.log.level == "info"
    assert config.from_environment["handlers[0].source.bucket"] == "ORIGIN__HANDLERS__PHOTOS__SOURCE__BUCKET"
    assert FILE["http_port"] == 8080  # what the file says stays as it is
    assert read({}).from_environment == {}


def test_no_file_is_needed(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("0123456789abcdef0123456789abcdef\n")
    config = only_variables(
        {
            "ORIGIN__HANDLERS__H__SOURCE__TYPE": "s3",
            "ORIGIN__HANDLERS__H__SOURCE__BUCKET": "2024",
            "ORIGIN__HANDLERS__H__SOURCE__REGION": "eu-central-1",
            "ORIGIN__HANDLERS__H__SIGNING__KEYS__0": f"file:{tmp_path}/key",
            "ORIGIN__HANDLERS__ALBUM": '{"source": {"type": "local", "root": "."}}',
            "ORIGIN__PRESETS__300__W": "300",
            "ORIGIN__HTTP_PORT": "8080",
        }
    )
    assert config is not None
    handlers = {handler.name: handler for handler in config.handlers}
    assert handlers.keys() == {"h", "album"}
    source, signing = handlers["h"].source, handlers["h"].signing
    assert isinstance(source, S3Settings)
    assert source.bucket == "2024"
    assert signing is not None
    assert signing.keys[0].get_secret_value() == "0123456789abcdef" * 2
    assert "300" in config.presets
    assert only_variables({"ORIGIN__HTTP_PORT": "8080"}) is None


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("HTTP_PROT", "1", "http_prot: unknown key; did you mean http_port?"),
        ("HTTP_PORT", "many", 'http_port: expected a port, 1 to 65535, got "many"'),
        (
            "HANDLERS__PHOTOS__SOURCE__BUKET",
            "x",
            "handlers[0].source.buket: unknown key; did you mean bucket?",
        ),
        ("HANDLERS__3__NAME", "x", "handlers: there is no entry 2 before it"),
        ("HANDLERS__MY_ALBUM__SOURCE__ROOT", "x", "handlers[1].source: expected an object that has keys"),
        ("HOSTS__FIRST", "x", "hosts: expected the number of an entry, got FIRST"),
        ("HOSTS", "b.example", 'hosts: expected a list, got "b.example"'),
        ("LOG____LEVEL", "info", "expected names of keys with two underscores between them"),
        (
            "LOG",
            "[1",
            'log: expected an object, got "[1"; the text is no JSON: '
            "Expecting ',' delimiter at character 3",
        ),
        ("HTTPS_ENABLED", "true", "https_enabled: expected https_cert and https_key beside it"),
    ],
)
def test_a_mistake_names_the_variable(name: str, value: str, told: str) -> None:
    assert mistake({f"ORIGIN__{name}": value}) == f"ORIGIN__{name}: {told}"


def test_two_variables_for_one_key_are_a_mistake() -> None:
    names = ("ORIGIN__HANDLERS__0__CROP", "ORIGIN__HANDLERS__PHOTOS__CROP")
    assert (
        mistake(dict.fromkeys(names, "true")) == f"{names[1]}: handlers[0].crop is what {names[0]} sets, too"
    )


def test_no_secret_is_told() -> None:
    told = mistake({"ORIGIN__ADMIN__TOKEN": "too-short"})
    assert told.startswith("ORIGIN__ADMIN__TOKEN: admin.token: expected a token")
    assert "too-short" not in told


def test_commands_read_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORIGIN__HANDLERS__H__SOURCE", '{"type": "local", "root": "pictures"}')
    result = CliRunner().invoke(main, ["explain", "/h/cat.jpg?w=30"])
    assert (result.exit_code, "config.json: there is no such file" in result.stderr) == (0, True)


def test_variables_that_name_no_handler_are_told_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORIGIN__HANDLER__H__SOURCE", '{"type": "local", "root": "pictures"}')
    result = CliRunner().invoke(main, ["explain", "/h/cat.jpg?w=30"])
    assert result.exit_code == 2
    told = "there is no such file, and no variable names a handler, as ORIGIN__HANDLERS__PHOTOS__SOURCE does"
    assert told in result.stderr


def test_check_lists_them_without_their_values() -> None:
    token = "a-token-that-nobody-sees"
    config = read({"ORIGIN__ADMIN__TOKEN": token, "ORIGIN__HANDLERS__PHOTOS__SOURCE__REGION": "eu-west-1"})
    assert list_variables(config) == [
        ("admin.token: from ORIGIN__ADMIN__TOKEN", True),
        ("handlers[0].source.region: from ORIGIN__HANDLERS__PHOTOS__SOURCE__REGION", True),
    ]
