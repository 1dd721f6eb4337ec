"""The units of systemd name commands, ports and system calls that the program needs."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

import json5

from tests.support.deployed import DEPLOY
from tests.support.deployed import ROOT
from tests.support.proxies import need


def unit(name: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None, comment_prefixes="#", strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string((DEPLOY / "systemd" / name).read_text())
    return parsed


def test_systemd_takes_both_units(tmp_path: Path) -> None:
    program = need("systemd-analyze", "Debian: systemd")
    for name in ("image-origin.service", "image-origin.socket"):
        text = (DEPLOY / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/image-origin/bin/origin", "/bin/true"))
    files = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run([program, "verify", *files], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_filter_of_the_unit_lets_the_sandbox_lock_itself_in() -> None:
    """@system-service has neither seccomp nor Landlock in it."""
    allowed = unit("image-origin.service")["Service"]["SystemCallFilter"].split()
    landlock = {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"}
    assert {"@system-service", "seccomp", *landlock} <= set(allowed)


def test_the_ports_of_the_socket_are_those_of_the_pages_configuration() -> None:
    config = json5.loads((ROOT / "docs" / "examples" / "production.json").read_text())
    ports = re.findall(
        r"^ListenStream=.*:(\d+)$", (DEPLOY / "systemd" / "image-origin.socket").read_text(), re.M
    )
    assert list(map(int, ports)) == [config["http_port"], config["admin"]["port"]]
