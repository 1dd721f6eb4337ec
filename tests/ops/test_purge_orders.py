"""Purges of a fleet, in every order of events: nothing from before a purge is served where it is in force."""

from __future__ import annotations

from itertools import islice

import pytest

from origin.cache.mark_log import LATEST
from origin.cache.mark_log import MARKS
from origin.cache.mark_log import MarkLog
from origin.cache.marks import Mark
from origin.cache.marks import object_name
from tests.support.fleet_model import SCENARIOS
from tests.support.fleet_model import count_orders
from tests.support.fleet_model import orders
from tests.support.fleet_model import run
from tests.support.fleet_model import run_all
from tests.support.fleet_model import walks

SAMPLE = 30  # orders of each scenario; `python -m tests.support.fleet_model` takes all, in some minutes


@pytest.mark.many
@pytest.mark.parametrize("scenario", SCENARIOS, ids=range(len(SCENARIOS)))
def test_nothing_old_is_served_in_any_order(scenario: tuple[str, ...]) -> None:
    step = max(1, count_orders(scenario) // SAMPLE)
    number, read = run_all(islice(orders(scenario, step), SAMPLE))
    assert number >= SAMPLE
    assert read.total() > 0  # or there was nothing to be wrong


@pytest.mark.slow
def test_nothing_old_is_served_whatever_happens() -> None:
    number, read = run_all(walks(150, 40, seed=2026))
    assert number == 150
    assert min(read[tier] for tier in ("memory", "shared")) > 20


# --- Faults that the model has to find --------------------------------------------------------------


class TellsFirst(MarkLog):
    """Says that there is a new mark before it is there."""

    async def _put(self, mark: Mark, *, always: bool = True) -> str | None:
        await self._change_latest()
        self._untold.add(mark.id)
        name = MARKS + object_name(mark, self._clock())
        await self._bucket.put(name, mark.to_text().encode())
        self._unwritten.pop(mark.id, None)
        return name


class KnowsFirst(MarkLog):
    """Takes what it is told of for known before it has read it."""

    async def _read_list(self, now: float, since: float | None) -> None:
        changed = await self._bucket.get_changed(LATEST, self._version, 1.0)
        if changed is not None:
            self._version = changed[1]
        await super()._read_list(now, since)


class TellsOnce(MarkLog):
    """Does not tell again once Valkey keeps a mark."""

    async def write(self, mark: Mark, *, is_urgent: bool = False) -> float | None:
        if await self._put(mark) is not None:
            return None
        assert self._bus is not None
        await self._tell(mark)
        await self._bus.hold(mark.id, mark.to_text())
        return None


class ForgetsToTell(MarkLog):
    """Takes a mark for written that the bucket has, though nothing tells of it."""

    async def _change_latest(self) -> set[str]:
        told, self._untold = self._untold, set()
        await super()._change_latest()
        return told


FAULTS = [
    (
        TellsFirst,
        "A render | B valkey down | B marks slow | B purge key | A look | B marks go | A look | A read",
    ),
    (
        KnowsFirst,
        "A render | B valkey down | A lists refused | B purge key | A look | A lists taken | A look | A read",
    ),
    (
        TellsOnce,
        "A render | full on | A valkey down | B holds slow | B purge key | A valkey up | B holds go | A read",
    ),
    (
        ForgetsToTell,
        "A render | C valkey down | A marks slow | A purge key | A bucket down | A marks go | A bucket up"
        " | wait 4 | A look | wait 4 | A look",
    ),
]


@pytest.mark.parametrize(("fault", "events"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_the_model_finds_faults(fault: type[MarkLog], events: str) -> None:
    run(events.split(" | "))
    with pytest.raises(AssertionError):
        run(events.split(" | "), fault)
