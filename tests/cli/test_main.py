"""The program as such: how it starts, what it needs, how it says that it was used wrongly."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import origin
from tests.support.commands import invoke
from tests.support.running import command

HEAVY = ("aiobotocore", "aiohttp", "diskcache", "prometheus_client", "_libvips", "starlette", "uvicorn")


def test_without_the_server_extra_the_program_says_what_to_install() -> None:
    code = "import sys; sys.modules['click'] = None; from origin.__main__ import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "origin: click is not installed; install the package with its extra: '.[server]'"
    ]


@pytest.mark.slow
def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "origin", "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == f"origin, version {origin.__version__}\n"


# After the command: what of `HEAVY` is there, and which objects of the file can be checked already.
SHOW_WHAT_IS_THERE = f"""
print(*set({HEAVY}) & set(sys.modules), file=sys.stderr)
if "schema" not in sys.argv and "origin.config.part" in sys.modules:
    from origin.config.part import part_types
    print(*(part for part in part_types() if part.__pydantic_complete__), file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["schema"], ["sign", "url", "--prefix", "p", "p/cat.jpg"]])
def test_what_serves_pictures_is_loaded_only_by_the_commands_that_need_it(arguments: list[str]) -> None:
    code = "import sys; from origin.cli.main import main; main(standalone_mode=False)" + SHOW_WHAT_IS_THERE
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**os.environ, "ORIGIN_SIGNING_KEYS": "k" * 32},
    )
    assert ended.stdout
    assert ended.stderr.split() == []


@pytest.mark.slow
def test_wrong_use_is_exit_2() -> None:
    done = command("no-such-command")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ")


@pytest.mark.parametrize("arguments", [["serve", "--no-such-option"], ["demo", "--port", "x"]])
def test_wrong_options_are_exit_2(arguments: list[str]) -> None:
    done = invoke(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ")


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_behind_stdout_is_told_in_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "origin", "schema"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "origin: the output cannot be written: No space left on device\n"
