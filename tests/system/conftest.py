"""Tests of whole servers take their time: all of them are slow."""

from __future__ import annotations

import os

import pytest

HERE = os.path.dirname(__file__) + os.sep


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if str(item.path).startswith(HERE):
            item.add_marker(pytest.mark.slow)
