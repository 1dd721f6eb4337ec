"""Bodies that lie, drip, lack an end or are bombs: the right status, and nothing left behind."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import signal
import socket
import tempfile
import zlib
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from origin.errors import TooSlow
from origin.http.message import Message
from origin.http.message import Request
from origin.ingest.arrival import GRACE
from origin.ingest.arrival import MIN_RATE
from origin.ingest.arrival import arriving
from tests.ingest.test_put import RED
from tests.ingest.test_put import picture
from tests.support.running import Running
from tests.support.running import wait_until
from tests.support.uploads import BEARER
from tests.support.uploads import files
from tests.support.uploads import multipart
from tests.support.uploads import send
from tests.support.uploads import send_raw
from tests.support.uploads import writing

MAX = 3_000_000  # bytes that a body may have here


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def spools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where bodies wait that are larger than a megabyte."""
    folder = tmp_path_factory.mktemp("spools")
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    yield folder
    tempfile.tempdir = before


@pytest.fixture(scope="module")
def origin(folder: Path, spools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    config = writing(folder, tmp_path_factory.mktemp("cache"), {"max_bytes": MAX, "data_uri": True})
    with Running({**config, "limits": {"max_original_pixels": 4_000_000}}) as it:
        yield it


@pytest.fixture(autouse=True)
def nothing_is_left(origin: Running, folder: Path, spools: Path) -> Iterator[None]:
    before = files(folder)
    yield
    assert files(folder) == before
    assert list(spools.iterdir()) == []


def chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


def png(width: int, height: int, data: bytes) -> bytes:
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\2\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def animation(frames: int, size: int) -> bytes:
    file = io.BytesIO()
    pages = [Image.new("L", (size, size), number * 3) for number in range(frames)]
    pages[0].save(file, "GIF", save_all=True, append_images=pages[1:])
    return file.getvalue()


FORM = multipart(("file", "a.png", RED))
PHOTO = picture("#335577", "JPEG", (400, 300))
NO_PICTURES: dict[str, bytes | Callable[[], bytes]] = {  # those that take long are made when they are sent
    "text": b"hello",
    "html": b"<!doctype html><script>alert(1)</script>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "pdf": b"%PDF-1.7 ...",
    "gzip": gzip.compress(RED),
    "bmp": picture("#fff", "BMP"),  # a picture, and none that is accepted
    "signature alone": b"\xff\xd8\xff",
    "html that begins as a gif": b"GIF89a/*<script>alert(1)</script>*/",
    "half a jpeg": PHOTO[: len(PHOTO) // 2],
    "a jpeg without its last bytes": PHOTO[:-20],
    "half a png": RED[: len(RED) // 2],
    "many pixels": png(60_000, 60_000, zlib.compress(bytes(1000))),
    "a little over the pixels": lambda: picture("#fff", "PNG", (2001, 2000)),
    "many frames": lambda: animation(60, 300),
    "a png with too few lines": png(1000, 1000, zlib.compress(bytes(3001 * 10))),
}


@pytest.mark.many
@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture_is_415(origin: Running, name: str) -> None:
    body = NO_PICTURES[name]
    body = body if isinstance(body, bytes) else body()
    for method, target in (("PUT", "/up/hostile.png"), ("POST", "/up")):
        answer = send(origin.port, method, target, body, BEARER)
        assert (answer.status, answer.kind) == (415, "unsupported"), answer.body
        assert str(Path.cwd()) not in answer.body.decode()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_too_many_bytes_are_413(origin: Running, method: str, chunked: bool) -> None:
    body: Any = RED + bytes(MAX)
    if chunked:
        body = iter([body[start : start + 60_000] for start in range(0, len(body), 60_000)])
    answer = send(origin.port, method, "/up" + "/big.png" * (method == "PUT"), body, BEARER)
    assert (answer.status, answer.kind) == (413, "too-large")
    assert answer.json["message"] == f"the body may have {MAX} bytes"


def test_a_length_that_is_too_large_is_413_before_the_body(origin: Running) -> None:
    head = f"PUT /up/a.png HTTP/1.1\r\nHost: a\r\nAuthorization: {BEARER['Authorization']}\r\n"
    answer = send_raw(
        origin.port, f"{head}Content-Length: 100000000\r\nExpect: 100-continue\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_large_form_is_413(origin: Running) -> None:
    body, headers = multipart(("file", "a.png", RED + bytes(MAX)))
    assert send(origin.port, "POST", "/up", body, {**headers, **BEARER}).status == 413


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 500000\r\n\r\n" + RED,
        b"Content-Length: 2500000\r\n\r\n" + RED + bytes(2_000_000),
        b"Transfer-Encoding: chunked\r\n\r\n400\r\n" + RED,
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(RED) + RED + b"\r\n",  # and no last chunk
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 10\r\nContent-Length: 11\r\n\r\n0123456789",
        b"Content-Length: -1\r\n\r\n",
    ],
)
def test_a_body_with_a_wrong_length_is_never_stored(origin: Running, framing: bytes) -> None:
    head = f"PUT /up/cut.png HTTP/1.1\r\nHost: a\r\n{'Authorization: ' + BEARER['Authorization']}\r\n"
    answer = send_raw(origin.port, head.encode() + framing)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")


def test_a_client_that_leaves_in_the_middle_leaves_nothing(origin: Running) -> None:
    head = f"PUT /up/left.png HTTP/1.1\r\nHost: a\r\nAuthorization: {BEARER['Authorization']}\r\n"
    head += "Content-Length: 2900000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", origin.port)) as connection:
        connection.sendall(head.encode() + RED + bytes(2_000_000))
        wait_until(lambda: origin.app.image_router._in_flight, "it is received")
    wait_until(lambda: not origin.app.image_router._in_flight, "the request ends")
    assert origin.origin.admission.bytes == 0


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"--border\r\n", {"Content-Type": "multipart/form-data; boundary=border"}),
        (
            multipart(("file", "a.png", RED))[0][:-10],
            {"Content-Type": "multipart/form-data; boundary=border"},
        ),
        (b"x" * 500, {"Content-Type": "multipart/form-data; boundary=border"}),
        (multipart(("file", "a.png", RED))[0], {"Content-Type": "multipart/form-data"}),
        (multipart(("file", "a.png", RED))[0], {"Content-Type": "multipart/form-data; boundary=" + "b" * 71}),
        multipart(*[("a", None, b"")] * 60),
        (FORM[0].replace(b"\r\n\r\n", b"\r\nX-A: " + b"a" * 2_000_000 + b"\r\n\r\n", 1), FORM[1]),
        (FORM[0].replace(b"\r\n\r\n", b"\r\n" + b"a" * 2_000_000 + b": b\r\n\r\n", 1), FORM[1]),
        (FORM[0].replace(b"\r\n\r\n", b"\r\nX-A: b" * 200_000 + b"\r\n\r\n", 1), FORM[1]),
        (FORM[0].replace(b'name="file"', b'name="file"' + b"; a=b" * 400_000, 1), FORM[1]),
        (FORM[0].replace(b"--border--", b"--border\r\n\r\n\r\n" * 20_000 + b"--border--", 1), FORM[1]),
        (b"a=b&" * 100, {"Content-Type": "application/x-www-form-urlencoded"}),
        (RED, {"Content-Encoding": "gzip"}),
    ],
)
def test_a_form_that_cannot_be_read_is_400(origin: Running, body: bytes, headers: dict[str, str]) -> None:
    answer = send(origin.port, "POST", "/up", body, {**headers, **BEARER})
    assert (answer.status, answer.kind) == (400, "bad-request"), answer.body


def test_a_part_of_a_picture_is_not_put_as_the_whole(origin: Running, folder: Path) -> None:
    """RFC 9110 section 14.4."""
    headers = {**BEARER, "Content-Range": "bytes 0-99/200"}
    answer = send(origin.port, "PUT", "/up/part.png", RED, headers)
    assert (answer.status, answer.kind) == (400, "bad-request")
    assert not (folder / "part.png").exists()


def test_a_form_that_comes_byte_by_byte_is_read(origin: Running, folder: Path) -> None:
    body, headers = multipart(("file", "a.png", RED))
    pieces = iter([bytes([byte]) for byte in body])
    answer = send(origin.port, "POST", "/up", pieces, {**headers, **BEARER})
    assert answer.status == 201
    (folder / answer.json["key"]).unlink()
    for parent in (folder / answer.json["key"]).parents[:2]:
        parent.rmdir()


class Clock:
    """Seconds that pass with each piece."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def request(pieces: list[bytes]) -> Request:
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        return messages.pop(0)

    return Request({"method": "PUT", "raw_path": b"/up/a", "query_string": b"", "headers": []}, receive)


async def receive_all(pieces: list[bytes], step: float) -> int:
    return sum([len(piece) async for piece in arriving(request(pieces), 10**9, Clock(step))])


def test_a_body_that_drips_is_given_up() -> None:
    with pytest.raises(TooSlow):
        asyncio.run(receive_all([b"x"] * 1000, 0.1))


def test_a_body_that_drips_once_most_of_it_has_come_is_given_up() -> None:
    with pytest.raises(TooSlow):
        asyncio.run(receive_all([bytes(1000 * MIN_RATE), *[b"x"] * 1000], 0.1))


def test_a_slow_body_that_goes_on_is_received() -> None:
    pieces = [bytes(MIN_RATE)] * 100
    assert asyncio.run(receive_all(pieces, 0.9)) == 100 * MIN_RATE
    assert GRACE < 100 * 0.9


def test_slow_senders_hold_no_renderer(origin: Running) -> None:
    head = f"PUT /up/slow.png HTTP/1.1\r\nHost: a\r\nAuthorization: {BEARER['Authorization']}\r\n"
    slow = [socket.create_connection(("127.0.0.1", origin.port)) for _ in range(20)]
    for connection in slow:
        connection.sendall(f"{head}Content-Length: 9999\r\n\r\n".encode() + RED)
    assert send(origin.port, "PUT", "/up/fast.png", RED, BEARER).status == 201
    assert send(origin.port, "DELETE", "/up/fast.png", headers=BEARER).status == 204
    for connection in slow:
        connection.close()


def test_no_secret_is_in_a_message(origin: Running) -> None:
    for token in ("wrong-token-0123456789", BEARER["Authorization"][:-1]):
        answer = send(origin.port, "PUT", "/up/a.png", RED, {"Authorization": token})
        assert token not in json.dumps(answer.json)


def test_what_finds_no_memory_is_turned_away(origin: Running) -> None:
    admission = origin.origin.admission
    admission.bytes, admission.timeout, before = admission.max_bytes, 0.05, admission.timeout
    try:
        answer = send(origin.port, "PUT", "/up/full.png", RED, BEARER)
    finally:
        admission.bytes, admission.timeout = 0, before
    assert (answer.status, answer.kind) == (503, "overloaded")
    assert answer.headers["Retry-After"]


@pytest.mark.slow
def test_a_renderer_that_dies_is_no_fault_of_the_picture(origin: Running, folder: Path) -> None:
    """The one that has nothing to do is killed as the upload is sent; another takes its place."""
    for pid in origin.origin.pool.processes:
        os.kill(pid, signal.SIGKILL)
    assert send(origin.port, "PUT", "/up/again.png", RED, BEARER).status == 201
    (folder / "again.png").unlink()
