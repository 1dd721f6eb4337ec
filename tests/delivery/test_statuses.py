"""`error_status`: the statuses of section 6 of the contract, and those that a handler names itself."""

from __future__ import annotations

import pytest

from origin.delivery.on_error import OnError
from origin.delivery.request import ImageRequest
from origin.delivery.responses import ErrorStatus
from origin.delivery.responses import ResponseBuilder
from origin.delivery.settings import Freshness
from origin.errors import BadRequest
from origin.errors import Forbidden
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import SourceTimeout
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
