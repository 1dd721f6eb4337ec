"""`origin check` tells what works and what does not, part by part."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support import pictures
from tests.support import s3_servers
from tests.support.commands import write_config
from tests.support.running import command
from tests.support.running import settings

SECRET = "canary-0123456789abcdefghijklmnopqrstuvw"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "originals"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(pictures.small())
    return folder


def s3(server: s3_servers.S3Server, name: str, **more: Any) -> dict[str, Any]:
    source = {"type": "s3", "bucket": name, "endpoint_url": server.url}
    return {"name": name, "source": source | {"access_key": SECRET, "secret_key": SECRET} | more}


def test_check_tells_of_each_handler_and_exits_0_when_all_work(
    tmp_path: Path, root: Path, moto_server: s3_servers.S3Server
) -> None:
    bucket = f"bucket-{uuid.uuid4().hex}"
    moto_server.client.create_bucket(Bucket=bucket)
    config = settings(root, tmp_path / "cache")
    config["handlers"].append(s3(moto_server, bucket))

    done = command("check", "-c", write_config(tmp_path, config))

    assert (done.returncode, done.stderr) == (0, "")
    first, second, third = done.stdout.splitlines()
    assert first == "handler h at /h/: ok"
    assert second == f"handler {bucket} at /{bucket}/: ok"
    assert third.startswith("renderer: ok, libvips 8.")


def test_check_tells_what_does_not_work_and_exits_1(
    tmp_path: Path, root: Path, moto_server: s3_servers.S3Server
) -> None:
    (tmp_path / "error.jpg").write_text("not a picture")
    config = settings(root, tmp_path / "cache", error_image="error.jpg")
    gone = {"name": "gone", "source": {"type": "local", "root": str(tmp_path / "no-such-folder")}}
    nobody = {"endpoint_url": f"http://127.0.0.1:{s3_servers.closed_port()}"}
    config["handlers"] += [gone, s3(moto_server, "no-such-bucket"), s3(moto_server, "no-server", **nobody)]

    done = command("check", "-c", write_config(tmp_path, config))

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line for line in lines if "FAILED" not in line] == [lines[0], lines[-1]]
    assert re.fullmatch(r"handler h: error_image \S+error\.jpg: FAILED: it is not a picture", lines[1])
    assert "no-such-folder" in lines[2]
    assert "there is no such bucket" in lines[3]
    assert "no-server" in lines[4]
    assert SECRET not in done.stdout + done.stderr
