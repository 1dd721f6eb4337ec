"""docs/uploads.md: its tables are the program's, its page for browsers sends what the origin takes."""

from __future__ import annotations

import re

import pytest

from origin.errors import WriteRefused
from origin.ingest.reply import DEFAULT_JSON
from origin.urls.templates import NAME_PARTS
from origin.urls.templates import REPLY_PARTS
from tests.support.documents import EXAMPLES
from tests.support.documents import code
from tests.support.documents import page

UPLOADS = page("docs/uploads.md")


def placeholders(after: str) -> set[str]:
    return {name.strip("{}") for row in UPLOADS.table(after) for name in code(row[0])}


def test_the_parts_of_names_and_answers_are_the_programs() -> None:
    assert placeholders("`name` is a template") == set(NAME_PARTS)
    assert placeholders("## Answers") == set(REPLY_PARTS)


def test_the_answer_that_is_shown_has_the_keys_of_the_default() -> None:
    (shown,) = re.findall(r"The JSON of a POST has (.+?), unless", UPLOADS.line)
    assert code(shown) == list(DEFAULT_JSON)


def test_the_classes_of_failure_are_the_programs() -> None:
    statuses: dict[str, set[int]] = {}
    classes = list(WriteRefused.__subclasses__())
    for kind in classes:
        statuses.setdefault(kind.kind, set()).add(kind.status)
        classes += kind.__subclasses__()
    rows = {
        code(row[0])[0]: {int(status) for status in row[1].split(",")} for row in UPLOADS.table("| class |")
    }
    assert rows == statuses


@pytest.mark.parametrize("name", ["POST", "file", "url", "key", "message"])
def test_the_page_for_browsers_speaks_the_words_of_the_origin(name: str) -> None:
    text = (EXAMPLES / "upload.html").read_text(encoding="utf-8")
    assert re.search(rf'"{name}"|[{{,] {name}[ ,].*= request.response|show\({{.*\b{name}\b', text)
