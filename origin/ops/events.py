"""Events of stores: what S3 says was written or removed is purged here."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from urllib.parse import parse_qsl
from urllib.parse import urlsplit

from origin.errors import OriginError
from origin.ops.s3_events import Confirmation
from origin.ops.s3_events import NotAnEvent
from origin.ops.s3_events import ObjectChange
from origin.ops.s3_events import read_notification

log = logging.getLogger(__name__)

MAX_REMEMBERED = 10_000  # changes that are known to have been purged
# arn:aws:sns:REGION:ACCOUNT:NAME, also of the partitions aws-cn and aws-us-gov.
_TOPIC = re.compile(r"arn:aws(?P<partition>-cn|-us-gov)?:sns:(?P<region>[a-z0-9-]+):[0-9]+:[A-Za-z0-9_.-]+")

PurgeChange = Callable[[ObjectChange], Awaitable[int]]
"""Purges one object wherever it is served; how many entries there were. Raises OriginError."""
Visit = Callable[[str], Awaitable[None]]
"""Sends a GET to a URL. Raises OriginError."""


class S3Events:
    """Purges what notifications tell of, each change once."""

    def __init__(self, purge: PurgeChange, visit: Visit, topics: tuple[str, ...] = ()) -> None:
        self.topics = topics  # of SNS, whose requests for confirmation are answered
        self._purge = purge
        self._visit = visit
        self._done: OrderedDict[ObjectChange, None] = OrderedDict()
        self._changes = 0
        self._failures = 0

    async def handle(self, body: str | bytes) -> int:
        """Purge what a notification tells of; how many entries there were.

        When it returns, the purges are in force. Raises NotAnEvent; OriginError where a purge did not get
        through, and then the sender may send it again.
        """
        try:
            told = read_notification(body)
            if told.confirmation is not None:
                await self._confirm(told.confirmation)
            return sum([await self._purge_once(change) for change in dict.fromkeys(told.changes)])
        except (NotAnEvent, OriginError):
            self._failures += 1
            raise

    async def handle_message(self, body: str) -> None:
        """Purge what a message of the queue names. One that is no event is dropped: it is of no use."""
        try:
            await self.handle(body)
        except NotAnEvent as error:
            log.error("events: a message of the queue is no event of S3, and is dropped: %s", error)

    async def _purge_once(self, change: ObjectChange) -> int:
        if change in self._done:
            return 0
        count = await self._purge(change)
        self._changes += 1
        if change.id:
            self._done[change] = None
            if len(self._done) > MAX_REMEMBERED:
                self._done.popitem(last=False)
        log.info("events: bucket=%r key=%r has changed; purged %d", change.bucket, change.key, count)
        return count

    async def _confirm(self, wanted: Confirmation) -> None:
        """Answer SNS, if it asks for a topic of ours by its own host."""
        if wanted.topic not in self.topics:
            raise NotAnEvent(f"the topic {wanted.topic[:200]!r} is not one of events.topics")
        if not is_confirmation_url(wanted.url, wanted.topic):
            raise NotAnEvent("SubscribeURL is not one of SNS in the topic's region")
        await self._visit(wanted.url)
        log.info("events: subscribed to %s", wanted.topic)

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        yield "origin_events_total", "Objects that a store said were written or removed.", self._changes
        text = "Notifications of a store that could not be read or acted on."
        yield "origin_event_failures_total", text, self._failures


def is_confirmation_url(url: str, topic: str) -> bool:
    """Whether the URL confirms a subscription to this topic at SNS itself, and does nothing else.

    The host is `sns.REGION.amazonaws.com`, with the region of the topic (SNS developer guide, "Verifying the
    signatures of Amazon SNS messages": check that URLs point to AWS).
    """
    match = _TOPIC.fullmatch(topic)
    if match is None or not url.isascii() or not url.isprintable() or " " in url:
        return False
    host = f"sns.{match['region']}.amazonaws.com{'.cn' if match['partition'] == '-cn' else ''}"
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, strict_parsing=True)
    except ValueError:
        return False
    query = dict(pairs)
    return (
        (parts.scheme, parts.netloc, parts.path or "/", parts.fragment) == ("https", host, "/", "")
        and len(query) == len(pairs)
        and query.get("Action") == "ConfirmSubscription"
        and query.get("TopicArn") == topic
        and query.keys() == {"Action", "TopicArn", "Token"}
    )
