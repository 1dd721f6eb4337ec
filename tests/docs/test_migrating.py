"""docs/migrating.md: what stands in the place of another server's options is understood here."""

from __future__ import annotations

import pytest

from origin.signing import decode_query
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from tests.support.documents import code
from tests.support.documents import page

MIGRATING = page("docs/migrating.md")


@pytest.mark.parametrize("server", ["imgproxy", "thumbor", "imgix"])
def test_the_options_here_are_understood(server: str) -> None:
    spans = [code(row[1]) for row in MIGRATING.table(f"| {server} | here |")]
    queries = [span[0] for span in spans if span and "=" in span[0]]
    assert len(queries) >= 3
    for query in queries:
        parse_options(decode_query(query.encode()), OptionDefaults())
