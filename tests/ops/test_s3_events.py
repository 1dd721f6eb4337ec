"""What stores send, in their own words: from their documentation, and as real ones sent it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from origin.ops.s3_events import NotAnEvent
from origin.ops.s3_events import ObjectChange
from origin.ops.s3_events import read_notification


def s3_record(key: str, name: str = "ObjectCreated:Put", **more: Any) -> dict[str, Any]:
    """A record of the S3 user guide, "Event message structure"."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-west-2",
        "eventTime": "1970-01-01T00:00:00.000Z",
        "eventName": name,
        "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "testConfigRule",
            "bucket": {"name": "photos", "arn": "arn:aws:s3:::photos"},
            "object": {"key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e", **more},
        },
    }


# As MinIO sends it: escaped, slashes too, and once more in plain as `Key`.
MINIO = {
    "EventName": "s3:ObjectCreated:Put",
    "Key": "photos/2024/a b.jpg",
    "Records": [
        {
            "eventVersion": "2.0",
            "eventSource": "minio:s3",
            "eventName": "s3:ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "photos", "arn": "arn:aws:s3:::photos"},
                "object": {"key": "2024%2Fa+b.jpg", "sequencer": "15CFEDF8D5304D1A", "versionId": "1"},
            },
        }
    ],
}
# The EventBridge user guide, "Amazon S3 events": keys as they are.
EVENT_BRIDGE = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Deleted",
    "source": "aws.s3",
    "resources": ["arn:aws:s3:::photos"],
    "detail": {
        "version": "0",
        "bucket": {"name": "photos"},
        "object": {"key": "a+b c%20.jpg", "etag": "d41d", "sequencer": "00617F08299329D189"},
        "reason": "DeleteObject",
        "deletion-type": "Permanently Deleted",
    },
}


def seaweed(kind: str, key: str, **message: Any) -> dict[str, Any]:
    """As SeaweedFS 4.48 sent it, without what says where its chunks are."""
    return {"event_type": kind, "key": key, "message": {**message, "signatures": [-1468082882]}}


FILE = {"name": "ü+1.jpg", "attributes": {"file_size": 50, "mtime": 1795722880, "mime": "image/jpeg"}}
FOLDER = {"name": "a dir", "is_directory": True, "attributes": {"mtime": 1795722880}}


def sns(message: Any, kind: str = "Notification") -> dict[str, Any]:
    return {
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:photos",
        "Subject": "Amazon S3 Notification",
        "Message": message if isinstance(message, str) else json.dumps(message),
    }


@pytest.mark.parametrize(
    ("told", "changed"),
    [
        ({"Records": [s3_record("2024/happy+face.jpg")]}, ["2024/happy face.jpg"]),  # the guide's own example
        ({"Records": [s3_record("a%2Bb%C3%BC%25.jpg")]}, ["a+bü%.jpg"]),
        ({"Records": [s3_record("a.jpg"), s3_record("b.jpg", "ObjectRemoved:Delete")]}, ["a.jpg", "b.jpg"]),
        ({"Records": [s3_record("a.jpg", "ObjectRemoved:DeleteMarkerCreated")]}, ["a.jpg"]),
        ({"Records": [s3_record("a.jpg", "LifecycleExpiration:Delete")]}, ["a.jpg"]),
        ({"Records": [s3_record("a.jpg", "ObjectTagging:Put"), s3_record("b", "ObjectAcl:Put")]}, []),
        ({"Records": [s3_record("a.jpg", "s3:ObjectAccessed:Get")]}, []),
        ({"Records": []}, []),
        ({"Records": [s3_record("%ff.jpg")]}, ["\ufffd.jpg"]),
        ({"Records": [s3_record("")]}, []),
        (MINIO, ["2024/a b.jpg"]),
        (EVENT_BRIDGE, ["a+b c%20.jpg"]),
        ({**EVENT_BRIDGE, "detail-type": "Object Tags Added"}, []),
        ({**EVENT_BRIDGE, "source": "aws.ec2"}, []),
        (sns({"Records": [s3_record("a+b.jpg")]}), ["a b.jpg"]),
        (sns(EVENT_BRIDGE), ["a+b c%20.jpg"]),
        (sns({}, "UnsubscribeConfirmation"), []),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}, []),
        (
            seaweed(
                *("create", "/buckets/photos/a dir/ü+1.jpg"),
                new_entry=FILE,
                new_parent_path="/buckets/photos/a dir",
            ),
            ["a dir/ü+1.jpg"],
        ),
        (seaweed("delete", "/buckets/photos/a dir/ü+1.jpg", old_entry=FILE), ["a dir/ü+1.jpg"]),
        (
            seaweed(
                *("rename", "/buckets/photos/old.jpg"),
                old_entry={"name": "old.jpg"},
                new_entry={"name": "new.jpg"},
                new_parent_path="/buckets/photos/2024",
            ),
            ["old.jpg", "2024/new.jpg"],
        ),
        (seaweed("create", "/buckets/photos", new_entry=FOLDER, new_parent_path="/buckets"), []),
        (seaweed("update", "/buckets/photos/a dir", old_entry=FOLDER, new_entry=FOLDER), []),
        (seaweed("delete", "/buckets/photos/a dir", old_entry=FOLDER), ["a dir/"]),
        (seaweed("create", "/etc/iam/identity.json", new_entry=FILE), []),
    ],
)  # fmt: skip
def test_the_objects_are_those_that_were_written_or_removed(told: Any, changed: list[str]) -> None:
    notification = read_notification(json.dumps(told))
    assert [change.key for change in notification.changes] == changed
    assert {change.bucket for change in notification.changes} <= {"photos"}
    assert notification.confirmation is None


def test_what_tells_two_changes_of_an_object_apart_is_kept() -> None:
    (change,) = read_notification(json.dumps(EVENT_BRIDGE)).changes
    assert change == ObjectChange("photos", "a+b c%20.jpg", "00617F08299329D189")
    (removed,) = read_notification(
        json.dumps(seaweed("delete", "/buckets/photos/x", old_entry=FOLDER))
    ).changes
    assert removed == ObjectChange("photos", "x/", "", is_folder=True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"not json",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"Records": {}}}',
        b'{"Records": "x"}',
        b'{"Records": [{"eventName": "ObjectCreated:Put"}]}',
        b'{"Records": [{"eventName": 7}]}',
        b'{"Records": [{"eventName": "ObjectCreated:", "s3": {"bucket": {}, "object": {"key": "a"}}}]}',
        b'{"Type": "SubscriptionConfirmation"}',
        b'{"Type": "Notification", "Message": "plain text"}',
        b'{"detail-type": "Object Created", "source": "aws.s3"}',
        b'{"event_type": "create", "key": "/buckets/photos/x", "message": {}}',
    ],
)  # fmt: skip
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(NotAnEvent):
        read_notification(body)


def test_envelopes_in_envelopes_have_an_end() -> None:
    told: Any = {"Records": [s3_record("a.jpg")]}
    assert read_notification(json.dumps(sns(sns(told)))).changes
    with pytest.raises(NotAnEvent):
        read_notification(json.dumps(sns(sns(sns(told)))))
