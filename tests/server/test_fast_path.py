"""Hits in memory are answered without an ASGI task: the same answers, and only where nobody has to wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from origin.errors import SourceUnavailable
from origin.http.message import LARGE_BODY
from origin.http.message import PIECE
from origin.http.message import serialize_headers
from origin.server.fast_path import TryCached
from origin.signing import UrlSigner
from tests.server.test_connection import Raw
from tests.support.pictures import alpha
from tests.support.pictures import encoded
from tests.support.pictures import port
from tests.support.pictures import small
from tests.support.running import Answer
from tests.support.running import Clock
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings
from tests.support.running import wait_until

KEY = "0123456789abcdef0123456789abcdef"
SIGNER = UrlSigner("", "s", [KEY], bucket=1)
CAT = "/h/cat.jpg?w=40"
DATE = 1_700_000_000.0  # of everything on the shelf
CLOSE = {"Connection": "close"}  # an answer that is the last is never given at once


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("at-once")
    plain = settings(folder, folder / "cache", cache_time=1000)
    signed = {**plain["handlers"][0], "name": "s", "signing": {"keys": [KEY]}}
    shelf = Shelf(**{"cat.jpg": small(), "dog.png": alpha()})
    config = {**plain, "handlers": [*plain["handlers"], signed]}
    with Running(config, source=shelf, clock=clock) as running:
        yield running


@pytest.fixture
def given(origin: Running, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The statuses of what was answered at once."""
    statuses: list[int] = []
    spy_on(origin, monkeypatch, statuses)
    return statuses


def spy_on(origin: Running, monkeypatch: pytest.MonkeyPatch, statuses: list[int]) -> None:
    app: Any = origin.app
    asked: TryCached = app.image_router.try_cached

    def ask(*request: Any) -> Any:
        answer = asked(*request)
        statuses.extend([answer.status] if answer else [])
        return answer

    monkeypatch.setattr(app.image_router, "try_cached", ask)


def alike(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """All of an answer but what the end of a connection and the time of day change."""
    fields = [(name.lower(), value) for name, value in answer.headers.items()]
    return answer.status, sorted(f for f in fields if f[0] not in ("connection", "date")), answer.body


def etag_of(origin: Running, target: str) -> str:
    return str(origin.get(target).headers["ETag"])


AUTO = {"Accept": "image/avif,image/webp,*/*"}
ASKED: list[tuple[str, dict[str, str]]] = [
    (CAT, {}),
    ("/h/cat.jpg", {}),
    ("/h/c%61t.jpg?w=40", {}),
    ("/h/dog.png?f=auto", {}),
    ("/h/cat.jpg?w=40&f=auto", AUTO),
    ("/h/cat.jpg?w=40&f=auto", {"Accept": "image/webp"}),
    (CAT, {"If-None-Match": '"nothing"'}),
    (CAT, {"If-None-Match": "*"}),
    (CAT, {"If-Modified-Since": "Tue, 14 Nov 2023 22:13:20 GMT"}),
    (CAT, {"If-Modified-Since": "Tue, 14 Nov 2023 22:13:19 GMT"}),
    (CAT, {"If-Modified-Since": "yesterday"}),
]


@pytest.mark.many
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("target", "fields"), ASKED)
def test_an_answer_at_once_is_the_one_that_asgi_gives(
    origin: Running, given: list[int], method: str, target: str, fields: dict[str, str]
) -> None:
    for _ in range(2):  # rendered, then remembered as a hit
        origin.get(target, headers={**fields, **CLOSE})
    slow = origin.get(target, method, headers={**fields, **CLOSE})
    assert not given
    fast = origin.get(target, method, headers=fields)
    assert given == [fast.status]
    assert alike(fast) == alike(slow)
    assert fast.headers["Date"]
    assert "hit" in fast.headers["Cache-Status"]


def test_a_304_at_once(origin: Running, given: list[int]) -> None:
    tag = etag_of(origin, CAT)
    origin.get(CAT)
    answers = [origin.get(CAT, headers={"If-None-Match": tag, **more}) for more in (CLOSE, {})]
    assert given[-1] == 304
    assert alike(answers[0]) == alike(answers[1])
    assert answers[1].status == 304
    assert not answers[1].body


def test_a_signed_hit_at_once_until_the_token_ends(origin: Running, clock: Clock, given: list[int]) -> None:
    target = SIGNER.url("cat.jpg", w=40, expires_at=int(clock.now) + 50)
    for _ in range(2):
        origin.get(target)
    slow, fast = origin.get(target, headers=CLOSE), origin.get(target)
    assert given == [200]
    assert alike(slow) == alike(fast)
    assert "max-age=50" in fast.headers["Cache-Control"]
    clock.now += 50
    assert origin.get(target).headers["Cache-Control"] == "no-store"
    assert given == [200]


@pytest.mark.parametrize(
    ("target", "fields", "method"),
    [
        (CAT, {"Range": "bytes=0-3"}, "GET"),
        (CAT, {"Connection": "close"}, "GET"),
        (CAT, {"Connection": "Upgrade", "Upgrade": "h2c"}, "GET"),
        (CAT, {"Expect": "100-continue"}, "GET"),
        (CAT, {}, "POST"),
        ("/h/cat.jpg?w=x", {}, "GET"),
        ("/h/none.jpg", {}, "GET"),
        ("/s/cat.jpg?w=40", {}, "GET"),
        ("/status", {}, "GET"),
        ("/nowhere", {}, "GET"),
    ],
)
def test_everything_else_takes_the_long_way(
    origin: Running, given: list[int], target: str, fields: dict[str, str], method: str
) -> None:
    for _ in range(3):
        origin.get(target, headers=CLOSE)
    origin.get(target, method, headers=fields)
    assert not given


@pytest.mark.slow
def test_what_is_stale_purged_or_of_another_version_takes_the_long_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, shelf, given = Clock(), Shelf(**{"cat.jpg": small()}), list[int]()
    with Running(settings(tmp_path, tmp_path / "cache", cache_time=100), source=shelf, clock=clock) as origin:
        spy_on(origin, monkeypatch, given)

        def outcome() -> str:
            return str(origin.get(CAT).headers["Cache-Status"])

        assert ["hit" in outcome() for _ in range(3)] == [False, True, True]
        assert given == [200]
        origin.call(origin.origin.handlers["h"].purge("cat.jpg", None))
        assert "fwd=uri-miss" in outcome()
        assert given == [200]
        assert "hit" in outcome()
        assert given == [200, 200]
        before = etag_of(origin, CAT)
        shelf.originals["cat.jpg"] = port()
        clock.now += 101
        assert "stale-while-revalidate" in outcome()
        assert given == [200] * 3
        wait_until(lambda: etag_of(origin, CAT) != before, "the new original is there")
        shelf.failure = SourceUnavailable("gone")
        clock.now += 101 + 86_400
        assert "stale-if-error" in outcome()


@pytest.mark.slow
def test_hosts_are_looked_at_in_a_hit_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    config = {**settings(tmp_path, tmp_path / "cache"), "hosts": ["pictures.example"]}
    with Running(config, source=Shelf(**{"cat.jpg": small()})) as origin:
        spy_on(origin, monkeypatch, given)
        right = {"Host": "pictures.example"}
        assert [origin.get(CAT, headers=right).status for _ in range(3)] == [200] * 3
        assert given == [200]
        assert origin.get(CAT, headers={"Host": "other.example"}).status == 421
        assert given == [200]


def test_a_hit_at_once_is_logged_and_counted(
    origin: Running, given: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    signed = SIGNER.url("cat.jpg", w=41)
    for _ in range(2):
        origin.get(signed)

    def count() -> float | None:
        labels = {"handler": "s", "status": "200", "error": "", "cache": "hit"}
        return origin.origin.metrics.registry.get_sample_value("origin_requests_total", labels)

    before = count()
    assert before is not None
    with caplog.at_level(logging.INFO, "origin.access"):
        origin.get(signed)
    assert given == [200]
    assert count() == before + 1
    [record] = caplog.records
    assert "handler=s cache=hit bytes=" in record.getMessage()
    assert "[token]" in record.getMessage()


def test_a_mistake_in_a_hit_still_gives_the_picture(
    origin: Running, given: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        origin.get(CAT)

    handler = origin.origin.handlers["h"]
    works = handler.try_cached

    def broken_once(*_: object) -> None:
        monkeypatch.setattr(handler, "try_cached", works)
        raise RuntimeError("a mistake")

    monkeypatch.setattr(handler, "try_cached", broken_once)
    assert origin.get(CAT).status == 200
    assert "a mistake" in caplog.text


def test_many_requests_in_one_packet_are_answered_in_their_order(origin: Running, given: list[int]) -> None:
    targets = [CAT, "/h/cat.jpg?w=41", "/status", "/h/cat.jpg?w=42"] * 20
    alone = {target: origin.get(target).body for target in targets}
    with Raw(origin.port) as client:
        client.send(b"".join(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for target in targets))
        assert [client.answer()[2] for _ in targets] == [alone[target] for target in targets]
        client.send(f"GET {CAT} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.answer()[2] == alone[CAT]
    assert given


def test_one_connection_gets_some_answers_at_once_and_then_waits_its_turn(
    origin: Running, given: list[int]
) -> None:
    for _ in range(2):
        origin.get(CAT)
    given.clear()
    with Raw(origin.port) as client:
        client.send(f"GET {CAT} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 40)
        assert {client.answer()[0] for _ in range(40)} == {200}
    assert 0 < len(given) <= 16


def test_who_does_not_read_is_not_answered_at_once_for_ever(origin: Running, given: list[int]) -> None:
    """The answers would pile up in memory."""
    target = "/h/cat.jpg?w=43"
    for _ in range(2):
        origin.get(target)
    size, asked = len(origin.get(target).body), 0
    with Raw(origin.port, window=4096) as client:
        client.socket.settimeout(0.2)
        request = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 16
        try:
            while asked < 100_000:
                client.send(request)
                asked += 16
        except TimeoutError:
            pass
        held = [c.transport.get_write_buffer_size() for c in connections(origin)]
        assert max(held) < 1_000_000
        assert asked * size > 2_000_000, "all of it fits into the kernel"


def connections(origin: Running) -> list[Any]:
    return list(origin._listener.server_state.connections)


@pytest.mark.slow
def test_a_connection_that_is_kept_is_closed_when_nobody_uses_it(
    origin: Running, given: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        origin.get(CAT)
    monkeypatch.setattr(origin._listener.config, "timeout_keep_alive", 1.0)
    request = f"GET {CAT} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with Raw(origin.port) as client:
        start = time.monotonic()
        while time.monotonic() < start + 1.2:  # longer than an idle one may last
            assert client.send(request).answer()[0] == 200
            assert client.is_quiet(0.1)
        last = time.monotonic()
        assert client.is_closed()
        assert time.monotonic() - last > 0.8
    assert len(given) > 5


@pytest.mark.slow
@pytest.mark.parametrize("side", [250, 400])  # below and above LARGE_BODY
def test_a_client_that_takes_its_time_gets_all_of_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    """Longer than an idle connection may last."""
    noise = np.random.RandomState(1).randint(0, 255, (side, side, 3)).astype(np.uint8)
    shelf, target = Shelf(**{"noise.png": encoded(Image.fromarray(noise), "PNG")}), "/h/noise.png"
    with Running(settings(tmp_path, tmp_path / "cache"), source=shelf) as origin:
        size = len(origin.get(target).body)
        assert (size < LARGE_BODY) == (side == 250)
        origin.get(target)
        monkeypatch.setattr(origin._listener.config, "timeout_keep_alive", 0.3)
        with Raw(origin.port, window=4096) as client:
            client.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            start = time.monotonic()
            received = 0
            while received < size and (piece := client.socket.recv(size // 40)):
                received += len(piece)
                time.sleep(0.02)
        assert received >= size
        assert time.monotonic() - start > 0.4


@pytest.mark.slow
def test_over_tls_a_body_that_goes_in_pieces_is_no_fast_answer(tmp_path: Path) -> None:
    noise = np.random.RandomState(1).randint(0, 255, (160, 160, 3)).astype(np.uint8)
    shelf = Shelf(**{"noise.png": encoded(Image.fromarray(noise), "PNG")})
    with Running(settings(tmp_path, tmp_path / "cache"), source=shelf) as origin:
        ask: TryCached = origin.app.image_router.try_cached
        for target, fast in (("/h/noise.png", False), ("/h/noise.png?w=80", True)):
            for _ in range(3):
                answer = origin.get(target)
            assert (len(answer.body) < PIECE) is fast
            given = {scheme: ask("GET", scheme, target.encode(), [], "") for scheme in ("http", "https")}
            assert {scheme: each is not None for scheme, each in given.items()} == {
                "http": True,
                "https": fast,
            }


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n", b"\r"])
def test_no_header_is_ever_two(line_end: bytes) -> None:
    with pytest.raises(ValueError, match="line end"):
        serialize_headers([(b"etag", b"a" + line_end + b"x: y")])
