"""Purges of a fleet, in every order of events: nothing from before a purge is served where it is in force."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.support.fleet_model import SCENARIOS
from tests.support.fleet_model import count_orders
from tests.support.fleet_model import orders
from tests.support.fleet_model import run_all
from tests.support.fleet_model import walks

SAMPLE = 30  # orders of each scenario; `python -m tests.support.fleet_model` takes all, in some minutes


@pytest.mark.many
@pytest.mark.parametrize("scenario", SCENARIOS, ids=range(len(SCENARIOS)))
def test_nothing_old_is_served_in_any_order(scenario: tuple[str, ...]) -> None:
    step = max(1, count_orders(scenario) // SAMPLE)
    number, read = run_all(islice(orders(scenario), 0, SAMPLE * step, step))
    assert number >= SAMPLE
    assert read.total() > 0  # or there was nothing to be wrong


@pytest.mark.slow
def test_nothing_old_is_served_whatever_happens() -> None:
    number, read = run_all(walks(150, 40, seed=2026))
    assert number == 150
    assert min(read[tier] for tier in ("memory", "shared")) > 20
