"""Pictures that are posted and uploaded, beside the same that are asked for.

JPEGs of 2 megapixels, to 500 px where something is rendered, 4 connections. The result of a GET is kept; of
what is posted nothing is. Uploads go into a folder and, where SeaweedFS is installed, into a bucket of it.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from itertools import count
from itertools import repeat

from benchmarks import machine
from benchmarks import pictures
from benchmarks import servers
from benchmarks.bench import Bench
from benchmarks.bench import Outcome
from benchmarks.client import Sending
from benchmarks.rounds import tell
from benchmarks.servers import Source
from benchmarks.ways import Way
from benchmarks.ways import measured
from benchmarks.ways import new_keys
from benchmarks.ways import picture
from benchmarks.ways import something

WIDTH = 500
_COPIES = 3000  # originals, so that no GET meets a URL twice
_TRANSFORM = ["render", "fit", "resize_avatar", "prepare_jpeg"]
_FORM = "Content-Type: multipart/form-data; boundary=x\r\n"


def uploads(bench: Bench) -> Outcome:
    path = pictures.original(bench.originals, "2MP")
    keys = new_keys(bench, "2MP", 100 if bench.form.is_tiny else _COPIES)
    asked = (f"/p/{key}?w={WIDTH}&f=jpg" for key in keys)
    home = bench.work / "posted"
    shutil.rmtree(home, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        places = _places(bench, stack)
        writing = {"write": {"auth": "open", "methods": ["POST", "PUT"]}}
        handlers = [
            servers.handler(bench.source()),
            {"name": "posted", "transform": _TRANSFORM, "auth": "open"},
            *({"name": name, "source": source, **writing} for name, source in places.items()),
        ]
        start = bench.origin(machine.cores(2), "posted", handlers=handlers)
        server = stack.enter_context(start)
        ways = [Way("GET, a miss", asked, picture(WIDTH)), *_ways(path.read_bytes(), list(places))]
        return Outcome(measured(bench, "2MP, posted", server, ways[: bench.form.ways]))


def _places(bench: Bench, stack: contextlib.ExitStack) -> dict[str, Source]:
    """The sources that uploads go into."""
    folder = bench.work / "posted" / "uploads"
    folder.mkdir(parents=True)
    places = {"folder": servers.folder_source(folder)}
    if bench.form.is_tiny:
        return places
    from benchmarks.kills_places import Bucket
    from benchmarks.soak_faults import NotInstalled

    try:
        bucket = Bucket(bench.work / "posted" / "s3")
    except NotInstalled as error:
        tell(f"without uploads into a bucket: {error}")
    else:
        stack.callback(bucket.close)
        places["bucket"] = bucket.source("uploads")
    return places


def _ways(body: bytes, places: list[str]) -> Iterator[Way]:
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + body
    form += b"\r\n--x--\r\n"
    numbers = count()

    def post(path: str) -> Iterator[Sending]:
        return repeat(Sending("POST", path, _FORM, form))

    def put(place: str) -> Iterator[Sending]:
        return (Sending("PUT", f"/{place}/{number}.jpg", body=body) for number in numbers)

    for place in places:
        yield Way(f"PUT, an upload into a {place}", put(place), something, status=201)
    itself = repeat(Sending("POST", f"/posted?w={WIDTH}&f=jpg", body=body))
    yield Way("POST, the picture itself", itself, picture(WIDTH))
    yield Way("POST /fit, a form", post(f"/posted/fit/{WIDTH}"), something)
    yield Way("POST /resize_avatar, a form: six PNGs", post("/posted/resize_avatar"), something)
    yield Way("POST /prepare_jpeg, a form: all of it decoded", post("/posted/prepare_jpeg"), something)
