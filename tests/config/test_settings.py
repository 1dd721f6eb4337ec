"""Settings that a room declares with plain types, read from the file as a source's are."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Literal

import pytest
from pydantic import ValidationError

from origin.config.messages import first_mistake
from origin.config.settings import dump
from origin.config.settings import settings_part
from origin.config.settings import to_settings
from origin.sources.settings import Secret
from origin.sources.settings import Setting

CANARY = "canary-0123456789"


@dataclass(frozen=True)
class FileRegistrySettings:
    type: Annotated[Literal["file"], Setting("a file")]
    path: Annotated[Path, Setting("its path")]


@dataclass(frozen=True)
class NetRegistrySettings:
    type: Annotated[Literal["net"], Setting("a server")]
    server: Annotated[Secret, Setting("its URL, with a password")]


@dataclass(frozen=True)
class InnerSettings:
    depth: Annotated[int, Setting("how deep")] = 1


@dataclass(frozen=True)
class ToySettings:
    """Every kind of key there is."""

    address: Annotated[str, Setting("the server", pattern="^https?://", expects="an http URL")]
    name: Annotated[str, Setting("not empty")] = "toy"
    note: Annotated[str, Setting("may be empty", may_be_empty=True)] = ""
    secret: Annotated[Secret | None, Setting("a secret")] = None
    headers: Annotated[dict[str, Secret], Setting("secret headers")] = field(default_factory=dict)
    hosts: Annotated[tuple[str, ...], Setting("texts")] = ()
    verify: Annotated[bool, Setting("a switch")] = True
    redirects: Annotated[int, Setting("a number")] = 5
    workers: Annotated[int, Setting("at least two", minimum=2)] = 2
    retry: Annotated[int, Setting("a time", unit="seconds")] = 3600
    timeout: Annotated[float | None, Setting("a deadline", unit="seconds")] = None
    pause: Annotated[float, Setting("none is fine", unit="seconds", minimum=0)] = 0.0
    size: Annotated[int, Setting("a size", unit="bytes")] = 1000
    style: Annotated[Literal["hex", "url"] | None, Setting("one of two")] = None
    inner: Annotated[InnerSettings, Setting("an object")] = InnerSettings()
    registry: Annotated[FileRegistrySettings | NetRegistrySettings | None, Setting("one of two objects")] = (
        None
    )

    def __post_init__(self) -> None:
        if self.name == self.note:
            raise ValueError("name and note to differ")


TOY = settings_part("Toy", ToySettings)


def read(data: dict[str, Any]) -> ToySettings:
    part = TOY.model_validate({"address": "http://a", **data}, context={"base": Path("/etc")})
    settings: ToySettings = to_settings(part, ToySettings)
    return settings


def test_absent_keys_have_the_defaults_of_the_declaration() -> None:
    assert read({}) == ToySettings("http://a")


def test_what_stands_in_the_file_becomes_the_declared_types() -> None:
    settings = read(
        {
            "secret": CANARY,
            "headers": {"X-Key": CANARY},
            "hosts": ["a", "b"],
            "timeout": 2.5,
            "pause": 0,
            "size": "2kB",
            "style": "hex",
            "inner": {"depth": 2},
            "registry": {"type": "file", "path": "known.sqlite"},
        }
    )
    assert settings == ToySettings(
        "http://a",
        secret=Secret(CANARY),
        headers={"X-Key": Secret(CANARY)},
        hosts=("a", "b"),
        timeout=2.5,
        size=2000,
        style="hex",
        inner=InnerSettings(2),
        registry=FileRegistrySettings("file", Path("/etc/known.sqlite")),
    )
    assert read({"registry": {"type": "net", "server": "redis://a"}}).registry == NetRegistrySettings(
        "net", Secret("redis://a")
    )


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("address", "ftp://a", 'expected an http URL, got "ftp://a"'),
        ("name", "", 'expected text, got ""'),
        ("secret", 5, "expected text, got a value that is not shown here"),
        ("verify", 1, "expected true or false, got 1"),
        ("redirects", -1, "expected a whole number >= 0, got -1"),
        ("workers", 1, "expected a whole number >= 2, got 1"),
        ("retry", 1.5, "expected seconds >= 0, got 1.5"),
        ("timeout", 0, "expected seconds > 0 and <= 3600, got 0"),
        ("pause", -1, "expected seconds >= 0, got -1"),
        ("size", "big", 'expected bytes, as a number or as "10GB" or "512MiB", got "big"'),
        ("style", "x", 'expected hex or url, got "x"'),
        ("hosts", "a", 'expected a list, got "a"'),
    ],
)
def test_a_mistake_is_told_in_our_words(key: str, value: Any, told: str) -> None:
    with pytest.raises(ValidationError) as error:
        read({key: value})
    assert first_mistake(error.value, {"address": "http://a", key: value}) == f"{key}: {told}"


def test_a_mistake_in_an_inner_object_names_its_place() -> None:
    data = {"address": "http://a", "registry": {"type": "file", "path": 1}, "inner": {"depth": "x"}}
    with pytest.raises(ValidationError) as error:
        read(data)
    assert first_mistake(error.value, data).startswith('inner.depth: expected a whole number >= 0, got "x"')
    data["inner"] = {}
    with pytest.raises(ValidationError) as error:
        read(data)
    assert first_mistake(error.value, data) == "registry.path: expected a path, got 1"
    data["registry"] = {"type": "disk"}
    with pytest.raises(ValidationError) as error:
        read(data)
    assert first_mistake(error.value, data) == 'registry: expected file or net as "type", got "disk"'
    data["registry"] = {}
    with pytest.raises(ValidationError) as error:
        read(data)
    assert first_mistake(error.value, data) == 'registry: expected a "type", got an object'


def test_what_the_settings_refuse_is_a_mistake() -> None:
    part = TOY.model_validate({"address": "http://a", "name": "x", "note": "x"})
    with pytest.raises(ValueError, match="name and note to differ"):
        to_settings(part, ToySettings)


def test_no_secret_is_dumped_or_shown() -> None:
    registry = {"type": "net", "server": CANARY}
    settings = read({"secret": CANARY, "headers": {"X-Key": CANARY}, "registry": registry})
    for shown in (repr(settings), str(dump(settings)), f"{settings}", str(settings.secret)):
        assert "canary" not in shown
    assert dump(settings)["secret"] == "**********"
    assert dump(settings)["inner"] == {"depth": 1}
