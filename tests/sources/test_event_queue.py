"""The queue in which S3 tells of changes: SQS, as moto plays it; and invalidations of CloudFront."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import pytest

from origin.errors import OriginError
from origin.errors import SourceUnavailable
from origin.sources.aws import AwsAccess
from origin.sources.cloudfront import Distribution
from origin.sources.event_queue import PAUSES
from origin.sources.event_queue import EventQueue
from origin.sources.settings import Secret
from tests.support.s3_servers import S3Server


def access(server: S3Server) -> AwsAccess:
    return AwsAccess("us-east-1", server.url, Secret(server.access_key), Secret(server.secret_key))


async def run_until(queue: EventQueue, holds: Callable[[], object]) -> None:
    task = asyncio.ensure_future(queue.run())
    while not await asyncio.to_thread(holds):
        assert not task.done()
        await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.slow
@pytest.mark.parametrize("failure", [SourceUnavailable("the purge did not get through"), ValueError("ours")])
async def test_a_message_goes_once_it_is_acted_on_and_stays_where_that_failed(
    moto_server: S3Server, failure: Exception
) -> None:
    sqs = moto_server.service("sqs")
    name = f"changes-{type(failure).__name__}"
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="fails at first")
    sqs.send_message(QueueUrl=url, MessageBody="works")
    handled: list[str] = []

    async def handle(body: str) -> None:
        handled.append(body)
        if handled.count(body) == 1 and body.startswith("fails"):
            raise failure

    def is_empty() -> bool:
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return {told[name] for name in told if name.startswith("ApproximateNumberOfMessages")} == {"0"}

    queue = EventQueue(url, access(moto_server), handle)
    await queue.check()
    await run_until(queue, lambda: len(handled) == 3 and is_empty())
    assert sorted(handled) == ["fails at first", "fails at first", "works"]
    assert queue.failures == 1


@pytest.mark.slow
async def test_a_queue_that_is_away_is_asked_again_and_told_of_once(
    moto_server: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pauses: list[float] = []
    found = asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            sqs = moto_server.service("sqs")
            created = await asyncio.to_thread(sqs.create_queue, QueueName="later")
            await asyncio.to_thread(sqs.send_message, QueueUrl=created["QueueUrl"], MessageBody="x")

    async def handle(body: str) -> None:
        found.set()

    url = f"{moto_server.url}/123456789012/later"
    queue = EventQueue(url, access(moto_server), handle, pause=pause)
    with pytest.raises(OriginError):
        await queue.check()
    await run_until(queue, found.is_set)
    assert pauses == [*PAUSES, PAUSES[-1], PAUSES[-1]]
    assert queue.failures == 6
    assert [record.levelname for record in caplog.records if "events:" in record.getMessage()] == [
        *("ERROR", "INFO")
    ]


@pytest.mark.slow
async def test_a_distribution_is_told_of_paths_and_tags(moto_server: S3Server) -> None:
    cloudfront = moto_server.service("cloudfront")
    origins = {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "o.s3.us-east-1.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}]}  # fmt: skip  # noqa: E501
    behaviour = {"TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "MinTTL": 0, "ForwardedValues": {"QueryString": True, "Cookies": {"Forward": "none"}}}  # fmt: skip  # noqa: E501
    settings = {"CallerReference": "1", "Comment": "", "Enabled": True, "Origins": origins, "DefaultCacheBehavior": behaviour}  # fmt: skip  # noqa: E501
    made = await asyncio.to_thread(cloudfront.create_distribution, DistributionConfig=settings)
    id = made["Distribution"]["Id"]
    distribution = Distribution(id, access(moto_server))
    await distribution.invalidate(["/photos/%C3%BC.jpg*", "#3f1c9a0b7d2e4f60"])
    listed = await asyncio.to_thread(cloudfront.list_invalidations, DistributionId=id)
    (entry,) = listed["InvalidationList"]["Items"]
    told = await asyncio.to_thread(cloudfront.get_invalidation, DistributionId=id, Id=entry["Id"])
    paths = told["Invalidation"]["InvalidationBatch"]["Paths"]
    assert paths == {"Quantity": 2, "Items": ["/photos/%C3%BC.jpg*", "#3f1c9a0b7d2e4f60"]}
