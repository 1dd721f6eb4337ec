"""What a write has to find, where somebody else writes between the look and the write."""

from __future__ import annotations

import pytest

from origin.ingest.preconditions import Preconditions


@pytest.mark.parametrize("header", [b"if-unmodified-since", b"if-none-match"])
def test_a_condition_that_nothing_met_lets_nothing_be_replaced(header: bytes) -> None:
    """What comes meanwhile is newer than the date, and may have the tag: the store has to look for itself."""
    value = {b"if-unmodified-since": b"Tue, 14 Nov 2023 22:13:19 GMT", b"if-none-match": b'"a"'}[header]
    conditions = Preconditions.read({header: value}, may_replace=True)
    conditions.check(None)
    empty, taken = conditions.at(None), conditions.at('"b"')
    assert (empty.must_be_new, empty.version) == (True, None)
    assert (taken.must_be_new, taken.version) == (False, '"b"')
    assert empty.failure().kind == "precondition-failed"


def test_without_a_condition_anything_is_replaced() -> None:
    conditions = Preconditions.read({}, may_replace=True).at(None)
    assert (conditions.must_be_new, conditions.version) == (False, None)
