"""Queries: what their options mean together, and what is refused."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.errors import BadRequest
from origin.formats import Format
from origin.urls.options import ALIASES
from origin.urls.options import NAMES
from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import find_ignored
from origin.urls.parsing import parse_options
from origin.urls.parsing import parse_options_leniently
from origin.urls.query import decode_query
from tests.support.cases import check_each
from tests.support.texts import any_text

DEFAULTS = OptionDefaults()


def read(query: str, defaults: OptionDefaults = DEFAULTS) -> Options:
    return parse_options(decode_query(query.encode()), defaults)


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
        # dpr is clamped to 0.5 and 5.
        ("w=100&dpr=5", Options(width=500)),
        ("w=100&dpr=5.01", Options(width=500)),
        ("w=100&dpr=7", Options(width=500)),
        (f"w=100&dpr={'9' * 400}", Options(width=500)),
        ("w=100&dpr=0.75", Options(width=75)),
        ("w=100&dpr=0.5", Options(width=50)),
        ("w=100&dpr=0.1", Options(width=50)),
        ("w=100&dpr=0", Options(width=50)),
        ("w=4000&h=10&dpr=9", Options(4096, 50, crop=True)),
        # What is too large is clamped, and not refused.
        ("w=9999", Options(width=4096)),
        ("w=4000&h=4000&dpr=4", Options(4096, 4096, crop=True)),
        (f"w={'9' * 400}", Options(width=4096)),
        (f"w=10.{'3' * 400}", Options(width=10)),
        (f"w=12.4{'9' * 400}", Options(width=12)),  # no digit is lost on the way
        # An empty value is as absent.
        ("w=&h=&c=&f=&q=&dpr=&e=", Options()),
        ("w=100&h=100&c=", Options(100, 100, crop=True)),
        # c means nothing without both sides.
        ("w=100&c=true", Options(width=100)),
        ("h=100&c=1", Options(height=100)),
        ("w=100&h=0&c=1", Options(width=100)),
        # Effects; a neutral value asks for nothing.
        ("brightness=1&contrast=1.0&saturation=1&gray=false&radius=0&lossless=0", Options()),
        ("brightness=1.50&blur=2&sharpen=0.5", Options(brightness=1.5, blur=2.0, sharpen=0.5)),
        ("gray=1&saturation=3", Options(gray=True)),
        ("radius=10", Options(radius=10.0)),
        ("radius=10&dpr=2", Options(radius=20.0)),
        ("w=100&radius=10.3&dpr=1.5", Options(width=150, radius=15.45)),
        ("radius=max&dpr=2", Options(radius="max")),
        ("radius=99999&dpr=2", Options(radius=4096.0)),
        # One frame.
        ("frame=3", Options(frame=3)),
        ("anim=false", Options(frame=0)),
        ("frame=0", Options(frame=0)),
        ("anim=false&frame=3", Options(frame=3)),
        ("anim=true", Options()),
        # Qualities.
        ("q=auto", Options(quality="auto")),
        ("f=png&q=auto", Options(format="png")),
        ("bytes=20000", Options(max_bytes=20_000)),
        ("bytes=20000&q=60", Options(max_bytes=20_000, quality=60)),
        ("bytes=20000&q=auto", Options(max_bytes=20_000)),
        ("f=png&bytes=20000", Options(format="png", max_bytes=20_000)),
        ("f=webp&lossless=1&q=50", Options(format="webp", lossless=True)),
        ("f=auto&lossless=1&q=50", Options(format="auto", lossless=True, quality=50)),
        ("f=jpg&lossless=1", Options(format="jpg")),
        # What the original is, whatever else is asked for.
        ("f=json&w=300&h=200&q=5&blur=3&frame=2&bytes=1000", Options(format="json")),
        ("f=blurhash&radius=max", Options(format="blurhash")),
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


NO_NUMBER = [
    "-5", "+5", "%2B5", "007", "00", "1_0", "1e2", "1E2", "NaN", "nan", "inf", "Infinity", "0x10", "1,5",
    "5.", ".5", "1.2.3", "300px", " 300", "300 ", "%0A5", "5%0A", "5%00", "٣٠٠", "３００", "²", "--", "abc",
    "%FF",
]  # fmt: skip


@pytest.mark.parametrize("name", ["w", "h", "width", "height", "q", "dpr", "e", "expires"])
def test_what_is_no_plain_ascii_decimal_is_refused_by_name(name: str) -> None:
    def check(text: str) -> None:
        with pytest.raises(BadRequest, match=rf"^option {ALIASES.get(name, name)}: ") as error:
            read(f"{name}={text}")
        assert str(error.value).isprintable()

    check_each({text: text for text in NO_NUMBER}, check)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q", "0"),
        ("q", "101"),
        ("q", "50.5"),
        ("q", "9" * 5000),
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
    defaults = OptionDefaults(format="webp", crop=False, max_dimension=500)
    assert read("w=9999&h=300", defaults) == Options(500, 300, crop=False, format="webp")
    assert read("w=10&h=10&c=1&f=png", defaults) == Options(10, 10, crop=True, format="png")


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
    defaults = OptionDefaults(widths=(100, 8000), max_dimension=1000)
    assert read("w=10&h=900", defaults) == Options(100, 1000, crop=True)
    assert read("w=500", defaults) == Options(width=1000)


def test_a_loop_over_all_widths_makes_as_many_variants_as_there_are_steps() -> None:
    defaults = OptionDefaults(widths=(160, 320, 640, 1280))
    assert len({read(f"w={width}", defaults).canonical() for width in range(1, 10_000)}) == 4


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
    defaults = OptionDefaults(quality={"jpg": 80, "webp": Format.WEBP.encoder_quality(70)})
    assert read("w=300&f=jpg&q=80", defaults) == read("w=300&f=jpg", defaults)
    assert read("w=300&f=webp&q=70", defaults) == read("w=300&f=webp", defaults)
    assert read("w=300&f=webp&q=80", defaults) != read("w=300&f=webp", defaults)
    assert read("f=jpg&q=80&bytes=2000", defaults) != read("f=jpg&bytes=2000", defaults)  # the most it tries
    # The format is not known before the original is.
    assert read("w=300&q=80", defaults) != read("w=300", defaults)


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
        ("q=0&dpr=x&e=never&c=maybe&w=10", Options(width=10)),
    ],
)
def test_a_fallback_takes_what_it_understands(query: str, options: Options) -> None:
    assert parse_options_leniently(decode_query(query.encode()), DEFAULTS) == options


# Any query at all

ANY_NAMES = st.sampled_from([*NAMES, *ALIASES, "x", ""])
TEXTS = st.one_of(
    st.sampled_from(["1", "0", "300", "1.5", "true", "jpg", "auto", "", *NO_NUMBER]),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    any_text(max_size=20),
)


@given(st.lists(st.tuples(ANY_NAMES, TEXTS), max_size=6))
def test_a_query_is_understood_or_refused_and_nothing_else(pairs: list[tuple[str, str]]) -> None:
    encoded = decode_query(urlencode(pairs, errors="surrogatepass").encode())
    try:
        options = parse_options(encoded, DEFAULTS)
    except BadRequest:
        pass
    else:
        assert parse_options_leniently(encoded, DEFAULTS) == options
        assert all(side is None or 1 <= side <= 4096 for side in (options.width, options.height))
        assert not options.crop or (options.width and options.height)


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=20)), max_size=6))
def test_a_fallback_is_never_refused(pairs: list[tuple[bytes, bytes]]) -> None:
    assert isinstance(parse_options_leniently(pairs, DEFAULTS), Options)


@given(st.permutations(["w=300", "h=200", "c=0", "f=webp", "q=50", "dpr=2"]))
def test_the_order_of_options_means_nothing(pieces: list[str]) -> None:
    assert read("&".join(pieces)).canonical() == read("w=300&h=200&c=0&f=webp&q=50&dpr=2").canonical()


# Names


def test_a_handler_takes_the_options_that_it_names() -> None:
    defaults = OptionDefaults(names=frozenset({"w", "f"}))
    assert read("w=300&height=200&q=50&dpr=2&format=webp", defaults) == Options(width=300, format="webp")
    assert read("width=300&h=abc&h=1", defaults) == Options(width=300)
    assert read("w=300", OptionDefaults(names=frozenset())) == Options()


def test_the_expiry_is_taken_by_every_handler() -> None:
    nothing = OptionDefaults(names=frozenset())
    assert read("e=1790000000&t=x&t=y", nothing) == Options()
    for query in ("e=never", "e=1&expires=1"):
        with pytest.raises(BadRequest, match=r"^option e"):
            read(query, nothing)


def test_what_is_ignored_is_told_once_and_in_order() -> None:
    pairs = decode_query(b"w=1&hight=3&utm=x&hight=4&h=2&crop=1&height=5&e=1&t=&%FF=1&gray&trim=&gray=")
    assert find_ignored(pairs, DEFAULTS) == (["hight", "utm", "\ufffd"], [], ["gray", "trim"], [])
    assert find_ignored(pairs, OptionDefaults(names=frozenset({"w"}))).not_taken == [
        *("h", "crop", "height", "gray", "trim"),
    ]


# Errors


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("w=300px", "option w: expected a number of CSS pixels, got '300px'"),
        ("width=auto", "option w: expected a number of CSS pixels, got 'auto'"),
        ("crop=center", "option c: expected true or false, got 'center'"),
        (
            "f=bmp",
            "option f: expected jpg, jpeg, png, webp, gif, avif, auto, original, json, thumbhash or "
            "blurhash, got 'bmp'",
        ),
        ("q=101", "option q: expected a whole number from 1 to 100, or auto, got '101'"),
        ("dpr=2x", "option dpr: expected a number, got '2x'"),
        ("e=never", "option e: expected a whole number of Unix seconds, got 'never'"),
        ("w=1&width=2", "option w comes twice"),
        ("w=%FF%0A", "option w: expected a number of CSS pixels, got '\ufffd\\n'"),
        ("w=" + "x-" * 14, f"option w: expected a number of CSS pixels, got '{'x-' * 14}'"),
        ("w=" + "x " * 30, f"option w: expected a number of CSS pixels, got '{'x ' * 20}'"),
    ],
)
def test_an_error_names_the_option_what_is_expected_and_what_stands_there(query: str, message: str) -> None:
    with pytest.raises(BadRequest) as error:
        read(query)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "text", ["A" * 30, "EXfDet1XQk1dmmMYus9kltb32VWw14zsA0gWUeH4EVw", "eyJ" * 9 + ".a_-" * 9]
)
def test_an_error_hides_what_could_be_a_token(text: str) -> None:
    with pytest.raises(BadRequest) as error:
        read(f"w=before+{text}")
    assert str(error.value).endswith("got 'before [hidden]'")
