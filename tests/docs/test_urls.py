"""docs/urls.md: the options are those of the program, the sizes and examples are what it answers."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from origin.config.limits import Limits
from origin.errors import BadRequest
from origin.formats import QUALITY
from origin.formats import Format
from origin.imaging.cost import Bounds
from origin.imaging.cost import afford
from origin.imaging.frame import Header
from origin.imaging.frame import settle
from origin.imaging.protocol import Job
from origin.imaging.shape import cut
from origin.imaging.shape import select
from origin.imaging.shape import turn
from origin.imaging.steps import CHARGES
from origin.imaging.steps import STEPS
from origin.imaging.steps import blur
from origin.imaging.steps import round_corners
from origin.imaging.steps import sharpen
from origin.imaging.steps import tone
from origin.imaging.surround import surround
from origin.imaging.watermark import lay_watermark
from origin.signing import decode_query
from origin.urls.options import ALIASES
from origin.urls.options import NAMES
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from tests.support import pictures
from tests.support.documents import code
from tests.support.documents import page
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings

URLS = page("docs/urls.md")


def options_of_the_program() -> dict[str, set[str]]:
    """Every option with its other names."""
    return {name: {alias for alias, of in ALIASES.items() if of == name} for name in NAMES}


def understood(query: str) -> bool:
    try:
        parse_options(decode_query(query.encode()), OptionDefaults())
    except BadRequest:
        return False
    return True


def test_the_options_are_those_of_the_program() -> None:
    rows = URLS.table("| option | alias | values | meaning |")
    assert {code(name)[0]: set(code(alias)) for name, alias, *_ in rows} == options_of_the_program()


@pytest.mark.parametrize("row", URLS.table("| option | alias |"), ids=lambda row: row[0])
def test_the_values_of_an_option_are_understood(row: list[str]) -> None:
    (name,) = code(row[0])
    listed = code(row[2])
    ends = re.fullmatch(r"(\d+) to (\d+)", row[2])
    assert all(understood(f"{name}={value}") for value in listed)
    if ends:
        low, high = int(ends[1]), int(ends[2])
        assert [understood(f"{name}={n}") for n in (low, high, high + 1)] == [True, True, False]


def test_the_values_that_are_said_to_be_refused_are_refused() -> None:
    (text,) = re.findall(r"A value that is not valid is refused .*?\((.*?)\)", URLS.line)
    assert len(code(text)) >= 4
    assert [query for query in code(text) if understood(query)] == []


@pytest.mark.parametrize("query", ["w=0", "h=0", "w=", "q=", "f=", "c=", "dpr="])
def test_what_is_said_to_be_absent_is_as_absent(query: str) -> None:
    assert parse_options(decode_query(query.encode()), OptionDefaults()) == parse_options(
        [], OptionDefaults()
    )


def test_names_that_are_no_option_are_ignored() -> None:
    assert parse_options(decode_query(b"utm_source=x&hight=9&W=300"), OptionDefaults()) == parse_options(
        [], OptionDefaults()
    )


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("sizes")
    with Running(
        settings(folder, folder / "cache"), source=Shelf(**{"land.jpg": pictures.land()})
    ) as running:
        yield running


@pytest.mark.parametrize("row", URLS.table("| options | result |"), ids=lambda row: row[0])
def test_the_sizes_are_those_of_the_answers(origin: Running, row: list[str]) -> None:
    query = "".join(code(row[0]))
    width, height = re.findall(r"\d+", row[1])[:2]
    found = pictures.opened(origin.get(f"/h/land.jpg?{query}").body)
    assert (found.width, found.height) == (int(width), int(height))


@pytest.mark.parametrize("row", URLS.table("| `fit` | result |"), ids=lambda row: row[0])
def test_the_fits_are_those_of_the_answers(origin: Running, row: list[str]) -> None:
    found = pictures.opened(origin.get(f"/h/land.jpg?w=300&h=300&fit={code(row[0])[0]}").body)
    assert [found.width, found.height] == list(map(int, re.findall(r"\d+", row[1])))


def test_every_fit_is_in_the_table() -> None:
    (values,) = [row[2] for row in URLS.table("| option | alias |") if row[0] == "`fit`"]
    assert [code(row[0])[0] for row in URLS.table("| `fit` | result |")] == code(values)


@pytest.mark.parametrize("query", ["rect=5000,0,10,10", "pad=3000", "w=4000&enlarge=1&pad=50"])
def test_what_only_the_original_shows_to_be_wrong_is_a_bad_request(origin: Running, query: str) -> None:
    answer = origin.get(f"/h/land.jpg?{query}")
    assert (answer.status, answer.headers["X-Origin-Error"]) == (404, "bad-request")
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_urls_of_the_examples_are_understood() -> None:
    blocks = URLS.blocks("html")
    urls = re.findall(r"/photos/[^\s\",]+", html.unescape("".join(blocks)))
    assert len(urls) >= 10
    assert [url for url in urls if not understood(urlsplit(url).query)] == []


@pytest.mark.slow
def test_a_placeholder_takes_as_many_bytes_as_the_page_says(demo: Running) -> None:
    (query, size), *_ = re.findall(r"`/photos/cat\.jpg(\?\S+)` takes about (\d+) bytes", URLS.line)
    bodies = [demo.get(f"/demo/{name}{query}").body for name in ("landscape.jpg", "portrait.jpg")]
    assert all(len(body) <= int(size) + 50 for body in bodies)


@pytest.mark.slow
@pytest.mark.parametrize("picture", ["landscape.jpg", "portrait.jpg"])
@pytest.mark.parametrize("quality", [40, 75, 90])
def test_the_same_q_makes_no_file_that_is_larger_than_the_jpeg(
    demo: Running, picture: str, quality: int
) -> None:
    urls = [f"/demo/{picture}?w=540&q={quality}&f={format}" for format in ("jpg", "webp", "avif")]
    jpg, *others = (len(demo.get(url).body) for url in urls)
    assert max(others) <= jpg


def test_the_numbers_of_the_encoders_are_the_programs() -> None:
    rows = URLS.table("| `q` | JPEG | WebP | AVIF |")
    assert len(rows) >= 8
    for row in rows:
        quality, *numbers = map(int, row)
        formats = (Format.JPG, Format.WEBP, Format.AVIF)
        assert [format.encoder_quality(quality) for format in formats] == numbers


@pytest.mark.slow
def test_the_facts_of_a_picture_are_those_that_are_told(demo: Running) -> None:
    rows = URLS.table("| fact | meaning |")
    assert [code(row[0])[0] for row in rows] == list(json.loads(demo.get("/demo/logo.png?f=json").body))
    hash = demo.get("/demo/logo.png?f=blurhash")
    assert (hash.type, demo.get("/demo/none.png?f=blurhash").body) == ("text/plain", b"not-found")


def test_the_megapixels_of_the_page_are_those_that_are_made() -> None:
    rows = URLS.table("| asked for | megapixels | with transparency | twice as many are |")
    assert len(rows) >= 7
    for asked, opaque, transparent, beyond in rows:
        query = code(asked)[0]
        for alpha, megapixels in ((False, int(opaque)), (True, int(transparent))):
            outcomes = [_outcome(query, alpha, megapixels * times) for times in (0.95, 1.05, 2)]
            assert (outcomes[0], outcomes[2]) == ("kept", beyond), (query, alpha)
            assert outcomes[1] != "kept", (query, alpha)


def _outcome(query: str, alpha: bool, megapixels: float) -> str:
    """What becomes of a PNG of that size with the default limits."""
    limits = Limits()
    options = parse_options(decode_query(query.encode()), OptionDefaults())
    side = round(math.sqrt(megapixels * 1e6))
    job = Job(options, options.format, dict(QUALITY), ("png",), 10**9, 100)
    bounds = Bounds.of(limits.render_timeout, limits.render_memory, b"")
    frames = settle(Header(Format.PNG, side, side, alpha=alpha), job)
    try:
        (frame,) = afford(frames, options, CHARGES, bounds)
    except BadRequest:
        return "refused"
    return "kept" if frame.upright.size == (side, side) else "smaller"


@pytest.mark.slow
def test_the_steps_of_the_page_are_in_the_order_of_the_program() -> None:
    (text,) = re.findall(r"The order is fixed, whatever the order in the URL: (.*?)\.", URLS.line)
    names = {
        **{"`rect`": select, "size and cut": cut, "`rotate`": turn, "`flip`": turn, "tone": tone},
        **{
            "`blur`": blur,
            "`sharpen`": sharpen,
            "`pad` and `bg`": surround,
            "`radius`": round_corners,
            "watermark": lay_watermark,
        },
    }
    order = [step.run for step in STEPS]
    told = [step for step in text.split(", ") if step not in ("upright", "`trim`", "encode")]
    assert set(told) == names.keys()
    assert [order.index(names[step]) for step in told] == sorted(order.index(names[step]) for step in told)
