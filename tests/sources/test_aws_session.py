"""A session of ours is one of botocore's, to each who asks for it."""

from __future__ import annotations

from typing import Any

import pytest
from aiobotocore.session import get_session
from botocore.handlers import BUILTIN_HANDLERS

from origin.sources.aws_session import make_session

KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}


def handlers(session: Any, event: str) -> list[object]:
    """Those that botocore would call, in order, without what moto adds where it is imported."""
    found: list[object] = list(session.get_component("event_emitter")._emitter._handlers.prefix_search(event))
    return [handler for handler in found if not type(handler).__module__.startswith("moto")]


def test_it_has_botocores_own_handlers_in_their_order() -> None:
    ours, theirs = make_session(), get_session()
    events = [event for event, *_ in BUILTIN_HANDLERS]
    assert len(events) > 100
    assert sum(len(handlers(theirs, event)) for event in events) > 100
    for event in events:
        assert handlers(ours, event) == handlers(theirs, event), event


def test_what_is_added_to_one_is_not_heard_of_in_another() -> None:
    def listen(**_: object) -> None: ...

    first = make_session()
    first.register("before-sign.s3.GetObject", listen)
    assert listen in handlers(first, "before-sign.s3.GetObject")
    assert listen not in handlers(make_session(), "before-sign.s3.GetObject")


def test_each_reads_variables_and_credentials_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert make_session().get_config_variable("region") == "eu-west-3"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "sa-east-1")
    assert make_session().get_config_variable("region") == "sa-east-1"


@pytest.mark.parametrize("service", ["s3", "sqs", "cloudfront"])
async def test_its_clients_ask_where_those_of_botocore_do(service: str) -> None:
    ours, theirs = make_session(), get_session()
    for region in ("us-east-1", "eu-central-1", "cn-north-1"):
        told = []
        for session in (ours, theirs):
            async with session.create_client(service, region_name=region, **KEYS) as client:
                signing = client._request_signer
                told.append((client.meta.endpoint_url, signing._signing_name, signing._region_name))
        assert told[0] == told[1], region
