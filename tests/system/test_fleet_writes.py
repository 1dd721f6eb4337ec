"""Two origins that write to one store: whoever writes a picture keeps the other from coming between.

The store knows no conditions of writes, so that nothing but the lock in Redis keeps a write from being lost.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from benchmarks.ports import closed_port
from tests.support import pictures
from tests.support.old_s3 import OldS3
from tests.support.old_s3 import old_s3
from tests.support.origin_process import Process
from tests.support.redis_servers import RedisServer
from tests.support.redis_servers import redis_server
from tests.support.running import wait_until
from tests.support.s3_servers import S3Server
from tests.support.uploads import BEARER
from tests.support.uploads import TOKEN
from tests.support.uploads import Answered
from tests.support.uploads import send

pytestmark = pytest.mark.slow
ONE, OTHER = pictures.encoded(pictures.field(40, 30), "PNG"), pictures.encoded(pictures.field(30, 40), "PNG")


class Writers:
    """Two origins, the store and the Redis that they share."""

    def __init__(self, store: OldS3, bucket: str, redis: RedisServer, origins: dict[str, Process]) -> None:
        self.store = store
        self.bucket = bucket
        self.redis = redis
        self._origins = origins
        self._threads = ThreadPoolExecutor(4)

    def close(self) -> None:
        self.store.release()
        self._threads.shutdown()

    def hold(self, path: str) -> None:
        """Let the writes of a key wait on their way to the store."""
        self.store.hold(f"/{self.bucket}/{path}")

    def ask(self, name: str, method: str, target: str, body: bytes = b"", **headers: str) -> Answered:
        fields = {field.replace("_", "-"): value for field, value in headers.items()}
        return send(self._origins[name].port, method, target, body, {**BEARER, **fields})

    def begin(
        self, name: str, method: str, target: str, body: bytes = b"", **headers: str
    ) -> Future[Answered]:
        return self._threads.submit(lambda: self.ask(name, method, target, body, **headers))

    def begin_act(self, *arguments: str) -> Future[Answered]:
        return self._threads.submit(self.act, *arguments)

    def act(self, name: str, action: str, key: str) -> Answered:
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        return self.ask(name, "POST", f"/staged/-/{action}", f"key={key}".encode(), **form)

    def number(self, name: str, metric: str) -> float:
        text = self._origins[name].get("/-/metrics").body.decode()
        (value,) = re.findall(rf"^{metric} (\S+)$", text, re.MULTILINE)
        return float(value)

    def until_held(self) -> None:
        wait_until(lambda: bool(self.store.held), "the first write is on its way to the store")

    def until_second_waits(self, second: Future[Answered], waits: float) -> None:
        """It waits for the lock, or is through where nothing has kept it."""
        wait_until(
            lambda: (
                second.done()
                or len(self.store.held) > 1
                or self.number("b", "origin_lock_waits_total") > waits
            ),
            "the second write waits for the first",
        )


def config(port: int, folder: Any, store: OldS3, bucket: str, redis: RedisServer, keys: Any) -> Any:
    source = {"type": "s3", "bucket": bucket, "endpoint_url": store.url, "region": "us-east-1", **keys}
    write: dict[str, Any] = {
        "auth": {"bearer": TOKEN},
        "methods": ["POST", "PUT", "DELETE"],
        "name": "{stem}",
    }
    common = {"cache_time": 1, "error_status": "exact"}
    return {
        "http_host": "127.0.0.1",
        "http_port": port,
        "drain": 0,
        "renderers": 1,
        "cache": {"path": str(folder / "cache")},
        "handlers": [
            {"name": "up", "source": {**source, "folder": "up"}, "write": write, **common},
            {
                "name": "staged",
                "source": {**source, "folder": "active"},
                "write": {**write, "stage": {"source": {**source, "folder": "waiting"}}},
                **common,
            },
        ],
        "shared": {"results": {**source, "folder": "results"}, "url": redis.url},
    }


@pytest.fixture(scope="module")
def writers(moto_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writers]:
    folder, bucket = tmp_path_factory.mktemp("writers"), f"writers-{uuid.uuid4().hex}"
    moto_server.client.create_bucket(Bucket=bucket)
    keys = {"access_key": moto_server.access_key, "secret_key": moto_server.secret_key}
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        store = stack.enter_context(old_s3(moto_server.url))
        origins = {}
        for name in "ab":
            (folder / name).mkdir()
            own = config(closed_port(), folder / name, store, bucket, redis, keys)
            origins[name] = Process(folder / name, own)
            stack.callback(origins[name].kill)
        for origin in origins.values():
            origin.started()
        made = Writers(store, bucket, redis, origins)
        stack.callback(made.close)
        yield made


def test_of_two_writes_of_one_version_the_second_is_refused(writers: Writers) -> None:
    version = writers.ask("a", "PUT", "/up/one.png", ONE).headers["ETag"]
    waits = writers.number("b", "origin_lock_waits_total")
    writers.hold("up/one.png")
    first = writers.begin("a", "PUT", "/up/one.png", OTHER, If_Match=version)
    writers.until_held()
    second = writers.begin("b", "PUT", "/up/one.png", ONE, If_Match=version)
    writers.until_second_waits(second, waits)
    removing = writers.begin("b", "DELETE", "/up/one.png", If_Match=version)
    writers.store.release()
    assert [each.result(60).status for each in (first, second, removing)] == [200, 412, 412]
    for name in "ab":
        assert writers.ask(name, "GET", "/up/one.png?f=json").json["width"] == 30


def test_a_picture_that_is_deleted_is_not_published_behind_it(writers: Writers) -> None:
    assert writers.ask("a", "PUT", "/staged/two.png", ONE).status in (200, 201)
    waits = writers.number("b", "origin_lock_waits_total")
    writers.hold("active/two.png")
    publishing = writers.begin_act("a", "publish", "two.png")
    writers.until_held()
    deleting = writers.begin_act("b", "delete", "two.png")
    writers.until_second_waits(deleting, waits)
    writers.store.release()
    assert [publishing.result(60).status, deleting.result(60).status] == [200, 200]
    for name in "ab":
        assert writers.ask(name, "GET", "/staged/two.png").status == 404


def test_without_redis_everything_goes_on(writers: Writers) -> None:
    """Emptied while somebody writes, then hanging, then stopped."""
    writers.hold("up/four.png")
    first = writers.begin("a", "PUT", "/up/four.png", ONE)
    writers.until_held()
    writers.redis.command("FLUSHALL")
    assert writers.ask("b", "PUT", "/up/five.png", ONE).status == 201
    writers.store.release()
    assert first.result(60).status == 201
    alone = writers.number("b", "origin_lock_alone_total")
    writers.redis.pause()
    assert writers.ask("b", "PUT", "/up/four.png", OTHER).status == 200
    writers.redis.stop()
    assert writers.ask("b", "PUT", "/up/six.png", OTHER).status == 201
    assert writers.act("b", "delete", "six.png").status == 200
    assert writers.number("b", "origin_lock_alone_total") >= alone + 3
    writers.redis.start()
    wait_until(lambda: writers.number("b", "origin_valkey_up") == 1, "Redis is used again")
    taken = writers.number("b", "origin_locks_total")
    assert writers.ask("b", "DELETE", "/up/four.png").status == 204
    assert writers.number("b", "origin_locks_total") == taken + 1
