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
from tests.support import pictures
from tests.support.documents import PICTURES
from tests.support.loop_clock import LoopClock
from tests.support.running import Running
from tests.support.running import settings
from tests.support.uploads import BEARER
from tests.support.uploads import send
from tests.support.uploads import writing


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


BEGINNING: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"dialect": "imgix"}, True),
    ({"dialect": "thumbor"}, False),
    ({"dialect": "imgproxy"}, False),
    ({"dialect": "cloudflare"}, False),
    ({"source": {"type": "http", "base_url": "https://example.com"}}, True),
    ({"source": {"type": "http", "keys": "url", "open": True}}, False),
    ({"source": {"type": "http", "camo_key": "k"}, "dialect": "camo"}, False),
]


async def test_a_purge_knows_whether_a_path_tells_what_it_is_for(tmp_path: Path) -> None:
    config = settings(PICTURES, tmp_path / "cache")
    (plain,) = config["handlers"]
    handlers = [plain | {"name": f"h{n}", **own} for n, (own, _) in enumerate(BEGINNING)]
    app, cdn = made(tmp_path, handlers=handlers)
    for n in range(len(BEGINNING)):
        app.origin.purges.tell_cdn(app.handlers_by_name[f"h{n}"], "a.jpg", None)
    assert [purge.begins_with_key for purge in cdn.told] == [begins for _, begins in BEGINNING]


async def test_the_cdn_is_not_told_of_a_handler_that_a_reload_took_away(tmp_path: Path) -> None:
    app, cdn = made(tmp_path)
    handler = app.handlers_by_name["h"]
    app.origin.purges.follow(app.origin.config, {})
    await app.origin.purges.purge(handler, "a.jpg", None)
    assert cdn.told == []


def told_keys(cdn: FakeCdn) -> list[str | None]:
    return [purge.key for purge in cdn.told]


async def after(clock: LoopClock, seconds: float) -> None:
    clock.advance(seconds)
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_cdn_is_told_of_a_write_that_no_other_origin_knows_of_and_again_when_they_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = LoopClock(monkeypatch, frozen=True)
    top = shared(tmp_path)
    results = tmp_path / "results"
    app, cdn = made(tmp_path, shared=top)
    origin = app.origin
    assert origin.fleet is not None
    await origin.fleet.bucket.open()
    results.rmdir()  # the bucket is away, and there is no Valkey
    await origin.purges.of_writer(origin.config.handlers[0])("a.jpg")
    await after(clock, SPREAD_SECONDS + 0.1)
    assert told_keys(cdn) == ["a.jpg"]
    await after(clock, 60)
    assert told_keys(cdn) == ["a.jpg"]
    results.mkdir()
    (mark,) = origin.fleet.marks.all()
    assert await origin.fleet.purges.log._put(mark) is not None  # as a look does, once it works again
    await after(clock, 0)
    assert told_keys(cdn) == ["a.jpg"]  # not before they have looked
    await after(clock, SPREAD_SECONDS + 0.1)
    assert told_keys(cdn) == ["a.jpg", "a.jpg"]
    results.rename(tmp_path / "away")
    await origin.purges.of_writer(origin.config.handlers[0])("b.jpg")
    await origin.close()  # which waits for nothing
    assert told_keys(cdn) == ["a.jpg", "a.jpg", "b.jpg"]


@pytest.mark.slow
def test_a_write_that_no_other_origin_knows_of_is_answered_as_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "pictures").mkdir()
    config = writing(tmp_path / "pictures", tmp_path / "cache") | {"shared": shared(tmp_path)}
    with Running(config) as origin:
        cdn = FakeCdn()
        origin.origin.purges.cdn = cdn  # type: ignore[assignment]
        assert send(origin.port, "PUT", "/up/a.png", pictures.odd(), BEARER).status == 201
        (tmp_path / "results").rename(tmp_path / "away")
        assert send(origin.port, "PUT", "/up/a.png", pictures.small(), BEARER).status == 200
        assert send(origin.port, "DELETE", "/up/a.png", headers=BEARER).status == 204
        assert send(origin.port, "GET", "/up/a.png").status == 404
    assert "a.png changed, and the purge reached" in caplog.text
    assert told_keys(cdn) == ["a.png"] * 3
