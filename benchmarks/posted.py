"""`python -m benchmarks.posted`: pictures that are posted and uploaded, beside the same that are asked for.

JPEGs of 2 megapixels, to 500 px where something is rendered, 4 connections. What they are (`f=json`) and
their placeholders are asked for, too. The original of a GET is in a folder, and its result is kept; that of a
POST comes over a connection of its own, and nothing is kept. Uploads go into a folder and, where SeaweedFS is
installed, into a bucket. They take turns on one server.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks import pictures
from benchmarks import servers
from benchmarks.kills_places import Bucket
from benchmarks.servers import REPOSITORY
from benchmarks.soak_faults import NotInstalled
from origin.formats import DESCRIPTION_NAMES

CONNECTIONS = 4
WIDTH = 500
_COPIES = 3000  # originals, so that no GET meets a URL twice
_FORM = {"Content-Type": "multipart/form-data; boundary=x"}

Ask = Callable[[http.client.HTTPConnection], None]


@dataclass(frozen=True)
class Turn:
    """What one way reached in one turn: answers in a second, and CPU milliseconds of the origin for each."""

    rate: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Posted and uploaded pictures beside those asked for.")
    parser.add_argument("--seconds", type=float, default=5.0, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    originals = REPOSITORY / "benchmarks" / ".work" / "originals"
    originals.mkdir(parents=True, exist_ok=True)
    path = pictures.original(originals, "2MP")
    pictures.copies(path, originals / "copies-2MP", _COPIES)
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="posted-")))
        places = _places(work, stack)
        server = stack.enter_context(_served(work, originals, places))
        ways = _ways(path.read_bytes(), places)
        turns: dict[str, list[Turn]] = {name: [] for name in ways}
        busy, begun = machine.busy_seconds() - machine.own_seconds(), time.perf_counter()
        for _ in range(arguments.rounds):
            for name, ask in ways.items():
                turns[name].append(_measure(server, ask, arguments.seconds))
        others = machine.busy_seconds() - machine.own_seconds() - busy
        share = others / (time.perf_counter() - begun) / machine.CORES
    print(_table(turns))
    print(f"\nOthers used {share:.0%} of the machine.")


def _table(turns: dict[str, list[Turn]]) -> str:
    lines = ["| | a second | of GET | CPU ms for each |", "|---|--:|--:|--:|"]
    for name, found in turns.items():
        ratios = [turn.rate / get.rate for turn, get in zip(found, turns["GET, a miss"], strict=True)]
        rate, cpu = (_spread([getattr(turn, what) for turn in found]) for what in ("rate", "cpu"))
        lines.append(f"| {name} | {rate} | {statistics.median(ratios):.2f} | {cpu} |")
    return "\n".join(lines)


def _spread(found: list[float]) -> str:
    """The median, and in brackets the least and the most."""
    return f"{statistics.median(found):.1f} ({min(found):.1f} to {max(found):.1f})"


def _places(work: Path, stack: contextlib.ExitStack) -> dict[str, dict[str, Any]]:
    """The sources that uploads go into."""
    (work / "uploads").mkdir()
    places: dict[str, dict[str, Any]] = {"folder": {"type": "local", "root": str(work / "uploads")}}
    try:
        bucket = Bucket(work / "s3")
    except NotInstalled as error:
        print(f"without uploads into a bucket: {error}", file=sys.stderr)
    else:
        stack.callback(bucket.close)
        places["bucket"] = bucket.source("uploads")
    return places


def _served(
    work: Path, originals: Path, places: dict[str, dict[str, Any]]
) -> contextlib.AbstractContextManager[servers.Server]:
    writing = {"write": {"auth": "open", "methods": ["POST", "PUT"]}}
    handlers = [
        {"name": "p", "source": {"type": "local", "root": str(originals)}},
        {"name": "posted", "transform": ["render", "fit", "resize_avatar", "prepare_jpeg"], "auth": "open"},
        *({"name": name, "source": source, **writing} for name, source in places.items()),
    ]
    return servers.origin(work, originals, machine.cores(2), handlers=handlers)


def _ways(picture: bytes, places: Collection[str]) -> dict[str, Ask]:
    numbers = count()
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + picture
    form += b"\r\n--x--\r\n"

    def get(connection: http.client.HTTPConnection) -> None:
        connection.request("GET", f"/p/copies-2MP/{next(numbers)}.jpg?w={WIDTH}&f=jpg")
        pictures.check(_read(connection), WIDTH, "jpg")

    def describe(name: str) -> Ask:
        def ask(connection: http.client.HTTPConnection) -> None:
            connection.request("GET", f"/p/copies-2MP/{next(numbers)}.jpg?f={name}")
            if not _read(connection):
                raise SystemExit(f"{name}: nothing")

        return ask

    def post(connection: http.client.HTTPConnection) -> None:
        connection.request("POST", f"/posted?w={WIDTH}&f=jpg", picture)
        pictures.check(_read(connection), WIDTH, "jpg")

    def post_form(path: str) -> Ask:
        def ask(connection: http.client.HTTPConnection) -> None:
            connection.request("POST", path, form, _FORM)
            _read(connection)

        return ask

    def put(place: str) -> Ask:
        def ask(connection: http.client.HTTPConnection) -> None:
            connection.request("PUT", f"/{place}/{next(numbers)}.jpg", picture)
            _read(connection, 201)

        return ask

    return {
        "GET, a miss": get,
        **{f"GET f={name}": describe(name) for name in sorted(DESCRIPTION_NAMES)},
        "POST, the picture itself": post,
        "POST /fit, a form": post_form(f"/posted/fit/{WIDTH}"),
        "POST /resize_avatar, a form": post_form("/posted/resize_avatar"),
        "POST /prepare_jpeg, a form": post_form("/posted/prepare_jpeg"),
        **{f"PUT, an upload into a {place}": put(place) for place in places},
    }


def _read(connection: http.client.HTTPConnection, status: int = 200) -> bytes:
    with connection.getresponse() as answer:
        body = answer.read()
    if answer.status != status:
        raise SystemExit(f"{answer.status}: {body[:200]!r}")
    return body


def _measure(server: servers.Server, ask: Ask, seconds: float) -> Turn:
    end, used = time.perf_counter() + seconds, machine.cpu_seconds(server.pid)

    def work(_: int) -> int:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        with contextlib.closing(connection):
            done = 0
            while time.perf_counter() < end:
                ask(connection)
                done += 1
            return done

    begun = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        done = sum(threads.map(work, range(CONNECTIONS)))
    took = time.perf_counter() - begun
    return Turn(done / took, (machine.cpu_seconds(server.pid) - used) * 1000 / done)


if __name__ == "__main__":
    main()
