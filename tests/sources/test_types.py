"""The rows of the types of sources, and what each type of source declares."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from origin.config.load import build_config
from origin.errors import ConfigError
from origin.sources import SOURCES
from origin.sources import make_source
from origin.sources import make_store
from origin.sources import types
from origin.sources.local import LocalSettings
from origin.sources.local import LocalSource
from origin.sources.local_store import LocalStore
from origin.sources.s3 import S3Settings
from origin.sources.s3_source import S3Source
from origin.sources.s3_store import S3Store
from origin.sources.settings import Secret
from origin.sources.settings import Setting
from origin.sources.types import SourceType
from tests.support.configurations import config


@pytest.mark.parametrize("name", SOURCES)
def test_every_type_declares_each_key_with_its_meaning_and_is_frozen(name: str) -> None:
    settings = SOURCES[name].settings
    assert dataclasses.is_dataclass(settings)
    assert settings.__dataclass_params__.frozen
    hints = typing.get_type_hints(settings, include_extras=True)
    for field in dataclasses.fields(settings):
        (setting,) = [entry for entry in hints[field.name].__metadata__ if isinstance(entry, Setting)]
        assert setting.meaning
        assert "\n" not in setting.meaning


def test_a_source_and_a_store_are_made_of_the_same_settings(tmp_path: Path) -> None:
    local, s3 = LocalSettings(tmp_path), S3Settings("photos")
    made = [make_source(local, max_bytes=1, timeout=2), make_source(s3, max_bytes=1, timeout=2)]
    assert [type(source) for source in made] == [LocalSource, S3Source]
    stores = [make_store(local, max_bytes=1, timeout=2), make_store(s3, max_bytes=1, timeout=2)]
    assert [type(store) for store in stores] == [LocalStore, S3Store]


def test_a_type_without_a_store_cannot_be_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(types.SOURCES, "local", SourceType(LocalSettings, LocalSource))
    with pytest.raises(ConfigError, match=r"^/pictures/: a source of this type cannot be written to$"):
        make_store(LocalSettings(Path("/pictures")), max_bytes=1, timeout=2)


S3 = {"type": "s3", "bucket": "photos"}


@pytest.mark.parametrize(
    ("source", "identity"),
    [
        ({"type": "local", "root": "/pictures"}, "66104fe807827a04"),
        (S3, "819911f473d0c53e"),
        ({**S3, "folder": "/originals/", "region": "eu-central-1"}, "9ba3c48035c41f46"),
        ({**S3, "folder": "a/b", "endpoint_url": "http://127.0.0.1:9000"}, "24b77dbcb5c17c0f"),
    ],
)
def test_the_identity_of_a_source_never_changes(source: dict[str, str], identity: str) -> None:
    """It is part of the names of cached results: another one would empty every cache."""
    assert build_config(config(source=source)).handlers[0].source.identity() == identity


@pytest.mark.parametrize(
    ("settings", "place", "original"),
    [
        (LocalSettings(Path("/pictures")), "/pictures/", "/pictures/2024/cat.jpg"),
        (S3Settings("photos"), "s3://photos/", "s3://photos/2024/cat.jpg"),
        (S3Settings("photos", "/a/b/"), "s3://photos/a/b/", "s3://photos/a/b/2024/cat.jpg"),
    ],
)
def test_a_place_is_told_as_an_operator_would_write_it(
    settings: LocalSettings | S3Settings, place: str, original: str
) -> None:
    assert (settings.describe(), settings.locate("2024/cat.jpg")) == (place, original)


@pytest.mark.parametrize(
    ("endpoint", "bucket", "mended"),
    [
        ("http://127.0.0.1:8333/photos", "photos", "http://127.0.0.1:8333"),
        ("https://gateway.example/s3/photos/", "photos", "https://gateway.example/s3"),
    ],
)
def test_an_endpoint_with_the_bucket_in_it_is_refused_with_the_mend(
    endpoint: str, bucket: str, mended: str
) -> None:
    with pytest.raises(ValueError, match=f": {mended}$"):
        S3Settings(bucket, endpoint_url=endpoint)


@pytest.mark.parametrize(
    "endpoint", ["http://photos", "http://127.0.0.1/photos/v1", "https://photos.example"]
)
def test_an_endpoint_that_only_looks_so_is_taken(endpoint: str) -> None:
    assert S3Settings("photos", endpoint_url=endpoint).endpoint_url == endpoint


def test_a_secret_is_shown_to_nobody_but_who_reveals_it() -> None:
    secret = Secret("canary")
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", repr({"a": [secret]})):
        assert "canary" not in shown
    assert secret.reveal() == "canary"
    assert (secret == Secret("canary"), secret == Secret("other"), secret == "canary") == (True, False, False)
    assert hash(secret) == hash(Secret("canary"))
    assert (bool(secret), bool(Secret(""))) == (True, False)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert not hasattr(secret, "__dict__")


def test_the_settings_of_s3_show_no_secret() -> None:
    settings = S3Settings(
        "photos", access_key=Secret("canary"), secret_key=Secret("canary"), session_token=Secret("canary")
    )
    source = S3Source(settings)
    for shown in (repr(settings), str(settings), repr(source), settings.describe(), settings.identity()):
        assert "canary" not in shown


@pytest.mark.slow
@pytest.mark.parametrize("code", ["origin.cli.main", "origin.config.schema", "origin.sources"])
def test_a_client_is_imported_when_one_is_made_and_not_before(code: str) -> None:
    """aiobotocore takes 0.4 s, which `origin sign` and `origin schema` have no use for."""
    heavy = "{'aiobotocore', 'botocore', 'aiohttp', 'starlette', 'uvicorn', 'pyvips'}"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {code}; print(sorted({heavy} & sys.modules.keys()))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[]\n"
