"""`shared` in the configuration: what may stand there, and what has to be installed."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from origin.app import create_app
from origin.config.load import build_config
from origin.errors import ConfigError

RESULTS = {"type": "s3", "bucket": "results", "folder": "one"}


def config(handler: dict[str, Any] | None = None, **shared: Any) -> dict[str, Any]:
    source = {"type": "s3", "bucket": "photos"}
    return {
        "handlers": [{"name": "h", "source": source, **(handler or {})}],
        "shared": {"results": RESULTS} | shared,
    }


def test_results_are_kept_for_a_month_unless_something_else_is_said() -> None:
    shared = build_config(config()).shared
    assert shared is not None
    assert (shared.results.describe(), shared.url, shared.days) == ("s3://results/one/", None, 30)
    assert build_config({"handlers": config()["handlers"]}).shared is None


def test_the_password_of_valkey_is_nowhere_to_be_seen() -> None:
    text = repr(build_config(config(url="redis://:quite-secret@127.0.0.1/3")).shared)
    assert "quite-secret" not in text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"url": "http://127.0.0.1"}, "shared.url: expected a URL such as redis://host:6379/0"),
        ({"url": "redis://127.0.0.1/photos"}, "shared.url: expected a URL such as redis://host:6379/0"),
        ({"results": None}, "shared.results: required, and not there"),
        ({"days": 0}, "shared.days: expected a whole number >= 1"),
        ({"days": 4000}, "shared.days: expected"),
        ({"bucket": "a"}, "shared.bucket: unknown key"),
        (
            {"results": {"type": "http", "base_url": "https://example.com"}},
            "shared.results: expected a source that can be written to, of type s3 or local",
        ),
    ],
)
def test_what_may_not_stand_there(wrong: dict[str, Any], message: str) -> None:
    data = config(**{name: value for name, value in wrong.items() if value is not None})
    if wrong.get("results", "") is None:
        del data["shared"]["results"]
    with pytest.raises(ConfigError) as error:
        build_config(data)
    assert message in str(error.value)


@pytest.mark.parametrize("folder", ["", "one", "one/two"])
def test_no_handler_has_its_originals_among_the_results(folder: str) -> None:
    source = {"type": "s3", "bucket": "results", "folder": folder}
    for handler in (
        {"source": source},
        {"write": {"auth": "open", "stage": {"source": source}}},
    ):
        with pytest.raises(ConfigError) as error:
            build_config(config(handler))
        assert "shared.results: expected a bucket or folder apart from that of handlers[0]" in str(
            error.value
        )
    build_config(config({"source": source | {"folder": "other"}}))


def test_without_the_client_of_valkey_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "origin.cache.valkey", raising=False)
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    create_app(config())
    with pytest.raises(ConfigError) as error:
        create_app(config(url="redis://127.0.0.1"))
    assert str(error.value) == (
        "shared.url needs the client of Valkey and Redis: pip install 'image-origin[fleet]'"
    )


async def test_a_reload_does_not_change_what_is_shared() -> None:
    app = create_app(config())
    with pytest.raises(ConfigError, match="shared: what origins share changes with a restart alone"):
        await app.origin.replace(build_config(config(days=7)))
