"""docs/gallery.md: it shows every option, and its pictures are what the options make."""

from __future__ import annotations

import json

import pytest

from docs.gallery import make_gallery
from docs.gallery.examples import CONFIG
from docs.gallery.examples import EXAMPLES
from docs.gallery.examples import UNSEEN
from origin.urls.options import OPTIONS
from tests.support import pictures
from tests.support.documents import page

MAX_BYTES = 1_000_000  # of all pictures
SHOWN = [pytest.param(option.name, id=option.name) for option in OPTIONS if option.name not in UNSEEN]


def test_every_option_is_shown_or_told() -> None:
    assert {option.name for option in OPTIONS} <= EXAMPLES.keys() | UNSEEN.keys()
    for option in OPTIONS:
        assert f"\n## `{option.name}`" in page("docs/gallery.md").text


def test_the_page_is_what_the_program_writes() -> None:
    assert page("docs/gallery.md").text == make_gallery.write_page()
    assert json.loads(page("docs/gallery.md").block("json", "presets")) == CONFIG


def test_the_pictures_are_small_and_each_is_shown() -> None:
    files = {path for path in make_gallery.FOLDER.iterdir() if path.suffix not in (".py", "")}
    shown = {
        make_gallery.find_picture(example) for option in OPTIONS for example in EXAMPLES.get(option.name, ())
    }
    assert files == shown
    assert sum(path.stat().st_size for path in files) < MAX_BYTES


@pytest.fixture(scope="module")
def renderer() -> make_gallery.Renderer:
    return make_gallery.Renderer()


@pytest.mark.many
@pytest.mark.parametrize("name", SHOWN)
def test_the_examples_of_an_option_use_it_and_look_so(renderer: make_gallery.Renderer, name: str) -> None:
    assert any(f"{name}=" in example.query for example in EXAMPLES[name])
    for example in EXAMPLES[name]:
        kept = make_gallery.find_picture(example)
        rendered = renderer.render(example)
        assert f".{rendered.format.name}" == kept.suffix
        assert pictures.opened(kept.read_bytes()).size == (rendered.width, rendered.height)
