"""The simulation of a fleet: it keeps what it has to keep, and docs/scaling.md shows what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.fleet import DAY
from benchmarks.fleet import LOSS
from benchmarks.fleet import PURGE
from benchmarks.fleet import PURGED
from benchmarks.fleet import STEP
from benchmarks.fleet import Fleet
from benchmarks.fleet import characteristic_time
from benchmarks.fleet import popularity
from benchmarks.fleet import rows
from benchmarks.fleet import simulate
from tests.support.documents import page

pytestmark = pytest.mark.slow

SMALL = Fleet(origins=4, views=1e7, results=1e6, disk=1e15)  # disks that hold everything


def test_popularity_is_zipfs_and_adds_up() -> None:
    fleet = Fleet()
    counts, rate = popularity(fleet)
    assert counts.sum() == pytest.approx(fleet.results)
    assert (counts * rate).sum() * DAY == pytest.approx(fleet.views)
    slope = np.polyfit(np.log(np.cumsum(counts))[50:], np.log(rate)[50:], 1)[0]
    assert slope == pytest.approx(-fleet.exponent, abs=0.02)
    seconds = characteristic_time(counts, rate, 0.97)
    assert (counts * rate * (1 - np.exp(-rate * seconds))).sum() / (counts * rate).sum() == pytest.approx(
        0.97
    )


def test_what_the_cdn_lets_through_is_its_share_once_it_is_warm() -> None:
    busy = replace(SMALL, views=1e8)  # enough to be warm after a day
    _, day = simulate(busy)
    before = slice(0, int(LOSS / STEP))
    assert day.asked[before].mean() * DAY == pytest.approx((1 - busy.cdn) * busy.views, rel=0.1)


def test_with_disks_that_hold_everything_a_picture_is_rendered_once_until_it_is_purged() -> None:
    first, day = simulate(SMALL)
    counts, rate = popularity(SMALL)
    asked_for = float((counts * (1 - np.exp(-rate * DAY))).sum())  # pictures, in a day
    assert first.total("renders") == pytest.approx(asked_for, rel=0.02)
    shared, (_, alone) = day, simulate(replace(SMALL, shared=False))
    until = int(PURGE / STEP)
    lost = (alone.renders[:until] - shared.renders[:until]).sum() * STEP
    # What the one that died had, of what was asked for again until noon: twice, as it comes back empty.
    assert 0 < lost < 2 * asked_for / SMALL.origins
    assert alone.renders[int(LOSS / STEP) - 1] == pytest.approx(
        shared.renders[int(LOSS / STEP) - 1], rel=0.01
    )
    purged = day.renders[until : until + 60].sum() * STEP
    assert 0 < purged < PURGED * counts.sum() * 1.1


@pytest.mark.parametrize("by_url", [True, False])
def test_sharing_never_makes_more_renders(by_url: bool) -> None:
    alone = simulate(Fleet(origins=3, shared=False, by_url=by_url, views=1e7, results=1e6, disk=4e9))
    shared = simulate(Fleet(origins=3, shared=True, by_url=by_url, views=1e7, results=1e6, disk=4e9))
    for one, other in zip(alone, shared, strict=True):
        assert other.total("renders") <= one.total("renders")
        assert one.total("puts") == one.total("gets") == 0
        assert other.total("puts") == pytest.approx(other.total("renders") + other.total("fetches"))
        assert other.total("fetches") <= other.total("renders") <= other.total("gets") <= other.total("asked")


def test_the_page_shows_what_the_program_says() -> None:
    table = page("docs/scaling.md").table("| CDN | origins |")
    assert [row for row in table if row[:2] == ["95%", "10"]] == rows(Fleet(), [10], [0.95])
