"""What an operator reads first: the lines that an origin logs once it listens."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from origin import __version__
from origin.app import create_app
from origin.server import run
from tests.support.origin_process import certificate
from tests.support.running import settings

HELLO = {"libvips": "8.18.7", "sandbox": {"landlock": False, "seccomp": True}}


def lines(caplog: pytest.LogCaptureFixture, config: dict[str, Any]) -> list[str]:
    """The lines of an origin whose renderers have started."""
    app = create_app(config)
    app.origin.pool._renderers.hello = HELLO
    caplog.set_level(logging.INFO, "origin.server.run")
    run._log_start(run._server(app, "http_port"))
    return [record.getMessage() for record in caplog.records if record.name == "origin.server.run"]


def test_the_first_lines_say_what_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = settings(tmp_path, tmp_path / "cache", prefix="img/photos")
    config["cache"] |= {"max_size": "2MB", "memory": 1000}
    first, cache, renderers, address = lines(caplog, {**config, "renderers": 3, "http_port": 8103})
    assert first == f"origin {__version__}: handlers h at /img/photos/"
    assert cache == f"cache in {tmp_path}/cache: 2000000 bytes on disk, 1000 in memory"
    assert renderers == "3 renderers, libvips 8.18.7: landlock OFF, seccomp on"
    assert address == "listening on http://0.0.0.0:8103"


def test_a_handler_at_the_root_is_told_as_such(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = settings(tmp_path, tmp_path / "cache", prefix="", dialect="imgix")
    assert lines(caplog, config)[0].endswith(": handlers h at /")


def test_an_address_of_ipv6_has_its_brackets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """RFC 3986 section 3.2.2."""
    cert, key = certificate(tmp_path)
    config = settings(tmp_path, tmp_path / "cache") | {
        "http_host": "::",
        "http_port": 8103,
        "https_enabled": True,
        "https_port": 8104,
        "https_cert": cert,
        "https_key": key,
        "admin": {"host": "::1", "port": 8105},
    }
    assert lines(caplog, config)[-3:] == [
        "listening on http://[::]:8103",
        "listening on https://[::]:8104",
        "listening on http://[::1]:8105",
    ]
