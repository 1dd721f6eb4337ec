"""Drives one server with wrk, or with our own client where wrk is absent or would take too long, and checks
what comes back."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import client
from benchmarks import machine
from benchmarks.rounds import Drive
from benchmarks.servers import Server

_SCRIPT = Path(__file__).parent / "wrk.lua"
_PATIENCE = 60.0  # seconds beyond a run
_SHORTEST = 1.0  # seconds that wrk, which counts whole ones, can run


@dataclass(frozen=True)
class Targets:
    """What to ask for: one target, or any of the first `count` of the template, where "%o" and "%v" are a
    number without its last digit, and that digit."""

    template: str
    count: int = 0
    type: str = ""  # Content-Type that each answer is held against, with its length; empty: status only
    headers: tuple[str, ...] = ()  # "Name: value"

    def endless(self) -> Iterator[str]:
        while not self.count:
            yield self.template
        while True:
            number = random.randrange(self.count)
            yield self.template.replace("%o", str(number // 10)).replace("%v", str(number % 10))


def drive(server: Server, targets: Targets, connections: int, seconds: float) -> Drive:
    """Ask for `seconds` on so many connections."""
    if seconds < _SHORTEST or shutil.which("wrk") is None:
        return _with_client(server.port, targets, connections, seconds)
    url = f"http://{server.host}:{server.port}{targets.template}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{round(seconds)}s", "--timeout", "30s"]
    command += [part for header in targets.headers for part in ("-H", header)]
    command += ["-s", str(_SCRIPT), url, "--"]
    command += [str(targets.count), targets.type or "-"]
    ended = subprocess.run(
        machine.pinned(command, machine.cores(1, last=True)),
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + _PATIENCE,
    )
    line = next(line for line in ended.stdout.splitlines() if line.startswith("RESULT "))
    return _read(json.loads(line.removeprefix("RESULT ")))


def _read(found: dict[str, Any]) -> Drive:
    requests = found["requests"]
    size = found["received"] // requests if requests else 0
    return Drive(requests, found["seconds"], found["p50"], found["p99"], found["errors"], size)


def _with_client(port: int, targets: Targets, connections: int, seconds: float) -> Drive:
    def right(target: str, reply: client.Reply) -> bool:
        if targets.type:
            return reply.status == 200 and reply.headers.get("content-type") == targets.type
        return reply.status in (200, 304)

    headers = "".join(f"{header}\r\n" for header in targets.headers)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        load = runner.run(client.closed_loop(port, targets.endless(), right, connections, seconds, headers))
    return summary(load)


def summary(load: client.Load) -> Drive:
    requests = len(load.latencies)
    size = load.received // requests if requests else 0
    percentiles = load.percentile(0.5), load.percentile(0.99)
    return Drive(requests, load.seconds, *percentiles, load.errors, size, load.rate)
