"""imgix's words in ours. What they mean: https://docs.imgix.com/apis/rendering."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.errors import BadRequest
from origin.urls.dialects import DIALECTS
from origin.urls.dialects.dialect import Translation
from origin.urls.dialects.imgix.names import LOOKED_AT
from origin.urls.dialects.imgix.names import REFUSED
from origin.urls.dialects.imgix.names import WITHOUT_EFFECT
from origin.urls.dialects.imgix.names import find_name
from origin.urls.options import BY_NAME
from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.parsing import parse_options_leniently
from origin.urls.presets import Preset
from origin.urls.query import decode_query
from tests.support.cases import check_each
from tests.support.texts import any_text

IMGIX = DIALECTS["imgix"]


def translate(query: str) -> Translation:
    return IMGIX.translate("cat.jpg", decode_query(query.encode()))


def read(query: str, **defaults: Any) -> Options:
    said = translate(query)
    assert not said.mistakes, said.mistakes
    return parse_options(said.pairs, OptionDefaults(**defaults), None, said.beyond)


def ours(query: str) -> Options:
    return parse_options(decode_query(query.encode()), OptionDefaults())


# What is translated. The second text is ours.
SAME = {
    "": "",
    "ixlib=js-3.8.0&utm_source=mail": "",
    "w=300": "w=300",
    "width=300&height=200": "w=300&h=200&c=false",
    "w=300.5": "w=301",
    "w=0&h=": "",
    "w=300&h=200": "w=300&h=200&c=false",  # imgix's default is clip
    "w=300&h=200&fit=clip": "w=300&h=200&fit=inside",
    "w=300&h=200&f=max": "w=300&h=200&fit=inside",
    "w=300&h=200&fit=fill": "w=300&h=200&fit=contain",
    "w=300&h=200&fit=fillmax&bg=red": "w=300&h=200&fit=contain&bg=red",
    "w=300&h=200&fit=facearea,fill": "w=300&h=200&fit=contain",
    "w=300&h=200&fit=fill&fill=solid": "w=300&h=200&fit=contain&bg=fff",
    "w=300&h=200&fit=fill&fill=solid&fill-color=ffcc00": "w=300&h=200&fit=contain&bg=ffcc00",
    "w=300&fit=fill&ar=3:2": "w=300&h=200&fit=contain",
    "w=300&ar=3:2": "w=300",  # counts with crop and fill alone
    "fit=crop&ar=1.5": "ar=3:2",
    "fit=crop&ar=.5": "ar=1:2",
    "w=300&fit=crop": "w=300",
    "w=300&dpr=2": "w=600",
    "w=100&dpr=9": "w=500",  # imgix has 5 as the most
    "w=1.0&h=1.0": "",
    "w=300&h=200&crop=left&fp-x=0.1": "w=300&h=200&fit=inside",  # nothing is cut
    "fm=jpg": "f=jpg",
    "fm=pjpg&q=0": "f=jpg&q=1",
    "fm=png32": "f=png",
    "fm=blurhash&auto=format": "f=blurhash",
    "auto=format,compress": "f=auto",
    "auto=compress": "",
    "auto=format&fm=jpg": "f=auto",
    "auto=compress&auto=format": "f=auto",  # the one name that may come again
    "auto=false": "",
    "q=75": "q=75",
    "fm=webp&lossless=1": "f=webp&lossless=true",
    "rect=10,20,300,200": "rect=10,20,300,200",
    "rect=0.1,0,0.5,1": "rect=0.1,0,0.5,1",
    "rect=left,0.5,full,0.5": "rect=0,0.5,1,0.5",
    "rect=100,top,300,full": "rect=100,0,300,999999",
    "rect=0,0,full,full": "",
    "trim=color": "trim=1",
    "trim=color&trimtol=20": "trim=20",
    "trim=auto": "trim=11",
    "trim-tol=20": "",
    "rot=180": "rotate=180",
    "rot=90&rot-type=pivot": "rotate=270",  # imgix turns counter-clockwise
    "rot=0": "",
    "flip=hv": "flip=hv",
    "bri=50&con=-100&sat=20": "brightness=1.5&contrast=0&saturation=1.2",
    "bri=0": "",
    "blur=2000": "blur=100",
    "blur=1": "blur=0.3",
    "sharp=10": "sharpen=1",
    "monochrome=888": "gray=true",
    "mono=gray": "gray=true",
    "bg=fc0": "bg=ffcc00",
    "bg=8fc0": "bg=ffcc0088",  # imgix has the alpha in front
    "bg=80FFCC00": "bg=ffcc0080",
    "bg=tomato": "bg=tomato",
    "pad=10": "pad=10",
    "pad=10&pad-left=20": "pad=10,10,10,20",
    "w=300&pad=10": "w=280&pad=10",  # padding counts into the size
    "w=300&h=200&fit=fill&pad-top=20": "w=300&h=180&fit=contain&pad=20,0,0,0",
    "mask=corners&corner-radius=20": "radius=20",
    "mask=corners&corner-radius=20,20,20,20&dpr=2": "radius=20&dpr=2",
    "mask=corners&w=300&h=200&fit=fill": "w=300&h=200&fit=contain&radius=40",
    "frame=1": "frame=0",
    "page=3": "frame=2",
    "dl=cat.jpg": "dl=cat.jpg",
    "cs=strip&dpi=72&ch=Width&svg-sanitize=true&iptc=allow&jpg-progressive=false": "",
    "mark-x=10&txt-size=3&blend-mode=overlay&border-radius=4": "",  # without mark, txt, blend, border
    "sepia=0&invert=false&loop=0": "",
    "sepia=0.0&exp=-0&usm=.0": "",
    "rect=.1,0,.5,1": "rect=0.1,0,0.5,1",
    "w=300&dpr=.5": "w=150",
    "expires=1790000000&s=6797c24146142d5b40bde3141fd3600c": "",
    "max-w=300&min-h=20": "",  # with fit=crop alone
    "W=300&Fit=crop": "",  # names have a case
}


def test_a_query_means_what_ours_means() -> None:
    def check(query: str) -> None:
        same = ours(SAME[query])
        assert read(query) == same
        assert read(query).canonical() == same.canonical()

    check_each({query: query for query in SAME}, check)


# Cuts and stretched pictures keep the shape of their box, which no option of ours says.
SHAPED = {
    "w=300&h=200&fit=crop": "w=300&h=200&fit=cover",
    "w=300&h=200&fit=min": "w=300&h=200&fit=cover",
    "w=300&h=200&fit=scale": "w=300&h=200&fit=fill",
    "w=300&ar=3:2&fit=crop": "w=300&h=200&fit=cover",
    "h=200&ar=3:2&fit=crop&pad=10": "w=280&h=180&fit=cover&pad=10",
    "w=300&h=200&fit=crop&crop=top": "w=300&h=200&fit=cover&g=top",
    "w=300&h=200&fit=crop&crop=left,bottom": "w=300&h=200&fit=cover&g=bottom-left",
    "w=300&h=200&fit=crop&crop=faces": "w=300&h=200&fit=cover",
    "w=300&h=200&fit=crop&crop=faces,entropy": "w=300&h=200&fit=cover&g=entropy",
    "w=300&h=200&fit=crop&crop=faces,top,right": "w=300&h=200&fit=cover&g=top-right",
    "w=300&h=200&fit=crop&crop=car,edges,center": "w=300&h=200&fit=cover",
    "w=300&h=200&fit=crop&crop=auto": "w=300&h=200&fit=cover&g=smart",
    "w=300&h=200&fit=crop&crop=focalpoint": "w=300&h=200&fit=cover",
    "w=300&h=200&fit=crop&crop=focalpoint&fp-x=0.25&fp-z=1": "w=300&h=200&fit=cover&g=0.25,0.5",
    "w=300&h=200&fit=crop&crop=focalpoint&fp-x=.825&fp-y=.35": "w=300&h=200&fit=cover&g=0.825,0.35",
    "w=300&h=200&fit=crop&fp-x=0.25&fp-y=0.1": "w=300&h=200&fit=cover",  # needs crop=focalpoint
    "w=300&h=300&fit=crop&mask=ellipse": "w=300&h=300&fit=cover&radius=max",
    "w=300&ar=1:1&fit=crop&mask=ellipse": "w=300&h=300&fit=cover&radius=max",
    "w=300&h=200&fit=crop&mask=corners": "w=300&h=200&fit=cover&radius=40",
}


@pytest.mark.parametrize(("query", "same"), SHAPED.items())
def test_a_cut_means_what_ours_means_and_keeps_its_shape(query: str, same: str) -> None:
    assert read(query) == replace(ours(same), keeps_shape=True)


def test_a_zoom_and_a_share_are_what_no_option_of_ours_says() -> None:
    zoomed = read("w=300&h=200&fit=crop&crop=focalpoint&fp-x=0.2&fp-y=0.7&fp-z=2.5")
    assert zoomed == replace(ours("w=300&h=200&c=true&g=0.2,0.7"), keeps_shape=True, zoom=2.5)
    assert read("w=0.5") == Options(scale=0.5)
    assert read("h=0.25&dpr=2") == Options(scale=0.5)
    assert read("w=0.5&h=0.3") == Options(scale=0.3)
    assert read("w=0.5&h=0.5&fit=crop") == Options(scale=0.5)
    assert read("w=0.5&dpr=4") == Options()  # never enlarged


def test_a_box_beyond_the_limit_is_lowered_in_its_shape() -> None:
    def read_box(query: str) -> tuple[int | None, int | None]:
        return read(query).width, read(query).height

    assert read_box("w=1000&h=600&fit=crop&dpr=5") == (4096, 2458)
    assert read_box("w=8192&ar=2:1&fit=crop") == (4096, 2048)
    assert read_box("w=8192") == (4096, None)


# The name that the log has to hold, by what is refused.
REFUSALS = {
    **{f"{name}=x": name for name in REFUSED},
    **{f"{name}64=eA": f"{name}64" for name in ("mark", "txt", "w", "blend", "bg")},
    "m=logo.png": "mark",
    "t=Hello": "txt",
    "video-thumbnail=3": "video-thumbnail",
    "sepia=80": "sepia",
    "w=auto": "w",
    "h=-1": "h",
    "w=1e2": "w",
    "w=0.5&h=300": "w",
    "w=0.5&h=0.3&fit=crop": "w",
    "h=0.5&fit=crop&ar=1:1": "h",
    "w=0.5&pad=10": "pad",
    "w=15&pad=10": "pad",
    "pad=-1": "pad",
    "fit=facearea": "fit",
    "fit=clamp": "fit",
    "fit=cover": "fit",
    "w=3&h=2&fit=crop&crop=edges": "crop",
    "w=3&h=2&fit=crop&crop=car": "crop",
    "w=3&h=2&fit=crop&crop=focalpoint&fp-x=2": "fp-x",
    "w=3&fit=crop&ar=x": "ar",
    "w=999999999&fit=crop&ar=0.000000001:999999999": "ar",
    "h=999999999&fit=fill&ar=999999999:0.000000001": "ar",
    "w=1&fit=crop&ar=999999999": "ar",
    "fit=fill&ar=2:1": "ar",
    "fit=crop&ar=2:1&crop=focalpoint&fp-z=2": "fp-z",
    "w=3&h=2&fit=crop&crop=focalpoint&fp-debug=true": "fp-debug",
    "w=3&h=2&fit=crop&max-w=2": "max-w",
    "rect=center,middle,100,100": "rect",
    "rect=0.5,0,100,100": "rect",
    "rect=0,0,1,1": "rect",
    "rect=0,0,1.5,1": "rect",
    "rect=1,2,3": "rect",
    "rect=fullfull,0,1,1": "rect",
    "dpr=x": "dpr",
    "fm=jp2": "fm",
    "fm=json": "fm",
    "auto=enhance": "auto",
    "auto=format&auto=enhance": "auto",
    "auto=true": "auto",
    "sepia=.5": "sepia",
    "auto=format,redeye": "auto",
    "q=101": "q",
    "q=high": "q",
    "lossless=maybe": "lossless",
    "fit=fill&fill=blur": "fill",
    "fit=fillmax&fill-max=source": "fill-max",
    "bg=ff": "bg",
    "monochrome=f00": "monochrome",
    "mask=ellipse": "mask",
    "mask=ellipse&w=3&h=2&fit=crop": "mask",
    "mask=corners": "mask",
    "mask=https://example.com/a.png": "mask",
    "mask=corners&corner-radius=1,2,3,4": "corner-radius",
    "mask=corners&corner-radius=5&mask-bg=f00": "mask-bg",
    "trim=alpha": "trim",
    "trim=color&trim-color=f00": "trim-color",
    "trim=auto&trim-sd=3": "trim-sd",
    "trim=color&trim-pad=5": "trim-pad",
    "rot=90": "rot",
    "rot=361": "rot",
    "bri=101": "bri",
    "blur=-1": "blur",
    "frame=0": "frame",
    "frame=1.5": "frame",
    "w=1&width=1": "w",
    "frame=1&page=2": "page",
    "p=a&preset=b": "preset",
}


def test_what_cannot_be_done_is_refused_by_its_name() -> None:
    def check(query: str) -> None:
        (mistake,) = translate(query).mistakes
        assert mistake.startswith(f"imgix option {REFUSALS[query]}: ")

    check_each({query: query for query in REFUSALS}, check)


def test_what_our_options_refuse_is_refused_by_its_name() -> None:
    with pytest.raises(BadRequest, match=r"option flip\b"):
        read("flip=x")


def test_every_mistake_is_told_and_the_rest_still_makes_a_fallback_image() -> None:
    said = translate("w=300&h=200&fit=facearea&mark=a.png&txt=b&auto=format&sepia=9")
    names = [mistake.partition(":")[0].removeprefix("imgix option ") for mistake in said.mistakes]
    assert names == ["mark", "txt", "sepia", "fit"]
    options = parse_options(said.pairs, OptionDefaults(), None, said.beyond)
    assert options == ours("w=300&h=200&c=false&f=auto")


def test_a_refusal_does_not_repeat_what_may_be_a_secret() -> None:
    (mistake,) = translate("txt=" + "A" * 43).mistakes
    assert mistake == "imgix option txt: not available here, got '[hidden]'"


def test_what_is_ignored_is_told_apart() -> None:
    said = translate("w=300&ixlib=js&utm=1&cs=strip&s=1")
    assert (said.unknown, said.without_effect) == (["utm"], ["ixlib", "cs"])


_NAMES = st.sampled_from([*sorted({*LOOKED_AT, *WITHOUT_EFFECT, *REFUSED}), "p", "s", "expires", "mark64"])
_WORDS = (
    "crop",
    "fill",
    "min",
    "full",
    "top",
    "faces",
    "center",
    "focalpoint",
    "0",
    "0.5",
    "1",
    "300",
    "fff",
)
_TEXTS = st.one_of(
    any_text(max_size=8),
    st.text("0123456789.,:-", max_size=12),
    st.lists(st.sampled_from(_WORDS)).map(",".join),
)


@given(st.lists(st.tuples(_NAMES, _TEXTS), max_size=12))
def test_whatever_a_query_holds_it_is_translated_or_refused(given_pairs: list[tuple[str, str]]) -> None:
    said = IMGIX.translate("cat.jpg", [(name.encode(), text.encode()) for name, text in given_pairs])
    options = parse_options_leniently(said.pairs, OptionDefaults(), None, said.beyond)
    assert max(options.width or 0, options.height or 0) <= 4096
    assert options.zoom >= 1
    assert 0 < options.scale <= 1
    with suppress(BadRequest):
        parse_options(said.pairs, OptionDefaults(), None, said.beyond)


# What a handler settles about options


def test_the_bounds_of_a_handler_hold() -> None:
    assert read("w=250&h=125&fit=crop", widths=(200, 400)).width == 400
    said = translate("w=0.51")
    with pytest.raises(BadRequest, match="widths"):
        parse_options(said.pairs, OptionDefaults(widths=(200,)), None, said.beyond)
    only_width = frozenset({"w"})
    assert read("w=300&h=200&fit=crop&blur=20", names=only_width) == ours("w=300")
    assert read("w=0.5", names=frozenset({"f"})) == Options()
    crop = "w=300&h=200&fit=crop&crop=focalpoint&fp-x=0.2&fp-z=3"
    assert read(crop, names=frozenset({"w", "h"})) == ours("w=300&h=200&c=true")


def test_presets_are_what_they_are_without_a_dialect() -> None:
    width, height = BY_NAME[b"w"], BY_NAME[b"h"]
    presets = {"thumb": Preset({width: 20, height: 10}), "locked": Preset({width: 20}, locked=True)}
    assert read("p=thumb", presets=presets) == ours("w=20&h=10")
    assert read("p=thumb&w=300", presets=presets) == ours("w=300&h=10")
    assert read("p=locked&w=300", presets=presets) == ours("w=20")
    assert read("w=0.5", presets=presets, preset="locked") == ours("w=20")


# The names


def test_each_name_has_one_fate() -> None:
    fates = [LOOKED_AT, WITHOUT_EFFECT, frozenset(REFUSED)]
    assert sum(map(len, fates)) == len(frozenset.union(*fates))


def test_other_spellings_are_found() -> None:
    spellings = ("width", "mono", "txtclr", "markalign", "or", "trimtol", "f", "bm")
    names = ["w", "monochrome", "txt-color", "mark-align", "orient", "trim-tol", "fit", "blend-mode"]
    assert [find_name(spelling) for spelling in spellings] == names
    assert find_name("hight") is None
