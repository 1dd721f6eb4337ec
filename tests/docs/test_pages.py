"""What holds for every page: its links lead somewhere, its files exist, its examples can be used."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import json5
import pytest

from origin.cli.main import COMMANDS
from tests.support.documents import EXAMPLES
from tests.support.documents import PAGES
from tests.support.documents import ROOT
from tests.support.documents import Page
from tests.support.documents import configuration_fragments
from tests.support.documents import load_example
from tests.support.documents import page
from tests.support.documents import parse_command

each_page = pytest.mark.parametrize("page", PAGES, ids=str)

_FILE = re.compile(r"(?:[\w.-]+/)*[\w-][\w.-]*\.(?:py|md|json|vcl|conf|js|php|sh|toml|yml|service|html|lua)")
_FOLDER = re.compile(r"\.?\w[\w.-]*(?:/[\w.-]+)*/")
_OURS = re.compile(r"(?:origin|tests|docs|benchmarks|\.ci)/.*")
# Files that the reader writes.
_OF_THE_READER = {
    "policy.json",
    "config.json",
    "urls.txt",
    "notification.toml",
    "image-loader.js",
    "settings.py",
    "app/helpers.php",
    "composer.json",
    "package.json",
}
_KEYS = {"on_error.json"}  # of the configuration, which look like files
_MADE_BY_A_RUN = re.compile(r"benchmarks/(?:results|\.work|\.peers)/.*|build/site/.*")
# Whose pages the documents link, by https. Links on 127.0.0.1 are for what the reader has started.
SITES = {
    "blurha.sh",
    "developers.cloudflare.com",
    "docs.astral.sh",
    "docs.imgix.com",
    "evanw.github.io",
    "github.com",
    "keepachangelog.com",
    "pypi.org",
    "thumbor.readthedocs.io",
}


@each_page
def test_every_link_leads_to_a_page_and_a_heading(page: Page) -> None:
    pages = {other.path: other for other in PAGES}
    for link in page.links():
        name, _, anchor = link.partition("#")
        if re.match(r"\w+:", link):
            continue
        target = (page.path.parent / name).resolve() if name else page.path
        assert target.exists(), link
        assert not anchor or anchor in pages[target].anchors(), link


@each_page
def test_every_link_to_another_site_has_the_right_form(page: Page) -> None:
    """They are not fetched. What other people's servers answer is no fault of a change here, and a test must
    not fail for it; and where tests run there may be no network. Whoever adds a host to SITES has opened the
    page; what the address of a page cannot tell, such as that it has moved, only a reader sees."""
    for target in re.findall(r"\]\(([^)]*)\)", page.prose):
        assert not re.search(r"\s", target), target  # it would be shown as text
    for link in (*page.links(), *re.findall(r"<(\w+:[^>]*)>", page.prose)):
        if not re.match(r"\w+:", link):
            continue
        parts = urlsplit(link)
        assert (parts.username, parts.port if parts.scheme == "https" else None) == (None, None), link
        assert re.fullmatch(r"[!-~]+", link), link
        assert parts.path.startswith("/"), link
        assert (parts.scheme, parts.hostname) == ("http", "127.0.0.1") or (
            parts.scheme == "https" and parts.hostname in SITES
        ), link


def test_no_site_is_allowed_that_no_page_links() -> None:
    linked = {urlsplit(link).hostname for page in PAGES for link in page.links()}
    assert SITES - linked == set()


@each_page
def test_every_file_that_is_mentioned_exists(page: Page) -> None:
    bases = (ROOT, ROOT / "origin", page.path.parent)
    named = {span for span in page.spans() if any(form.fullmatch(span) for form in (_FILE, _FOLDER, _OURS))}
    named -= _OF_THE_READER | _KEYS
    missing = {name for name in named if not any((base / name).exists() for base in bases)}
    assert {name for name in missing if not _MADE_BY_A_RUN.fullmatch(name)} == set()


@each_page
def test_every_module_that_is_run_exists(page: Page) -> None:
    for name in re.findall(r"python -m ((?:origin|benchmarks|docs|tests)[\w.]*)", page.text):
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), name


@each_page
def test_every_command_can_be_given(page: Page) -> None:
    for words in page.commands():
        parse_command(words)


def test_the_pages_show_every_command() -> None:
    shown = {words[0] for page in PAGES for words in page.commands()}
    assert shown == set(COMMANDS)


@each_page
def test_every_extra_that_is_installed_exists(page: Page) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.findall(r"pip install (?:-e )?'\.\[([\w,]+)\]'", page.text)
    assert {extra for text in named for extra in text.split(",")} <= extras.keys()


@each_page
def test_every_configuration_can_be_loaded(page: Page) -> None:
    for block in page.blocks("json"):
        data = json5.loads(block, allow_duplicate_keys=False)
        if data.keys() & {"k", "Statement"}:
            json.loads(block)  # a grant or a policy of AWS, which take no comments
        else:
            load_example(data)
    for span in page.spans():
        for data in configuration_fragments(span):
            load_example(data)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_every_example_of_a_configuration_can_be_loaded(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert load_example(json5.loads(text, allow_duplicate_keys=False)).handlers


def test_every_page_and_example_is_linked() -> None:
    linked = {
        (page.path.parent / link.partition("#")[0]).resolve() for page in PAGES for link in page.links()
    }
    documents = {*(ROOT / "docs").glob("*.md"), *EXAMPLES.iterdir()}
    assert {path.name for path in documents - linked if path.name != "__pycache__"} == set()


def test_the_readme_links_every_page_of_docs() -> None:
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= set(page("README.md").links())
