"""Events of stores over HTTP: who may send them, what is purged, whom SNS gets an answer from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from origin.errors import SourceUnavailable
from origin.ops.events import is_confirmation_url
from origin.ops.s3_events import MAX_EVENT
from tests.ops.test_s3_events import EVENT_BRIDGE
from tests.ops.test_s3_events import s3_record
from tests.support.operated import TOKEN
from tests.support.operated import TOPIC
from tests.support.operated import Operated

PATH = "/-/events/s3"
BEARER = {"authorization": f"Bearer {TOKEN}"}
CONFIRMATION = {
    "Type": "SubscriptionConfirmation",
    "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
    "Token": "2336412f37",
    "TopicArn": TOPIC,
    "Message": "You have chosen to subscribe to the topic.",
    "SubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription"
    f"&TopicArn={TOPIC}&Token=2336412f37",
}


@pytest.fixture
def served() -> Operated:
    return Operated()


@pytest.fixture
def client(served: Operated) -> Iterator[TestClient]:
    with TestClient(served.app) as client:
        yield client


def test_what_was_written_is_purged_before_the_answer(client: TestClient, served: Operated) -> None:
    told = {"Records": [s3_record("2024/happy+face.jpg"), s3_record("b.jpg"), s3_record("b.jpg")]}
    answer = client.post(PATH, headers=BEARER, json=told)
    assert (answer.status_code, answer.json()) == (200, {"purged": 6})
    assert answer.headers["cache-control"] == "no-store"
    assert served.changes == [("photos", "2024/happy face.jpg"), ("photos", "b.jpg")]


def test_a_change_that_is_told_twice_is_purged_once(client: TestClient, served: Operated) -> None:
    for _ in range(2):
        assert client.post(PATH, headers=BEARER, json=EVENT_BRIDGE).status_code == 200
    later = json.loads(json.dumps(EVENT_BRIDGE))
    later["detail"]["object"]["sequencer"] = "00617F08299329D190"
    assert client.post(PATH, headers=BEARER, json=later).json() == {"purged": 3}
    assert len(served.changes) == 2


def test_a_purge_that_did_not_get_through_is_asked_for_again(client: TestClient, served: Operated) -> None:
    served.purge_failure = SourceUnavailable("the bucket is away")
    answer = client.post(PATH, headers=BEARER, json=EVENT_BRIDGE)
    assert answer.status_code == 503
    assert "bucket" not in answer.text
    served.purge_failure = None
    assert client.post(PATH, headers=BEARER, json=EVENT_BRIDGE).json() == {"purged": 3}


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", BEARER, 200),
        (f"?key={TOKEN}", {}, 200),
        (f"?key={TOKEN}", BEARER, 200),
        ("", {}, 401),
        ("?key=", {}, 401),
        (f"?key={TOKEN}x", {}, 401),
        (f"?key={TOKEN}&key={TOKEN}", {}, 401),
        (f"?KEY={TOKEN}", {}, 401),
        (f"?key={TOKEN}", {"authorization": "Bearer wrong"}, 401),
        (f"?key={TOKEN}", {"authorization": f"Basic {TOKEN}"}, 401),
    ],
)
def test_the_token_comes_as_bearer_or_as_key(
    client: TestClient, served: Operated, query: str, headers: dict[str, str], status: int
) -> None:
    assert client.post(PATH + query, headers=headers, json=EVENT_BRIDGE).status_code == status
    assert len(served.changes) == (status == 200)


def test_no_other_route_takes_the_token_from_the_query(client: TestClient) -> None:
    assert client.post(f"/-/purge?key={TOKEN}", json={"handler": "photos"}).status_code == 401


def test_without_a_token_in_the_configuration_there_is_no_such_route() -> None:
    with TestClient(Operated(token=None).app) as client:
        assert client.post(PATH, json=EVENT_BRIDGE).status_code == 404


def test_a_body_is_bounded_and_has_to_be_an_event(client: TestClient, served: Operated) -> None:
    assert client.post(PATH, headers=BEARER, content=b"x" * (MAX_EVENT + 1)).status_code == 413
    assert client.post(PATH, headers=BEARER, content=b"{}").status_code == 400
    assert client.get(PATH, headers=BEARER).status_code == 405
    numbers = {name: value for name, _, value in served.events.numbers()}
    assert numbers == {"origin_events_total": 0, "origin_event_failures_total": 1}


def test_sns_gets_its_answer(client: TestClient, served: Operated) -> None:
    assert client.post(PATH, headers=BEARER, json=CONFIRMATION).json() == {"purged": 0}
    assert served.visited == [CONFIRMATION["SubscribeURL"]]


HOST = "https://sns.eu-central-1.amazonaws.com"
QUERY = f"Action=ConfirmSubscription&TopicArn={TOPIC}&Token=1"


@pytest.mark.parametrize(
    "changed",
    [
        {"TopicArn": "arn:aws:sns:eu-central-1:123456789012:other"},
        {"TopicArn": TOPIC + "x"},
        {"SubscribeURL": f"http://sns.eu-central-1.amazonaws.com/?{QUERY}"},
        {"SubscribeURL": f"https://sns.us-east-1.amazonaws.com/?{QUERY}"},
        {"SubscribeURL": f"https://sns.eu-central-1.amazonaws.com.evil.example/?{QUERY}"},
        {"SubscribeURL": f"https://evil.example/?{QUERY}"},
        {"SubscribeURL": f"https://127.0.0.1/?{QUERY}"},
        {"SubscribeURL": f"https://a@sns.eu-central-1.amazonaws.com/?{QUERY}"},
        {"SubscribeURL": f"https://sns.eu-central-1.amazonaws.com@evil.example/?{QUERY}"},
        {"SubscribeURL": f"https://sns.eu-central-1.amazonaws.com:8443/?{QUERY}"},
        {"SubscribeURL": f"{HOST}/other?{QUERY}"},
        {"SubscribeURL": f"{HOST}/?{QUERY.replace('ConfirmSubscription', 'DeleteTopic')}"},
        {"SubscribeURL": f"{HOST}/?{QUERY}&Action=DeleteTopic"},
        {"SubscribeURL": f"{HOST}/?{QUERY.replace(TOPIC, TOPIC + 'x')}"},
        {"SubscribeURL": f"{HOST}/?{QUERY}&Endpoint=x"},
        {"SubscribeURL": f"{HOST}/?{QUERY} "},
        {"SubscribeURL": f"{HOST}/?{QUERY}\r\nX: y"},
        {"SubscribeURL": "https://[/"},
        {"SubscribeURL": 7},
    ],
)
def test_nobody_else_does(client: TestClient, served: Operated, changed: dict[str, Any]) -> None:
    assert client.post(PATH, headers=BEARER, json={**CONFIRMATION, **changed}).status_code == 400
    assert served.visited == []


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws-cn", "cn-north-1", "sns.cn-north-1.amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "sns.us-gov-west-1.amazonaws.com"),
    ],
)
def test_the_other_partitions_of_aws_have_hosts_of_their_own(partition: str, region: str, host: str) -> None:
    topic = f"arn:{partition}:sns:{region}:1:t"
    assert is_confirmation_url(f"https://{host}/?Action=ConfirmSubscription&TopicArn={topic}&Token=1", topic)


def test_a_message_of_a_queue_that_is_no_event_goes_and_one_that_failed_stays(served: Operated) -> None:
    import asyncio

    asyncio.run(served.events.handle_message("not json"))
    served.purge_failure = SourceUnavailable("away")
    with pytest.raises(SourceUnavailable):
        asyncio.run(served.events.handle_message(json.dumps(EVENT_BRIDGE)))
