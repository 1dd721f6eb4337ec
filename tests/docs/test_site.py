"""The documents as a site: `python -m docs.site` warns of nothing, and what it makes needs no other site."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from urllib.parse import urlsplit

import pytest

import origin.client
import origin.signing
from docs.site.build import list_menu
from docs.site.javascript import PACKAGE
from docs.site.javascript import list_modules
from docs.site.javascript import write_reference
from origin.urls.options import OPTIONS
from tests.support.browser import Chromium
from tests.support.browser import Page
from tests.support.documents import ROOT
from tests.support.static_site import serve_folder


def test_the_menu_has_every_page() -> None:
    shown = [line.rpartition("<")[2].rstrip(">") for part in list_menu().values() for line in part]
    pages = {f"docs/{path.stem}" for path in (ROOT / "docs").glob("*.md")}
    assert len(shown) == len(set(shown))
    assert set(shown) >= pages | {"clients/js/README", "CHANGELOG", "docs/api/python", "docs/api/javascript"}


def test_the_reference_of_javascript_has_all_that_is_exported() -> None:
    text = write_reference()
    headings = set(re.findall(r"^### `(\w+)`$", text, re.MULTILINE))
    assert re.findall(r"^## `(.*)`$", text, re.MULTILINE) == list(list_modules())
    for file in PACKAGE.glob("src/*.d.ts"):
        types = file.read_text(encoding="utf-8")
        exported = re.findall(r"^export (?:interface|class|function|type|const) (\w+)", types, re.MULTILINE)
        assert set(exported) <= headings, file.name
        for member in re.findall(r"^  (\w+)\??[(:]", types, re.MULTILINE):
            assert re.search(rf"^`+{member}\??[(:].*\n: \S", text, re.MULTILINE), member
    for option in OPTIONS:
        if not option.of_token:
            assert f"`{option.name}?: " in text


class _Links(HTMLParser):
    """What a page links, what it loads by itself, and what can be linked in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids.add(values.get("id", ""))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        for name in {"src", "srcset"} & values.keys():
            self.loads.append(values[name])
        if tag == "link" and values.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loads.append(values["href"])


@cache
def read(path: Path) -> _Links:
    return _Links(path.read_text(encoding="utf-8"))


def check_links(folder: Path) -> None:
    """Every link leads to a file and to a place in it; what a page loads is of the site."""
    for path in folder.rglob("*.html"):
        if "_downloads" in path.parts:
            continue  # an example
        page = read(path)
        for link in (*page.links, *page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert link in page.links, f"{path.name} loads {link}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path.name}: {link}"
            if parts.fragment and target.suffix == ".html":
                assert unquote(parts.fragment) in read(target).ids, f"{path.name}: {link}"


def check_looks(page: Page, address: str, width: int, *, dark: bool) -> None:
    page.open(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", colour)[:3])) < 3 * 128) == dark, address
    assert page.evaluate("[...document.images].every(i => i.loading === 'lazy' || i.naturalWidth)"), address


@pytest.mark.slow
def test_the_site(tmp_path: Path, chromium: Chromium) -> None:
    """Built, every link followed, read on a phone and on a screen, and searched."""
    pytest.importorskip("furo", reason="the extra docs is not installed")
    folder = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "docs.site", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, f"Open {folder / 'index.html'}\n")
    check_links(folder)
    reference = (folder / "docs/api/python.html").read_text(encoding="utf-8")
    for module in (origin.client, origin.signing):
        for name in set(module.__all__) - {"ALIASES", "Pair"}:  # a table and a pair of bytes
            assert f'id="{module.__name__}.' in reference
            assert re.search(rf'<dt class="sig[^>]*id="[\w.]*\.{name}"', reference), name
    with serve_folder(folder) as base:
        for width, dark in ((320, True), (1280, False)):
            page = chromium.page(width, dark=dark)
            for name in ("index", "docs/urls", "docs/gallery", "docs/api/python", "docs/api/javascript"):
                check_looks(page, f"{base}/{name}.html", width, dark=dark)
        page.open(f"{base}/index.html")
        page.evaluate("document.querySelector('input[name=q]').value = 'gravity'")
        page.evaluate("document.querySelector('form[role=search]').submit()")
        found = page.wait_for(
            "[...document.querySelectorAll('#search-results li a')].map(a => a.href)"
            ".filter(u => u.includes('urls.html'))[0]",
            "something is found",
        )
        page.open(found)
        assert "gravity" in page.text("article")
        asked = {urlsplit(url).netloc for _, url in page.requests if not url.startswith("data:")}
        assert asked == {urlsplit(base).netloc}
        assert page.problems == []
