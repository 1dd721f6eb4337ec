"""The client of one S3 source: how it is made from the settings, and with which credentials."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

import botocore
from aiobotocore.config import AioConfig
from botocore.credentials import ReadOnlyCredentials

from origin.errors import SourceUnavailable
from origin.sources.aws_session import make_session
from origin.sources.s3 import S3Settings
from origin.sources.s3_connection import ConnectionPool
from origin.sources.s3_errors import NO_CREDENTIALS
from origin.sources.s3_get import Getter
from origin.sources.s3_get import find_getter
from origin.sources.s3_session import NoRedirectSession
from origin.sources.s3_signature import Credentials
from origin.sources.settings import reveal

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client


class Connected(NamedTuple):
    """What asks one bucket: aiobotocore's client, and for GETs and HEADs of objects what is faster."""

    client: S3Client
    getter: Getter
    region_is_missing: bool  # though AWS is asked, which wants one


async def connect(settings: S3Settings, connections: int, exits: contextlib.AsyncExitStack) -> Connected:
    """Make the client, which `exits` closes. Each of its parts has at most so many `connections`.

    Raises SourceUnavailable where the settings name no bucket, and where there are no credentials.
    """
    if not settings.bucket:  # s3imageserver started without one
        raise SourceUnavailable("the configuration names no bucket")
    session = make_session()
    asks_the_chain = not (settings.anonymous or settings.access_key or settings.secret_key)
    chain = await session.get_credentials() if asks_the_chain else None
    # A client made without credentials would never look for them again.
    if asks_the_chain and chain is None:
        raise SourceUnavailable(f"s3://{settings.bucket}: {NO_CREDENTIALS}")
    sessions: list[NoRedirectSession] = []

    def make_http(**arguments: Any) -> NoRedirectSession:
        sessions.append(NoRedirectSession(**arguments))
        return sessions[-1]

    creation = session.create_client("s3", **_client_arguments(settings, connections, make_http))
    client: S3Client = await exits.enter_async_context(creation)

    def make_pool(host: str, port: int, speaks_tls: bool) -> ConnectionPool:
        return ConnectionPool(
            host,
            port,
            limit=connections,
            connect_timeout=settings.connect_timeout,
            make_tls=sessions[0].make_tls if speaks_tls else None,
        )

    getter = await find_getter(client, settings.bucket, make_pool, _credentials(settings, chain))
    has_region = bool(settings.region or session.get_config_variable("region"))
    return Connected(client, getter, not has_region and client.meta.endpoint_url.endswith(".amazonaws.com"))


def _credentials(settings: S3Settings, chain: Any) -> Callable[[], Awaitable[Credentials]] | None:
    """What tells the credentials of the moment: those of a chain may end and are renewed."""
    if settings.anonymous:
        return None
    if chain is not None:
        renewed: Callable[[], Awaitable[Credentials]] = chain.get_frozen_credentials
        return renewed
    keys = (settings.access_key, settings.secret_key, settings.session_token)
    fixed: Credentials = ReadOnlyCredentials(*map(reveal, keys))

    async def same() -> Credentials:
        return fixed

    return same


def _client_arguments(
    settings: S3Settings, connections: int, session: Callable[..., NoRedirectSession]
) -> dict[str, Any]:
    # Bucket names as host names need DNS that most servers of one's own do not have.
    addressing_style = settings.addressing_style or ("path" if settings.endpoint_url else "auto")
    return {
        "region_name": settings.region,
        "endpoint_url": settings.endpoint_url,
        "aws_access_key_id": reveal(settings.access_key),
        "aws_secret_access_key": reveal(settings.secret_key),
        "aws_session_token": reveal(settings.session_token),
        "config": AioConfig(
            s3={"addressing_style": addressing_style},
            connect_timeout=settings.connect_timeout,
            read_timeout=None,  # each operation has one deadline, which stands still for `reserve_memory`
            max_pool_connections=connections,
            retries={"mode": "standard", "total_max_attempts": 2},
            # Stores other than AWS may know nothing of the checksum headers.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            signature_version=botocore.UNSIGNED if settings.anonymous else None,
            http_session_cls=session,
            warm_up_loader_caches=True,  # otherwise opening reads 100 ms of files in the event loop
        ),
    }
