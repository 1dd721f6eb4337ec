"""Statuses of failures, by `error_status`; and for how long answers may be kept."""

from __future__ import annotations

import pytest

from origin.cache.records import Result
from origin.delivery.on_error import OnError
from origin.delivery.request import ImageRequest
from origin.delivery.request import Outcome
from origin.delivery.responses import ErrorStatus
from origin.delivery.responses import ResponseBuilder
from origin.delivery.settings import Freshness
from origin.errors import BadRequest
from origin.errors import Forbidden
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import SourceTimeout
from origin.formats import Format
from origin.http.message import Request
from origin.urls.options import Options

FRESHNESS = Freshness(60, 0, 0, error_max_age=10, cdn_max_age=None)
IMAGE = ImageRequest("cat.jpg", (), Options(), "cat.jpg")


@pytest.mark.parametrize(
    ("configured", "error", "status"),
    [
        (404, BadRequest("w"), 404),
        (404, Overloaded("busy"), 503),
        ("exact", BadRequest("w"), 400),
        ("exact", SourceTimeout("late"), 504),
        ("exact", Overloaded("busy"), 503),
        ({"forbidden": 401}, Forbidden("no token"), 401),
        ({"forbidden": 401}, BadRequest("w"), 404),
        ({"forbidden": 401}, Overloaded("busy"), 503),
        ({"overloaded": 429}, Overloaded("busy"), 429),
    ],
)
def test_a_failure_has_the_status_of_its_class(
    configured: ErrorStatus, error: OriginError, status: int
) -> None:
    builder = ResponseBuilder("h", FRESHNESS, configured, on_error=OnError(text=True))
    answer = builder.without_picture(error, IMAGE, None)
    assert answer.status == status
    assert (b"retry-after" in dict(answer.headers)) == isinstance(error, Overloaded)


@pytest.mark.parametrize(("max_age", "cdn_max_age"), [(0, 3600), (10, 3600), (60, 3600), (60, 5)])
def test_what_is_stale_is_brief_for_cdns_too(max_age: int, cdn_max_age: int) -> None:
    freshness = Freshness(max_age, 0, 0, error_max_age=10, cdn_max_age=cdn_max_age)
    result = Result(b"GIF89a", Format.GIF, b"digest", None)
    outcome = Outcome(result, "origin; hit; ttl=-1; detail=stale-if-error", "stale")
    builder = ResponseBuilder("h", freshness)
    request = Request({"method": "GET", "path": "/", "query_string": b"", "headers": []}, receive)
    answer = builder.picture(outcome, builder.variant_headers(outcome, IMAGE), None, request)
    told = dict(answer.headers)
    assert told[b"cache-control"] == b"public, max-age=%d" % min(max_age, 10)
    assert told[b"cdn-cache-control"] == b"public, max-age=%d" % min(cdn_max_age, 10)


async def receive() -> dict[str, object]:
    return {"type": "http.disconnect"}
