"""`origin rebuild`: the files of what is stored already, in a folder and on S3."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.test_derive import size
from tests.ingest.test_put import picture
from tests.support.commands import invoke
from tests.support.commands import write_config
from tests.support.s3_servers import S3Server
from tests.support.uploads import pictures_in

TOTALS = re.compile(
    r"originals: rebuilt (\d+), up to date (\d+), failed (\d+); files removed (\d+); (\d+) bytes written\n"
)


def configuration(source: dict[str, Any], **presets: Any) -> dict[str, Any]:
    write = {"auth": "open", "derive": {"MI": "medium"}}
    handlers = [{"name": "up", "source": source, "write": write}, {"name": "read", "source": source}]
    return {"handlers": handlers, "presets": {"medium": {"w": 20}, **presets}, "renderers": 1}


def rebuild(config: str, *more: str) -> tuple[int, ...]:
    done = invoke("rebuild", "-c", config, "up", *more)
    match = TOTALS.search(done.stdout)
    assert match is not None, done.output
    assert done.exit_code == (1 if int(match[3]) else 0)
    return tuple(map(int, match.groups()[:4]))


@pytest.mark.slow
def test_what_is_stored_gets_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    (folder / "a").mkdir(parents=True)
    for name in ("a/1.png", "a/2.png", "3.png"):
        (folder / name).write_bytes(picture("red"))
    (folder / "3MI.png").write_bytes(picture("blue"))  # another system's
    (folder / "notes.txt").write_bytes(b"no picture")
    config = write_config(tmp_path, configuration({"type": "local", "root": str(folder)}))
    assert rebuild(config, "--prefix", "a/") == (2, 0, 0, 0)
    record = str(tmp_path / "record")
    assert rebuild(config, "--resume", record, "--jobs", "2") == (1, 2, 1, 0)
    assert pictures_in(folder) == {
        "a/1.png",
        "a/1MI.png",
        "a/2.png",
        "a/2MI.png",
        "3.png",
        "3MI.png",
        "notes.txt",
    }
    assert {size((folder / name).read_bytes()) for name in ("a/1MI.png", "a/2MI.png", "3MI.png")} == {
        (20, 15)
    }
    assert [json.loads(line).get("key") for line in Path(record).read_text().splitlines()][1:]

    (folder / "a" / "2MI.png").unlink()  # the record says that it has been made
    (folder / "a" / "1.png").unlink()
    assert rebuild(config, "--resume", record) == (0, 2, 1, 1)
    assert rebuild(config) == (1, 1, 1, 0)
    assert pictures_in(folder) == {"a/2.png", "a/2MI.png", "3.png", "3MI.png", "notes.txt"}

    write_config(tmp_path, configuration({"type": "local", "root": str(folder)}, medium={"w": 10}))
    done = invoke("rebuild", "-c", config, "up", "--resume", record)
    assert (done.exit_code, "is of a rebuild of" in done.stderr) == (2, True)
    parts = [rebuild(config, "--shard", f"{number}/3") for number in range(3)]
    assert [sum(part) for part in zip(*parts, strict=True)] == [2, 0, 1, 0]
    assert size((folder / "3MI.png").read_bytes()) == (10, 8)


@pytest.mark.slow
def test_a_bucket_gets_its_files_and_what_a_crash_left_half_goes(seaweed: S3Server, tmp_path: Path) -> None:
    name = f"rebuild-{uuid.uuid4().hex}"
    seaweed.client.create_bucket(Bucket=name)
    keys = {"access_key": seaweed.access_key, "secret_key": seaweed.secret_key, "region": "us-east-1"}
    config = write_config(
        tmp_path, configuration({"type": "s3", "bucket": name, "endpoint_url": seaweed.url, **keys})
    )
    for key in ("1.png", "2.png"):
        seaweed.client.put_object(Bucket=name, Key=key, Body=picture("red"))
    assert rebuild(config) == (2, 0, 0, 0)
    seaweed.client.delete_object(Bucket=name, Key="2.png")
    assert rebuild(config) == (0, 1, 0, 1)
    listing = seaweed.client.list_objects_v2(Bucket=name)["Contents"]
    assert {entry["Key"] for entry in listing} == {"1.png", "1MI.png"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("no",), "no: expected a handler with derive: up"),
        (("read",), "read: expected a handler with derive: up"),
        (("up", "--shard", "3/3"), "--shard: expected K/N"),
        (("up", "--shard", "-1/3"), "--shard: expected K/N"),
        (("up", "--shard", "1"), "--shard: expected K/N"),
    ],
)
def test_wrong_use_is_told(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    config = write_config(tmp_path, configuration({"type": "local", "root": str(tmp_path / "pictures")}))
    done = invoke("rebuild", "-c", config, *arguments)
    assert (done.exit_code, told in done.stderr) == (2, True)
