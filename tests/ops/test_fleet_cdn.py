"""With a fleet, the CDN is told of a purge when every origin knows of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from origin.app import OriginApp
from origin.app import create_app
from origin.ops.cdn.purge import CdnPurge
from origin.ops.purge import SPREAD_SECONDS
from tests.support.documents import PICTURES
from tests.support.loop_clock import LoopClock
from tests.support.running import settings


class FakeCdn:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[CdnPurge] = []

    def add(self, purge: CdnPurge) -> None:
        self.told.append(purge)

    async def close(self) -> None: ...


def made(tmp_path: Path, **top: Any) -> tuple[OriginApp, FakeCdn]:
    app, cdn = create_app(settings(PICTURES, tmp_path / "cache") | top), FakeCdn()
    app.origin.purges.cdn = cdn  # type: ignore[assignment]
    return app, cdn


def shared(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "results"
    folder.mkdir()
    return {"results": {"type": "local", "root": str(folder)}}


async def test_the_cdn_is_told_when_every_origin_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = LoopClock(monkeypatch, frozen=True)
    app, cdn = made(tmp_path, shared=shared(tmp_path))
    handler = app.handlers_by_name["h"]
    app.origin.purges.tell_cdn(handler, "a.jpg", None)
    clock.advance(SPREAD_SECONDS - 0.1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert cdn.told == []
    clock.advance(0.2)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [purge.key for purge in cdn.told] == ["a.jpg"]


async def test_at_the_stop_the_cdn_is_told_of_what_is_left(tmp_path: Path) -> None:
    app, cdn = made(tmp_path, shared=shared(tmp_path))
    app.origin.purges.tell_cdn(app.handlers_by_name["h"], "a.jpg", None)
    await app.origin.close()
    assert [purge.key for purge in cdn.told] == ["a.jpg"]


async def test_without_a_fleet_the_cdn_is_told_at_once(tmp_path: Path) -> None:
    app, cdn = made(tmp_path)
    app.origin.purges.tell_cdn(app.handlers_by_name["h"], "a.jpg", None)
    assert [purge.key for purge in cdn.told] == ["a.jpg"]


async def test_the_cdn_is_not_told_of_a_handler_that_a_reload_took_away(tmp_path: Path) -> None:
    app, cdn = made(tmp_path)
    handler = app.handlers_by_name["h"]
    app.origin.purges.follow(app.origin.config, {})
    await app.origin.purges.purge(handler, "a.jpg", None)
    assert cdn.told == []
