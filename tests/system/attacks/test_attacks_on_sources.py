"""Attacks over HTTP on the source behind the origin, on its log, and on its secrets. See test_attacks."""

from __future__ import annotations

import http.client
import io
import json
import logging
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from pathlib import Path

import pytest

from origin.ops import logs
from tests.support import pictures
from tests.support.attack_origin import ACCESS
from tests.support.attack_origin import ADMIN
from tests.support.attack_origin import GOOD
from tests.support.attack_origin import KEY
from tests.support.attack_origin import SECRET
from tests.support.attack_origin import SESSION
from tests.support.attack_origin import TOKEN
from tests.support.attack_origin import configured
from tests.support.fake_s3 import Bucket
from tests.support.running import PATIENCE
from tests.support.running import Answer
from tests.support.running import Running
from tests.support.running import wait_until

# --- the source -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "versionId=1",
        "acl",
        "list-type=2&prefix=",
        "uploads",
        "partNumber=1",
        "response-content-type=text/html",
        "X-Amz-Signature=x&X-Amz-Algorithm=y",
        "torrent",
        "tagging",
        "?acl",
    ],
)
def test_query_to_s3(origin: Running, asked: list[str], query: str) -> None:
    assert origin.call(origin.origin.handlers["h"].purge(None, None)) >= 0
    assert origin.get(f"/h/cat.jpg?{query}").status == 200
    assert asked == ["GET /hidden-bucket/hidden-folder/cat.jpg"]


@pytest.mark.parametrize("key", ["cat.jpg%3fversionId=1", "cat.jpg%3Facl", "%3Flist-type=2", "a%3f/b"])
def test_query_inside_a_key(origin: Running, asked: list[str], key: str) -> None:
    assert origin.get(f"/h/{key}").status == 404
    assert len(asked) == 1
    assert "?" not in asked[0]


@pytest.mark.parametrize("path", ["/h/", "/h", "/h/x/", "/h/x", "/h//", "/h/x//", "/h/?list-type=2"])
def test_listing(origin: Running, stock: Bucket, asked: list[str], path: str) -> None:
    """Folders, their marker objects and the bucket itself have no page."""
    stock.put("x/", pictures.small())
    stock.put("", pictures.small())
    assert origin.get(path).status in (400, 404)
    assert asked in ([], ["GET /hidden-bucket/hidden-folder/x"])


def test_existence_oracle(origin: Running, stock: Bucket) -> None:
    """What the source will not show is as missing, to the letter."""
    stock.put("locked.jpg", b"<Error><Code>AccessDenied</Code></Error>", 403)
    locked, absent = (origin.get(f"/default/{key}.jpg?w=30") for key in ("locked", "absent"))
    assert (locked.status, locked.kind, locked.body) == (absent.status, absent.kind, absent.body)
    assert locked.kind == "not-found"
    assert locked.headers.keys() == absent.headers.keys()


def test_metadata_of_the_source(origin: Running, stock: Bucket) -> None:
    """Whoever uploads decides on the pixels and on nothing else."""
    stock.put(
        "meta.jpg",
        pictures.small(),
        Content_Type="text/html",
        Content_Encoding="gzip",
        Content_Disposition="attachment; filename=evil.exe",
        Cache_Control="public, max-age=31536000, immutable",
        Content_Language="xx",
        Location="http://evil.example/",
        Set_Cookie="evil=1",
        Link="<http://evil.example/>; rel=preload",
        Refresh="0;url=http://evil.example/",
        x_amz_meta_evil="1",
        x_amz_website_redirect_location="http://evil.example/",
    )
    told, plain = origin.get("/h/meta.jpg?w=20"), origin.get("/h/cat.jpg?w=20")
    differ = {"etag", "last-modified", "content-disposition", "surrogate-key"}
    differ |= {"date", "cache-status", "server-timing"}
    assert [h for h in told.headers.items() if h[0].lower() not in differ] == [
        h for h in plain.headers.items() if h[0].lower() not in differ
    ]
    assert told.body == plain.body
    assert "evil" not in str(told.headers)


# --- the log, the metrics, and secrets --------------------------------------------------------------


@contextmanager
def logged(format: str) -> Iterator[io.StringIO]:
    """The log as the program writes it."""
    root, own, stream = logging.root, logging.getLogger("origin"), io.StringIO()
    before = root.handlers[:], root.level, own.level
    root.handlers[:] = [logs.Lines(stream, format)]
    root.setLevel(logging.WARNING)
    own.setLevel(logging.INFO)
    try:
        yield stream
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        own.setLevel(before[2])


FORGED = "2026-01-01T00:00:00.000Z info GET /forged 200"


@pytest.mark.parametrize("format", ["text", "json"])
def test_log_injection(origin: Running, format: str) -> None:
    targets = [
        "/h/a%0d%0a" + FORGED.replace(" ", "%20"),
        "/h/a%1b[2J%1b]0;owned%07",
        "/h/%e2%80%ae%e2%80%8bgpj.jpg",
        "/h/cat.jpg?w=%0d%0a" + FORGED.replace(" ", "+"),
        '/h/%22,%22status%22:200,"path":"/forged"',
        "/h/cat.jpg?w=%ff%fe",
        "/h/" + "%C2%9B31m" * 50,
    ]
    with logged(format) as stream:
        for target in targets:
            evil = {
                "User-Agent": f"x\x9b2J {FORGED}",
                "Referer": "http://x/\x9b31m",
                "X-Forwarded-For": FORGED,
            }
            origin.get(target, headers=evil)
        wait_until(lambda: stream.getvalue().count("\n") >= len(targets), "it is logged")
    lines = stream.getvalue().splitlines()
    assert len(lines) == len(targets)
    for line in lines:
        assert line.isprintable()
        assert FORGED not in line
        if format == "json":
            assert json.loads(line)["status"] in (400, 404)


def purge(origin: Running, authorization: str, body: str = '{"handler": "h"}') -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=PATIENCE)
    with closing(connection):
        connection.request("POST", "/-/purge", body, {"Authorization": authorization})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def everything_asked(origin: Running) -> list[Answer]:
    """Answers of every kind, from requests with every secret a client can have."""
    targets = [
        "/h/cat.jpg?w=9",
        "/h/nix.jpg",
        "/h/broken.jpg",
        "/h/down.jpg",
        "/h/refused.jpg",
        "/h/cat.jpg?w=x",
    ]
    targets += [
        GOOD,
        GOOD + "0",
        "/s/cat.jpg?token=" + TOKEN,
        "/status",
        "/nowhere/x",
        "/h/a/../b",
        "/-/purge",
    ]
    answers = [origin.get(target, headers={"Authorization": f"Bearer {ADMIN}"}) for target in targets]
    return [
        *answers,
        purge(origin, f"Bearer {ADMIN}"),
        purge(origin, f"Bearer {ADMIN}x"),
        purge(origin, ADMIN, "x"),
    ]


def test_secret_leak(stock: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [KEY, ACCESS, SECRET, SESSION, ADMIN]
    for n, secret in enumerate(secrets):
        monkeypatch.setenv(f"CANARY_{n}", secret)
    text = json.dumps(configured(stock, tmp_path))
    for n, secret in enumerate(secrets):
        text = text.replace(json.dumps(secret), f'"env:CANARY_{n}"')
    assert not any(secret in text for secret in secrets)
    (tmp_path / "config.json").write_text(text)
    stock.put("broken.jpg", pictures.land()[:9000])
    stock.put("down.jpg", b"<Error><Code>InternalError</Code></Error>", 500)
    echo = f"<AWSAccessKeyId>{ACCESS}</AWSAccessKeyId><StringToSign>{SESSION}</StringToSign>"
    stock.put("refused.jpg", f"<Error><Code>SignatureDoesNotMatch</Code>{echo}</Error>".encode(), 403)

    with logged("text") as stream, Running(tmp_path / "config.json") as origin:
        answers = everything_asked(origin)
        assert {answer.status for answer in answers} >= {200, 400, 401, 403, 404, 405, 422, 502}
        metrics = origin.get("/-/metrics").body.decode()
        wait_until(lambda: stream.getvalue().count("/") > len(answers), "it is logged")
        process = Path(f"/proc/{origin.origin.pool.processes[0]}")
        renderer = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        whole = repr(origin.origin.config) + repr(origin.origin.handlers) + repr(vars(origin.origin))
    told = "".join(f"{answer.headers}{answer.body!r}" for answer in answers)
    for secret in [*secrets, TOKEN]:
        places = {"answer": told, "metrics": metrics, "log": stream.getvalue(), "repr": whole}
        assert [name for name, place in places.items() if secret in place] == [], secret
        assert secret.encode() not in renderer


def test_detail_leak(origin: Running, stock: Bucket) -> None:
    """Neither where the originals are, nor which programs and versions work here."""
    stock.put("broken.jpg", pictures.land()[:9000])
    stock.put("down.jpg", b"<Error><Code>InternalError</Code><HostId>hidden-host</HostId></Error>", 500)
    for answer in everything_asked(origin):
        told = f"{answer.headers}{answer.body.decode('latin-1')}".lower()
        assert answer.headers.get("Server") is None
        for detail in (
            "hidden",
            "traceback",
            "vips",
            "uvicorn",
            "starlette",
            "python",
            str(stock.server_port),
        ):
            assert detail not in told


def test_purge_by_a_stranger(origin: Running) -> None:
    for authorization in (
        "",
        "Bearer ",
        f"Bearer {ADMIN[:-1]}",
        f"Basic {ADMIN}",
        f"{ADMIN}",
    ):
        answer = purge(origin, authorization)
        assert answer.status == 401
        assert answer.headers["Cache-Control"] == "no-store"
    assert origin.get("/-/purge").status == 405


@pytest.mark.parametrize(
    "path", ["/h/-/metrics", "/h/-/purge", "/h/status", "/h/../-/metrics", "/h/%2e%2e/-/metrics"]
)
def test_operators_pages_below_a_prefix(origin: Running, path: str) -> None:
    answer = origin.get(path)
    assert answer.status in (400, 404)
    assert b"origin_requests" not in answer.body
