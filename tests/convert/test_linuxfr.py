"""The flags of img-LinuxFr.org, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from origin.convert.conversion import CannotConvert
from origin.convert.flags import read_flags
from origin.convert.linuxfr import convert


def converted(*flags: str) -> dict[str, Any]:
    return convert(flags).config


def test_without_flags_the_defaults_are_those_of_the_old_program() -> None:
    config = converted()
    images, avatars = config["handlers"]
    assert (config["http_host"], config["http_port"]) == ("127.0.0.1", 8000)
    assert config["cache"] == {"path": "cache/image-origin"}
    assert images["source"] == avatars["source"]
    assert images["source"]["registry"] == {"type": "redis", "url": "redis://localhost:6379/0"}
    assert images["source"]["user_agent"] == "img_LinuxFr.org/1.0"
    assert images["limits"] == {"max_original_bytes": 5_242_880}
    assert avatars["on_error"] == {"redirect": "//nginx/default-avatar.svg"}
    assert (images["cache_time"], images["max_age"]) == (3600, 3600)


def test_every_flag_is_kept() -> None:
    config = converted(
        *(
            "-a",
            "[::1]:81",
            "-r=[::1]:6380/2",
            "--d",
            "/var/cache/img",
            "-u",
            "Robot",
            "-e",
            "https://a.example/x.svg",
        )
    )
    images, avatars = config["handlers"]
    assert (config["http_host"], config["http_port"]) == ("::1", 81)
    assert config["cache"] == {"path": "/var/cache/img/image-origin"}
    assert images["source"]["registry"]["url"] == "redis://[::1]:6380/2"
    assert images["source"]["user_agent"] == "Robot"
    assert avatars["on_error"] == {"redirect": "https://a.example/x.svg"}


def test_a_switch_that_is_off_changes_nothing() -> None:
    assert convert(("-c=false",)) == convert(("-c=F",)) == convert(())


def test_an_address_without_a_host_is_every_address() -> None:
    assert converted("-a", ":8000")["http_host"] == "0.0.0.0"


def test_what_differs_is_told() -> None:
    notes = "\n".join(convert(("-l", "/var/log/img.log")).notes)
    for word in ("verify_tls", "allow_private", "2>> /var/log/img.log", "cache/image-origin", "Redis"):
        assert word in notes


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("-c",), "origin registry check"),
        (("-c=1",), "origin registry check"),
        (("-h",), "-a -l -r -d -u -e"),
        (("-x", "1"), "'-x' is not a flag"),
        (("cache",), "'cache' is not a flag"),
        (("-a",), "needs a value"),
        (("-a", "8000"), "expected host:port"),
        (("-a", "a:99999"), "expected host:port"),
        (("-r", "redis://a/0"), "expected host:port/db"),
        (("-d", "cache/"), "/ at the end"),
    ],
)
def test_what_cannot_be_kept_is_an_error(flags: tuple[str, ...], told: str) -> None:
    with pytest.raises(CannotConvert, match=told):
        convert(flags)


def test_flags_are_read_as_go_reads_them() -> None:
    read = read_flags(["-a=1", "--b", "2", "-c", "-d="], {"a": "", "b": "", "d": "x", "e": "e"}, {"c"})
    assert read == {"a": "1", "b": "2", "c": "true", "d": "", "e": "e"}
