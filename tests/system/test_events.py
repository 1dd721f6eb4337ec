"""An object is overwritten in the bucket; its old picture goes, here and in the CDN, unasked."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support import pictures
from tests.support.recording_server import recording_server
from tests.support.running import Running
from tests.support.running import wait_until
from tests.support.s3_servers import S3Server

TOKEN = "a-token-for-the-tests-of-events"
KEY = "2024/ü a+b.jpg"

pytestmark = pytest.mark.slow


def post(port: int, path: str, body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, body)
    status = connection.getresponse().status
    connection.close()
    return status


def test_what_s3_says_reaches_every_handler_and_the_cdn(moto_server: S3Server, tmp_path: Path) -> None:
    s3, sqs = moto_server.client, moto_server.service("sqs")
    queue = sqs.create_queue(QueueName="uploads")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.create_bucket(Bucket="told")
    s3.put_object(Bucket="told", Key=f"pictures/{KEY}", Body=pictures.small())
    wanted = {
        "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]
    }
    s3.put_bucket_notification_configuration(Bucket="told", NotificationConfiguration=wanted)
    keys = {"access_key": moto_server.access_key, "secret_key": moto_server.secret_key, "region": "us-east-1"}
    source = {"type": "s3", "bucket": "told", "endpoint_url": moto_server.url, **keys}
    with recording_server() as cdn:
        config = {
            "handlers": [
                {"name": "deep", "source": {**source, "folder": "pictures"}},
                {"name": "whole", "source": source},
                {"name": "other", "source": {**source, "folder": "other"}},
            ],
            "cache": {"path": str(tmp_path / "cache")},
            "renderers": 1,
            "admin": {"token": TOKEN},
            "events": {"queue": {"url": queue, "endpoint_url": moto_server.url, **keys}},
            "cdn": {"type": "http", "url": cdn.url},
        }
        with Running(config) as origin:
            urls = [f"/deep/{quote(KEY)}?w=20", f"/whole/pictures/{quote(KEY)}?w=20"]
            old = [origin.get(url).body for url in urls]
            s3.put_object(Bucket="told", Key=f"pictures/{KEY}", Body=pictures.odd())
            wait_until(lambda: cdn.requests, "the CDN is told")
            new = [origin.get(url) for url in urls]
            assert [answer.status for answer in new] == [200, 200]
            assert all(answer.body != body for answer, body in zip(new, old, strict=True))
            told = [purge for request in cdn.requests for purge in json.loads(request.body)["purges"]]
            assert {(purge["handler"], purge["path"]) for purge in told} == {
                ("deep", f"/deep/{quote(KEY)}"),
                ("whole", f"/whole/pictures/{quote(KEY)}"),
            }
            # Removed, and told over HTTP this time, with the token in the query.
            s3.delete_object(Bucket="told", Key=f"pictures/{KEY}")
            record = {
                "eventName": "ObjectRemoved:Delete",
                "s3": {"bucket": {"name": "told"}, "object": {"key": "pictures/2024/%C3%BC+a%2Bb.jpg"}},
            }
            body = json.dumps({"Records": [record], "padding": "x" * 100_000}).encode()
            assert post(origin.port, "/-/events/s3", body) == 401
            assert post(origin.port, f"/-/events/s3?key={TOKEN}", body) == 200
            assert [origin.get(url).status for url in urls] == [404, 404]
            assert b"origin_events_total" in origin.get("/-/metrics").body
