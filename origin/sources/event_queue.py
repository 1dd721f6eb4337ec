"""An SQS queue in which S3 tells what has changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any

from origin.errors import OriginError
from origin.sources.aws import AwsAccess
from origin.sources.aws_client import aws_client
from origin.sources.s3_errors import library_errors_become_ours
from origin.sources.s3_errors import parsed

log = logging.getLogger(__name__)

WAIT = 20  # seconds that a request waits for messages, the most that SQS allows
BATCH = 10  # messages of one request, likewise
PAUSES = (1.0, 5.0, 15.0, 60.0)  # seconds after failures in a row


class EventQueue:
    """Takes messages from a queue, and deletes each once `handle` has returned.

    `handle` gets the body of a message. Where it raises OriginError, the message stays, and SQS gives it
    again when its visibility timeout is over.
    """

    def __init__(
        self,
        url: str,
        access: AwsAccess,
        handle: Callable[[str], Awaitable[object]],
        *,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.failures = 0
        self._url = url
        self._access = access
        self._handle = handle
        self._pause = pause
        self._in_a_row = 0

    async def run(self) -> None:
        """Take messages until the task is cancelled."""
        while True:
            try:
                with library_errors_become_ours(self._url):
                    async with aws_client("sqs", self._access, read_timeout=WAIT + 10) as client:
                        while True:
                            await self._take(client)
            except OriginError as error:
                await self._recover(error)

    async def check(self) -> None:
        """Ask for the queue. Raises OriginError where it cannot be read."""
        with library_errors_become_ours(self._url):
            async with aws_client("sqs", self._access, read_timeout=10) as client:
                await parsed(client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"]))

    async def _take(self, client: Any) -> None:
        """Handle the messages of one request."""
        answer = await parsed(
            client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=WAIT)
        )
        if self._in_a_row:
            log.info("events: the queue %s answers again", self._url)
            self._in_a_row = 0
        for message in answer.get("Messages", ()):
            try:
                await self._handle(message["Body"])
            except OriginError as error:
                self.failures += 1
                log.error("events: a message stays in the queue and is tried again: %s", error)
                continue
            except Exception:  # a mistake of ours must not end it: nobody would learn of changes any more
                self.failures += 1
                log.exception("events: a message stays in the queue and is tried again")
                continue
            await parsed(client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"]))

    async def _recover(self, error: OriginError) -> None:
        """Wait before the next try, longer with each; the first one is logged."""
        self.failures += 1
        if not self._in_a_row:
            log.error("events: the queue cannot be read, so changes are seen late: %s", error)
        seconds = PAUSES[min(self._in_a_row, len(PAUSES) - 1)]
        self._in_a_row += 1
        await self._pause(seconds)
