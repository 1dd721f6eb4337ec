"""What goes on beside the requests goes on whatever a store says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from origin.ingest import stage
from origin.ingest import unfinished
from origin.ingest.stage import Stage
from origin.ingest.unfinished import UnfinishedWrites

NOTHING: Any = None


class _Once:
    """Fails once, in a way that nobody has thought of."""

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self._is_first = True

    async def __call__(self) -> int:
        if self._is_first:
            self._is_first = False
            raise KeyError("NextContinuationToken")
        self.done.set()
        return 0


class SweptStage(Stage):
    def __init__(self) -> None:
        super().__init__("up", NOTHING, NOTHING, NOTHING, NOTHING, measure=NOTHING, expire=0)
        self.sweep = _Once()  # type: ignore[method-assign]


class SweptWrites(UnfinishedWrites):
    def __init__(self) -> None:
        super().__init__("up", NOTHING, NOTHING)
        self.sweep = _Once()  # type: ignore[method-assign]


@pytest.mark.parametrize("make", [SweptStage, SweptWrites])
async def test_a_sweep_that_fails_is_tried_again(
    make: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stage, "MIN_PAUSE", 0.0)
    monkeypatch.setattr(unfinished, "RETRY_PAUSE", 0.0)
    swept = make()
    sweeping = asyncio.create_task(swept._sweep_on())
    done = asyncio.create_task(swept.sweep.done.wait())
    await asyncio.wait({sweeping, done}, return_when=asyncio.FIRST_COMPLETED)
    assert done.done()
    assert "NextContinuationToken" in caplog.text
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
