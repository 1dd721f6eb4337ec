"""`origin convert` prints a configuration, and tells on stderr what differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from origin.config.load import build_config
from tests.support.commands import invoke


def test_the_printed_configuration_can_be_served() -> None:
    done = invoke("convert", "linuxfr", "-a", "127.0.0.1:8001", "-r", "localhost:6379/3")
    assert done.exit_code == 0
    config = build_config(json.loads(done.stdout))
    assert [handler.prefix for handler in config.handlers] == ["img", "avatars"]
    assert config.http_port == 8001
    assert all(line.startswith("note: ") for line in done.stderr.splitlines())


def test_the_environment_and_the_settings_of_v2ex_are_read(tmp_path: Path) -> None:
    settings = tmp_path / "config.py"
    settings.write_text('uid = "w1"\nregion = "tokyo"\n')
    done = invoke("convert", "v2ex", str(settings), "-b", "127.0.0.1:8001", REGION="osaka", UID="")
    assert done.exit_code == 0, done.stderr
    config = build_config(json.loads(done.stdout))
    assert config.http_port == 8001
    assert config.answers["GET /hello"].json_["region"] == "osaka"
    assert config.answers["GET /hello"].json_["uid"] == "w1"
    assert all(line.startswith("note: ") for line in done.stderr.splitlines())
    missing = invoke("convert", "v2ex", str(tmp_path / "other.py"))
    assert (missing.exit_code, missing.stdout) == (2, "")


def test_what_cannot_be_kept_ends_with_a_line() -> None:
    done = invoke("convert", "linuxfr", "-c")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("origin: -c only looked at the registry")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("-e", "default.svg"), "on_error.redirect"),  # the old program sent it as it stands
        (("-u", "\u00e9"), "ASCII"),
        (("-u", ""), "user_agent"),
        (("-r", "localhost:99999/0"), "redis://host:6379/0"),
    ],
)
def test_nothing_is_printed_that_would_not_start(flags: tuple[str, ...], told: str) -> None:
    done = invoke("convert", "linuxfr", *flags)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
