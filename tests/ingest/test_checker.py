"""What becomes of a picture that comes in and does not render."""

from __future__ import annotations

from typing import cast

import pytest

from origin.errors import EncodingFailed
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import RenderFailed
from origin.errors import RenderStarved
from origin.errors import RenderTimeout
from origin.errors import Unprocessable
from origin.errors import Unsupported
from origin.imaging.protocol import Job
from origin.ingest.checker import TRIES
from origin.ingest.checker import render_what_comes_in
from origin.render.pool import Rendered
from origin.render.pool import RenderPool
from tests.support.jobs import job


class FailingPool:
    """Renders nothing, and counts how often it was asked."""

    def __init__(self, error: OriginError) -> None:
        self.asked = 0
        self._error = error

    async def render(self, original: bytes, job: Job, timeout: float, *, handler: str) -> Rendered:
        self.asked += 1
        raise self._error


@pytest.mark.parametrize(
    ("error", "expected", "tries"),
    [
        (RenderStarved("no core"), Overloaded, 1),  # another try may do well
        (RenderTimeout("late"), Unsupported, 1),
        (EncodingFailed("no memory"), Unsupported, 1),
        (Unprocessable("cut"), Unsupported, 1),
        (RenderFailed("died"), Unsupported, TRIES),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_the_picture_is_blamed_for_what_lies_in_it(
    error: OriginError, expected: type[OriginError], tries: int
) -> None:
    pool = FailingPool(error)
    with pytest.raises(OriginError) as failure:
        await render_what_comes_in(cast(RenderPool, pool), b"", job(), 10.0, "photos")
    assert type(failure.value) is expected
    assert pool.asked == tries
