"""A libvips that cannot render is refused in one line: what was found, where, and the command to run."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from origin.imaging import binding
from tests.support import libvips

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WHEEL = binding.WHEEL
COMMAND = shlex.join(
    [sys.executable, "-m", "pip", "install", "--force-reinstall", "--no-deps", binding.WHEEL]
)


def load(before: Path, library: str = "") -> str:
    """What a process says that loads libvips with this folder first on its path."""
    code = """
from origin.imaging.binding import WrongLibvips, load_libvips
try:
    print(load_libvips())
except WrongLibvips as exc:
    print(exc)
"""
    path = os.pathsep.join((str(before), str(ROOT)))
    environment = {"PYTHONPATH": path, "LD_LIBRARY_PATH": library}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.removesuffix("\n")


def test_the_libvips_of_the_wheel_is_the_right_one(tmp_path: Path) -> None:
    assert load(tmp_path) == libvips.WHEEL.version


def test_one_that_is_too_old_is_refused(tmp_path: Path) -> None:
    libvips.old_module(tmp_path)
    assert load(tmp_path) == (
        "libvips 8.18 in API mode is needed, found 8.14.1 in API mode "
        f"({tmp_path}/_libvips.py, {libvips.LIBRARY}). To mend it, run: {COMMAND}"
    )


def test_one_in_abi_mode_is_refused(tmp_path: Path) -> None:
    libvips.mismatched_module(tmp_path)
    (tmp_path / "libvips.so.42").symlink_to(str(libvips.LIBRARY))
    assert load(tmp_path, library=str(tmp_path)) == (
        f"libvips 8.18 in API mode is needed, found {libvips.WHEEL.version} in ABI mode "
        f"({tmp_path}/_libvips.py, {libvips.LIBRARY}). To mend it, run: {COMMAND}"
    )


def test_none_at_all_is_refused(tmp_path: Path) -> None:
    libvips.missing_module(tmp_path)
    (tmp_path / "libvips.so.42").write_bytes(b"")  # where libvips is installed, this stands before it
    text = load(tmp_path, library=str(tmp_path))
    assert text.startswith(
        "libvips 8.18 in API mode is needed, found none (cannot load library 'libvips.so.42': "
    )
    assert text.endswith(f"). To mend it, run: {COMMAND}")
    assert "\n" not in text


def test_where_pip_is_missing_the_command_is_that_of_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert shlex.join(binding._mend()) == (
        f"uv pip install --python {sys.executable} --reinstall --no-deps '{WHEEL}'"
    )


def test_the_command_asks_for_what_the_package_needs() -> None:
    assert WHEEL in PROJECT["optional-dependencies"]["server"]
    major, minor = binding.OLDEST
    assert f">={major}.{minor}." in WHEEL
