"""The units of systemd name commands, ports and system calls that the program needs."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

import json5

from tests.support.deployed import DEPLOY
from tests.support.deployed import ROOT
from tests.support.documents import page
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


def test_what_the_service_could_do_if_it_were_taken_over_is_little(tmp_path: Path) -> None:
    """systemd counts from 0 (nothing) to 10 (all); a unit without a line of hardening has 9.6."""
    program = need("systemd-analyze", "Debian: systemd")
    path = tmp_path / "image-origin.service"
    text = (DEPLOY / "systemd" / path.name).read_text()
    path.write_text(text.replace("/opt/image-origin/bin/origin", "/bin/true"))
    command = [program, "security", "--offline=yes", "--no-pager", "--threshold=20", str(path)]  # 2.0
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def test_the_page_puts_all_where_the_unit_looks_for_it() -> None:
    script = page("docs/operations.md").block("sh", "useradd")
    service = unit("image-origin.service")["Service"]
    program, *_, config = service["ExecStart"].split()
    assert f"python3 -m venv {Path(program).parents[1]}\n" in script
    assert f" {config}\n" in script
    assert f"> {service['EnvironmentFile'].removeprefix('-')})" in script
    assert f"useradd --system --no-create-home {service['User']}\n" in script
    cache = json5.loads((ROOT / "docs" / "examples" / "production.json").read_text())["cache"]["path"]
    assert Path(cache).is_relative_to(Path("/var/cache", service["CacheDirectory"]))


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
