"""docs/http.md: the headers, failures and cache states are those of real answers."""

from __future__ import annotations

import re

import pytest

from origin.delivery.kept_results import STALE_IF_ERROR
from origin.delivery.later import DETAIL
from origin.errors import OriginError
from origin.errors import WriteRefused
from origin.http.caching import cache_status
from origin.http.caching import with_detail
from tests.support.documents import code
from tests.support.documents import page
from tests.support.running import Answer
from tests.support.running import Running

HTTP = page("docs/http.md")


@pytest.mark.slow
def test_the_headers_are_those_that_are_sent(answers: list[Answer]) -> None:
    sent = {name.lower() for answer in answers for name in answer.headers} - {"date", "connection"}
    assert {code(row[0])[0].lower() for row in HTTP.table("| header |")} == sent


@pytest.mark.slow
def test_the_headers_on_all_answers_are_marked_so(answers: list[Answer]) -> None:
    marked = {code(row[0])[0].lower() for row in HTTP.table("| header |") if row[1] == "all"}
    everywhere = set.intersection(*({name.lower() for name in answer.headers} for answer in answers))
    assert marked == everywhere - {"date", "connection"}


@pytest.mark.slow
def test_the_answer_at_the_top_is_that_of_the_demo(demo: Running) -> None:
    (shown,) = [text for text in HTTP.indented() if "curl" in text]
    (path,) = re.findall(r"http://127\.0\.0\.1:8080([^']+)'", shown)
    headers = demo.get(path).headers
    for line in shown.splitlines()[2:]:
        name, _, value = line.partition(": ")
        assert name in {sent.lower() for sent in headers}
        if name not in ("cache-status", "etag", "content-length"):  # of the moment, or of the encoder
            assert headers[name] == value


def test_the_classes_of_failure_and_their_statuses_are_the_programs() -> None:
    statuses: dict[str, set[int]] = {}
    classes = [kind for kind in OriginError.__subclasses__() if kind is not WriteRefused]  # uploads.md has it
    for kind in classes:
        statuses.setdefault(kind.kind, set()).add(kind.status)
        classes += kind.__subclasses__()
    rows = {code(row[0])[0]: {int(status) for status in row[3].split(",")} for row in HTTP.table("| class |")}
    assert rows == statuses


def test_the_failures_that_caches_may_keep_are_those_that_are_remembered() -> None:
    remembered = {kind.kind for kind in OriginError.__subclasses__() if kind.remembered}
    rows = {code(row[0])[0]: code(row[4])[0] for row in HTTP.table("| class |")}
    assert {name for name, control in rows.items() if control != "no-store"} == remembered


@pytest.mark.slow
def test_the_plain_answers_have_the_statuses_of_the_page(demo: Running) -> None:
    (text,) = re.findall(r"These answers are plain text and `no-store`: ([^.]*)\.", HTTP.line)
    assert re.findall(r"\b[45]\d\d\b", text) == ["404", "405", "414", "421", "501"]
    plain = [demo.get("/x/y"), demo.get("/demo/logo.png", "PUT"), demo.get("/demo/" + "x" * 8192)]
    plain.append(demo.get("/demo/logo.png", "UNKNOWN"))
    assert [answer.status for answer in plain] == [404, 405, 414, 501]
    assert {answer.headers["Cache-Control"] for answer in plain} == {"no-store"}
    assert {str(answer.type).partition(";")[0] for answer in plain} == {"text/plain"}


@pytest.mark.slow
def test_the_values_of_cache_status_are_the_programs(demo: Running) -> None:
    real = [demo.get(f"/demo/{path}").headers["Cache-Status"] for path in ("logo.png?w=77", "none.jpg")]
    real.append(demo.get("/demo/logo.png?w=77").headers["Cache-Status"])
    for why in ("stale-while-revalidate", "stale-if-error"):
        real.append(cache_status(hit=True, ttl=-20, detail=why))
    real.append(with_detail(cache_status(fwd="uri-miss", stored=True), STALE_IF_ERROR))
    real.append(cache_status(fwd="stale", fwd_status=304))
    real.append(with_detail(real[0], DETAIL))
    shown = {code(row[0])[0] for row in HTTP.table("| value | meaning |")}
    assert {_timeless(text) for text in shown} == {_timeless(text) for text in real}


def _timeless(status: str) -> str:
    return re.sub(r"ttl=-?\d+", "ttl", status)
