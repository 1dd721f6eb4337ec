"""What is fetched from the origin: in bounded time and size, and never at the cost of a page."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from origin.client import Images
from origin.client.info import KEPT
from origin.client.info import KEPT_FAILURE
from origin.client.info import MAX_BYTES
from origin.client.info import Info
from origin.client.info import InfoFetcher
from origin.client.info import fetch_text
from origin.signing import UrlSigner
from tests.support.pictures import encoded
from tests.support.pictures import field
from tests.support.running import PATIENCE
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings
from tests.support.signing import KEY
from tests.support.tags import read_tag
from tests.support.web_servers import WebServer

FACTS = {"width": 30, "height": 20}


@pytest.mark.slow
def test_a_tag_asks_a_running_origin_once(tmp_path: Path) -> None:
    shelf = Shelf(**{"é 1.png": encoded(field(30, 20), "PNG")})
    config = settings(tmp_path, tmp_path / "cache", signing={"keys": [KEY]})
    with Running(config, source=shelf) as origin:
        images = Images(f"http://127.0.0.1:{origin.port}", "h", [KEY], patience=PATIENCE)
        tags = [read_tag(images.img("é 1.png", alt="", w=15, info="fetch")) for _ in range(3)]
        assert (tags[0]["width"], tags[0]["height"]) == ("15", "10")
        assert (tags[0]["style"] or "").startswith("background: #")
        assert tags == [tags[0]] * 3
    assert read_tag(images.img("é 1.png", alt="", w=15, info="fetch")) == tags[0]  # there is no origin now


def test_a_page_goes_without_what_it_does_not_get(web: WebServer, caplog: pytest.LogCaptureFixture) -> None:
    images = Images(web.url, "h", patience=PATIENCE)
    web.put("/h/broken", b"<html>")
    web.put("/h/failed", b'{"error": "not-found"}', status=404)
    web.put("/h/moved", b"", {"Location": "/h/good?f=json"}, status=302)
    web.put("/h/good", json.dumps(FACTS).encode())
    assert read_tag(images.img("good", alt="", info="fetch"))["width"] == "30"
    for key in ("broken", "failed", "moved"):
        with caplog.at_level(logging.WARNING, "origin.client"):
            assert "width" not in read_tag(images.img(key, alt="", info="fetch"))
        assert f"{web.url}/h/{key}: " in caplog.messages[-1]
    assert web.paths[0] == "/h/good?f=json"
    assert web.paths.count("/h/good?f=json") == 1  # the redirect was not followed


def test_the_log_holds_no_token(caplog: pytest.LogCaptureFixture) -> None:
    images = Images("http://127.0.0.1:1", "h", [KEY])
    assert "width" not in images.img("cat.jpg", alt="", info="fetch")
    (line,) = caplog.messages
    assert "http://127.0.0.1:1/h/cat.jpg: " in line
    assert images.url("cat.jpg", f="json").partition("t=")[2] not in line


def test_answers_and_failures_are_kept_for_their_time(web: WebServer) -> None:
    now = 0.0
    fetcher = InfoFetcher(PATIENCE, clock=lambda: now)
    url = web.put("/a", b"no")
    assert fetcher.fetch(url) is None
    web.put("/a", json.dumps(FACTS).encode())
    now = KEPT_FAILURE - 0.1
    assert fetcher.fetch(url) is None
    now = KEPT_FAILURE
    assert fetcher.fetch(url) == Info(30, 20)
    now += KEPT - 0.1
    assert fetcher.fetch(url) == Info(30, 20)
    assert len(web.asked) == 2
    now += 0.1
    assert fetcher.fetch(url) == Info(30, 20)
    assert len(web.asked) == 3


def test_an_answer_is_bounded(web: WebServer) -> None:
    assert len(fetch_text(web.put("/most", b"x" * MAX_BYTES), PATIENCE)) == MAX_BYTES
    with pytest.raises(ValueError, match=f"more than {MAX_BYTES} bytes"):
        fetch_text(web.put("/more", b"x" * (MAX_BYTES + 1)), PATIENCE)


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Answers one connection so, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/h/cat.jpg"
        thread.join(PATIENCE)


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"], ids=["head", "body"]
)
def test_a_drip_ends_in_time(sent: bytes) -> None:
    """Each byte comes well within the time limit of a socket; the wait is over all the same."""
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(sent or b"HTTP/1.1 200 OK\r\nX-Slow: ")
        try:
            while not over.wait(0.02):
                connection.sendall(b" ")
        except OSError:
            pass

    with server(drip) as url:
        begun = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011 # TimeoutError is one
            fetch_text(url, 0.2)
        assert time.monotonic() - begun < PATIENCE
        over.set()


def test_what_is_not_http_is_a_failure() -> None:
    with (
        server(lambda connection: connection.sendall(b"SSH-2.0\r\n")) as url,
        pytest.raises(OSError, match="HTTP"),
    ):
        fetch_text(url, PATIENCE)


def test_a_grant_without_f_cannot_fetch() -> None:
    grant = UrlSigner("http://127.0.0.1:1", "h", [KEY]).grant("cat.jpg", w=[300])
    with pytest.raises(ValueError, match="outside the grant"):
        Images("http://127.0.0.1:1", "h", grant=grant).img("cat.jpg", alt="", w=300, info="fetch")


def test_where_there_is_no_host_nothing_can_be_fetched() -> None:
    with pytest.raises(ValueError, match='info="fetch" needs a base_url with a host'):
        Images("", "photos").img("cat.jpg", alt="", info="fetch")
