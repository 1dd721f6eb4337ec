"""`origin copy`: between a folder and S3, judged by boto3 and by the file system."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support import pictures
from tests.support.commands import invoke
from tests.support.commands import write_config
from tests.support.running import PROGRAM
from tests.support.running import wait_until
from tests.support.s3_servers import S3Server

BODIES = {
    "a.jpg": pictures.small(),
    "2024/b.png": pictures.alpha(),
    "2024/Größe 🐈.gif": b"GIF89a, or nearly",
    "empty": b"",
}


class Places:
    """A folder with originals, an empty bucket, and a configuration that names both."""

    def __init__(self, folder: Path, server: S3Server) -> None:
        self.folder = folder / "originals"
        self.other = folder / "other"
        self.other.mkdir()
        for key, body in BODIES.items():
            path = self.folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        self.client = server.client
        self.bucket = f"bucket-{uuid.uuid4().hex}"
        self.client.create_bucket(Bucket=self.bucket)
        keys = {"access_key": server.access_key, "secret_key": server.secret_key}
        s3 = {"type": "s3", "bucket": self.bucket, "folder": "pictures", "endpoint_url": server.url, **keys}
        sources = {"s3": s3, "old": {"type": "local", "root": str(self.folder)}}
        handlers = [{"name": "photos", "source": "old"}]
        self.config = write_config(folder, {"handlers": handlers, "sources": sources})
        self.manifest = folder / "manifest"

    def copy(self, source: str, target: str, *more: str) -> Any:
        return invoke("copy", "-c", self.config, source, target, "--manifest", str(self.manifest), *more)

    def stored(self) -> dict[str, bytes]:
        found = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", ())
        return {
            one["Key"]: self.client.get_object(Bucket=self.bucket, Key=one["Key"])["Body"].read()
            for one in found
        }


@pytest.fixture
def places(tmp_path: Path, moto_server: S3Server) -> Places:
    return Places(tmp_path, moto_server)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".origin" not in path.parts
    }


@pytest.mark.slow
def test_a_folder_becomes_a_bucket_and_a_bucket_a_folder(places: Places) -> None:
    done = places.copy("old", "s3", "--cache-control", "public, max-age=3600", "--acl", "public-read")
    assert done.exit_code == 0, done.stderr
    size = sum(map(len, BODIES.values()))
    assert done.stdout == f"copied 4, there already 0, failed 0; {size} bytes\n"
    assert places.stored() == {f"pictures/{key}": body for key, body in BODIES.items()}
    head = places.client.head_object(Bucket=places.bucket, Key="pictures/a.jpg")
    assert (head["ContentType"], head["CacheControl"]) == ("image/jpeg", "public, max-age=3600")
    assert files(places.folder) == BODIES  # nothing was removed
    places.manifest.unlink()
    assert places.copy("s3", str(places.other)).exit_code == 0
    assert files(places.other) == BODIES


def test_the_manifest_holds_digests_that_others_can_check(places: Places) -> None:
    places.copy("photos", "s3")
    first, *lines = map(json.loads, places.manifest.read_text().splitlines())
    assert first == {"from": f"{places.folder}/", "to": f"s3://{places.bucket}/pictures/"}
    assert {line["key"]: line["sha256"] for line in lines} == {
        key: hashlib.sha256(body).hexdigest() for key, body in BODIES.items()
    }
    assert all(line["size"] == len(BODIES[line["key"]]) for line in lines)


def test_the_same_manifest_goes_on_where_it_ended(places: Places) -> None:
    places.copy("old", "s3", "--prefix", "2024/")
    with places.manifest.open("a") as file:
        file.write('{"key":"a.jpg","et')  # cut by a crash
    places.client.delete_object(Bucket=places.bucket, Key="pictures/2024/b.png")
    done = places.copy("old", "s3", "--jobs", "1")
    assert done.stdout.startswith("copied 2, there already 2, failed 0")
    assert "pictures/2024/b.png" not in places.stored()  # by the manifest it is there
    assert len(places.manifest.read_text().splitlines()) == 5


@pytest.mark.slow
def test_a_changed_original_is_copied_again_where_it_may_replace(places: Places) -> None:
    places.copy("old", "s3")
    (places.folder / "a.jpg").write_bytes(b"new")
    done = places.copy("old", "s3")
    assert (done.exit_code, done.stdout) == (1, "copied 0, there already 3, failed 1; 0 bytes\n")
    assert "'a.jpg': the target has other bytes" in done.stderr
    assert places.stored()["pictures/a.jpg"] == BODIES["a.jpg"]
    done = places.copy("old", "s3", "--replace")
    assert (done.exit_code, done.stdout) == (0, "copied 1, there already 3, failed 0; 3 bytes\n")
    assert places.stored()["pictures/a.jpg"] == b"new"


def test_what_is_there_without_a_manifest_is_compared(places: Places) -> None:
    places.client.put_object(Bucket=places.bucket, Key="pictures/a.jpg", Body=BODIES["a.jpg"])
    done = places.copy("old", "s3")
    assert done.stdout.startswith("copied 3, there already 1, failed 0")


def test_metadata_come_along(places: Places) -> None:
    places.client.put_object(
        Bucket=places.bucket, Key="pictures/a.jpg", Body=b"x", Metadata={"crop": "1,2,3,4"}
    )
    other = f"{places.bucket}-2"
    places.client.create_bucket(Bucket=other)
    data = json.loads(Path(places.config).read_text())
    data["sources"]["second"] = {**data["sources"]["s3"], "bucket": other}
    Path(places.config).write_text(json.dumps(data))
    assert places.copy("s3", "second").exit_code == 0
    head = places.client.head_object(Bucket=other, Key="pictures/a.jpg")
    assert head["Metadata"] == {"crop": "1,2,3,4"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere", "s3"), "nowhere: expected s3://BUCKET/FOLDER, a folder"),
        (("old", "photos"), "FROM and TO are one place"),
        (("s3://b/../c", "old"), "a folder without . and .. segments"),
    ],
)
def test_wrong_use_is_told(places: Places, arguments: tuple[str, str], told: str) -> None:
    done = places.copy(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr


def test_a_manifest_is_of_one_copy(places: Places) -> None:
    places.copy("old", "s3")
    done = places.copy("old", str(places.other))
    assert done.exit_code == 2
    assert "is of a copy from" in done.stderr
    places.manifest.write_text("no manifest\n")
    done = places.copy("old", "s3")
    assert done.exit_code == 2
    assert "line 1 is none of a manifest" in done.stderr
    assert places.manifest.read_text() == "no manifest\n"


def test_two_copies_do_not_share_a_manifest(places: Places) -> None:
    with places.manifest.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = places.copy("old", "s3")
    assert done.exit_code == 2
    assert "another copy uses it" in done.stderr


def test_a_store_that_is_not_there_ends_it(places: Places, tmp_path: Path) -> None:
    done = places.copy("old", str(tmp_path / "missing"))
    assert done.exit_code == 1
    assert "check that root is a folder" in done.stderr
    assert "takes the copy up again" in done.stderr


def kill_after(command: list[str], target: Path, count: int) -> None:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: process.poll() is not None or len(files(target)) > count, "some are copied")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_a_copy_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    source, target, manifest = tmp_path / "from", tmp_path / "to", tmp_path / "manifest"
    source.mkdir()
    target.mkdir()
    bodies = {f"{number}.bin": os.urandom(2000) for number in range(600)}
    for name, body in bodies.items():
        (source / name).write_bytes(body)
    command = [*PROGRAM, "copy", str(source), str(target), "--manifest", str(manifest)]
    for count in (100, 200, 300):
        kill_after(command, target, count)
        assert all(bodies[name] == body for name, body in files(target).items())
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "failed 0" in done.stdout
    assert files(target) == bodies
    keys = [json.loads(line)["key"] for line in manifest.read_text().splitlines()[1:]]
    assert sorted(keys) == sorted(bodies)
