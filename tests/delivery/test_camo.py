"""Camo's URLs over HTTP, in both spellings of the configuration."""

from __future__ import annotations

import hmac
import logging
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.pictures import encoded
from tests.support.pictures import field
from tests.support.pictures import opened
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import wait_until

KEY = "a-key-of-camo"
URL = "https://example.com/a cat.png?v=1"


def test_both_spellings_answer_both_forms_alike_and_no_log_has_a_digest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = {"type": "http", "camo_key": KEY}
    config = {
        "handlers": [
            {"name": "keys", "source": {**source, "keys": "camo"}},
            {"name": "dialect", "source": source, "dialect": "camo"},
        ],
        "cache": {"path": str(tmp_path / "cache")},
        "renderers": 1,
    }
    digest = hmac.digest(KEY.encode(), URL.encode(), "sha1").hex()
    paths = (f"{digest}/{URL.encode().hex()}?w=30", f"{digest}?url={quote(URL, safe='')}&w=30")
    caplog.set_level(logging.INFO, "origin")
    with Running(config, source=Shelf(**{URL: encoded(field(60, 40), "PNG")})) as origin:
        for name in ("keys", "dialect"):
            for path in paths:
                answer = origin.get(f"/{name}/{path}")
                assert (answer.status, opened(answer.body).size) == (200, (30, 20)), path
                wrong = f"/{name}/{'0' * 40}{path[40:]}"
                assert origin.get(wrong).kind == "forbidden", wrong
            assert answer.headers["Cache-Status"].startswith("origin; hit")  # one picture, in either form
        wait_until(lambda: "/dialect/[signature]?url=" in caplog.text, "the log has its lines")
    assert f"/keys/[signature]/{URL.encode().hex()}?w=30" in caplog.text
    assert digest not in caplog.text
