"""The log: one line a request, whatever the request holds, and never a token."""

from __future__ import annotations

import asyncio
import datetime
import gc
import io
import json
import logging
import re
from collections.abc import Iterator

import aiohttp
import pytest

from origin.errors import BadRequest
from origin.errors import NotFound
from origin.errors import OriginError
from origin.errors import SourceUnavailable
from origin.http.message import Response
from origin.ops import logs
from origin.ops.redaction import redact_url

SPACES_AND_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (info|warning|error) ")


@pytest.fixture
def stream(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What is logged, in the format that the test's parameter names, text without one."""
    root, ours = logging.getLogger(), logging.getLogger("origin")
    before = root.handlers[:], root.level, ours.level
    out = io.StringIO()
    root.handlers[:] = [logs.Lines(out, getattr(request, "param", "text"))]
    ours.setLevel(logging.INFO)
    yield out
    root.handlers[:], root.level, ours.level = before


as_json = pytest.mark.parametrize("stream", ["json"], indirect=True)
both = pytest.mark.parametrize("stream", ["text", "json"], indirect=True)


def answer(status: int = 200, error: OriginError | None = None) -> Response:
    kind = error.kind if error else ""
    return Response(status, [], b"picture", "photos", error, kind, "miss", {"source": 0.0123, "render": 0.2})


def lines(stream: io.StringIO) -> list[str]:
    for handler in logging.getLogger().handlers:
        handler.flush()
    return stream.getvalue().splitlines()


def log(path: bytes, query: bytes = b"", answered: Response | None = None) -> None:
    """Log a request to our log alone, as in the program: pytest adds handlers of its own to each test."""
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if isinstance(handler, logs.Lines)]
    logs.log_request(line(redact_url(path, query), answered or answer()))


def line(target: str, answered: Response, forwarded: str = "") -> logs.AccessLine:
    return logs.AccessLine("GET", target, answered, 0.25, "192.0.2.7", "id-1", forwarded)


async def test_a_request_is_one_line(stream: io.StringIO) -> None:
    log(b"/photos/cat.jpg", b"w=300")
    [line] = lines(stream)
    assert SPACES_AND_TIME.sub("", line) == (
        "GET /photos/cat.jpg?w=300 200 handler=photos cache=miss bytes=7 ms=250.00"
        " client=192.0.2.7 id=id-1 source_ms=12.30 render_ms=200.00"
    )


@as_json
async def test_a_request_is_one_json_object(stream: io.StringIO) -> None:
    log(b"/photos/cat.jpg", b"w=300", answer(404, NotFound("no such key: cat.jpg")))
    [line] = lines(stream)
    fields = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields.pop("time"))
    assert fields == {
        "level": "info",
        "method": "GET",
        "path": "/photos/cat.jpg?w=300",
        "status": 404,
        "handler": "photos",
        "cache": "miss",
        "bytes": 7,
        "ms": 250.0,
        "client": "192.0.2.7",
        "id": "id-1",
        "class": "not-found",
        "reason": "no such key: cat.jpg",
        "source_ms": 12.3,
        "render_ms": 200.0,
    }


@both
async def test_the_key_of_a_picture_that_came_in_is_told(stream: io.StringIO) -> None:
    answered = answer(201)
    answered.key = "2024/a b.jpg"
    log(b"/photos", answered=answered)
    [line] = lines(stream)
    assert "key='2024/a b.jpg'" in line or json.loads(line)["key"] == "2024/a b.jpg"


@both
async def test_5xx_is_an_error_and_4xx_is_information(stream: io.StringIO) -> None:
    log(b"/a", answered=answer(404, NotFound("x")))
    log(b"/b", answered=answer(503, SourceUnavailable("x")))
    first, second = lines(stream)
    assert "info" in first
    assert "error" not in first
    assert "error" in second


TOKENS = [
    b"t=SECRET",
    b"token=SECRET",
    b"%74=SECRET",
    b"%74oken=SECRET",
    b"to%6Ben=SECRET",
    b"%74%6f%6b%65%6e=SECRET",
    b"t=SECRET&t=SECRET",
    b"w=300&t=SECRET&h=200",
    b"t=SECRET=SECRET",
    b"token=%53ECRET.SECRET",
    b"t=&token=SECRET",
]


@both
@pytest.mark.parametrize("query", TOKENS)
async def test_a_token_is_never_written(stream: io.StringIO, query: bytes) -> None:
    log(b"/photos/cat.jpg", query)
    text = "\n".join(lines(stream))
    assert "SECRET" not in text
    assert "%53ECRET" not in text
    assert "[token]" in text


SIGNATURE = b"WV8vUaxodI2UhDPzgVq9gQnD2gUOAvAAIXmFnbsvUao"
GRANT = b"eyJrIjoiY2F0LmpwZyJ9." + SIGNATURE


@both
@pytest.mark.parametrize("token", [SIGNATURE, GRANT, GRANT + b"." + SIGNATURE])
async def test_a_token_in_another_option_or_in_a_reason_is_not_written(
    stream: io.StringIO, token: bytes
) -> None:
    text = f"option f: {token.decode()!r} is not valid"
    log(b"/photos/cat.jpg", b"f=" + token + b"&w=3", answer(404, BadRequest(text)))
    written = "\n".join(lines(stream))
    assert "WV8vUaxod" not in written
    assert "f=[token]&w=3" in written
    assert "option f: '[token]' is not valid" in written.replace("\\'", "'")


@both
async def test_the_address_before_a_proxy_is_written_as_it_came(stream: io.StringIO) -> None:
    forwarded = "198.51.100.3, 10.0.0.1 forged\r\n"
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if isinstance(handler, logs.Lines)]
    logs.log_request(line("/photos/cat.jpg", answer(), forwarded))
    [written] = lines(stream)
    assert "198.51.100.3, 10.0.0.1" in written
    assert written.isprintable()


async def test_what_only_looks_like_a_token_is_written(stream: io.StringIO) -> None:
    log(b"/t=5/token=6", b"T=1&tt=2&at=3&tokens=4&t&=7&%2574=8&w=300")
    assert "/t=5/token=6?T=1&tt=2&at=3&tokens=4&t&=7&%2574=8&w=300 200" in lines(stream)[0]


HOSTILE = [
    b"/photos/a\r\n2026-11-20T00:00:00.000Z info GET /forged 200",
    b"/photos/\x1b[2J\x1b]0;owned\x07",
    b"/photos/\x00\x08\x7f",
    b"/photos/\x9b31m",
    b"/photos/\xe2\x80\xaegpj.exe",
]


@both
@pytest.mark.parametrize("path", HOSTILE)
async def test_a_hostile_path_stays_one_printable_line(stream: io.StringIO, path: bytes) -> None:
    log(path, path)
    written = lines(stream)
    assert len(written) == 1
    assert written[0].isprintable()


@both
@pytest.mark.parametrize(
    "text", ["a\r\nb", "\x1b[31mred", "\u202egpj.exe", "\u2028next", "\x85", "\ud800", "'\"\\"]
)
async def test_a_hostile_reason_stays_one_printable_line(stream: io.StringIO, text: str) -> None:
    log(b"/a", answered=answer(404, NotFound(f"no such key: {text}")))
    logging.getLogger("origin.handler").warning("refresh failed: %s", text)
    written = lines(stream)
    assert len(written) == 2
    assert all(line.isprintable() for line in written)


@as_json
async def test_what_is_escaped_in_json_comes_back(stream: io.StringIO) -> None:
    log(b"/a", answered=answer(404, NotFound("a\r\n\x1b\u202e'\"")))
    assert json.loads(lines(stream)[0])["reason"] == "a\r\n\x1b\u202e'\""


@both
async def test_endless_paths_and_reasons_are_cut(stream: io.StringIO) -> None:
    log(b"/" + b"x" * 100_000, b"t=" + b"y" * 100_000, answer(404, NotFound("z" * 100_000)))
    assert len(lines(stream)[0]) < 5000


def fail(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("origin").exception("an answer failed")


@as_json
def test_a_traceback_is_part_of_its_json_line(stream: io.StringIO) -> None:
    fail("a\nb")
    [line] = lines(stream)
    fields = json.loads(line)
    assert (fields["level"], fields["logger"], fields["message"]) == ("error", "origin", "an answer failed")
    assert fields["traceback"].endswith("ValueError: a\nb")


def test_a_traceback_cannot_pass_for_lines_of_the_log(stream: io.StringIO) -> None:
    fail("key\n2026-11-20T00:00:00.000Z info GET /forged 200\x1b[31m\r\u2028x")
    first, *others = lines(stream)
    assert SPACES_AND_TIME.match(first)
    assert len(others) > 3
    assert all(line.startswith("    ") and line.isprintable() for line in others)


async def test_requests_are_written_in_time_and_before_what_follows_them(stream: io.StringIO) -> None:
    log(b"/first")
    assert stream.getvalue() == ""
    logging.getLogger("origin").warning("second")
    assert [line.split()[2] for line in stream.getvalue().splitlines()] == ["GET", "second"]
    log(b"/third")
    async with asyncio.timeout(60):
        while "/third" not in stream.getvalue():  # noqa: ASYNC110 - the log sets no event
            await asyncio.sleep(0.01)


@as_json
def test_beside_another_log_a_request_is_one_json_object_too(stream: io.StringIO) -> None:
    logging.getLogger().addHandler(logging.NullHandler())
    logs.log_request(line("/photos/cat.jpg", answer()))
    fields = json.loads(lines(stream)[0])
    assert (fields["path"], fields["status"], fields["ms"]) == ("/photos/cat.jpg", 200, 250.0)


def test_the_log_of_an_embedding_program_gets_one_line_of_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "origin.access"):
        target = redact_url(b"/photos/\x9b31m", b"t=SECRET")
        logs.log_request(line(target, answer(404, NotFound("a\nb"))))
    [record] = caplog.records
    assert record.getMessage().isprintable()
    assert "SECRET" not in record.getMessage()
    assert record.getMessage().startswith("GET /photos/")


@pytest.mark.parametrize("format", ["text", "json"])
def test_the_program_logs_to_stderr(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    root, ours = logging.getLogger(), logging.getLogger("origin")
    before = root.handlers[:], root.level, ours.level
    try:
        logs.configure(format)
        logging.getLogger("origin.server").info("listening")
        logging.getLogger("elsewhere").info("chatter")
    finally:
        root.handlers[:], root.level, ours.level = before
    out, err = capsys.readouterr()
    assert out == ""
    assert "listening" in err
    assert "chatter" not in err


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (b"/cat.jpg", b"w=300&amp;t=TOKEN"),
        (b"/cat.jpg", b"T=TOKEN"),
        (b"/cat.jpg", b"t[]=TOKEN"),
        (b"/cat.jpg", b"w=300;t=TOKEN"),
        (b"/cat.jpg", b"w=300%26t%3DTOKEN"),
        (b"/cat.jpg", b"w=300?t=eyJrIjoiY2F0In0.TOKEN"),
        (b"/cat.jpg%3Fw=300&t=TOKEN", b""),
        (b"/cat.jpg;t=TOKEN", b""),
        (b"/cat.jpg%3ft%3dTOKEN", b""),
    ],
)
async def test_a_token_in_a_url_put_together_wrongly_is_not_written_either(
    stream: io.StringIO, path: bytes, query: bytes
) -> None:
    token = b"Hmu1XoNDhQD0O6vlwjalyAV9kYaxfOW5jvHaENvZy1U"
    log(path.replace(b"TOKEN", token), query.replace(b"TOKEN", token))
    [line] = lines(stream)
    assert token.decode() not in line
    assert "[token]" in line


def test_a_line_tells_its_time_to_the_millisecond() -> None:
    handler = logs.Lines(io.StringIO(), "text")
    moments = [0.0, 1.5, 1_700_000_000.999, 1_700_000_001.0, 1_700_000_001.004, 1_709_251_199.25, 0.0]
    for moment in moments:
        record = logging.LogRecord("origin", logging.INFO, "", 0, "hello", (), None)
        record.created = moment
        told = datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="milliseconds")
        assert handler.format(record) == f"{told.removesuffix('+00:00')}Z info hello"


async def test_what_aiohttp_leaves_behind_of_a_broken_connection_is_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(error: Exception) -> None:
        raise error

    for error in (aiohttp.ClientConnectionResetError("closing"), ValueError("a mistake")):
        left = asyncio.ensure_future(fail(error))
        await asyncio.wait([left])
        del left  # nobody has asked what became of it
        gc.collect()
    records = [record for record in caplog.records if record.name == "asyncio"]
    assert [logs.is_news(record) for record in records] == [False, True]
