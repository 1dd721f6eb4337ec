"""What names of results hold of a handler's settings."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace

import pytest

from origin.delivery.settings import RenderSettings
from origin.delivery.settings import passes_through
from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.query import decode_query

SETTINGS = RenderSettings({"jpg": 80, "webp": 78, "avif": 60}, ("jpg", "png"), 10**8, 100, 10.0)


def test_another_effort_makes_another_name() -> None:
    others: tuple[dict[str, str], ...] = (
        {},
        {"avif": "fast"},
        {"avif": "best"},
        {"webp": "best"},
        {"avif": "fast", "webp": "best"},
    )
    names = [_with_effort(each).digest("4/8.18.7") for each in others]
    assert len(set(names)) == len(names)
    assert _with_effort({"webp": "best", "avif": "fast"}).digest("4/8.18.7") == names[-1]


def test_the_usual_effort_leaves_names_as_they_were() -> None:
    """An upgrade does not make every result anew."""
    text = json.dumps(
        ["4/8.18.7", {"jpg": 80, "webp": 78, "avif": 60}, ["jpg", "png"], 10**8, 100, 4096, 70, 10.0]
    )
    assert SETTINGS.digest("4/8.18.7") == hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("query", "passes"),
    [
        (b"", True),
        (b"utm_source=x&w=", True),
        (b"t=abc", True),
        (b"expires=1790000000&token=abc", True),
        (b"w=0&height=0.0&t=abc", True),  # 0 is absent
        (b"w=1&t=abc", False),
        (b"w=x", False),
        (b"p=&dpr=1", False),
        (b"dl=x", False),
    ],
)
def test_a_url_without_options_is_passed_through_signed_or_not(query: bytes, passes: bool) -> None:
    assert passes_through("plain", decode_query(query), OptionDefaults()) is passes


def test_a_job_names_its_original_without_telling_what_it_is_called() -> None:
    jobs = [SETTINGS.job(Options(), "jpg", None, f"h\0bucket\0ä.jpg\0{etag}") for etag in "ab"]
    assert jobs[0].original != jobs[1].original
    assert all(re.fullmatch("[0-9a-f]{32}", job.original) for job in jobs)
    assert SETTINGS.job(Options(), "jpg").original == ""


def _with_effort(effort: dict[str, str]) -> RenderSettings:
    return replace(SETTINGS, effort=effort)  # type: ignore[arg-type]
