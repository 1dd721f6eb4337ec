"""The settings of v2ex/remote, and that its clients find what they knew on the printed configuration."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from origin.config.load import build_config
from origin.convert.conversion import CannotConvert
from origin.convert.v2ex import convert
from tests.support import pictures
from tests.support.posting import uploaded
from tests.support.running import Running


def converted(
    *arguments: str, settings: str = "", environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return convert(arguments, settings, environment or {}).config


def test_without_settings_it_listens_where_it_did() -> None:
    config = converted()
    assert (config["http_host"], config["http_port"]) == ("0.0.0.0", 5000)
    assert "renderers" not in config
    assert "log" not in config


@pytest.mark.parametrize(
    ("arguments", "address", "renderers"),
    [
        (("-b", "127.0.0.1:5001", "-w", "4", "app:app"), ("127.0.0.1", 5001), 4),
        (("--bind=[::1]:80", "--workers=2", "remote.app:create_app()"), ("::1", 80), 2),
        (("-b", ":81"), ("0.0.0.0", 81), None),
        (("-b", "10.0.0.1"), ("10.0.0.1", 8000), None),
    ],
)
def test_what_gunicorn_was_told_is_kept(
    arguments: tuple[str, ...], address: tuple[str, int], renderers: int | None
) -> None:
    config = converted(*arguments)
    assert (config["http_host"], config["http_port"]) == address
    assert config.get("renderers") == renderers


def test_the_environment_counts_more_than_the_file() -> None:
    settings = 'uid: str = "a"\nclass Config:\n    REGION = "b"\n    COUNTRY = "c"\nother = 1 + 1\n'
    answers = converted(settings=settings, environment={"COUNTRY": "d"})["answers"]
    hello = answers["GET /hello"]["json"]
    assert (hello["uid"], hello["region"], hello["country"]) == ("a", "b", "d")


def test_the_level_of_the_log_is_kept() -> None:
    assert converted(environment={"LOG_LEVEL": "DEBUG"})["log"] == {"level": "debug"}
    assert converted(settings="LOG_LEVEL = 'CRITICAL'")["log"] == {"level": "error"}


@pytest.mark.parametrize(
    ("arguments", "settings", "environment", "told"),
    [
        (("-k", "gevent"), "", {}, "'-k'"),
        (("-b",), "", {}, "needs a value"),
        (("-b", "unix:/run/x.sock"), "", {}, "expected host:port"),
        (("-b", "a:99999"), "", {}, "expected host:port"),
        (("-w", "many"), "", {}, "expected a number"),
        ((), "uid = ", {}, "no Python file"),
        ((), "import os\nuid = os.environ['UID']", {}, "UID is computed"),
        ((), "", {"LOG_LEVEL": "LOUD"}, "expected debug, info"),
    ],
)
def test_what_cannot_be_kept_is_an_error(
    arguments: tuple[str, ...], settings: str, environment: dict[str, str], told: str
) -> None:
    with pytest.raises(CannotConvert, match=told):
        convert(arguments, settings, environment)


def test_what_differs_is_told() -> None:
    environment = {"IPIP_DB_PATH": "/x", "SENTRY_DSN": "https://secret@sentry.example"}
    notes = "\n".join(convert((), "", environment).notes)
    for word in ("upright", "status", "/dns/", "IPIP_DB_PATH", "SENTRY_DSN", "auth"):
        assert word in notes
    assert "secret" not in notes


@pytest.mark.slow
def test_its_clients_find_what_they_knew() -> None:
    config = converted(environment={"UID": "w1", "REGION": "tokyo", "COUNTRY": "jp"})
    with Running(build_config({**config, "renderers": 1})) as origin:
        assert json.loads(origin.get("/").body) == {}
        pong = json.loads(origin.get("/ping").body)
        assert (pong["status"], pong["message"], type(pong["uptime"])) == ("ok", "pong", int)
        hello = json.loads(origin.get("/hello").body)
        assert (hello["uid"], hello["region"], hello["country"]) == ("w1", "tokyo", "jp")
        for original in (pictures.land(), pictures.port(), pictures.wide(), pictures.tiff(), pictures.svg()):
            fitted = json.loads(uploaded(origin, "/images/fit/100", original).body)
            assert max(pictures.opened(base64.b64decode(fitted["output"])).size) == 100
            avatars = json.loads(uploaded(origin, "/images/resize_avatar", original).body)
            assert pictures.opened(base64.b64decode(avatars["avatar73"]["body"])).size == (73, 73)
        prepared = json.loads(uploaded(origin, "/images/prepare_jpeg", pictures.land()).body)
        assert pictures.opened(base64.b64decode(prepared["output"])).size == (1000, 600)
        assert json.loads(uploaded(origin, "/images/info", pictures.avif()).body)["frames"] == 1
        assert json.loads(origin.get("/images/fit/100").body)["status"] == "ok"
        assert uploaded(origin, "/images/nothing", pictures.land()).status == 404
