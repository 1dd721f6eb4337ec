"""What a process has had of the cores, and whether it wants more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from origin.render.cpu_time import cpu_seconds
from origin.render.cpu_time import is_computing
from tests.support.running import wait_until

COMPUTES = "print(flush=True)\nwhile True: pass"


@pytest.fixture
def computing() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-ISc", COMPUTES], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_the_time_of_this_process_is_that_of_its_own_clock() -> None:
    before = time.process_time()
    told = cpu_seconds(os.getpid())
    assert before <= told <= time.process_time()


def test_the_time_of_another_process_goes_on_as_it_computes(computing: int) -> None:
    before = cpu_seconds(computing)
    assert before > 0
    wait_until(lambda: cpu_seconds(computing) > before, "it computes")


def test_who_wants_a_core_computes_and_who_is_stopped_does_not(computing: int) -> None:
    assert is_computing(computing)
    os.kill(computing, signal.SIGSTOP)
    wait_until(lambda: not is_computing(computing), "it is stopped")


def test_nothing_is_told_of_a_process_that_is_not_there() -> None:
    process = subprocess.Popen([sys.executable, "-ISc", ""])
    process.wait()
    assert cpu_seconds(process.pid) == 0
    assert not is_computing(process.pid)
