"""Whatever comes in, every answer is one of those the contract knows, and the origin lives on.

Damaged pictures and random requests. The corpus is seeded; hypothesis shrinks what it finds.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import socket
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from PIL import Image

from tests.support import mutations
from tests.support import pictures
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings as configuration
from tests.support.texts import any_text

CORPUS = 324  # damaged pictures: 18 kinds of original, 6 kinds of damage, 3 of each
SEED = 5
FORMATS = ("original", "auto", "jpg", "png", "webp", "avif", "gif")
ALLOWED = ["jpg", "png", "webp", "gif", "avif", "tiff", "svg"]
KEY = "sub/a b+é.png"
URL = b"/h/sub/a%20b+%C3%A9.png"
HUGE = 4096  # px, limits.max_dimension

# Hypothesis keeps no examples here: a database would be one more thing that differs between machines.
random_requests = settings(
    max_examples=250,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Complaints(logging.Handler):
    """Notes every traceback: our own mistakes end as answers too, and only the log tells."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.name.startswith("asyncio"):
            self.seen.append(self.format(record))


@pytest.fixture(scope="module")
def complaints() -> Iterator[Complaints]:
    handler = Complaints()
    logging.root.addHandler(handler)
    yield handler
    logging.root.removeHandler(handler)


@pytest.fixture(autouse=True)
def no_complaint(complaints: Complaints) -> Iterator[None]:
    """An exception of ours is answered with a fallback image as well."""
    yield
    seen, complaints.seen = complaints.seen, []
    assert seen == []


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(**{KEY: pictures.small()}, **dict(mutations.corpus(CORPUS, SEED)))


@pytest.fixture(scope="module")
def origin(
    tmp_path_factory: pytest.TempPathFactory, shelf: Shelf, complaints: Complaints
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("fuzz")
    config = configuration(folder, folder / "cache", error_status="exact", allowed_formats=ALLOWED)
    config["limits"] = {"render_timeout": 50}  # a busy machine takes long
    with Running(config, source=shelf) as running:
        yield running


def decoded(body: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own opinions of a picture
        return pictures.opened(body)


# --- damaged pictures -------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [m.__name__ for m in mutations.MUTATIONS])
def test_a_damaged_picture_is_a_whole_picture_or_a_fallback(
    origin: Running, shelf: Shelf, damage: str
) -> None:
    names = [name for name in shelf.originals if f"-{damage}-" in name]
    assert len(names) == CORPUS // len(mutations.MUTATIONS)
    outcomes = Counter[str]()
    for n, name in enumerate(names):
        answer = origin.get(f"/h/{name}?f={FORMATS[n % 7]}&w={(0, 10, 24, 300)[n % 4]}")
        assert (answer.status, answer.kind) in [(200, None), (415, "unprocessable"), (422, "unprocessable")]
        assert Image.MIME[decoded(answer.body).format or ""] == answer.type, name
        outcomes[answer.kind or "picture"] += 1
    assert outcomes["unprocessable"] > 0  # the damage is real
    assert origin.origin.pool.restarts == 0


def test_a_picture_cut_anywhere_is_never_a_200(origin: Running, shelf: Shelf) -> None:
    names = [name for name in shelf.originals if "-cut-" in name]
    assert [name for name in names if origin.get(f"/h/{name}?w=20").status == 200] == []


# --- random requests to the app ---------------------------------------------------------------------

Asked = tuple[int, dict[bytes, bytes], bytes]


async def ask(
    app: Any, method: str, raw_path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]
) -> Asked:
    """One request, as an ASGI server passes it on. Raises what the app raises."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": raw_path.decode("utf-8", "replace"),
        "raw_path": raw_path,
        "root_path": "",
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        try:
            return next(messages)
        except StopIteration:
            await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    fields = sent[0]["headers"]
    assert len({name for name, _ in fields}) == len(fields), "a header comes twice"
    return sent[0]["status"], dict(fields), b"".join(message.get("body", b"") for message in sent[1:])


def look_at(method: str, asked: Asked, statuses: set[int]) -> None:
    """The promises that every answer keeps."""
    status, headers, body = asked
    assert status in statuses
    assert headers[b"x-content-type-options"] == b"nosniff"
    for value in headers.values():
        assert not set(value) & set(b"\r\n\0")
    if b"content-length" in headers and method != "HEAD":
        assert int(headers[b"content-length"]) == len(body)
    if b"x-origin-error" in headers:
        assert status in (400, 404, 415, 422)
        assert b"etag" not in headers
    if headers.get(b"content-type", b"").startswith(b"image/") and status != 206 and method != "HEAD":
        image = decoded(body)
        assert Image.MIME[image.format or ""].encode() == headers[b"content-type"]
        assert max(image.size) <= HUGE


def send(
    origin: Running, method: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]
) -> Asked:
    return origin.call(ask(origin.app, method, path, query, headers))


PIECES = [*b"/%.;:+?#&=~ \\", 0, 10, 127, 255]
path_bytes = st.lists(
    st.one_of(
        st.sampled_from(
            [b"/h/", b"/", b"..", b".", b"%2e%2e", b"%2F", b"%252e", b"%00", b"%0d%0a", b"%", b"%zz"]
        ),
        st.sampled_from(
            [b"a.png", b"%C3%A9", b"%ff%fe", b"%ed%a0%80", b"%c0%ae", b"\\", URL, b"/-/", b"/status"]
        ),
        st.sampled_from([bytes([piece]) for piece in PIECES]),
        st.binary(max_size=8),
    ),
    max_size=12,
).map(b"".join)

names = st.sampled_from(
    [
        "w",
        "h",
        "c",
        "f",
        "q",
        "dpr",
        "e",
        "t",
        "width",
        "height",
        "crop",
        "format",
        "token",
        "w[]",
        "W",
        "utm",
        "",
    ]
)
numbers = st.one_of(
    st.integers(-5, 10**20).map(str),
    st.floats().map(str),
    st.sampled_from(
        ["0", "007", "+5", "1_0", "1e2", "0x1f", "٣", "12.5", "1.", ".5", "4096", "99999", "9" * 4000]
    ),
)
words = st.sampled_from(
    ["true", "F", "1", "webp", "AVIF", "auto", "jpeg", "original", "svg", "", "\0", "%00"]
)
values = st.one_of(numbers, words, any_text(max_size=12))
pairs = st.tuples(names, values).map(lambda pair: f"{pair[0]}={pair[1]}".encode("utf-8", "surrogatepass"))
queries = st.one_of(
    st.lists(pairs, max_size=6).map(b"&".join),
    st.lists(st.one_of(pairs, st.binary(max_size=6)), max_size=6).map(b"&".join),
    st.binary(max_size=40),
)
header_values = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"*", b'W/"x"', b'"', b"bytes=0-", b"bytes=-1", b"bytes=0-0,2-3", b"bytes=9-1", b"0" * 5000]
    ),
    st.sampled_from(
        [b"image/avif", b"image/webp;q=0.1,*/*", b"image/avif;q=", b";;;,,,", b"image/webp;q=NaN"]
    ),
    st.sampled_from([b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sun, 99 Nov 9999999 99:99:99 GMT", b"0", b"-1"]),
)
header_names = st.sampled_from(
    [b"accept", b"range", b"if-range", b"if-none-match", b"if-modified-since", b"host", b"cookie", b"referer"]
)
header_lists = st.lists(st.tuples(header_names, header_values), max_size=5)
methods = st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "DELETE", "PROPFIND", "get"])


@random_requests
@given(path=path_bytes, method=methods)
@example(path=b"", method="GET")
@example(path=b"/status", method="POST")
@example(path=b"/h/" + b"a" * 9000, method="GET")
def test_any_path_gets_an_answer_of_the_contract(origin: Running, path: bytes, method: str) -> None:
    known = {200, 400, 401, 404, 405, 414}
    look_at(method, send(origin, method, path, b"", []), known)


@random_requests
@given(query=queries)
@example(query=b"w=1&" * 2000)
@example(query=b"e=" + b"9" * 15)
def test_any_query_gives_a_picture_or_a_bad_request(origin: Running, query: bytes) -> None:
    asked = send(origin, "GET", URL, query, [])
    look_at("GET", asked, {200, 400, 414})
    assert (asked[0] == 400) == (asked[1].get(b"x-origin-error") == b"bad-request")


@random_requests
@given(headers=header_lists, method=st.sampled_from(["GET", "HEAD"]))
def test_any_headers_give_the_picture(
    origin: Running, headers: list[tuple[bytes, bytes]], method: str
) -> None:
    look_at(method, send(origin, method, URL, b"w=30&f=auto", headers), {200, 206, 304, 416})


# --- random bytes on the wire -----------------------------------------------------------------------


def exchange(port: int, request: bytes) -> bytes:
    """What comes back for these bytes once nothing more will follow them."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
        answer = io.BytesIO()
        with contextlib.suppress(ConnectionError):
            link.sendall(request)
            link.shutdown(socket.SHUT_WR)
            while piece := link.recv(65536):
                answer.write(piece)
        return answer.getvalue()


wire_targets = st.one_of(path_bytes, st.tuples(path_bytes, queries).map(b"?".join), st.just(URL))
wire_lines = st.lists(
    st.one_of(
        st.tuples(header_names, header_values).map(b": ".join),
        st.sampled_from(
            [b"Transfer-Encoding: chunked", b"Content-Length: 5", b"Content-Length: -1", b" folded"]
        ),
        st.binary(max_size=20),
    ),
    max_size=4,
)


@settings(random_requests, max_examples=120)
@given(target=wire_targets, lines=wire_lines, tail=st.binary(max_size=20))
def test_any_bytes_on_the_wire_leave_the_origin_alive(
    origin: Running, target: bytes, lines: list[bytes], tail: bytes
) -> None:
    head = b"\r\n".join([b"GET " + target + b" HTTP/1.1", b"Host: x", b"Connection: close", *lines])
    answer = exchange(origin.port, head + b"\r\n\r\n" + tail)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert origin.get("/status").body == b"OK"
