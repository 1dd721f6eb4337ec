"""docs/examples/upload.html in a real browser, which sends pictures to an origin of another site."""

from __future__ import annotations

import functools
import html
import http.server
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from urllib.parse import unquote

import pytest

from origin.signing import UrlSigner
from tests.support import pictures
from tests.support.browser import Chromium
from tests.support.browser import Page
from tests.support.documents import EXAMPLES
from tests.support.running import Running
from tests.support.running import wait_until
from tests.support.uploads import KEY
from tests.support.uploads import writing

pytestmark = pytest.mark.slow
MAX = 2_000_000  # bytes of a picture here
PHOTO = pictures.encoded(
    pictures.noise(600, 400, 1), "PNG", compress_level=0
)  # more than one event of progress


UNUSABLE = "This file cannot be used. Please choose a JPEG or a PNG"
STORED = "Your picture is stored."
TOO_LATE = "This page has been open for too long. Please load it again."


class _Application(http.server.SimpleHTTPRequestHandler):
    """Writes what stands behind `?upload=` into the page, as an application writes a URL of its own."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path != "/upload.html":
            super().do_GET()
            return
        text = (EXAMPLES / "upload.html").read_text(encoding="utf-8")
        assert text.count('action=""') == 1
        url = unquote(query.removeprefix("upload="))
        body = text.replace('action=""', f'action="{html.escape(url)}"').encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None: ...


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Where the page comes from: another port is another origin (RFC 6454)."""
    handler = functools.partial(_Application, directory=EXAMPLES)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def origin(site: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, cache = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("cache")
    write = {"auth": {"signed": True}, "methods": ["POST"], "cors": [site]}
    with Running(writing(folder, cache, write, signing={"keys": [KEY]})) as it:
        yield it


@pytest.fixture
def page(chromium: Chromium, origin: Running, site: str) -> Page:
    page = chromium.page()
    page.open(address(origin, site))
    return page


def address(origin: Running, site: str, **grant: object) -> str:
    """The page as the application gives it to one user, with a grant."""
    terms = {"max_bytes": MAX, "formats": ["jpg", "png"], "expires_in": 600, **grant}
    signer = UrlSigner(f"http://127.0.0.1:{origin.port}", "up", [KEY])
    return f"{site}/upload.html?upload={quote(signer.upload('users/42/*', **terms), safe='')}"  # type: ignore[arg-type]


def send(page: Page, tmp_path: Path, body: bytes, name: str = "cat.jpg") -> str:
    """What the page says in the end."""
    (tmp_path / name).write_bytes(body)
    page.choose_file("#file", tmp_path / name)
    page.click("#send")
    page.wait_for("!send.disabled && said.value", "the page says how it went")
    return page.text("#said")


def test_a_picture_is_sent_to_another_site_and_shown(page: Page, origin: Running, tmp_path: Path) -> None:
    page.evaluate(
        "window.steps = []; new MutationObserver(() => steps.push(progress.value))"
        ".observe(progress, {attributes: true, attributeFilter: ['value']})"
    )
    assert send(page, tmp_path, PHOTO) == STORED
    shown = "[...document.images].map(i => [i.alt, i.complete, i.naturalWidth, i.naturalHeight])"
    page.wait_for("document.images[0]?.complete", "the picture is there")
    assert page.evaluate(shown) == [["cat.jpg", True, 600, 400]]
    assert page.evaluate("document.images[0].dataset.key").startswith("users/42/")
    assert not page.evaluate("progress.checkVisibility()")
    assert any(0 < step <= 1 for step in page.evaluate("steps"))
    methods = [method for method, url in page.requests if f":{origin.port}/up" in url]
    assert methods.count("POST") == 1
    assert "OPTIONS" in methods  # the preflight
    assert page.problems == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"no picture", UNUSABLE),
        (PHOTO[:50_000], UNUSABLE),
        (
            pictures.encoded(pictures.field(9, 9), "GIF"),
            "This file cannot be used. Please choose a JPEG or a PNG",
        ),
        (PHOTO + bytes(MAX), "This picture is too large. Please choose a smaller one."),
    ],
    ids=["text", "cut", "format", "large"],
)
def test_a_refusal_is_told_in_plain_words(page: Page, tmp_path: Path, body: bytes, said: str) -> None:
    assert send(page, tmp_path, body).startswith(said)
    assert page.evaluate("said.classList.contains('bad')")
    assert page.evaluate("document.images.length") == 0
    assert send(page, tmp_path, pictures.small()) == STORED  # the page goes on
    assert not page.evaluate("said.classList.contains('bad')")


def test_a_grant_that_has_ended_is_told(
    chromium: Chromium, origin: Running, site: str, tmp_path: Path
) -> None:
    page = chromium.page()
    page.open(address(origin, site, now=1_600_000_000))
    assert send(page, tmp_path, pictures.small()) == TOO_LATE


def test_a_site_that_is_not_admitted_learns_nothing(
    chromium: Chromium, origin: Running, site: str, tmp_path: Path
) -> None:
    page = chromium.page()
    page.open(address(origin, site).replace("127.0.0.1", "localhost", 1))
    assert send(page, tmp_path, pictures.small()) == "The connection was lost. Please try again."
    wait_until(lambda: page.problems, "the browser tells why")
    assert "CORS" in "".join(page.problems)


def test_nothing_overflows(page: Page, tmp_path: Path) -> None:
    send(page, tmp_path, pictures.land())
    page.wait_for("document.images[0]?.complete", "the picture is there")
    for width, dark in itertools.product((320, 1280), (False, True)):
        page.look(width, 720, dark=dark)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, colour[4:-1].split(","))) < 3 * 128) == dark
        page.screenshot(tmp_path / "page.png")
        assert pictures.opened((tmp_path / "page.png").read_bytes()).size == (width, 720)
