"""thumbor's words in ours. What they mean: https://thumbor.readthedocs.io/en/latest/usage.html."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.errors import BadRequest
from origin.urls.dialects import SIGNING
from origin.urls.dialects.dialect import SourceNames
from origin.urls.dialects.dialect import Translation
from origin.urls.dialects.segments import MAX_OPTIONS
from origin.urls.dialects.thumbor.filters import IN_SIZE
from origin.urls.dialects.thumbor.filters import REFUSED
from origin.urls.dialects.thumbor.filters import TRANSLATED
from origin.urls.dialects.thumbor.filters import WITHOUT_EFFECT
from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.parsing import parse_options_leniently
from origin.urls.query import decode_query
from origin.urls.url_keys import read_plain_key
from tests.support.cases import check_each
from tests.support.texts import any_text

THUMBOR = SIGNING["thumbor"]
SIGNATURE = "1234567890123456789012345-_="  # of the form that thumbor documents: 28 characters


def translate(path: str, query: str = "") -> Translation:
    return THUMBOR.translate("", decode_query(query.encode()), f"/unsafe/{path}".encode())


def read(path: str) -> Options:
    said = translate(path)
    assert not said.mistakes, said.mistakes
    assert said.key == "cat.jpg"
    return parse_options(said.pairs, OptionDefaults(), None, said.beyond)


def ours(query: str) -> Options:
    return parse_options(decode_query(query.encode()), OptionDefaults())


# What is translated. The second text is ours.
SAME = {
    "cat.jpg": "",
    "0x0/cat.jpg": "",
    "x/cat.jpg": "",
    "300x/cat.jpg": "w=300&enlarge=true",
    "300x0/cat.jpg": "w=300&enlarge=true",
    "x200/cat.jpg": "h=200&enlarge=true",
    "0x200/smart/cat.jpg": "h=200&enlarge=true",
    "origxorig/cat.jpg": "",
    "300xorig/cat.jpg": "w=300&h=4096&fit=cover",  # so no more than the original's height
    "origx300/cat.jpg": "w=4096&h=300&fit=cover",
    "origx300/filters:stretch()/cat.jpg": "w=4096&h=300&fit=fill",
    "fit-in/300x200/cat.jpg": "w=300&h=200&fit=inside",
    "fit-in/300x200/left/top/smart/cat.jpg": "w=300&h=200&fit=inside",  # nothing is cut
    "fit-in/cat.jpg": "",
    "fit-in/300x0/cat.jpg": "w=300",
    "fit-in/300xorig/cat.jpg": "w=300",
    "fit-in/300x200/filters:no_upscale()/cat.jpg": "w=300&h=200&fit=inside",
    "fit-in/600x500/filters:upscale()/cat.jpg": "w=600&h=500&fit=inside&enlarge=true",
    "fit-in/300x200/filters:fill(blue)/cat.jpg": "w=300&h=200&fit=contain&bg=blue",
    "fit-in/300x200/filters:fill(f00,1)/cat.jpg": "w=300&h=200&fit=contain&bg=f00",
    "fit-in/300x200/filters:fill(transparent)/cat.jpg": "w=300&h=200&fit=contain",
    "fit-in/300x/filters:fill(blue)/cat.jpg": "w=300&bg=blue",
    "full-fit-in/300x200/cat.jpg": "w=300&h=200&fit=outside&enlarge=true",
    "full-fit-in/300x200/filters:fill(blue)/cat.jpg": "w=300&h=200&fit=outside&bg=blue&enlarge=true",
    "full-fit-in/300xorig/cat.jpg": "",
    "adaptive-fit-in/200x200/cat.jpg": "w=200&h=200&fit=inside",
    "adaptive-full-fit-in/200x200/cat.jpg": "w=200&h=200&fit=outside&enlarge=true",
    "300x200/filters:no_upscale()/cat.jpg": "w=300&h=200&fit=cover",  # each side on its own
    "300x200/filters:no_upscale():stretch()/cat.jpg": "w=300&h=200&fit=fill",
    "-0x-0/cat.jpg": "flip=hv",
    "-300x/cat.jpg": "w=300&flip=h&enlarge=true",
    "x-200/cat.jpg": "h=200&flip=v&enlarge=true",
    "trim/cat.jpg": "trim=1",
    "trim:top-left/cat.jpg": "trim=1",
    "trim:20/cat.jpg": "trim=12",  # 12 levels of a grey are 20.8 away
    "trim:top-left:442/cat.jpg": "trim=100",
    "10x20:310x220/cat.jpg": "rect=10,20,300,200",
    "0x0:0x0/300x/cat.jpg": "w=300&enlarge=true",
    "filters:quality(80)/cat.jpg": "q=80",
    "filters:quality(0)/cat.jpg": "q=1",
    "filters:format(jpeg):quality(40)/cat.jpg": "f=jpg&q=40",
    "filters:format(webp)/cat.jpg": "f=webp",
    "filters:autojpg()/cat.jpg": "f=auto",
    "filters:autojpg(False)/cat.jpg": "",
    "filters:autojpg():format(png)/cat.jpg": "f=png",
    "filters:format(png):autojpg(true)/cat.jpg": "f=png",
    "filters:blur(7)/cat.jpg": "blur=7",
    "filters:blur(7, 2)/cat.jpg": "blur=2",
    "filters:blur(150)/cat.jpg": "blur=100",
    "filters:blur(0)/cat.jpg": "",
    "filters:sharpen(2,1.0,true)/cat.jpg": "sharpen=2",
    "filters:sharpen(0,1.0,true)/cat.jpg": "",
    "filters:contrast(-40)/cat.jpg": "contrast=0.36",
    "filters:contrast(40)/cat.jpg": "contrast=1.96",
    "filters:contrast(100)/cat.jpg": "contrast=3",
    "filters:saturation(40)/cat.jpg": "saturation=1.4",
    "filters:saturation(-40)/cat.jpg": "saturation=0.6",
    "filters:saturation(0.5)/cat.jpg": "saturation=0.5",
    "filters:saturation(1)/cat.jpg": "",
    "filters:grayscale()/cat.jpg": "gray=true",
    "filters:rotate(90)/cat.jpg": "rotate=270",  # thumbor turns counter-clockwise
    "filters:rotate(450)/cat.jpg": "rotate=270",
    "filters:rotate(360)/cat.jpg": "",
    "-0x0/filters:rotate(90)/cat.jpg": "flip=h&rotate=90",  # thumbor mirrors first
    "-0x-0/filters:rotate(90)/cat.jpg": "flip=hv&rotate=270",
    "filters:background_color(add8e6)/cat.jpg": "bg=add8e6",
    "filters:max_bytes(7500)/cat.jpg": "bytes=7500",
    "filters:max_bytes(10)/cat.jpg": "bytes=1000",
    "filters:round_corner(30,0,0,0,1)/cat.jpg": "radius=30",
    "filters:cover()/cat.jpg": "anim=false",
    "fit-in/300x/filters:upscale()/cat.jpg": "w=300",  # with both sides alone
    "filters:strip_icc():strip_exif():no_upscale():stretch():made_up(1)/cat.jpg": "",
}


def test_a_path_means_what_our_query_means() -> None:
    def check(path: str) -> None:
        assert read(path) == ours(SAME[path])
        # However much of it is escaped.
        assert read("/".join(quote(segment, safe="") for segment in path.split("/"))) == ours(SAME[path])

    check_each({path: path for path in SAME}, check)


def test_brightness_adds_levels_which_no_option_of_ours_says() -> None:
    assert read("filters:brightness(40)/cat.jpg") == Options(lift=102.0)
    assert read("filters:brightness(-100):contrast(40)/cat.jpg") == replace(
        ours("contrast=1.96"), lift=-255.0
    )
    assert read("filters:brightness(0)/cat.jpg") == ours("")


def test_an_adaptive_box_is_turned_which_no_option_of_ours_says() -> None:
    for path, same in (
        ("adaptive-fit-in/300x200/cat.jpg", "w=300&h=200&fit=inside"),
        ("adaptive-full-fit-in/300x200/cat.jpg", "w=300&h=200&fit=outside&enlarge=true"),
        ("adaptive-fit-in/300x200/filters:fill(red)/cat.jpg", "w=300&h=200&fit=contain&bg=ff0000"),
    ):
        assert read(path) == replace(ours(same), turns_box=True)
    assert read("adaptive-fit-in/300x0/cat.jpg") == ours("w=300")


# Cuts and stretched pictures keep the shape of their box, which no option of ours says.
SHAPED = {
    "300x200/cat.jpg": "w=300&h=200&fit=cover&enlarge=true",
    "300x200/filters:fill(blue)/cat.jpg": "w=300&h=200&fit=cover&enlarge=true",  # nothing is left to fill
    "300x200/filters:fill(blue,1)/cat.jpg": "w=300&h=200&fit=cover&bg=blue&enlarge=true",
    "300x200/filters:stretch()/cat.jpg": "w=300&h=200&fit=fill&enlarge=true",
    "-300x-200/left/top/smart/cat.jpg": "w=300&h=200&fit=cover&g=smart&flip=hv&enlarge=true",
    "300x200/left/cat.jpg": "w=300&h=200&fit=cover&g=left&enlarge=true",
    "300x200/bottom/cat.jpg": "w=300&h=200&fit=cover&g=bottom&enlarge=true",
    "300x200/right/top/cat.jpg": "w=300&h=200&fit=cover&g=top-right&enlarge=true",
    "300x200/center/middle/cat.jpg": "w=300&h=200&fit=cover&enlarge=true",
    "300x200/smart/cat.jpg": "w=300&h=200&fit=cover&g=smart&enlarge=true",
    "300x200/filters:proportion(0.5)/cat.jpg": "w=150&h=100&fit=cover&enlarge=true",
    "trim/300x200/filters:format(webp)/cat.jpg": "trim=1&w=300&h=200&fit=cover&f=webp&enlarge=true",
}


@pytest.mark.parametrize(("path", "same"), SHAPED.items())
def test_a_cut_means_what_ours_means_and_keeps_its_shape(path: str, same: str) -> None:
    assert read(path) == replace(ours(same), keeps_shape=True)


def test_a_focus_is_the_middle_of_an_area_in_pixels_of_the_original() -> None:
    cut = replace(ours("w=300&h=200&fit=cover&enlarge=true"), keeps_shape=True)
    assert read("300x200/left/smart/filters:focal(146x206:279x360)/cat.jpg") == replace(cut, focus=(212, 283))
    cropped = read("100x0:900x600/300x200/filters:focal(400x100:500x300)/cat.jpg")
    assert cropped.focus == (350, 200)
    assert read("fit-in/300x200/filters:focal(1x1:3x3)/cat.jpg").focus is None  # nothing is cut


def test_round_corners_have_their_colour_in_every_format() -> None:
    white = replace(ours("radius=20&bg=ffffff"), opaque_corners=True)
    assert read("filters:round_corner(20,255,255,255)/cat.jpg") == white
    assert read("filters:round_corner(20|20,255,255,255,0)/cat.jpg") == white


def test_a_proportion_alone_is_a_share_of_the_original() -> None:
    assert read("filters:proportion(0.5)/cat.jpg") == Options(scale=0.5)
    assert read("filters:proportion(1.0)/cat.jpg") == Options()


# The original: the path, and its key.
ORIGINALS = {
    "a/b/cat.jpg": "a/b/cat.jpg",
    "300x200/a/b/cat.jpg": "a/b/cat.jpg",
    "unsafe/cat.jpg": "unsafe/cat.jpg",
    "300x200/unsafe/300x200/cat.jpg": "unsafe/300x200/cat.jpg",  # each part is there once
    "300x200/400x300/cat.jpg": "400x300/cat.jpg",
    "smart/300x200/cat.jpg": "300x200/cat.jpg",  # thumbor's order
    "300x200/smart": "smart",  # a path ends in its original
    "300x200": "300x200",
    "300x200/smart%2Fcat.jpg": "smart/cat.jpg",  # which libraries escape
    "%33%30%30x200/c%61t.jpg": "cat.jpg",
    "300x200/a%20b%2Bc+d.jpg": "a b+c+d.jpg",
    "300x200/%252e.jpg": "%2e.jpg",  # decoded once
    "http://example.com/a%20cat.jpg": "http://example.com/a cat.jpg",
    "https%3A%2F%2Fexample.com%2Fcat.jpg%3Fv%3D1": "https://example.com/cat.jpg?v=1",
    "filters:blur(3)/filters/cat.jpg": "filters/cat.jpg",
    "a//cat.jpg": "a//cat.jpg",  # refused as a key
    "": "",
}


@pytest.mark.parametrize(("path", "key"), ORIGINALS.items())
def test_the_original_is_what_stands_behind_the_options(path: str, key: str) -> None:
    said = translate(path)
    assert (said.key, said.mistakes) == (key, [])


def test_a_key_that_is_not_raw_is_read_all_the_same() -> None:
    said = THUMBOR.translate("unsafe/300x/été cat.jpg", [])
    assert (said.key, said.pairs) == ("été cat.jpg", [(b"w", b"300"), (b"enlarge", b"true")])


def test_an_original_named_by_its_url_needs_no_scheme() -> None:
    """As thumbor's own loader for HTTP has it. What pages escape twice is decoded by the source."""
    read_key = THUMBOR.key_reader(lambda key, pairs, raw_path: key, SourceNames(takes_urls=True))
    for key, asked in {
        "example.com/cat.jpg": "http://example.com/cat.jpg",
        "https://example.com/cat.jpg": "https://example.com/cat.jpg",
        "HTTP://example.com/cat.jpg": "HTTP://example.com/cat.jpg",
        "https%3A%2F%2Fexample.com%2Fcat.jpg": "https%3A%2F%2Fexample.com%2Fcat.jpg",
        "": "",
    }.items():
        assert read_key(key, [], b"") == asked
    assert THUMBOR.key_reader(read_plain_key, SourceNames("a-bucket"))("a/cat.jpg", [], b"") == "a/cat.jpg"


# The name that the log has to hold, by what is refused.
REFUSALS = {
    **{f"filters:{name}(1)/cat.jpg": name for name in sorted(REFUSED)},
    "meta/300x200/cat.jpg": "meta",
    "debug/300x200/cat.jpg": "debug",
    "trim:bottom-right/cat.jpg": "trim",
    "trim/1x1:5x5/cat.jpg": "AxB:CxD",
    "10x10:5x20/cat.jpg": "AxB:CxD",
    "adaptive-fit-in/origx200/cat.jpg": "adaptive-fit-in",
    "adaptive-full-fit-in/300xorig/cat.jpg": "adaptive-fit-in",
    "300x200/filters:focal(0.1x0.2:0.5x0.6)/cat.jpg": "focal",
    "300x200/filters:focal(1x2)/cat.jpg": "focal",
    "trim/300x200/filters:focal(1x1:3x3)/cat.jpg": "focal",
    "filters:proportion(2)/cat.jpg": "proportion",
    "filters:proportion()/cat.jpg": "proportion",
    "filters:quality(x)/cat.jpg": "quality",
    "filters:quality(101)/cat.jpg": "quality",
    "filters:format(heic)/cat.jpg": "format",
    "filters:format()/cat.jpg": "format",
    "filters:autojpg(2)/cat.jpg": "autojpg",
    "filters:blur(-1)/cat.jpg": "blur",
    "filters:blur()/cat.jpg": "blur",
    "filters:brightness(101)/cat.jpg": "brightness",
    "filters:curve([(0,0),(255,255)],[(0,50),(16,51)],[],[])/cat.jpg": "curve",
    "filters:watermark(a(1).png,0,0,50)/cat.jpg": "watermark",
    "filters:rotate(x)/cat.jpg": "rotate",
    "filters:rotate(30)/cat.jpg": "rotate",  # cut to the size there, and grown here
    "fit-in/30x20/filters:fill(auto)/cat.jpg": "fill",
    "fit-in/30x20/filters:fill(blur)/cat.jpg": "fill",
    "fit-in/30x20/filters:fill()/cat.jpg": "fill",
    "fit-in/30x20/filters:fill(red,maybe)/cat.jpg": "fill",
    "fit-in/30x20/filters:fill(red):background_color(blue)/cat.jpg": "background_color",
    "filters:background_color(auto)/cat.jpg": "background_color",
    "filters:round_corner(20|40,0,0,0)/cat.jpg": "round_corner",
    "filters:round_corner(20,0,0,256)/cat.jpg": "round_corner",
    "filters:max_bytes(0)/cat.jpg": "max_bytes",
    "filters:blur(1):blur(2)/cat.jpg": "blur",
    "filters:blur/cat.jpg": "filters",
    "filters:blur(1)x/cat.jpg": "filters",
    "filters:blur(1)x)/cat.jpg": "filters",
    "filters:blur((1))/cat.jpg": "blur",
    "filters:watermark(http://my.site.com/img.png,-10,-10,50)/cat.jpg": "watermark",
    "filters:" + ":".join(f"f{number}()" for number in range(MAX_OPTIONS + 1)) + "/cat.jpg": "filters",
}


@pytest.mark.parametrize(("path", "name"), REFUSALS.items())
def test_what_cannot_be_done_is_named(path: str, name: str) -> None:
    (mistake,) = translate(path).mistakes
    assert mistake.startswith(f"thumbor option {name}: ")


def test_each_of_several_mistakes_is_named() -> None:
    mistakes = translate("trim:bottom-right/filters:noise(3):equalize():quality(x)/cat.jpg").mistakes
    assert [mistake.split()[2] for mistake in mistakes] == ["trim:", "noise:", "equalize:", "quality:"]


def test_what_changes_nothing_is_told_apart() -> None:
    said = translate("filters:strip_icc():made_up(1)/cat.jpg", "w=300&t=token")
    assert said.without_effect == ["strip_icc"]
    assert said.unknown == ["made_up", "w", "t"]
    assert said.pairs == []  # thumbor signs no query, so none means anything


@pytest.mark.parametrize("first", [SIGNATURE, SIGNATURE.replace("=", "%3D"), "unsafe", "uns%61fe"])
def test_a_path_begins_with_a_signature_or_unsafe(first: str) -> None:
    said = THUMBOR.translate("", [], f"/{first}/300x/cat.jpg".encode())
    assert (said.key, said.mistakes) == ("cat.jpg", [])


@pytest.mark.parametrize("first", ["", "300x200", "UNSAFE", SIGNATURE[:-1], SIGNATURE + "=", "é", "%ff"])
def test_a_path_without_either_is_refused_and_not_repeated(first: str) -> None:
    (mistake,) = THUMBOR.translate("", [], f"/{first}/300x/cat.jpg".encode()).mistakes
    assert mistake == "thumbor option path: expected unsafe or a signature in front"


def test_every_filter_that_thumbor_documents_has_its_fate() -> None:
    documented = """autojpg background_color blur brightness contrast convolution cover equalize extract_focal
        fill focal format grayscale max_bytes no_upscale noise proportion quality red_eye rgb rotate
        round_corner saturation sharpen stretch strip_exif strip_icc upscale watermark"""
    fates = [IN_SIZE, TRANSLATED.keys(), WITHOUT_EFFECT, REFUSED]
    for name in documented.split():
        assert sum(name in fate for fate in fates) == 1, name


WORDS = [
    "unsafe",
    SIGNATURE,
    "300x200",
    "trim:5",
    "fit-in",
    "smart",
    "left",
    "filters:",
    "filters:blur(2)",
    ")",
]


@given(st.lists(st.one_of(st.sampled_from(WORDS), any_text(max_size=9)), max_size=9))
def test_no_path_is_an_error_of_ours(segments: list[str]) -> None:
    raw = quote("/" + "/".join(segments), safe="/%()")
    said = THUMBOR.translate("", [], raw.encode())
    parse_options_leniently(said.pairs, OptionDefaults(), None, said.beyond)
    with suppress(BadRequest):
        parse_options(said.pairs, OptionDefaults(), None, said.beyond)
