"""The life of img-LinuxFr.org's application on the same Redis, driven by what `origin convert` prints.

The application is what it is to the old program: its keys in Redis, and requests. Expected values are those
that were observed of the old program, with the mends that docs/migrating.md lists.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from benchmarks.ports import closed_port
from tests.support import pictures
from tests.support.commands import invoke
from tests.support.documents import page
from tests.support.redis_servers import RedisServer
from tests.support.redis_servers import redis_server as own_redis
from tests.support.running import Answer
from tests.support.running import Clock
from tests.support.running import Running
from tests.support.running import wait_until
from tests.support.web_servers import WebServer

pytestmark = pytest.mark.slow

AVATAR = "//nginx/default-avatar.svg"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
HOUR = 3600


class Site:
    """linuxfr.org: registers and blocks in Redis, and writes URLs into its pages."""

    def __init__(self, redis: RedisServer, origin: Running) -> None:
        self.redis = redis.command
        self.origin = origin

    def register(self, url: str) -> str:
        if self.redis("HSETNX", f"img/{url}", "created_at", "1386852448"):
            self.redis("LPUSH", "img/latest", url)
            self.redis("LTRIM", "img/latest", "0", "99")
        self.redis("DEL", f"img/err/{url}")
        return url

    def block(self, url: str) -> None:
        self.redis("HSET", f"img/{url}", "status", "Blocked")
        self.redis("LPUSH", "img/blocked", url)

    def image(self, url: str) -> Answer:
        return self.origin.get(self._path("img", url))

    def avatar(self, url: str) -> Answer:
        return self.origin.get(self._path("avatars", url))

    def _path(self, prefix: str, url: str) -> str:
        return f"/{prefix}/{url.encode().hex()}/{quote(url.rpartition('/')[2])}"


def configuration(folder: Path, redis: RedisServer) -> dict[str, Any]:
    """What is printed for the flags of the old program. The servers of the test are not public ones, so their
    network is named; that is the one change."""
    flags = ["-r", f"127.0.0.1:{redis.port}/0", "-d", str(folder), "-e", AVATAR]
    done = invoke("convert", "linuxfr", *flags)
    assert done.exit_code == 0, done.stderr
    config: dict[str, Any] = json.loads(done.stdout)
    for handler in config["handlers"]:
        handler["source"]["allow_private"] = ["127.0.0.0/8"]
    return config | {"renderers": 1}


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, clock: Clock) -> Iterator[Site]:
    redis_server.command("FLUSHALL")
    folder = tmp_path_factory.mktemp("cache")
    with Running(configuration(folder, redis_server), clock=clock) as origin:
        yield Site(redis_server, origin)


def test_what_is_not_registered_is_not_fetched(site: Site, web: WebServer) -> None:
    url = web.put("/cat.png", pictures.small())
    image, avatar = site.image(url), site.avatar(url)
    assert (image.status, image.headers["X-Content-Type-Options"]) == (404, "nosniff")
    assert (avatar.status, avatar.headers["Location"], avatar.body) == (302, AVATAR, b"")
    assert web.asked == []


def test_a_registered_picture_is_shown_as_it_is(site: Site, web: WebServer) -> None:
    body = pictures.odd()
    page = "/a/cat é.jpg"
    web.put(page, body, {"Content-Type": "image/jpeg; x=1"})
    url = site.register(f"{web.url}/a/cat%20é.jpg")
    first = site.image(url)
    again = site.origin.get(f"/img/{url.encode().hex().upper()}?w=10")
    for answer in (first, again):
        assert (answer.status, answer.body, answer.type) == (200, body, "image/jpeg")
        assert "public, max-age=3600" in str(answer.headers["Cache-Control"])
        assert answer.headers["Content-Length"] == str(len(body))
        assert answer.headers["Last-Modified"] == web.pages[page].headers["Last-Modified"]
    assert len(web.asked) == 1
    assert web.asked[0].headers["user-agent"] == "img_LinuxFr.org/1.0"
    head = site.origin.get(f"/img/{url.encode().hex()}", "HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(body)))
    fields = site.redis("HGETALL", f"img/{url}")
    assert isinstance(fields, list)
    record = dict(zip(fields[::2], fields[1::2], strict=True))
    assert record == {
        "created_at": "1386852448",
        "type": "jpeg",
        "checksum": hashlib.sha1(body).hexdigest(),
        "etag": web.pages[page].headers["ETag"],
    }
    assert site.redis("GET", f"img/updated/{url}") == first.headers["Last-Modified"]
    assert site.redis("TTL", f"img/updated/{url}") in range(HOUR - 60, HOUR + 1)


@pytest.mark.parametrize("hex", ["1", "gg", "0" * 2001])
def test_what_is_no_hex_is_400(site: Site, hex: str) -> None:
    for prefix in ("img", "avatars"):
        answer = site.origin.get(f"/{prefix}/{hex}")
        assert (answer.status, answer.type) == (400, "text/plain; charset=utf-8")


def test_paths_and_methods_are_those_of_the_old_program(site: Site) -> None:
    status = site.origin.get("/status")
    assert (status.status, status.body) == (200, b"OK")
    for path in (
        "/",
        "/img",
        "/img/",
        "/avatars",
        "/status/",
        "/other",
        "/img/61/",
        "/img/61/a/b",
    ):
        assert site.origin.get(path).status == 404, path
    posted = site.origin.get(f"/img/{b'http://a.example/x'.hex()}", "POST")
    assert (posted.status, posted.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(("size", "kind"), [((100, 100), "PNG"), ((300, 150), "JPEG"), ((10, 20), "PNG")])
def test_an_avatar_is_64_pixels_high(site: Site, web: WebServer, size: tuple[int, int], kind: str) -> None:
    url = site.register(web.put("/a", pictures.encoded(pictures.field(*size), kind)))
    answer = site.avatar(url)
    avatar = pictures.opened(answer.body)
    assert (answer.status, avatar.format) == (200, kind)
    assert avatar.size == (round(64 * size[0] / size[1]), 64)
    # Whichever was asked first decided the bytes of both.
    assert pictures.opened(site.image(url).body).size == size


@pytest.mark.parametrize(
    ("body", "type"),
    [
        (pictures.encoded(pictures.field(90, 90), "GIF"), "image/gif"),
        (pictures.encoded(pictures.field(90, 90), "WEBP"), "image/webp"),
        (pictures.encoded(pictures.field(90, 90), "TIFF"), "image/tiff"),
        (pictures.encoded(pictures.field(90, 90), "BMP"), "image/bmp"),
        (SVG, "image/svg+xml"),
    ],
    ids=["gif", "webp", "tiff", "bmp", "svg"],
)
def test_avatars_of_other_formats_are_as_they_are(site: Site, web: WebServer, body: bytes, type: str) -> None:
    url = site.register(web.put("/a", body, {"Content-Type": type}))
    for answer in (site.avatar(url), site.image(url)):
        assert (answer.status, answer.body, answer.type) == (200, body, type)
        assert "sandbox" in str(answer.headers["Content-Security-Policy"])


def test_a_hundred_megapixels_pass_and_become_an_avatar(site: Site, web: WebServer) -> None:
    body = pictures.encoded(Image.new("1", (10_000, 10_000)), "PNG")
    url = site.register(web.put("/large.png", body))
    assert site.image(url).body == body
    assert pictures.opened(site.avatar(url).body).size == (64, 64)


def test_a_block_holds_from_the_next_request_on(site: Site, web: WebServer) -> None:
    url = site.register(web.put("/cat.png", pictures.small()))
    assert (site.image(url).status, site.avatar(url).status) == (200, 200)
    site.block(url)
    assert (site.image(url).status, site.avatar(url).status) == (404, 302)


def test_after_an_hour_the_server_is_asked_again(site: Site, web: WebServer, clock: Clock) -> None:
    changed = {"Last-Modified": "Thu, 12 Dec 2013 12:28:47 GMT"}
    url = site.register(web.put("/cat.png", pictures.small(), changed))
    site.image(url)
    site.redis("DEL", f"img/updated/{url}")  # its time is over
    clock.now += HOUR + 1
    assert site.image(url).status == 200
    assert len(web.asked) == 2
    assert web.asked[1].headers["if-none-match"] == web.pages["/cat.png"].headers["ETag"]
    assert site.redis("GET", f"img/updated/{url}") == "Thu, 12 Dec 2013 12:28:47 GMT"
    web.put("/cat.png", pictures.odd())
    clock.now += HOUR + 1
    assert site.image(url).body == pictures.odd()


@pytest.mark.parametrize("status", [404, 500])
def test_a_picture_that_its_server_has_no_more_stays(
    site: Site, web: WebServer, clock: Clock, status: int
) -> None:
    url = site.register(web.put("/cat.png", pictures.small()))
    site.image(url)
    web.put("/cat.png", status=status)
    clock.now += HOUR + 1
    assert {(site.image(url).status, site.image(url).body) for _ in range(3)} == {(200, pictures.small())}
    assert len(web.asked) == 2  # the old program asked with each request
    assert site.redis("GET", f"img/err/{url}") == "unexpected status code"


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (b"none", {}, 404, "unexpected status code"),
        (bytes(5 * 1024 * 1024 + 1), {}, 200, "exceeded max size"),
        (b"<html>", {"Content-Type": "text/html"}, 200, "invalid content-type"),
        (b"<html>", {"Content-Type": "image/png"}, 200, "invalid content-type"),
    ],
)
def test_a_refusal_is_remembered_until_the_picture_is_registered_again(
    site: Site, web: WebServer, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    url = site.register(web.put("/cat.png", body, headers, status))
    for _ in range(2):
        assert (site.image(url).status, site.avatar(url).status) == (404, 302)
    assert len(web.asked) == 1
    assert site.redis("GET", f"img/err/{url}") == reason
    assert site.redis("TTL", f"img/err/{url}") in range(HOUR - 60, HOUR + 1)
    web.put("/cat.png", pictures.small())
    assert site.image(url).status == 404
    site.register(url)
    assert (site.image(url).status, site.avatar(url).status) == (200, 200)


def test_a_failure_of_the_network_leaves_no_key(site: Site) -> None:
    url = site.register("http://127.0.0.1:1/cat.png")
    assert (site.image(url).status, site.avatar(url).status) == (404, 302)
    assert site.redis("EXISTS", f"img/err/{url}") == 0


def test_five_mebibytes_pass(site: Site, web: WebServer) -> None:
    body = pictures.small() + bytes(5 * 1024 * 1024 - len(pictures.small()))
    assert site.image(site.register(web.put("/cat.jpg", body))).body == body


def test_the_line_of_the_documentation_takes_the_old_programs_place(tmp_path: Path) -> None:
    """As a shell runs it, with a port, a Redis and a folder of this test."""
    with own_redis() as redis:
        port = closed_port()
        line = page("docs/migrating.md").block("sh", "convert linuxfr").replace("\\\n", " ")
        for old, new in (
            ("127.0.0.1:8000", f"127.0.0.1:{port}"),
            ("localhost:6379", f"127.0.0.1:{redis.port}"),
            ("-d cache", f"-d {tmp_path}"),
            (".venv/bin/origin", f"{sys.executable} -m origin"),
        ):
            assert old in line
            line = line.replace(old, new)
        shell = subprocess.Popen(["bash", "-c", line], stderr=subprocess.PIPE, start_new_session=True)
        try:
            wait_until(lambda: ask(port, "/status")[0] == 200, "it answers")
            for unknown, status, location in (("img", 404, None), ("avatars", 302, AVATAR)):
                target = f"/{unknown}/{b'http://a.example/x'.hex()}"
                assert ask(port, target) == (status, location)
        finally:
            os.killpg(shell.pid, signal.SIGKILL)
            _, said = shell.communicate()
        assert b"note: certificates of servers are verified now" in said


def ask(port: int, target: str) -> tuple[int, str | None]:
    """Status and Location; 0 where nobody listens yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.headers["Location"]
    except ConnectionError:
        return 0, None
    finally:
        connection.close()


def test_with_redis_down_what_is_cached_is_served(tmp_path: Path, web: WebServer) -> None:
    with own_redis() as redis, Running(configuration(tmp_path, redis)) as origin:
        site = Site(redis, origin)
        url = site.register(web.put("/cat.png", pictures.small()))
        other = site.register(web.put("/dog.png", pictures.small()))
        assert (site.image(url).status, site.avatar(url).status) == (200, 200)
        redis.stop()
        assert (site.image(url).status, site.avatar(url).status) == (200, 200)
        assert (site.image(other).status, site.avatar(other).status) == (503, 302)


def test_the_registry_has_no_mistakes_after_all_this(
    site: Site, tmp_path: Path, redis_server: RedisServer
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(configuration(tmp_path, redis_server)))
    done = invoke("registry", "check", "-c", str(path), "img")
    assert (done.exit_code, done.stdout) == (0, "")
