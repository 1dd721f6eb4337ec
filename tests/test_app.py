"""What an embedding program gets from `create_app`."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from origin.config.load import build_config
from origin.delivery import router as module
from origin.delivery.authorize import Verify
from origin.delivery.request import ImageRequest
from origin.parts.origin import Origin
from origin.server.memory import freeze_gc
from tests.support import pictures
from tests.support.running import Clock
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings
from tests.support.running import wait_until

KEY = "0123456789abcdef0123456789abcdef"


def _sync(token: str, request: Request) -> bool:
    return token == f"for {request.scope['path']}"


async def _async(token: str, request: Request) -> bool:
    return _sync(token, request)


def _broken(token: str, request: Request) -> bool:
    raise RuntimeError("the session store is down")


def _truthy(token: str, request: Request) -> Any:
    return {"claims": "of anybody"}


@pytest.fixture
def running(tmp_path: Path) -> Callable[..., Running]:
    shelf = Shelf(**{"land.jpg": pictures.land()})

    def start(verify: Verify, clock: Clock | None = None, **handler: Any) -> Running:
        config = settings(tmp_path, tmp_path / "cache", **handler)
        return Running(config, source=shelf, verify=verify, clock=clock)

    return start


@pytest.mark.slow
@pytest.mark.parametrize("verify", [_sync, _async])
def test_the_embedding_program_decides_who_sees_a_picture(
    running: Callable[..., Running], verify: Verify
) -> None:
    with running(verify) as origin:
        path = "/h/land.jpg?w=30"
        assert origin.get(f"{path}&t=for%20/h/land.jpg").status == 200
        assert origin.get(f"{path}&token=for+/h/land.jpg").status == 200
        for refused in (path, f"{path}&t=", f"{path}&t=for+/h/x.jpg", f"{path}&t=a&t=for+/h/land.jpg"):
            answer = origin.get(refused)
            assert (answer.status, answer.kind) == (404, "forbidden")
            assert answer.headers["Cache-Control"] == "no-store"
            assert pictures.opened(answer.body).width == 30


@pytest.mark.slow
def test_a_hit_is_verified_as_well(running: Callable[..., Running]) -> None:
    answers = iter([True, True, False])
    with running(lambda token, request: next(answers)) as origin:
        statuses = [origin.get("/h/land.jpg?w=30&t=x").status for _ in range(3)]
    assert statuses == [200, 200, 404]


@pytest.mark.slow
@pytest.mark.parametrize("verify", [_broken, _truthy])
def test_only_true_lets_a_request_in(running: Callable[..., Running], verify: Verify) -> None:
    with running(verify) as origin:
        assert origin.get("/h/land.jpg?w=30&t=x").kind == "forbidden"


@pytest.mark.slow
def test_it_may_say_until_when(running: Callable[..., Running]) -> None:
    clock = Clock()
    until = {"": int(clock()) - 1, "soon": int(clock()) + 60}
    with running(lambda token, request: until[token], clock) as origin:
        assert origin.get("/h/land.jpg?w=30").kind == "forbidden"
        assert origin.get("/h/land.jpg?w=30&t=soon").headers["Cache-Control"] == "public, max-age=60"


@pytest.mark.slow
def test_each_of_two_clients_of_a_url_is_told_its_own_end(tmp_path: Path) -> None:
    """Both wait for the source, the one whose permission ends first since before the other."""
    shelf, clock = Shelf(**{"land.jpg": pictures.land()}), Clock()

    def verify(token: str, request: Request) -> int:
        return int(clock() + float(request.headers["x-seconds"]))

    config = settings(tmp_path, tmp_path / "cache", cache_time=10, max_age=600, stale_while_revalidate=0)
    with Running(config, source=shelf, verify=verify, clock=clock) as origin:
        url, long = "/h/land.jpg?w=30", {"x-seconds": "5000"}
        for _ in range(3):  # after the third, the URL is remembered
            assert origin.get(url, headers=long).status == 200
        clock.now += 20
        shelf.hold()
        asked = len(shelf.gets)
        first = origin.send(url, headers={"x-seconds": "60"})
        wait_until(lambda: len(shelf.gets) > asked, "the source was asked")
        second = origin.send(url, headers=long)
        renditions = origin.origin.handlers["h"].renditions
        wait_until(lambda: renditions.waiting == 2, "both wait")
        shelf.release()
        controls = [each.answer().headers["Cache-Control"].split(", ") for each in (first, second)]
    assert [control[1] for control in controls] == ["max-age=60", "max-age=600"]


@pytest.mark.slow
def test_what_it_raises_is_logged_without_the_token(
    running: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    def careless(token: str, request: Request) -> bool:
        raise ValueError(f"bad {token}")

    with running(careless) as origin:
        origin.get("/h/land.jpg?w=30&t=a-secret-token")
    assert "bad [token]" in caplog.text
    assert "a-secret-token" not in caplog.text


@pytest.mark.slow
def test_it_stands_in_the_place_of_signing(running: Callable[..., Running]) -> None:
    with running(_sync, signing={"keys": [KEY]}) as origin:
        assert origin.get("/h/land.jpg?w=30&t=for+/h/land.jpg").status == 200


def test_handlers_with_the_same_fallback_share_it(tmp_path: Path) -> None:
    source = {"type": "local", "root": str(tmp_path)}
    names = ({"name": "a"}, {"name": "b"}, {"name": "c", "quality": 10})
    a, b, c = Origin(
        build_config({"handlers": [{"source": source, **name} for name in names]})
    ).handlers.values()
    assert a.fallback is b.fallback
    assert a.fallback is not c.fallback


@pytest.mark.slow
def test_a_plan_that_is_no_longer_kept_is_freed_without_the_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 8)
    shelf = Shelf(**{"land.jpg": pictures.land()})
    with Running(settings(tmp_path, tmp_path / "cache"), source=shelf) as origin:
        assert origin.get("/h/land.jpg?w=30").status == 200
        gc.collect()
        before = plans()
        gc.disable()
        try:
            for zeros in range(1, 30):  # all of them the same picture, and each a URL of its own
                assert origin.get(f"/h/land.jpg?w=30.{'0' * zeros}").status == 200
            assert plans() <= before + 8 + 1  # and the one of the last request
        finally:
            gc.enable()


def plans() -> int:
    """How many there are in this process, those of other tests' apps included."""
    return sum(type(one) is ImageRequest for one in gc.get_objects())  # isinstance wakes lazy objects


@pytest.mark.slow
def test_the_collector_passes_by_what_was_there_before_the_first_request() -> None:
    before = gc.get_threshold()
    freeze_gc()
    try:
        assert gc.get_freeze_count() > 10_000
        assert len(gc.get_objects()) < 1_000
        assert gc.get_threshold()[0] >= 10_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
