"""Independent referees over one answer of every kind: redbot, httplint and a parser of structured fields.

They are imported where they judge: every process collects these tests, and the quick run needs none of them.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from origin.errors import NotFound
from origin.errors import Overloaded
from origin.errors import RenderFailed
from origin.errors import RenderTimeout
from origin.errors import SourceTimeout
from origin.errors import SourceUnavailable
from tests.support import pictures
from tests.support import proxies
from tests.support.proxies import Pulled
from tests.support.running import Answer

ORIGINALS = {"cat.jpg": pictures.small(), "text.jpg": b"no picture", "cut.jpg": pictures.small()[:700]}
FAILURES = {
    "away.jpg": SourceUnavailable("a test"),
    "slow.jpg": SourceTimeout("a test"),
    "busy.jpg": Overloaded("a test"),
    "dead.jpg": RenderFailed("a test"),
    "endless.jpg": RenderTimeout("a test"),
    "gone.jpg": NotFound("a test"),
}

Note = tuple[str, str, str]  # level, name and text


@dataclasses.dataclass(frozen=True)
class Row:
    status: int
    target: str
    method: str = "GET"
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    kind: str | None = None  # the class of a failure
    noted: str | None = None  # the name of a note that is no complaint here


ROWS = {
    "picture": Row(200, "/long/cat.jpg?w=50"),
    "head": Row(200, "/long/cat.jpg?w=50", "HEAD"),
    "auto": Row(200, "/long/cat.jpg?w=50&f=auto", headers={"Accept": "image/webp"}),
    # The sniffer that the referees use does not know AVIF.
    "named": Row(200, "/long/cat.jpg?w=50&f=avif", noted="CONTENT_TYPE_MISMATCH"),
    "targeted": Row(200, "/cdn/cat.jpg?w=50"),
    "not modified": Row(304, "/long/cat.jpg?w=50", headers={"If-None-Match": "*"}),
    "not modified, auto": Row(304, "/long/cat.jpg?w=50&f=auto", headers={"If-None-Match": "*"}),
    "part": Row(206, "/long/cat.jpg?w=50", headers={"Range": "bytes=0-9"}),
    "no such part": Row(416, "/long/cat.jpg?w=50", headers={"Range": "bytes=99999-"}),
    "no such part, targeted": Row(416, "/cdn/cat.jpg?w=50", headers={"Range": "bytes=99999-"}),
    "another version": Row(412, "/cdn/cat.jpg?w=50", headers={"If-Match": '"x"'}),
    "missing": Row(404, "/long/gone.jpg?w=50", kind="not-found"),
    "missing, auto": Row(404, "/long/gone.jpg?w=50&f=auto", kind="not-found"),
    "missing, head": Row(404, "/long/gone.jpg?w=50", "HEAD", kind="not-found"),
    "bad option": Row(404, "/long/cat.jpg?w=x", kind="bad-request"),
    "bad option, exact": Row(400, "/exact/cat.jpg?w=x", kind="bad-request", noted="STATUS_BAD_REQUEST"),
    "bad path": Row(404, "/long/a/../cat.jpg", kind="bad-request"),
    "forbidden": Row(404, "/signed/cat.jpg?w=50", kind="forbidden"),
    "forbidden, exact": Row(403, "/locked/cat.jpg?w=50", kind="forbidden"),
    "no picture": Row(415, "/exact/text.jpg", kind="unprocessable"),
    "cut off": Row(422, "/exact/cut.jpg", kind="unprocessable"),
    "source away": Row(404, "/long/away.jpg", kind="source-unavailable"),
    "source away, exact": Row(502, "/exact/away.jpg", kind="source-unavailable"),
    "source slow, exact": Row(504, "/exact/slow.jpg", kind="source-unavailable"),
    "render failed, exact": Row(500, "/exact/dead.jpg", kind="render-failed"),
    "render endless, exact": Row(504, "/exact/endless.jpg", kind="render-failed"),
    "busy": Row(503, "/long/busy.jpg", kind="overloaded"),
    "method": Row(405, "/long/cat.jpg", "PUT"),
    "no prefix": Row(404, "/nowhere/cat.jpg"),
    "no prefix, head": Row(404, "/nowhere/cat.jpg", "HEAD"),
    "long": Row(414, "/long/" + "a" * 8200, noted="STATUS_URI_TOO_LONG"),
    "status": Row(200, "/status"),
    "live": Row(200, "/-/live"),
    "ready": Row(200, "/-/ready"),
    "metrics": Row(200, "/-/metrics"),
    "purge, no token": Row(401, "/-/purge", "POST"),
    "purge, method": Row(405, "/-/purge"),
}

# What the referees say of every picture and is no fault: the contract says `public`, by which it may be
# kept even where a request carried Authorization.
ALWAYS = "STORE_PUBLIC_UNNECESSARY"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulled]:
    with proxies.upstream(tmp_path_factory.mktemp("upstream")) as described:
        described.shelf.originals.update(ORIGINALS)
        described.shelf.failures.update(FAILURES)
        yield described


@pytest.fixture(params=ROWS)
def row(request: pytest.FixtureRequest) -> Row:
    return ROWS[request.param]


def ask(upstream: Pulled, row: Row) -> Answer:
    return upstream.origin.get(row.target, row.method, row.headers)


def test_the_row_is_the_kind_of_answer_that_it_says(row: Row, upstream: Pulled) -> None:
    answer = ask(upstream, row)
    assert (answer.status, answer.kind) == (row.status, row.kind)


def test_httplint_has_no_complaint(row: Row, upstream: Pulled) -> None:
    from httplint import HttpRequestLinter
    from httplint import HttpResponseLinter

    answer = ask(upstream, row)
    request = HttpRequestLinter()
    request.process_request_topline(row.method.encode(), row.target.encode(), b"1.1")
    request.process_headers([(name.encode(), value.encode()) for name, value in row.headers.items()])
    response = HttpResponseLinter(_related=request)
    response.is_head_response = row.method == "HEAD"
    response.process_response_topline(b"1.1", b"%d" % answer.status)
    response.process_headers([(name.encode(), value.encode()) for name, value in answer.headers.items()])
    response.feed_content(answer.body)
    response.finish_content(True)
    notes = [(note.level.value, type(note).__name__, note.summary) for note in response.notes]
    assert len(notes) > 3  # it has looked
    assert complaints(row, notes) == []


@pytest.fixture(scope="module")
def droid(upstream: Pulled) -> dict[str, list[Note]]:
    """What redbot notes on every row."""
    base = f"http://127.0.0.1:{upstream.origin.port}"
    requests = [[base + row.target, row.method, row.headers] for row in ROWS.values()]
    program = [sys.executable, str(Path(__file__).parents[1] / "support" / "redbot_runner.py")]
    run = subprocess.run(program, input=json.dumps(requests), capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    notes = [[(level, name, text) for level, name, text in found] for found in json.loads(run.stdout)]
    return dict(zip(ROWS, notes, strict=True))


@pytest.mark.parametrize("name", ROWS)
def test_redbot_has_no_complaint(name: str, droid: dict[str, list[Note]]) -> None:
    assert len(droid[name]) > 3  # it has looked
    assert complaints(ROWS[name], droid[name]) == []


@pytest.mark.parametrize("name", ["picture", "auto", "named", "targeted"])
def test_redbot_sees_validators_and_ranges_work(name: str, droid: dict[str, list[Note]]) -> None:
    """It asks again by itself."""
    assert {"INM_304", "IMS_304", "RANGE_CORRECT"} <= {note for _, note, _ in droid[name]}


def complaints(row: Row, notes: list[Note]) -> list[Note]:
    excused = (ALWAYS, row.noted)
    return [note for note in notes if note[0] in ("bad", "warning") and note[1] not in excused]


def test_structured_fields_parse(row: Row, upstream: Pulled) -> None:
    """Those that are structured, and those older ones that RFC 9651's retrofit draft reads as such."""
    import http_sf
    from http_sf.retrofit import retrofit

    answer = ask(upstream, row)
    names = {name.lower() for name in answer.headers} & set(retrofit)
    assert {"cache-status", "x-content-type-options"} <= names
    for name in names - PROSE:
        http_sf.parse(", ".join(answer.headers.get_all(name, [])).encode(), name=name)
    [(who, _)] = proxies.cache_status(answer)
    assert who == "origin"


# Prometheus' type has `version=1.0.0`, which is no number.
PROSE = {"content-type"}


def test_targeted_cache_control_says_what_was_configured(upstream: Pulled) -> None:
    import http_sf

    answer = ask(upstream, ROWS["targeted"])
    targeted: Any = http_sf.parse(answer.headers["CDN-Cache-Control"].encode(), name="cdn-cache-control")
    assert targeted["max-age"] == (7200, {})
    for row in ("no such part, targeted", "another version"):  # or it would outweigh `no-store`
        assert "CDN-Cache-Control" not in ask(upstream, ROWS[row]).headers
