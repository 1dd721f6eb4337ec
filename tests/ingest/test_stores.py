"""Uploads into real stores: what lies there, and what is served. Of crashes: system/test_kills.py."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.test_put import BLUE
from tests.ingest.test_put import RED
from tests.ingest.test_put import colour_of
from tests.support.running import Running
from tests.support.s3_servers import S3Server
from tests.support.uploads import BEARER
from tests.support.uploads import TOKEN
from tests.support.uploads import send


@dataclass(frozen=True)
class Bucket:
    server: S3Server
    name: str

    @property
    def source(self) -> dict[str, Any]:
        keys = {"access_key": self.server.access_key, "secret_key": self.server.secret_key}
        place = {"bucket": self.name, "endpoint_url": self.server.url, "region": "us-east-1"}
        return {"type": "s3", "folder": "originals", **place, **keys}

    def keys(self) -> set[str]:
        listing = self.server.client.list_objects_v2(Bucket=self.name)
        return {entry["Key"] for entry in listing.get("Contents", ())}

    def head(self, key: str) -> Any:
        return self.server.client.head_object(Bucket=self.name, Key=key)


@pytest.fixture(scope="module", params=["moto_server", pytest.param("seaweed", marks=pytest.mark.slow)])
def _bucket(request: pytest.FixtureRequest) -> Bucket:
    server = request.getfixturevalue(request.param)
    name = f"uploads-{uuid.uuid4().hex}"
    server.client.create_bucket(Bucket=name)
    return Bucket(server, name)


@pytest.fixture
def bucket(_bucket: Bucket) -> Bucket:
    """One for all tests, which is empty when a test begins."""
    for key in _bucket.keys():  # noqa: SIM118 - no mapping
        _bucket.server.client.delete_object(Bucket=_bucket.name, Key=key)
    return _bucket


@pytest.fixture(scope="module")
def _origin(_bucket: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    write = {
        "auth": {"bearer": TOKEN},
        "methods": ["POST", "PUT", "DELETE"],
        "object": {"cache_control": "public, max-age=60", "acl": "public-read", "metadata": {"from": "app"}},
    }
    handlers = [
        {"name": "up", "source": _bucket.source, "write": write, "error_status": "exact"},
        {"name": "all", "source": {**_bucket.source, "folder": ""}},
    ]
    cache = tmp_path_factory.mktemp("cache")
    with Running({"handlers": handlers, "cache": {"path": str(cache)}, "renderers": 1}) as it:
        yield it


@pytest.fixture
def origin(_origin: Running, bucket: Bucket) -> Running:
    return _origin


@pytest.mark.slow
def test_an_object_has_its_bytes_and_what_stands_beside_them(origin: Running, bucket: Bucket) -> None:
    answer = send(origin.port, "POST", "/up", RED, BEARER)
    assert answer.status == 201
    key = f"originals/{answer.json['key']}"
    assert bucket.keys() == {key}
    head = bucket.head(key)
    assert (head["ContentType"], head["CacheControl"]) == ("image/png", "public, max-age=60")
    assert head["Metadata"] == {"from": "app"}
    assert head["ETag"] == answer.headers["ETag"] == origin.get(f"/up/{answer.json['key']}").headers["ETag"]


@pytest.mark.slow
def test_a_replaced_object_is_never_served_old(origin: Running, bucket: Bucket) -> None:
    reads = ("/up/a/b.png?w=20", "/all/originals/a/b.png?w=20", "/up/a/b.png")
    assert [origin.get(read).status for read in reads] == [404, 404, 404]
    for colour, body in [((255, 0, 0), RED), ((0, 0, 255), BLUE)] * 2:
        assert send(origin.port, "PUT", "/up/a/b.png", body, BEARER).status in (200, 201)
        assert [colour_of(origin.get(read).body) for read in reads] == [colour] * 3
    assert send(origin.port, "DELETE", "/up/a/b.png", b"", BEARER).status == 204
    assert [origin.get(read).status for read in reads] == [404, 404, 404]
    assert bucket.keys() == set()


@pytest.mark.slow
def test_conditions_hold_on_the_store(origin: Running) -> None:
    first = send(origin.port, "PUT", "/up/c.png", RED, {**BEARER, "If-None-Match": "*"})
    again = send(origin.port, "PUT", "/up/c.png", BLUE, {**BEARER, "If-None-Match": "*"})
    other = send(origin.port, "PUT", "/up/c.png", BLUE, {**BEARER, "If-Match": '"x"'})
    right = send(origin.port, "PUT", "/up/c.png", BLUE, {**BEARER, "If-Match": first.headers["ETag"]})
    assert [answer.status for answer in (first, again, other, right)] == [201, 412, 412, 200]


@pytest.mark.slow
def test_what_is_refused_makes_no_object(origin: Running, bucket: Bucket) -> None:
    for body in (b"", b"no picture", RED[:60]):
        assert send(origin.port, "POST", "/up", body, BEARER).status in (400, 415)
    assert bucket.keys() == set()


@pytest.mark.slow
def test_a_store_that_is_away_is_503(tmp_path: Path) -> None:
    source = {"type": "s3", "bucket": "b", "endpoint_url": "http://127.0.0.1:9", "access_key": "a"}
    source |= {"secret_key": "s", "region": "us-east-1"}
    write = {"auth": {"bearer": TOKEN}, "methods": ["POST", "PUT", "DELETE"]}
    config = {"handlers": [{"name": "up", "source": source, "write": write}], "renderers": 1}
    with Running({**config, "cache": {"path": str(tmp_path)}, "limits": {"source_timeout": 2}}) as origin:
        for method, target in (("POST", "/up"), ("PUT", "/up/a.png"), ("DELETE", "/up/a.png")):
            answer = send(origin.port, method, target, RED, BEARER)
            assert (answer.status, answer.kind) == (503, "source-unavailable")
            assert answer.headers["Retry-After"]
            assert "127.0.0.1" not in answer.body.decode()
