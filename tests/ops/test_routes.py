"""What operators and load balancers ask for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from origin.errors import BadRequest
from origin.errors import RegistryDown
from origin.sources.url_registry import NoRegistry
from tests.support.operated import TOKEN
from tests.support.operated import Operated

BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def served() -> Operated:
    return Operated()


@pytest.fixture
def client(served: Operated) -> Iterator[TestClient]:
    with TestClient(served.app) as client:
        yield client


@pytest.mark.parametrize("path", ["/status", "/-/live", "/-/ready"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_balancer_is_told_ok(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 200
    assert answer.text == ("OK" if method == "GET" else "")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-length"] == "2"


def test_while_draining_it_lives_and_is_not_ready(client: TestClient, served: Operated) -> None:
    served.is_ready = False
    assert client.get("/-/ready").status_code == 503
    assert client.get("/-/live").status_code == 200


@pytest.mark.parametrize(
    ("wanted", "purged"),
    [
        ({"handler": "photos"}, (None, None)),
        ({"handler": "photos", "key": "cat.jpg"}, ("cat.jpg", None)),
        ({"handler": "photos", "prefix": "2024/"}, (None, "2024/")),
        ({"handler": "photos", "key": "ü\n🐈"}, ("ü\n🐈", None)),
    ],
)
def test_a_purge_reaches_its_handler_alone(
    client: TestClient, served: Operated, wanted: dict[str, str], purged: tuple[str | None, str | None]
) -> None:
    answer = client.post("/-/purge", headers=BEARER, json=wanted)
    assert (answer.status_code, answer.json()) == (200, {"purged": 7})
    assert answer.headers["cache-control"] == "no-store"
    assert served.photos.purged == [purged]
    assert served.more.purged == []
    assert b"origin_purged_entries_total 7.0" in served.metrics.text()


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN} ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        "Bearer ",
        "Bearer None",
    ],
)
def test_without_the_token_nothing_is_purged(client: TestClient, served: Operated, given: str | None) -> None:
    headers = {} if given is None else {"authorization": given}
    answer = client.post("/-/purge", headers=headers, json={"handler": "photos"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert served.photos.purged == []
    assert TOKEN not in answer.text


def test_the_scheme_has_no_case(client: TestClient) -> None:
    headers = {"authorization": f"bearer {TOKEN}"}
    assert client.post("/-/purge", headers=headers, json={"handler": "photos"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"\xff", 400),
        (b"[" * 10_000, 400),
        (b"[]", 400),
        (b'"photos"', 400),
        (b"{}", 400),
        (b'{"key": "cat.jpg"}', 400),
        (b'{"handler": "photos", "keys": "x"}', 400),
        (b'{"handler": "photos", "key": "a", "prefix": "b"}', 400),
        (b'{"handler": "photos", "key": ""}', 400),
        (b'{"handler": "photos", "key": null}', 400),
        (b'{"handler": "photos", "prefix": 7}', 400),
        (b'{"handler": ["photos"]}', 400),
        (b'{"handler": "photos", "key": "\\ud800"}', 400),
        (b'{"handler": ""}', 400),
        (b'{"handler": "other"}', 404),  # and the answer names those that there are
        (b'{"handler": "photos", "key": "' + b"x" * 20_000 + b'"}', 413),
    ],
)
def test_a_wrong_purge_is_refused_with_its_reason(
    client: TestClient, served: Operated, body: bytes, status: int
) -> None:
    answer = client.post("/-/purge", headers=BEARER, content=body)
    assert answer.status_code == status
    assert ("there are more photos, photos" in answer.text) is (status == 404)
    assert answer.json()["error"]
    assert served.photos.purged == []


def test_a_purge_is_a_post(client: TestClient) -> None:
    answer = client.get("/-/purge", headers=BEARER)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_without_a_token_in_the_configuration_there_is_no_purge() -> None:
    with TestClient(Operated(token=None).app) as client:
        for headers in ({}, {"authorization": "Bearer None"}, {"authorization": "Bearer "}):
            assert client.post("/-/purge", headers=headers, json={"handler": "photos"}).status_code == 404


def test_metrics_are_in_the_format_of_prometheus(client: TestClient) -> None:
    answer = client.get("/-/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families: list[Any] = list(text_string_to_metric_families(answer.text))
    assert "origin_in_flight_requests" in {family.name for family in families}


# Registry


@pytest.mark.parametrize("action", ["add", "block", "unblock"])
def test_an_application_changes_the_registry(client: TestClient, served: Operated, action: str) -> None:
    wanted = {"handler": "photos", "action": action, "url": "https://example.com/a.jpg"}
    assert client.post("/-/registry", json=wanted).status_code == 401
    assert served.photos.moderated == []
    answer = client.post("/-/registry", headers=BEARER, json=wanted)
    assert (answer.status_code, answer.json()) == (200, {action: "https://example.com/a.jpg"})
    assert served.photos.moderated == [(action, "https://example.com/a.jpg")]
    assert served.more.moderated == []
    # Another handler may share the registry.
    forgotten = ["https://example.com/a.jpg"] if action == "block" else []
    assert (served.photos.forgotten, served.more.forgotten) == (forgotten, forgotten)


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({}, 400),
        ({"handler": "photos", "action": "add"}, 400),
        ({"handler": "photos", "action": "close", "url": "http://a"}, 400),
        ({"handler": "photos", "action": ["add"], "url": "http://a"}, 400),
        ({"handler": "photos", "action": "add", "url": ""}, 400),
        ({"handler": "photos", "action": "add", "url": "http://a", "more": "x"}, 400),
        ({"handler": "other", "action": "add", "url": "http://a"}, 404),
    ],
)
def test_a_wrong_change_of_the_registry_is_refused(
    client: TestClient, served: Operated, wanted: dict[str, Any], status: int
) -> None:
    answer = client.post("/-/registry", headers=BEARER, json=wanted)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert served.photos.moderated == []


@pytest.mark.parametrize(
    ("failure", "status"), [(NoRegistry(), 404), (RegistryDown("secret"), 503), (BadRequest("secret"), 400)]
)
def test_a_registry_that_is_not_there_is_told(
    client: TestClient, served: Operated, failure: Exception, status: int
) -> None:
    served.photos.failure = failure
    wanted = {"handler": "photos", "action": "add", "url": "http://a"}
    answer = client.post("/-/registry", headers=BEARER, json=wanted)
    assert answer.status_code == status
    assert "secret" not in answer.text


# Reload


def test_a_reload_is_asked_for_with_the_token(client: TestClient, served: Operated) -> None:
    assert client.post("/-/reload").status_code == 401
    assert client.get("/-/reload", headers=BEARER).status_code == 405
    assert served.reloads == 0
    answer = client.post("/-/reload", headers=BEARER)
    assert (answer.status_code, answer.json()) == (200, {"reloaded": True})
    assert served.reloads == 1


def test_a_mistake_in_the_new_configuration_is_told(client: TestClient, served: Operated) -> None:
    served.mistake = "config.json: handlers[0].crop: expected true or false, got 1"
    answer = client.post("/-/reload", headers=BEARER)
    assert (answer.status_code, answer.json()) == (409, {"error": served.mistake})


def test_a_purge_says_what_and_how_much(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "origin.ops.routes"):
        client.post("/-/purge", headers=BEARER, json={"handler": "photos", "prefix": "2024/"})
    assert "purged 7 results and originals: handler='photos' prefix='2024/'" in caplog.text
