"""Three origins as processes, with the bucket and the Redis that they share."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.ports import closed_port
from tests.support.origin_process import Process
from tests.support.redis_servers import RedisServer
from tests.support.redis_servers import redis_server
from tests.support.running import wait_until
from tests.support.s3_servers import S3Server
from tests.support.s3_servers import seaweed
from tests.support.tcp_gate import TcpGate
from tests.support.tcp_gate import tcp_gate

TOKEN = "a-token-for-the-tests-of-fleets"
BUCKET = "results"
CLOCKS = {"b": -30.0, "c": 30.0}  # seconds by which they are ahead: a minute apart


class Fleet:
    """Origins by name, each with a cache folder of its own. `top` is of the configuration of all."""

    def __init__(self, folder: Path, store: S3Server, gate: TcpGate, redis: RedisServer, **top: Any) -> None:
        self.folder = folder
        self.store = store
        self.gate = gate
        self.redis = redis
        self.origins: dict[str, Process] = {}
        self._top = top
        self._ports: dict[str, int] = {}

    def start(self, *names: str) -> None:
        """Start origins of these names, or start them again over the same folder."""
        for name in names:
            self._ports.setdefault(name, closed_port())
            self.origins[name] = Process(self.folder / name, self._config(name), CLOCKS.get(name, 0.0))
        for name in names:
            self.origins[name].started()

    @property
    def ports(self) -> list[int]:
        """Of all that were ever started."""
        return list(self._ports.values())

    def _config(self, name: str) -> dict[str, Any]:
        results = {
            "type": "s3",
            "bucket": BUCKET,
            "endpoint_url": f"http://127.0.0.1:{self.gate.port}",
            "region": "us-east-1",
            "access_key": self.store.access_key,
            "secret_key": self.store.secret_key,
        }
        return {
            "http_host": "127.0.0.1",
            "http_port": self._ports[name],
            "drain": 0,
            "renderers": 1,
            "cache": {"path": str(self.folder / name / "cache")},
            "admin": {"token": TOKEN},
            "shared": {"results": results, "url": self.redis.url},
            **self._top,
        }

    def start_redis(self) -> None:
        """Start Redis again, and wait until every origin uses it."""
        self.redis.stop()
        self.redis.start()
        wait_until(self._uses_redis, "Redis is used again")

    def _uses_redis(self) -> bool:
        return all(self.number(name, "origin_valkey_up") == 1 for name in self.origins)

    def kill(self, name: str) -> None:
        self.origins.pop(name).kill()

    def stop(self) -> None:
        for origin in self.origins.values():
            origin.kill()

    def purge(self, name: str, handler: str = "h", **what: str) -> tuple[int, dict[str, Any]]:
        """Status and answer of an origin."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.origins[name].port}/-/purge",
            json.dumps({"handler": handler, **what}).encode(),
            {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def number(self, name: str, metric: str) -> float:
        (value,) = self.numbers(name, metric)
        return value

    def numbers(self, name: str, *metrics: str) -> list[float]:
        """Several of an origin, of the same moment."""
        text = self.origins[name].get("/-/metrics").body.decode()
        return [float(re.findall(rf"^{metric} (\S+)$", text, re.MULTILINE)[0]) for metric in metrics]

    def renders(self) -> float:
        """With a lease and without one, of all origins."""
        metrics = ("origin_leases_total", "origin_lease_alone_total")
        return sum(sum(self.numbers(name, *metrics)) for name in self.origins)


@contextmanager
def fleet(folder: Path, *names: str, **top: Any) -> Iterator[Fleet]:
    """A fleet of these origins; skips where a program is not installed. `top` is of the configuration."""
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        (folder / "store").mkdir(parents=True)
        store = stack.enter_context(seaweed(folder / "store"))
        store.client.create_bucket(Bucket=BUCKET)
        port = urlsplit(store.url).port
        assert port is not None
        gate = stack.enter_context(tcp_gate(port))
        made = Fleet(folder, store, gate, redis, **top)
        stack.callback(made.stop)
        made.start(*names)
        yield made
