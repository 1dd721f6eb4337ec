"""Uploads that a grant permits: where to, how large, in which formats, and what of other sites' pages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from origin.signing import UrlSigner
from tests.ingest.test_put import BLUE
from tests.ingest.test_put import RED
from tests.ingest.test_put import picture
from tests.support.running import Running
from tests.support.uploads import KEY
from tests.support.uploads import Answered
from tests.support.uploads import files
from tests.support.uploads import multipart
from tests.support.uploads import send
from tests.support.uploads import writing

SIGNER = UrlSigner("", "up", [KEY])
PAGE = "https://www.example.com"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    write = {
        "auth": {"signed": True},
        "cors": [PAGE],
        "routes": {"upload": "/upload"},
        "name": "{stem}",
    }
    config = writing(folder, tmp_path_factory.mktemp("cache"), write, signing={"keys": [KEY]})
    everyone = {
        "name": "everyone",
        "source": {"type": "local", "root": str(folder / "everyone")},
        "write": {
            "auth": "open",
            "cors": {"origins": ["*"], "methods": ["POST"], "headers": ["X-A"], "max_age": 9},
        },
    }
    (folder / "everyone").mkdir()
    with Running({**config, "handlers": [*config["handlers"], everyone]}) as it:
        yield it


def post(origin: Running, url: str, body: bytes = RED, name: str = "a.png", path: str = "/up") -> Answered:
    data, headers = multipart(("file", name, body))
    return send(origin.port, "POST", f"{path}?{urlsplit(url).query}", data, headers)


@pytest.mark.slow
def test_a_post_makes_its_name_below_the_prefix(origin: Running, folder: Path) -> None:
    answer = post(origin, SIGNER.upload("users/42/*", expires_in=60), name="below.png")
    assert (answer.status, answer.json["key"]) == (201, "users/42/below.png")
    assert origin.get(answer.headers["Location"]).status == 200


@pytest.mark.slow
def test_an_exact_key_is_taken(origin: Running, folder: Path) -> None:
    url = SIGNER.upload("exact/one", expires_in=60)
    assert post(origin, url).json["key"] == "exact/one"
    again = post(origin, url, BLUE)
    assert (again.status, again.kind) == (412, "exists")
    put = send(origin.port, "PUT", url, BLUE)
    assert (put.status, put.kind, (folder / "exact/one").read_bytes()) == (412, "exists", RED)
    may = SIGNER.upload("exact/one", expires_in=60, may_replace=True)
    assert send(origin.port, "PUT", may, BLUE).status == 200
    assert post(origin, may, RED).status == 201
    assert (folder / "exact/one").read_bytes() == RED


def test_other_keys_are_refused(origin: Running, folder: Path) -> None:
    before = files(folder)
    token = urlsplit(SIGNER.upload("users/42/*", expires_in=60)).query
    for key in ("users/420/a.png", "users/43/a.png", "a.png"):
        answer = send(origin.port, "PUT", f"/up/{key}?{token}", RED)
        assert (answer.status, answer.kind) == (403, "forbidden")
    assert files(folder) == before
    assert send(origin.port, "PUT", f"/up/users/42/mine.png?{token}", RED).status == 201


def test_bytes_and_formats_are_bound(origin: Running, folder: Path) -> None:
    before = files(folder)
    small = SIGNER.upload("b/*", expires_in=60, max_bytes=len(RED) - 1)
    answer = send(origin.port, "PUT", f"/up/b/a.png?{urlsplit(small).query}", RED)
    assert (answer.status, answer.kind) == (413, "too-large")
    jpegs = SIGNER.upload("b/*", expires_in=60, formats=["jpg"])
    answer = post(origin, jpegs)
    assert (answer.status, answer.kind) == (415, "unsupported")
    assert files(folder) == before
    assert post(origin, jpegs, picture("#fff", "JPEG"), "j.jpg").status == 201


def test_grants_never_delete(origin: Running, folder: Path) -> None:
    url = SIGNER.upload("kept.png", expires_in=60, may_replace=True)
    assert send(origin.port, "PUT", url, RED).status == 201
    assert send(origin.port, "DELETE", url).status == 403
    assert send(origin.port, "DELETE", url.partition("?")[0]).status == 401
    assert (folder / "kept.png").exists()


def test_other_tokens_are_403_and_none_401(origin: Running) -> None:
    reading = SIGNER.grant("a.png", expires_in=60)
    late = SIGNER.upload("a.png", expires_at=time.time() - 7200, now=time.time() - 9000)
    for query in (f"t={reading}", "t=x", urlsplit(late).query, "t=a.b", f"t={reading}&t=x"):
        answer = send(origin.port, "PUT", f"/up/a.png?{query}", RED)
        assert (answer.status, answer.kind) == (403, "forbidden")
        assert reading not in answer.body.decode()
    for query in ("", "?t=", "?w=3"):
        assert send(origin.port, "PUT", f"/up/a.png{query}", RED).status == 401
    upload = urlsplit(SIGNER.upload("kept.png", expires_in=60)).query
    assert origin.get(f"/up/kept.png?{upload}").kind == "forbidden"  # it permits no reading


def test_another_path_leads_to_the_same(origin: Running) -> None:
    answer = post(origin, SIGNER.upload("routed/*", expires_in=60), path="/upload")
    assert (answer.status, answer.json["key"]) == (201, "routed/a.png")
    assert origin.get("/upload").status == 405
    assert send(origin.port, "PUT", "/upload").status == 405


# Pages of other sites


def preflight(origin: Running, target: str, page: str) -> Answered:
    headers = {
        "Origin": page,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "x-b",
    }
    return send(origin.port, "OPTIONS", target, b"", headers)


@pytest.mark.parametrize("target", ["/up", "/up/a.png", "/upload"])
def test_a_page_that_is_named_may_write(origin: Running, target: str) -> None:
    answer = preflight(origin, target, PAGE)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST, PUT, DELETE"
    assert answer.headers["Access-Control-Allow-Headers"] == "x-b"
    assert "Origin" in ", ".join(answer.headers.get_all("Vary", []))
    refused = send(origin.port, "PUT", "/up/a.png", RED, {"Origin": PAGE})
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, PAGE)


@pytest.mark.parametrize("target", ["/up", "/upload"])
def test_a_page_is_answered_that_says_no_more_than_its_name(origin: Running, target: str) -> None:
    """As clients of c2corg's image service ask. Without a page it is another method."""
    answer = send(origin.port, "OPTIONS", target, b"", {"Origin": PAGE})
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, PAGE)
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST, PUT, DELETE"
    assert send(origin.port, "OPTIONS", target).status == 405


def test_another_page_may_not(origin: Running) -> None:
    answer = preflight(origin, "/up", "https://evil.example")
    assert answer.headers["Access-Control-Allow-Origin"] is None
    assert answer.headers["Access-Control-Allow-Methods"] is None
    refused = send(origin.port, "PUT", "/up/a.png", RED, {"Origin": "https://evil.example"})
    assert refused.headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("target", ["/up/a.png", "/everyone/a.png"])
def test_any_page_may_read_pictures_with_headers_of_its_own(origin: Running, target: str) -> None:
    """As the pictures themselves say: `cors` is for those that write."""
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-trace"}
    answer = send(origin.port, "OPTIONS", target, b"", {"Origin": "https://other.example", **asked})
    assert answer.headers.get_all("Access-Control-Allow-Origin") == ["*"]
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
    assert answer.headers["Access-Control-Allow-Headers"] == "x-trace"


def test_every_page_may_where_the_star_stands(origin: Running) -> None:
    answer = preflight(origin, "/everyone", "https://any.example")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert answer.headers["Access-Control-Allow-Headers"] == "X-A"
    assert answer.headers["Access-Control-Max-Age"] == "9"
    sent = send(origin.port, "POST", "/everyone", RED, {"Origin": "https://any.example"})
    assert (sent.status, sent.headers.get_all("Access-Control-Allow-Origin")) == (201, ["*"])
    assert "Location" in sent.headers["Access-Control-Expose-Headers"]
