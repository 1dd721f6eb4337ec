"""What ends renderers is left alone for a while, and what renders is cleared."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest

from origin.errors import EncodingFailed
from origin.errors import RenderFailed
from origin.errors import RenderStarved
from origin.errors import RenderTimeout
from origin.errors import Unprocessable
from origin.render.quarantine import MAX_CRASHES
from origin.render.quarantine import TTL_SECONDS
from origin.render.quarantine import Quarantine
from origin.render.quarantine import Suspects
from origin.render.quarantine import asked_size
from origin.urls.options import Options

CAT = Suspects("cat", "cat|avif")


class Trial:
    """A quarantine whose time a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.quarantine = Quarantine(lambda: self.now)

    def render(self, failure: RenderFailed | None, size: float = 500.0, suspects: Suspects = CAT) -> None:
        with suppress(RenderFailed), self.quarantine.watching(lambda: suspects, size):
            if failure is not None:
                raise failure

    def refuses(self, size: float, suspects: Suspects = CAT) -> bool:
        try:
            self.quarantine.check(suspects, size)
        except Unprocessable:
            return True
        return False


def test_a_crash_is_blamed_on_the_version_at_every_size() -> None:
    trial = Trial()
    for _ in range(MAX_CRASHES):
        assert not trial.refuses(500)
        trial.render(RenderFailed("died"))
    assert trial.refuses(1)
    assert trial.refuses(1, Suspects("cat", "cat|webp"))
    assert not trial.refuses(500, Suspects("dog", "dog|avif"))


def test_an_overrun_is_blamed_on_the_format_and_leaves_half_the_size() -> None:
    trial = Trial()
    for _ in range(MAX_CRASHES):
        trial.render(RenderTimeout("late"), size=400)
    assert trial.refuses(200)
    assert not trial.refuses(199)
    assert not trial.refuses(400, Suspects("cat", "cat|webp"))


def test_a_success_clears_both() -> None:
    trial = Trial()
    for failure in (RenderFailed("died"), RenderTimeout("late")):
        trial.render(failure)
        trial.render(None)
        trial.render(failure)
        assert not trial.refuses(math.inf)


@pytest.mark.parametrize("failure", [EncodingFailed("no memory"), RenderStarved("no core")])
def test_an_encoder_that_fails_and_a_busy_machine_blame_nothing(failure: RenderFailed) -> None:
    trial = Trial()
    for _ in range(MAX_CRASHES):
        trial.render(failure)
    assert not trial.refuses(math.inf)
    assert not trial.quarantine


def test_it_ends() -> None:
    trial = Trial()
    for _ in range(MAX_CRASHES):
        trial.render(RenderFailed("died"))
    trial.now += TTL_SECONDS - 1
    assert trial.refuses(500)
    trial.now += 1
    assert not trial.refuses(500)


def test_names_are_made_where_they_matter_alone() -> None:
    """That of a posted picture is a digest of all of it."""
    quarantine = Quarantine(lambda: 0.0)
    with quarantine.watching(pytest.fail, 500):
        pass


@pytest.mark.parametrize(
    ("options", "size"),
    [(Options(), math.inf), (Options(width=300), 300), (Options(width=300, height=500), 500)],
)
def test_the_size_is_the_longer_side_that_is_asked_for(options: Options, size: float) -> None:
    assert asked_size(options) == size
