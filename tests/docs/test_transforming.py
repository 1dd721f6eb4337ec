"""docs/transforming.md: the requests, fields, classes and messages that it names are the program's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from origin.config.handler import Handler
from tests.support import pictures
from tests.support.documents import ROOT
from tests.support.documents import code
from tests.support.documents import page
from tests.support.posting import uploaded
from tests.support.running import Running

PAGE = page("docs/transforming.md")
NAMES = [code(row[0])[0] for row in PAGE.table("| `transform` |")]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    config = {
        "handlers": [{"name": "images", "transform": NAMES, "limits": {"max_original_bytes": 500_000}}],
        "cache": {"path": str(tmp_path_factory.mktemp("cache"))},
        "renderers": 1,
    }
    with Running(config) as one:
        yield one


def test_the_table_has_every_name_of_the_configuration() -> None:
    schema: Any = Handler.model_json_schema()["properties"]["transform"]
    names = schema["anyOf"][0]["items"]["enum"]
    assert {*NAMES, "rescale_avatar"} == set(names)


@pytest.mark.slow
def test_every_field_of_an_answer_is_named(origin: Running) -> None:
    for endpoint, fields in PAGE.table("| endpoint | fields |"):
        name = code(endpoint)[0]
        path = "fit/50" if name == "fit" else name
        content = json.loads(uploaded(origin, f"/images/{path}", pictures.land()).body)
        told = set(code(fields)) - {"size", "mime", "body"}
        assert content.keys() == {*told, "status", "success"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("fit/50", None),
        ("prepare_jpeg", pictures.port()),
        ("fit/0", pictures.small()),
        ("fit/x", pictures.small()),
        ("fit/50", b"plain text"),
        ("fit/50", pictures.svg()),
        ("fit/50", pictures.port()[:200]),
        ("fit/50", bytes(600_000)),
    ],
)
def test_the_messages_are_the_programs(origin: Running, path: str, body: bytes | None) -> None:
    rows = {tuple(row) for row in PAGE.table("| status | message |")}
    answer = uploaded(origin, f"/images/{path}", body)
    message = json.loads(answer.body)["message"]
    told = [text for status, text in rows if str(answer.status) in re.findall(r"\d+", status)]
    assert any(message in code(text) for text in told) or (answer.status == 413 and told)


def test_every_message_is_one_of_the_program() -> None:
    """Also those that no request here brings about, such as that of a busy origin."""
    program = (ROOT / "origin" / "ingest" / "v2ex.py").read_text(encoding="utf-8")
    messages = [text for _, message in PAGE.table("| status | message |") for text in code(message)]
    assert len(messages) >= 9
    assert [text for text in messages if f'"{text}"' not in program] == []


@pytest.mark.parametrize(
    ("query", "body"),
    [("w=x", pictures.small()), ("", None), ("", bytes(600_000)), ("", b"plain text"), ("", pictures.svg())],
)
def test_the_classes_are_the_programs(origin: Running, query: str, body: bytes | None) -> None:
    rows = {code(row[0])[0]: row[1] for row in PAGE.table("| class | status |")}
    answer = uploaded(origin, f"/images?{query}", body)
    assert rows[json.loads(answer.body)["error"]] == str(answer.status)


def test_the_examples_of_curl_post_to_a_prefix_of_the_example(tmp_path: Path) -> None:
    example = json.loads(PAGE.blocks("json")[0])
    for line in re.findall(r"^ +(curl .*)$", PAGE.text, re.MULTILINE):
        assert f"/{example['name']}?" in line
