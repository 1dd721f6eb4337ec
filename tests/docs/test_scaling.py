"""docs/scaling.md and docs/purging.md: moto takes what they tell to send to AWS, and it fits the program."""

from __future__ import annotations

import json
import re
import uuid

import pytest

from origin.cache import bucket
from origin.cache import locks
from origin.cache import valkey
from origin.config.shared import Shared
from origin.ops import purge
from tests.support import s3_servers
from tests.support.documents import page

ACCOUNT = "123456789012"  # moto's
WORDS = {1: "a second", 2: "two seconds", 10: "ten seconds", 30: "30 seconds"}


@pytest.mark.slow
def test_the_lifecycle_rule_keeps_results_and_purges_for_long_enough(
    moto_server: s3_servers.S3Server,
) -> None:
    command = page("docs/scaling.md").block("sh", "put-bucket-lifecycle-configuration")
    (told,) = re.findall(r"--lifecycle-configuration '(.*)'", command, re.DOTALL)
    bucket = f"bucket-{uuid.uuid4().hex}"
    moto_server.client.create_bucket(Bucket=bucket)
    moto_server.client.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration=json.loads(told)
    )
    (rule,) = moto_server.client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert (rule["Status"], rule["Filter"]) == ("Enabled", {"Prefix": ""})
    assert rule["Expiration"]["Days"] == Shared.model_fields["days"].default + 2


@pytest.mark.slow
def test_the_queue_of_events_is_made_as_told(moto_server: s3_servers.S3Server) -> None:
    purging = page("docs/purging.md")
    policy = json.loads(purging.block("json", "Statement"))
    (told,) = re.findall(
        r"--notification-configuration '(.*)'", purging.block("sh", "create-queue"), re.DOTALL
    )
    events = json.loads(purging.block("json", '"queue"'))
    (statement,) = policy["Statement"]
    name = events["events"]["queue"]["url"].rpartition("/")[2]
    region = events["events"]["queue"]["region"]
    sqs = moto_server.service("sqs", region)
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    notified = json.loads(told)["QueueConfigurations"][0]
    assert arn == notified["QueueArn"] == statement["Resource"]
    bucket = events["handlers"][0]["source"]["bucket"]
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"] == f"arn:aws:s3:::{bucket}"
    s3 = moto_server.service("s3", region)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=json.loads(told))
    (kept,) = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert kept["Events"] == notified["Events"]
    sqs.close()
    s3.close()


def test_the_times_are_those_of_the_program() -> None:
    text = page("docs/scaling.md").line
    assert f"Results are used for `shared.days` ({Shared.model_fields['days'].default})" in text
    assert f"a request waits {valkey.ANSWER_SECONDS:g} s for it once" in text
    assert f"a request waits {bucket.READ_SECONDS:g} s for it, and after three failures" in text
    assert bucket.FAILURES_IN_A_ROW == 3
    assert f"a lock in Valkey that lasts {WORDS[round(locks.LOCK_SECONDS)]} without news" in text
    assert f"waits for it, {WORDS[round(locks.WAIT_SECONDS)]} at most" in text
    assert f"The others wait {WORDS[round(locks.BEHIND_SECONDS)]} at most" in text
    assert f"a purge is in force everywhere within {WORDS[round(purge.SPREAD_SECONDS)]}" in text
    assert f"from the bucket takes more than {WORDS[round(purge.SWEEP_SECONDS)]}, those" in text
