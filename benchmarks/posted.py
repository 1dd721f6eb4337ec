"""`python -m benchmarks.posted`: posted pictures beside the same pictures that are asked for.

JPEGs of 2 megapixels to 500 px, 4 connections. The original of a GET is in a folder, and its result is kept;
that of a POST comes over a connection of its own, and nothing is kept. They take turns on one server.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from benchmarks import machine
from benchmarks import pictures
from benchmarks import servers
from benchmarks.servers import REPOSITORY

CONNECTIONS = 4
WIDTH = 500
_COPIES = 3000  # originals, so that no GET meets a URL twice
_FORM = {"Content-Type": "multipart/form-data; boundary=x"}

Ask = Callable[[http.client.HTTPConnection], None]


def main() -> None:
    parser = argparse.ArgumentParser(description="Posted pictures beside those that are asked for.")
    parser.add_argument("--seconds", type=float, default=5.0, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    originals = REPOSITORY / "benchmarks" / ".work" / "originals"
    originals.mkdir(parents=True, exist_ok=True)
    path = pictures.original(originals, "2MP")
    pictures.copies(path, originals / "copies-2MP", _COPIES)
    with _served(originals) as port:
        ways = _ways(path.read_bytes())
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(arguments.rounds):
            for name, ask in ways.items():
                rates[name].append(_measure(port, ask, arguments.seconds))
    print("| | a second, median | of GET |\n|---|--:|--:|")
    for name, found in rates.items():
        ratios = [rate / get for rate, get in zip(found, rates["GET, a miss"], strict=True)]
        print(f"| {name} | {statistics.median(found):.1f} | {statistics.median(ratios):.2f} |")


@contextlib.contextmanager
def _served(originals: Path) -> Iterator[int]:
    handlers = [
        {"name": "p", "source": {"type": "local", "root": str(originals)}},
        {"name": "posted", "transform": ["render", "fit", "resize_avatar", "prepare_jpeg"], "auth": "open"},
    ]
    work = Path(tempfile.mkdtemp(prefix="posted-"))
    try:
        with servers.origin(work, originals, machine.cores(2), handlers=handlers) as server:
            yield server.port
    finally:
        shutil.rmtree(work)


def _ways(picture: bytes) -> dict[str, Ask]:
    numbers = count()
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + picture
    form += b"\r\n--x--\r\n"

    def get(connection: http.client.HTTPConnection) -> None:
        connection.request("GET", f"/p/copies-2MP/{next(numbers)}.jpg?w={WIDTH}&f=jpg")
        pictures.check(_read(connection), WIDTH, "jpg")

    def post(connection: http.client.HTTPConnection) -> None:
        connection.request("POST", f"/posted?w={WIDTH}&f=jpg", picture)
        pictures.check(_read(connection), WIDTH, "jpg")

    def post_form(path: str) -> Ask:
        def ask(connection: http.client.HTTPConnection) -> None:
            connection.request("POST", path, form, _FORM)
            _read(connection)

        return ask

    return {
        "GET, a miss": get,
        "POST, the picture itself": post,
        "POST /fit, a form": post_form(f"/posted/fit/{WIDTH}"),
        "POST /resize_avatar, a form": post_form("/posted/resize_avatar"),
        "POST /prepare_jpeg, a form": post_form("/posted/prepare_jpeg"),
    }


def _read(connection: http.client.HTTPConnection) -> bytes:
    with connection.getresponse() as answer:
        body = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{answer.status}: {body[:200]!r}")
    return body


def _measure(port: int, ask: Ask, seconds: float) -> float:
    """Answers in a second."""
    end = time.perf_counter() + seconds

    def work(_: int) -> int:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            done = 0
            while time.perf_counter() < end:
                ask(connection)
                done += 1
            return done

    begun = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        done = sum(threads.map(work, range(CONNECTIONS)))
    return done / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
