"""Behind the answer to a write nobody is served what was there before, while everybody reads all the time:
in a hurry at the moments where a write begins and where it is answered, and unhurried between them.

Every read is checked against the writes that were answered before it was asked, or begun before it was
answered: it has to show what one of these has left.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.test_put import colour_of
from tests.ingest.test_put import picture
from tests.support.running import Running
from tests.support.uploads import BEARER
from tests.support.uploads import send
from tests.support.uploads import writing

pytestmark = pytest.mark.slow
WRITES = 24
KEY = "a/raced.png"
READS = (
    f"/up/{KEY}",
    f"/up/{KEY}?w=20&f=png",
    f"/again/{KEY}?w=20&f=png",
    f"/whole/inner/{KEY}?w=30&f=png",
    "/named/a/racedMI.png",
)
HURRIED = 6  # reads of each target, one behind the other, from such a moment on
UNHURRIED = 0.02  # seconds between two later ones
GONE = -1  # what a read shows of a picture that is not there


def state(write: int) -> int:
    """What the key holds after that write: of every four the last one deletes."""
    return GONE if write % 4 == 3 else write


def make_place(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The source that is written to, and one that holds it."""
    if name == "folder":
        (tmp_path / "store/inner").mkdir(parents=True)
        (tmp_path / "link").symlink_to(tmp_path / "store")
        whole, inner = {"root": os.path.relpath(tmp_path / "link")}, {"root": str(tmp_path / "store/inner")}
        return {"type": "local", **inner}, {"type": "local", **whole}
    server, bucket_name = request.getfixturevalue(name), f"raced-{uuid.uuid4().hex}"
    server.client.create_bucket(Bucket=bucket_name)
    keys = {"access_key": server.access_key, "secret_key": server.secret_key, "region": "us-east-1"}
    bucket = {"type": "s3", "bucket": bucket_name, "endpoint_url": server.url, **keys}
    return {**bucket, "folder": "inner"}, bucket


@pytest.fixture(params=[("folder", "both tiers"), ("folder", "disk"), ("moto_server", "both tiers")])
def origin(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    store, tiers = request.param
    inner, whole = make_place(store, request, tmp_path)
    config = writing(tmp_path, tmp_path / "cache")
    (up,) = config["handlers"]
    up["source"] = inner
    again = {"name": "again", "source": inner, "cache_time": 1000, "error_max_age": 1000}
    named = {**again, "name": "named", "preset_names": {"MI": "medium"}}
    config["handlers"] += [again, named, {**again, "name": "whole", "source": whole}]
    config["presets"] = {"medium": {"w": 20, "f": "png"}}
    if tiers == "disk":
        config["cache"]["memory"] = 0
    with Running(config) as it:
        yield it


def test_no_reader_sees_what_was_replaced_before_it_asked(origin: Running) -> None:
    begun = answered = -1
    done = threading.Event()

    def write() -> None:
        nonlocal begun, answered
        for number in range(WRITES):
            begun = number
            if state(number) == GONE:
                status = send(origin.port, "DELETE", f"/up/{KEY}", b"", BEARER).status
            else:
                body = picture(f"#{8 * number:02x}8040")
                status = send(origin.port, "PUT", f"/up/{KEY}", body, BEARER).status
            assert status in (200, 201, 204)
            answered = number
        done.set()

    def read(target: str) -> list[tuple[int, int, int]]:
        """Of each read: the last write answered when it was asked, what it shows, the last write begun."""
        seen, moment, hurried = [], (begun, answered), 0
        while not done.is_set():
            hurried = hurried + 1 if moment == (begun, answered) else 0
            moment = (begun, answered)
            if hurried >= HURRIED:
                done.wait(UNHURRIED)
            before = answered
            answer = origin.get(target)
            assert answer.status in (200, 404)
            shown = colour_of(answer.body)[0] // 8 if answer.status == 200 else GONE
            seen.append((before, shown, begun))
        return seen

    with ThreadPoolExecutor(len(READS) + 1) as threads:
        readers = {target: threads.submit(read, target) for target in READS}
        threads.submit(write).add_done_callback(lambda _: done.set())
    for target, reader in readers.items():
        for before, shown, after in reader.result():
            held = {GONE if write < 0 else state(write) for write in range(before, after + 1)}
            assert shown in held, f"{target} shows {shown}, and the key held {held}"
        assert answered == WRITES - 1
        assert len(reader.result()) > 5
    assert {origin.get(target).status for target in READS} == {404}  # the last write was a deletion
