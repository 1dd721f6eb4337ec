"""The options of a URL: the table of the contract, row by row, and what is none of it."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin import signing
from origin.errors import BadRequest
from origin.formats import OUTPUTS
from origin.signing import decode_query
from origin.urls import options as module
from origin.urls.options import OptionDefaults
from origin.urls.options import Options
from origin.urls.options import lenient
from origin.urls.options import parse
from origin.urls.query import OPTIONS

RULES = OptionDefaults()


def read(query: str, rules: OptionDefaults = RULES) -> Options:
    return parse(decode_query(query.encode()), rules)


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", Options()),
        ("w=300", Options(width=300)),
        ("h=200", Options(height=200)),
        ("width=300&height=200", Options(300, 200, crop=True)),
        ("w=300&h=200&c=false", Options(300, 200)),
        ("w=300&h=200&crop=1", Options(300, 200, crop=True)),
        ("f=jpeg", Options(format="jpg")),
        ("format=WebP", Options(format="webp")),
        ("f=auto", Options(format="auto")),
        ("f=original", Options(format="original")),
        ("q=55", Options(quality=55)),
        ("quality=55", Options(quality=55)),
        ("w=100&dpr=2", Options(width=200)),
        ("w=100&h=50&dpr=1.5&c=0", Options(150, 75)),
        # Decimals are rounded, half up; 0 is as absent.
        ("w=12.9", Options(width=13)),
        ("w=12.5", Options(width=13)),
        ("w=12.49", Options(width=12)),
        ("w=0.5", Options(width=1)),
        ("w=0.4", Options()),
        ("w=0&h=0", Options()),
        ("w=0.0&h=100", Options(height=100)),
        ("w=33&dpr=1.5", Options(width=50)),
        ("dpr=3", Options()),
        # What is too large is clamped, and not refused.
        ("w=9999", Options(width=4096)),
        ("w=4000&h=4000&dpr=4", Options(4096, 4096, crop=True)),
        (f"w={'9' * 400}", Options(width=4096)),
        (f"w=10.{'3' * 400}", Options(width=10)),
        # An empty value is as absent.
        ("w=&h=&c=&f=&q=&dpr=&e=", Options()),
        ("w=100&h=100&c=", Options(100, 100, crop=True)),
        # c means nothing without both sides.
        ("w=100&c=true", Options(width=100)),
        ("h=100&c=1", Options(height=100)),
        ("w=100&h=0&c=1", Options(width=100)),
        # Formats without a quality.
        ("f=png&q=50", Options(format="png")),
        ("f=gif&q=50", Options(format="gif")),
        # Not in the table.
        ("utm_source=news&W=300&w%00=5&x", Options()),
        ("t=anything&token=more", Options()),
        # Decoded as a form.
        ("%77=300", Options(width=300)),
        ("w=%33%30%30", Options(width=300)),
    ],
)
def test_the_meaning_of_a_query(query: str, options: Options) -> None:
    assert read(query) == options


@pytest.mark.parametrize("text", ["true", "t", "1", "TRUE", "True", "T"])
def test_every_spelling_of_crop(text: str) -> None:
    assert read(f"w=9&h=9&c={text}", OptionDefaults(crop=False)).crop


@pytest.mark.parametrize("text", ["false", "f", "0", "FALSE", "False", "F"])
def test_every_spelling_of_no_crop(text: str) -> None:
    assert not read(f"w=9&h=9&c={text}").crop


@pytest.mark.parametrize("name", sorted(format.name for format in OUTPUTS))
def test_every_output_format_has_its_name(name: str) -> None:
    assert read(f"f={name}").format == read(f"format={name.upper()}").format == name


NO_NUMBER = [
    "-5", "+5", "%2B5", "007", "00", "1_0", "1e2", "1E2", "NaN", "nan", "inf", "Infinity", "0x10", "1,5",
    "5.", ".5", "1.2.3", "300px", " 300", "300 ", "%0A5", "5%0A", "5%00", "٣٠٠", "３００", "²", "--", "abc",
    "%FF",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_NUMBER)
@pytest.mark.parametrize("name", ["w", "h", "width", "height", "q", "dpr", "e", "expires"])
def test_what_is_no_plain_ascii_decimal_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(BadRequest, match=rf"^option {module.ALIASES.get(name, name)}: ") as error:
        read(f"{name}={text}")
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q", "0"),
        ("q", "101"),
        ("q", "50.5"),
        ("q", "9" * 5000),
        ("dpr", "0"),
        ("dpr", "0.99"),
        ("dpr", "4.01"),
        ("dpr", "5"),
        ("e", "1.5"),
        ("e", "9" * 16),
        ("c", "yes"),
        ("c", "2"),
        ("c", "centre"),
        ("f", "tiff"),
        ("f", "svg"),
        ("f", "bmp"),
        ("f", ".jpg"),
        ("f", "jpe"),
        ("f", "%C3%BC"),
    ],
)
def test_a_value_out_of_the_table_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(BadRequest, match=rf"^option {name}: "):
        read(f"{name}={text}")


@pytest.mark.parametrize(
    "query",
    ["w=1&w=1", "w=1&width=1", "width=1&w=2", "c=1&crop=1", "f=jpg&format=jpg", "e=1&expires=1", "w&w=5"],
)
def test_an_option_that_comes_twice_under_any_name_is_refused(query: str) -> None:
    with pytest.raises(BadRequest, match="comes twice"):
        read(query)


def test_an_error_shows_no_more_than_a_line() -> None:
    with pytest.raises(BadRequest) as error:
        read("w=" + "x" * 5000 + "%0A%1B[31m")
    assert len(str(error.value)) < 80


def test_a_handler_decides_what_is_left_open() -> None:
    rules = OptionDefaults(format="webp", crop=False, max_dimension=500)
    assert read("w=9999&h=300", rules) == Options(500, 300, crop=False, format="webp")
    assert read("w=10&h=10&c=1&f=png", rules) == Options(10, 10, crop=True, format="png")


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("w=1", Options(width=100)),
        ("w=100", Options(width=100)),
        ("w=101", Options(width=200)),
        ("w=51&dpr=2", Options(width=200)),
        ("w=2000", Options(width=800)),
        ("w=150&h=75", Options(200, 100, crop=True)),
        ("w=1000&h=500", Options(800, 400, crop=True)),
        ("w=800&h=1", Options(800, 1, crop=True)),
        ("w=4000&h=1", Options(800, 1, crop=True)),
        ("h=150", Options(height=200)),
        ("", Options()),
    ],
)
def test_widths_snap_up_to_a_step_and_take_the_height_along(query: str, options: Options) -> None:
    assert read(query, OptionDefaults(widths=(100, 200, 800))) == options


def test_a_snapped_box_stays_within_the_limit() -> None:
    rules = OptionDefaults(widths=(100, 8000), max_dimension=1000)
    assert read("w=10&h=900", rules) == Options(100, 1000, crop=True)
    assert read("w=500", rules) == Options(width=1000)


def test_a_loop_over_all_widths_makes_as_many_variants_as_there_are_steps() -> None:
    rules = OptionDefaults(widths=(160, 320, 640, 1280))
    assert len({read(f"w={width}", rules).canonical() for width in range(1, 10_000)}) == 4


@pytest.mark.parametrize(
    "queries",
    [
        ["w=300", "width=300", "w=300.0", "w=299.6", "w=150&dpr=2", "w=300&h=0", "w=300&c=0", "w=300&utm=x"],
        [
            "w=300&h=200",
            "h=200&w=300",
            "w=300&h=200&c=T",
            "height=200&crop=true&width=300",
            "w=300&h=200&t=x",
        ],
        ["f=jpg", "f=jpeg", "format=JPEG", "f=JPG&e=5"],
        ["", "w=0", "w=&h=", "f=original", "dpr=2", "c=1", "e=1790000000"],
        ["w=4096", "w=5000", "w=4096.4", "w=99999999999999999999"],
        ["f=png", "f=png&q=1", "f=png&q=100"],
    ],
)
def test_urls_that_mean_the_same_picture_have_one_canonical_form(queries: list[str]) -> None:
    assert len({read(query).canonical() for query in queries}) == 1


def test_the_quality_that_a_handler_has_anyway_makes_no_other_picture() -> None:
    rules = OptionDefaults(quality={"jpg": 80, "webp": 78})
    assert read("w=300&f=jpg&q=80", rules) == read("w=300&f=jpg", rules)
    assert read("w=300&f=webp&q=80", rules) != read("w=300&f=webp", rules)
    # The format is not known before the original is.
    assert read("w=300&q=80", rules) != read("w=300", rules)


def test_urls_that_mean_another_picture_have_another_canonical_form() -> None:
    queries = [
        "", "w=30", "w=300", "h=300", "w=30&h=30", "w=30&h=30&c=0", "w=3&h=30", "w=33&h=0", "w=3&h=3",
        "f=jpg", "f=webp", "f=auto", "q=1", "q=10", "w=1&q=1", "f=jpg&q=10", "w=30&h=30&f=jpg",
    ]  # fmt: skip
    assert len({read(query).canonical() for query in queries}) == len(queries)


# Fallback images: as far as the request can be understood


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("w=abc&h=50&f=webp", Options(height=50, format="webp")),
        ("w=100&h=50&f=bmp", Options(100, 50, crop=True)),
        ("w=100&w=200", Options(width=100)),
        ("w=abc&w=200", Options(width=200)),
        ("q=0&dpr=9&e=never&c=maybe&w=10", Options(width=10)),
    ],
)
def test_a_fallback_takes_what_it_understands(query: str, options: Options) -> None:
    assert lenient(decode_query(query.encode()), RULES) == options


# Any query at all

NAMES = st.sampled_from([*module.NAMES, *module.ALIASES, "x", ""])
TEXTS = st.one_of(
    st.sampled_from(["1", "0", "300", "1.5", "true", "jpg", "auto", "", *NO_NUMBER]),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.text(max_size=20),
)


@given(st.lists(st.tuples(NAMES, TEXTS), max_size=6))
def test_a_query_is_understood_or_refused_and_nothing_else(pairs: list[tuple[str, str]]) -> None:
    encoded = decode_query(urlencode(pairs, errors="surrogatepass").encode())
    try:
        options = parse(encoded, RULES)
    except BadRequest:
        pass
    else:
        assert lenient(encoded, RULES) == options
        assert all(side is None or 1 <= side <= 4096 for side in (options.width, options.height))
        assert not options.crop or (options.width and options.height)


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=20)), max_size=6))
def test_a_fallback_is_never_refused(pairs: list[tuple[bytes, bytes]]) -> None:
    assert isinstance(lenient(pairs, RULES), Options)


@given(st.permutations(["w=300", "h=200", "c=0", "f=webp", "q=50", "dpr=2"]))
def test_the_order_of_options_means_nothing(pieces: list[str]) -> None:
    assert read("&".join(pieces)).canonical() == read("w=300&h=200&c=0&f=webp&q=50&dpr=2").canonical()


# The same table elsewhere


def test_signing_and_the_server_know_the_same_options() -> None:
    assert signing.ALIASES == module.ALIASES
    assert set(OPTIONS) == module.NAMES
