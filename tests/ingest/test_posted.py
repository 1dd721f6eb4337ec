"""What hostile and unlucky clients post, and what it costs others: nothing."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from origin.errors import Overloaded
from origin.errors import RenderStarved
from origin.errors import RenderTimeout
from origin.errors import Unsupported
from origin.ingest.posted import as_upload_failure
from origin.ingest.reply import failure
from tests.ingest.test_transform import TRANSFORM
from tests.ingest.test_transform import config
from tests.ingest.test_transform import told
from tests.support import pictures
from tests.support.posting import form
from tests.support.posting import post
from tests.support.posting import posted
from tests.support.posting import push
from tests.support.posting import uploaded
from tests.support.running import Exchange
from tests.support.running import Running
from tests.support.running import wait_until

CHUNKED = {"Transfer-Encoding": "chunked"}
HTML = b"<html><script>alert(1)</script></html>"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("origin")
    limits = {"max_original_bytes": 200_000}
    with Running(config(folder, transform=TRANSFORM, limits=limits)) as one:
        yield one
        wait_until(lambda: one.origin.metrics.in_flight == 0, "the requests ended")
        assert one.origin.admission.bytes == 0
        assert one.origin.pool.waiting == 0


def chunked(origin: Running, target: str, pieces: list[bytes]) -> Exchange:
    exchange = origin.send(target, "POST", CHUNKED)
    push(exchange.socket, [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces])
    push(exchange.socket, [b"0\r\n\r\n"])
    return exchange


@pytest.mark.slow
def test_a_body_in_chunks_is_taken(origin: Running) -> None:
    picture = pictures.land()
    exchange = chunked(origin, "/images?w=30", [picture[at : at + 999] for at in range(0, len(picture), 999)])
    assert exchange.answer().status == 200
    bytewise = pictures.encoded(pictures.field(8, 8), "PNG")
    exchange = chunked(origin, "/images?w=4", [bytes([byte]) for byte in bytewise])
    assert exchange.answer().status == 200


@pytest.mark.slow
def test_a_body_in_chunks_is_counted(origin: Running) -> None:
    exchange = chunked(origin, "/images?w=30", [b"\xff\xd8\xff" + bytes(9_997)] * 40)
    assert told(exchange.answer()) == (413, "too-large")


def test_a_length_that_is_too_large_is_refused_before_the_body(origin: Running) -> None:
    assert told(post(origin, "/images", length=10**12).answer()) == (413, "too-large")


def test_a_length_that_is_too_short_cuts_the_picture(origin: Running) -> None:
    answer = post(origin, "/images?w=30", pictures.land(), length=9_000).answer()
    assert told(answer) == (415, "unsupported")
    headers, body = form(pictures.small())
    assert told(post(origin, "/images", body, headers, length=len(body) - 50).answer()) == (
        400,
        "bad-request",
    )


def test_a_length_that_is_too_long_leaves_nothing(origin: Running) -> None:
    exchange = post(origin, "/images?w=30", pictures.small(), length=len(pictures.small()) + 10)
    exchange.socket.shutdown(socket.SHUT_WR)
    exchange.leave()
    wait_until(lambda: origin.origin.metrics.in_flight == 0, "the request ends")
    assert origin.origin.admission.bytes == 0
    assert origin.origin.pool.busy == 0


@pytest.mark.parametrize("tail", [HTML, b"PK\3\4" + bytes(100), pictures.port()], ids=["html", "zip", "png"])
def test_what_stands_behind_a_picture_does_not_go_through(origin: Running, tail: bytes) -> None:
    polyglot = pictures.small() + tail
    assert tail[:20] not in posted(origin, "/images", polyglot).body
    prepared = json.loads(uploaded(origin, "/images/prepare_jpeg", polyglot).body)
    assert base64.b64decode(prepared["output"]).endswith(b"\xff\xd9")


def test_a_file_name_means_nothing(origin: Running) -> None:
    name = '../../../etc/passwd\0";x="' + "a" * 500
    headers, body = form(pictures.small(), file_name=name.replace('"', "'"))
    answer = post(origin, "/images?w=30", body, headers).answer()
    assert answer.status in (200, 400)
    assert b"passwd" not in answer.body


def test_headers_of_a_form_cannot_pile_up(origin: Running) -> None:
    headers, body = form(pictures.small())
    head = b"".join(b"X-%d: a\r\n" % number for number in range(2_000))
    body = body.replace(b"Content-Disposition", head + b"Content-Disposition", 1)
    assert post(origin, "/images?w=30", body, headers).answer().status in (200, 400)
    many = b"".join(b'------x7f0\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' for _ in range(500))
    assert told(post(origin, "/images", many + body, headers).answer()) == (400, "bad-request")


@pytest.mark.slow
def test_a_flood_of_posts_leaves_other_handlers_their_turn(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(pictures.small())
    flooded = config(tmp_path, limits={"max_original_bytes": 2_000_000})
    flooded["handlers"].append({"name": "photos", "source": {"type": "local", "root": str(tmp_path)}})
    flooded["limits"] = {"queue": 4, "queue_timeout": 60}
    slow = pictures.noise_png(700, 500, 1)
    with Running(flooded) as origin:
        flood = [post(origin, "/images?f=avif", slow) for _ in range(10)]
        wait_until(lambda: origin.origin.pool.waiting == 4, "the queue is full")
        assert origin.get("/photos/a.jpg?w=30").status == 200
        for exchange in flood:
            exchange.leave()


@pytest.mark.slow
def test_a_picture_that_ends_renderers_fails_alone(tmp_path: Path) -> None:
    noise = pictures.noise_png(1500, 1000, 1)
    with Running(config(tmp_path)) as origin:
        pool = origin.origin.pool
        for _ in range(2):
            exchange = post(origin, "/images?f=avif", noise)
            wait_until(lambda: pool.busy == 1, "it is rendered")
            (renderer,) = pool.processes
            os.kill(renderer, signal.SIGKILL)
            assert told(exchange.answer()) == (415, "unsupported")
            assert posted(origin, "/images?w=30", pictures.small()).status == 200
        restarts = pool.restarts
        assert told(posted(origin, "/images?w=9", noise)) == (415, "unsupported")  # not tried again
        assert pool.restarts == restarts


def test_a_busy_machine_is_not_blamed_on_the_picture() -> None:
    assert type(as_upload_failure(RenderStarved("no core"))) is Overloaded
    assert type(as_upload_failure(RenderTimeout("late"))) is Unsupported


def test_the_reason_of_an_overload_is_for_the_log_alone() -> None:
    error = Overloaded("256 fetches are waiting")
    response = failure("photos", as_upload_failure(error), {})
    assert response.error is error
    assert b"256" not in response.body
    assert (response.status, dict(response.headers)[b"retry-after"]) == (503, b"2")
