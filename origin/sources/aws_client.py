"""Clients of AWS's other services, and of servers that speak as they do, for what is no original."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiobotocore.config import AioConfig

from origin.sources.aws import AwsAccess
from origin.sources.aws_session import make_session
from origin.sources.s3_session import NoRedirectSession
from origin.sources.settings import reveal

CONNECT_TIMEOUT = 5.0  # seconds


@asynccontextmanager
async def aws_client(service: str, access: AwsAccess, *, read_timeout: float) -> AsyncIterator[Any]:
    """A client of a service such as `sqs`. `read_timeout` is in seconds."""
    config = AioConfig(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": 1},  # who asks tries again, with pauses of its own
        http_session_cls=NoRedirectSession,
        warm_up_loader_caches=True,  # otherwise opening reads files in the event loop
    )
    creation = make_session().create_client(
        service,
        region_name=access.region,
        endpoint_url=access.endpoint_url,
        aws_access_key_id=reveal(access.access_key),
        aws_secret_access_key=reveal(access.secret_key),
        config=config,
    )
    async with creation as client:
        yield client
