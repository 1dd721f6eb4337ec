"""Ports for servers of tests and of benchmarks: no two processes are given the same."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.ports import ABOVE
from benchmarks.ports import closed_port

GIVEN_BY_SYSTEM = Path("/proc/sys/net/ipv4/ip_local_port_range")
OTHER = "from benchmarks.ports import closed_port; print(*(closed_port() for _ in range(200)))"


@pytest.mark.slow
def test_another_process_has_other_ports() -> None:
    mine = {closed_port() for _ in range(200)}
    asked = subprocess.run([sys.executable, "-c", OTHER], capture_output=True, text=True, check=True)
    others = set(map(int, asked.stdout.split()))
    assert len(others) > 90
    assert not mine & others


def test_a_port_that_somebody_has_is_not_given() -> None:
    port = closed_port()
    with socket.create_server(("127.0.0.1", port)):
        assert port not in {closed_port() for _ in range(200)}


def test_nor_one_whose_port_above_somebody_has() -> None:
    port = closed_port()
    with socket.create_server(("127.0.0.1", port + ABOVE)):
        assert port not in {closed_port(above=True) for _ in range(200)}


@pytest.mark.skipif(not GIVEN_BY_SYSTEM.exists(), reason="Linux alone says which these are")
def test_the_system_gives_none_of_them_to_others() -> None:
    least = int(GIVEN_BY_SYSTEM.read_text().split()[0])
    assert max(closed_port() for _ in range(200)) + ABOVE < least
