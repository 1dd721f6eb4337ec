"""docs/uploads.md: its tables are the program's, its page for browsers sends what the origin takes."""

from __future__ import annotations

import io
import json
import re
import runpy
from pathlib import Path

import pytest

from origin.errors import WriteRefused
from origin.ingest.reply import DEFAULT_JSON
from origin.urls.templates import NAME_PARTS
from origin.urls.templates import REPLY_PARTS
from tests.support import pictures
from tests.support.documents import EXAMPLES
from tests.support.documents import code
from tests.support.documents import page
from tests.support.running import Running
from tests.support.uploads import TOKEN
from tests.support.uploads import pictures_in
from tests.support.uploads import writing

UPLOADS = page("docs/uploads.md")


@pytest.mark.slow
def test_the_form_of_an_application_passes_the_picture_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPLOAD_TOKEN", TOKEN)
    store = tmp_path / "store"
    store.mkdir()
    with Running(writing(store, tmp_path / "cache")) as origin:
        block = UPLOADS.block("python", "Flask(").replace(
            "https://img.example.com/photos", f"http://127.0.0.1:{origin.port}/up"
        )
        (tmp_path / "form.py").write_text(block)
        client = runpy.run_path(str(tmp_path / "form.py"))["app"].test_client()
        sent = client.post("/account/photo", data={"photo": (io.BytesIO(pictures.land()), "cat.jpg")})
        assert {json.loads(sent.data)["key"]} == pictures_in(store)
        refused = client.post("/account/photo", data={"photo": (io.BytesIO(b"no picture"), "cat.jpg")})
        assert refused.status_code == 415
        assert len(pictures_in(store)) == 1


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
