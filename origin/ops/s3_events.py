"""What stores tell of objects that were written or removed, in the words of each sender.

- S3 itself, MinIO and others: `{"Records": [...]}`. Keys are encoded as in a form, with `+` for a space
  (S3 user guide, "Event message structure").
- SNS: an envelope with one of the others as text in `Message`, or the request to confirm a subscription.
- EventBridge: `{"detail-type": "Object Created", "detail": ...}`, keys as they are.
- SeaweedFS' filer (`[notification.webhook]`): `{"event_type": "update", "key": "/buckets/BUCKET/KEY", ...}`,
  keys as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

MAX_EVENT = 1_048_576  # bytes of a notification: the most that SQS takes
_KINDS = ("ObjectCreated:", "ObjectRemoved:", "LifecycleExpiration:")  # of `Records`
_DETAIL_TYPES = ("Object Created", "Object Deleted")  # of EventBridge
_BUCKETS = "/buckets/"  # the folder of SeaweedFS with a folder for each bucket
_NESTING = 2  # envelopes in envelopes


class NotAnEvent(Exception):
    """Nothing that a store sends."""


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """An object that was written or removed; with `is_folder`, everything below a key that ends in a slash.

    `id` is the same when a sender tells of one change twice, and empty where the sender gives none.
    """

    bucket: str
    key: str
    id: str = ""
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class Confirmation:
    """SNS asks whether this origin wants what a topic says."""

    topic: str  # its ARN
    url: str  # to be visited, says the sender


@dataclass(frozen=True, slots=True)
class Notification:
    changes: tuple[ObjectChange, ...] = ()
    confirmation: Confirmation | None = None


def read_notification(body: str | bytes) -> Notification:
    """What a sender tells. Raises NotAnEvent."""
    return _read(_parse(body), _NESTING)


def _parse(body: str | bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAnEvent("it is not JSON") from None
    if not isinstance(told, dict):
        raise NotAnEvent("it is not a JSON object")
    return told


def _read(told: Mapping[str, Any], nesting: int) -> Notification:
    try:
        if told.get("Type") == "SubscriptionConfirmation":
            return Notification(
                confirmation=Confirmation(_text(told["TopicArn"]), _text(told["SubscribeURL"]))
            )
        if told.get("Type") == "Notification" and nesting:
            return _read(_parse(_text(told["Message"])), nesting - 1)
        if told.get("Type") == "UnsubscribeConfirmation" or told.get("Event") == "s3:TestEvent":
            return Notification()
        return Notification(tuple(_changes(told)))
    except (KeyError, TypeError, AttributeError) as error:
        raise NotAnEvent(f"a part is missing or of another type: {error}") from None


def _changes(told: Mapping[str, Any]) -> Iterator[ObjectChange]:
    if "Records" in told:
        for record in told["Records"]:
            yield from _of_record(record)
    elif "detail-type" in told:
        yield from _of_event_bridge(told)
    elif "event_type" in told:
        yield from _of_seaweed(told)
    else:
        raise NotAnEvent("it has none of Records, detail-type and event_type")


def _of_record(record: Mapping[str, Any]) -> Iterator[ObjectChange]:
    if not _text(record["eventName"]).removeprefix("s3:").startswith(_KINDS):
        return
    told = record["s3"]
    key = unquote_plus(_text(told["object"]["key"]))
    yield from _change(told["bucket"]["name"], key, told["object"].get("sequencer"))


def _of_event_bridge(told: Mapping[str, Any]) -> Iterator[ObjectChange]:
    if told.get("source") != "aws.s3" or told["detail-type"] not in _DETAIL_TYPES:
        return
    detail = told["detail"]
    yield from _change(detail["bucket"]["name"], detail["object"]["key"], detail["object"].get("sequencer"))


def _of_seaweed(told: Mapping[str, Any]) -> Iterator[ObjectChange]:
    """The entry under its path, and for a rename under the new one too."""
    message, kind = told["message"], told["event_type"]
    old, new = message.get("old_entry"), message.get("new_entry")
    if old is None and new is None:
        raise NotAnEvent("it has no entries")
    is_folder = bool((new or old).get("is_directory"))
    if is_folder and kind not in ("delete", "rename"):
        return  # nothing of its content has changed
    paths = [_text(told["key"])]
    if new is not None and message.get("new_parent_path"):
        paths.append(f"{_text(message['new_parent_path'])}/{_text(new['name'])}")
    for path in dict.fromkeys(paths):
        bucket, slash, key = path.removeprefix(_BUCKETS).partition("/")
        if path.startswith(_BUCKETS) and bucket and slash:
            yield from _change(bucket, f"{key}/" if is_folder else key, None, is_folder)


def _change(bucket: Any, key: Any, id: object, is_folder: bool = False) -> Iterator[ObjectChange]:
    """Nothing for a key that no object of ours can have: text that is not UTF-8."""
    name = _text(key)
    if name and name.encode(errors="replace").decode() == name:
        yield ObjectChange(_text(bucket), name, id if isinstance(id, str) else "", is_folder)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is expected, not {type(value).__name__}")
    return value
