"""What is done to a picture beside its size, and what tells of it in its place: each beside a plain miss.

JPEGs of 2 megapixels from S3, each asked for once, to 500 px, by 4 connections.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from PIL import Image

from benchmarks import machine
from benchmarks import pictures
from benchmarks import servers
from benchmarks.bench import Bar
from benchmarks.bench import Bench
from benchmarks.bench import Outcome
from benchmarks.bench import metric
from benchmarks.servers import Server
from benchmarks.ways import Way
from benchmarks.ways import measured
from benchmarks.ways import new_keys
from benchmarks.ways import picture
from benchmarks.ways import something

_SIZE = "2MP"
_KEYS = 30_000
PLAIN = "w=500"
WIDE = 500
TRANSFORMS: dict[str, int] = {  # options, and the width of the result
    PLAIN: 500,
    "w=500&h=500": 500,
    "w=500&h=500&g=smart": 500,
    "w=500&h=500&g=entropy": 500,
    "w=500&rect=0.2,0.2,0.6,0.6": 500,
    "w=500&trim=10": 500,
    "w=500&rotate=90": 333,
    "w=500&rotate=10": 550,
    "w=500&flip=h": 500,
    "w=500&saturation=1.3": 500,
    "w=500&blur=5": 500,
    "w=500&sharpen=1": 500,
    "w=500&pad=10&bg=fff": 520,
    "w=500&radius=40&bg=fff": 500,
    "w=500&wm=logo": 500,
    "w=500&q=auto": 500,
    "w=500&bytes=20000": 500,
}
_NO_WAIT = 0.9  # of the throughput of WebP, where AVIF comes later
_PATIENCE = 120.0  # seconds for what is made in idle time


def transforms(bench: Bench) -> Outcome:
    """Crops, turns, effects, watermarks: JPEG to JPEG."""
    logo = bench.work / "logo.png"
    Image.new("RGBA", (200, 80), (200, 30, 30, 128)).save(logo)
    keys = _new_keys(bench)
    marks = {"logo": {"picture": str(logo), "gravity": "bottom-right", "size": 0.2}}
    with _server(bench, watermarks=marks) as server:
        chosen = dict(list(TRANSFORMS.items())[: bench.form.ways])
        ways = [
            Way(options, _asked(keys, f"{options}&f=jpg"), picture(wide)) for options, wide in chosen.items()
        ]
        rows = measured(bench, "2MP, transformed", server, ways)
    return Outcome(rows)


def placeholders(bench: Bench) -> Outcome:
    """What a page shows until the picture is there, and what it has to know of it."""
    keys = _new_keys(bench)
    ways = [
        Way("a plain miss", _asked(keys, f"{PLAIN}&f=jpg"), picture(WIDE)),
        Way("f=thumbhash", _asked(keys, "f=thumbhash"), something),
        Way("f=blurhash", _asked(keys, "f=blurhash"), something),
        Way("f=json", _asked(keys, "f=json"), _is_description),
        Way("w=20&f=webp, a small picture", _asked(keys, "w=20&f=webp"), picture(20, "webp")),
    ][: bench.form.ways]
    with _server(bench) as server:
        return Outcome(measured(bench, "2MP, told of", server, ways))


def later(bench: Bench) -> Outcome:
    """`"avif": "later"`, by one connection: the first visitor gets WebP, and must not wait for the AVIF."""
    keys = _new_keys(bench)
    handlers = [
        servers.handler(bench.source(), name="now"),
        servers.handler(bench.source(), name="later", avif="later"),
    ]
    accept = "Accept: image/avif,image/webp\r\n"
    with _server(bench, handlers=handlers) as server:
        ask = partial(Way, headers=accept, connections=1)
        rest = partial(_wait_for_rest, server)
        webp = _asked(keys, f"{PLAIN}&f=webp", "now")
        ways = [
            ask("f=webp", webp, picture(WIDE, "webp")),
            ask("f=auto, later", _asked(keys, f"{PLAIN}&f=auto", "later"), picture(WIDE, "webp"), then=rest),
            ask("f=auto, now", _asked(keys, f"{PLAIN}&f=auto", "now"), picture(WIDE, "avif")),
        ]
        before = made = metric(server, "origin_later_made_total")
        rows = measured(bench, "2MP, AVIF", server, ways)
        made = metric(server, "origin_later_made_total") - before
    asked = sum(one.drive.requests for one in rows[1].rounds)
    rows[1].note = f"{made:.0f} AVIFs for {asked} of them"
    return Outcome(rows, [Bar("AVIF later: of WebP", _NO_WAIT, rows[1].times(rows[0]))])


def _wait_for_rest(server: Server) -> None:
    """Until all is made that idle time is for."""
    deadline = time.monotonic() + _PATIENCE
    while metric(server, "origin_later_queue") and time.monotonic() < deadline:
        time.sleep(0.05)


def _server(bench: Bench, **more: Any) -> contextlib.AbstractContextManager[Server]:
    shutil.rmtree(bench.work / "ways", ignore_errors=True)
    return bench.origin(machine.cores(2), "ways", **more)


def _new_keys(bench: Bench) -> Iterator[str]:
    return new_keys(bench, _SIZE, 100 if bench.form.is_tiny else _KEYS)


def _asked(keys: Iterator[str], options: str, handler: str = "p") -> Iterator[str]:
    return (f"/{handler}/{key}?{options}" for key in keys)


def _is_description(body: bytes) -> None:
    if json.loads(body)["width"] != pictures.MEGAPIXELS[_SIZE][0]:
        raise pictures.WrongPicture(f"not what the original is: {body[:100]!r}")
