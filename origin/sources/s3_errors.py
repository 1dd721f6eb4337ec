"""What goes wrong between us and S3, in our own errors: aiobotocore, botocore and aiohttp have theirs."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from typing import TypeVar

import aiohttp
from botocore.exceptions import BotoCoreError
from botocore.exceptions import ClientError
from botocore.exceptions import ConnectTimeoutError
from botocore.exceptions import NoRegionError
from botocore.exceptions import ReadTimeoutError
from botocore.parsers import ResponseParserError

from origin.errors import BadRequest
from origin.errors import KeyRefused
from origin.errors import NotFound
from origin.errors import OriginError
from origin.errors import SourceTimeout
from origin.errors import SourceUnavailable
from origin.sources.base import PreconditionFailed
from origin.sources.base import StoreFull
from origin.sources.s3_connection import AnswerBroken
from origin.sources.s3_connection import ConnectionFailed

REGION_IS_MISSING = "region is missing, so the global endpoint of AWS was asked; set region"
_TIMES = "timeout and connect_timeout of the source, or limits.source_timeout, say how long it may take"
NO_CREDENTIALS = "no AWS credentials found; give access_key and secret_key, or say anonymous"

# Refusals that are about the bucket or about us, not about one key. S3 API reference, "Error responses".
_MENDS = dict.fromkeys(
    ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity", "NotSignedUp", "AccountProblem"),
    "check access_key and secret_key",
) | {
    "NoSuchBucket": "there is no such bucket; check bucket, region and endpoint_url",
    "InvalidBucketName": "that cannot be the name of a bucket; check bucket",
    "AllAccessDisabled": "the bucket is switched off at the provider",
    "AuthorizationHeaderMalformed": "check region",
    "IllegalLocationConstraintException": "check region",
    "ExpiredToken": "the session token has expired; renew the credentials",
    "TokenRefreshRequired": "the session token has expired; renew the credentials",
    "InvalidToken": "check session_token",
    "RequestTimeTooSkewed": "set this machine's clock",
    "RequestTimeout": "the source gave up waiting",
    "SlowDown": "more requests than the bucket takes",
}
_KEY_REFUSED_CODES = frozenset({"AccessDenied", "InvalidObjectState"})  # the latter: archived in Glacier
_NO_SUCH_KEY_STATUSES = frozenset({400, 404, 410, 414})
_PRECONDITION_STATUSES = frozenset({409, 412})  # 409: another conditional write was under way
_FULL_STATUS = 507  # RFC 4918 section 11.5
_TLS_MET_PLAIN_HTTP = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})

_UNAVAILABLE = (
    BotoCoreError,
    ResponseParserError,
    aiohttp.ClientError,
    ConnectionFailed,
    AnswerBroken,
    ValueError,
)

T = TypeVar("T")
ReadErrorAnswer = Callable[[str, ClientError], Exception]
"""Gives our error for an error answer of S3. The text says which object was asked for."""


class ConditionUnknown(SourceUnavailable):
    """The server does not know a condition of the request. Nothing was done."""


@contextlib.contextmanager
def library_errors_become_ours(where: str, refusal: ReadErrorAnswer | None = None) -> Iterator[None]:
    """`refusal` says what an error answer of S3 means; without it, what one means to a read."""
    try:
        yield
    except ClientError as error:
        raise (refusal or read_refusal)(where, error) from error
    except (TimeoutError, ReadTimeoutError, ConnectTimeoutError) as error:
        raise SourceTimeout(f"{where}: no complete answer in time; {_TIMES}") from error
    except _UNAVAILABLE as error:
        raise SourceUnavailable(f"{where}: {_reason(error)}") from error


async def parsed(answer: Awaitable[T]) -> T:
    """botocore raises errors of any kind about an answer that it cannot parse: RuntimeError for a date."""
    try:
        return await answer
    except (BotoCoreError, ClientError, ResponseParserError, aiohttp.ClientError, TimeoutError):
        raise
    except Exception as error:
        raise ResponseParserError(f"{type(error).__name__}: {error}") from error


def read_refusal(where: str, error: ClientError) -> OriginError:
    """Its own message is left out: that differs between servers, and may repeat a secret."""
    status, code = status_of(error), code_of(error)
    reason = f"{where}: {status} {code}".rstrip()
    if code in _MENDS:
        return SourceUnavailable(f"{reason}: {_MENDS[code]}")
    if code in _KEY_REFUSED_CODES:
        return KeyRefused(reason)
    return NotFound(reason) if status in _NO_SUCH_KEY_STATUSES else SourceUnavailable(reason)


def head_refusal(where: str, error: ClientError) -> OriginError:
    """The answer to a HEAD has no body that could hold a code."""
    if status_of(error) == 403 and not code_of(error):
        return KeyRefused(f"{where}: 403")
    return read_refusal(where, error)


def write_refusal(where: str, error: ClientError) -> Exception:
    status, code = status_of(error), code_of(error)
    reason = f"{where}: {status} {code}".rstrip()
    if status in _PRECONDITION_STATUSES or code == "NoSuchKey":  # the latter in answer to If-Match
        return PreconditionFailed(reason)
    if status == _FULL_STATUS:
        return StoreFull(reason)
    if code == "NotImplemented":
        return ConditionUnknown(reason)
    refused = delete_refusal(where, error)
    return BadRequest(reason) if isinstance(refused, NotFound) else refused


def delete_refusal(where: str, error: ClientError) -> OriginError:
    """NotFound where there is nothing to delete."""
    refused = read_refusal(where, error)
    if isinstance(refused, KeyRefused):
        return SourceUnavailable(f"{refused}: writing is not allowed; check the policy of the bucket")
    return refused


def status_of(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def code_of(error: ClientError) -> str:
    """S3's name for the refusal. Empty where the body was none of S3's: botocore puts the status there."""
    code = str(error.response["Error"].get("Code", ""))
    return "" if code.isdecimal() else code


def _reason(error: Exception) -> str:
    cause = getattr(error, "kwargs", {}).get("error", error)
    if isinstance(error, NoRegionError):
        return REGION_IS_MISSING
    if isinstance(cause, aiohttp.ClientConnectorError):
        return _connection_reason(f"{cause.host}:{cause.port}", cause.os_error)
    if isinstance(cause, ConnectionFailed) and isinstance(cause.__cause__, OSError):
        return _connection_reason(cause.place, cause.__cause__)
    return f"{type(error).__name__}: {' '.join(str(cause).split())}"


def _connection_reason(place: str, cause: OSError) -> str:
    """aiohttp's own text ends in `ssl:default [...]`, and looks like a failure of TLS."""
    if isinstance(cause, ssl.SSLError):
        if cause.reason in _TLS_MET_PLAIN_HTTP:
            return f"{place} speaks http, not https; write http:// in endpoint_url"
        return f"no TLS connection to {place}: {getattr(cause, 'verify_message', None) or cause.reason}"
    is_name_error = isinstance(cause, socket.gaierror)
    text = os.strerror(cause.errno) if cause.errno and not is_name_error else cause.strerror or cause
    return f"cannot connect to {place}: {text}"
