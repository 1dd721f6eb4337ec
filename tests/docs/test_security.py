"""docs/security.md: the numbers in it are the program's."""

from __future__ import annotations

from origin.ingest import arrival
from origin.ingest import spool
from origin.render import quarantine
from origin.server.bounds import Bounds
from tests.support.documents import page

SECURITY = page("docs/security.md").line


def test_the_bounds_of_connections_are_the_programs() -> None:
    bounds = Bounds()
    assert f"within {bounds.arrival:.0f} seconds and {bounds.head // 1024} kB of headers" in SECURITY
    assert f"cut off after {bounds.stall:.0f} seconds" in SECURITY


def test_the_bounds_of_uploads_are_the_programs() -> None:
    assert (
        f"stops for {arrival.STALL:.0f} seconds, or comes with fewer than {arrival.MIN_RATE} bytes"
        in SECURITY
    )
    assert f"{spool.ON_DISK // 10**9} GB in all" in SECURITY


def test_the_quarantine_lasts_as_long_as_the_page_says() -> None:
    assert "twice are refused for ten minutes" in SECURITY
    assert (quarantine.MAX_CRASHES, quarantine.TTL_SECONDS) == (2, 600)
