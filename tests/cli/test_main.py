from __future__ import annotations

import subprocess
import sys

import origin


def test_without_the_server_extra_the_program_says_what_to_install() -> None:
    code = "import sys; sys.modules['click'] = None; from origin.__main__ import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "origin: click is not installed; install the package with its extra: '.[server]'"
    ]


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "origin", "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == f"origin, version {origin.__version__}\n"
