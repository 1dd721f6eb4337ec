"""`events`: stores tell this origin what was written or removed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from origin.config.aws import AwsPart
from origin.config.aws import WebUrl
from origin.config.part import Part
from origin.config.part import meaning
from origin.config.types import expects

Topic = Annotated[
    str,
    Field(pattern=r"^arn:aws(-cn|-us-gov)?:sns:[a-z0-9-]+:[0-9]+:[A-Za-z0-9_.-]+$"),
    expects("the ARN of an SNS topic, such as arn:aws:sns:eu-central-1:123456789012:photos"),
]


class EventQueue(AwsPart):
    """An SQS queue in which S3 tells what has changed."""

    url: Annotated[
        WebUrl, meaning("URL of the SQS queue; one queue for each origin, unless they have `shared`")
    ]


class Events(Part):
    """What S3 tells of changes."""

    topics: Annotated[
        tuple[Topic, ...],
        meaning("ARNs of the SNS topics whose subscriptions `/-/events/s3` confirms"),
    ] = ()
    queue: Annotated[EventQueue | None, meaning("an SQS queue in which S3 tells what has changed")] = None
