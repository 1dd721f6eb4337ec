"""`origin demo` serves every URL that it prints."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from tests.support import pictures
from tests.support import s3_servers
from tests.support.running import Client
from tests.support.running import serving


@pytest.mark.slow
def test_the_demo_serves_every_url_it_prints_and_every_picture_of_its_page(tmp_path: Path) -> None:
    port = s3_servers.closed_port()
    with serving(tmp_path, "demo", "--port", str(port), port=port) as process:
        demo = Client(port)
        urls = (tmp_path / "stdout").read_text().split()
        printed = {url.removeprefix(f"http://127.0.0.1:{port}") for url in urls}
        page = demo.get("/")
        shown = re.findall(r'\bsrc="(/[^"]+)"', html.unescape(page.body.decode()))
        answers = {path: demo.get(path) for path in {*printed, *shown} - {"/"}}

    assert process.returncode == 0
    assert "/" in printed
    assert (page.status, page.type) == (200, "text/html; charset=utf-8")
    assert sum(answer.status == 200 for answer in answers.values()) > 20
    # One example of each of these failures, fallback image and all.
    assert sorted(answer.kind for answer in answers.values() if answer.kind) == [
        "bad-request",
        "not-found",
        "unprocessable",
    ]
    assert all(pictures.opened(answer.body).width > 1 for answer in answers.values())
