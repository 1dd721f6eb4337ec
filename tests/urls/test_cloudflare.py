"""Cloudflare's words in ours. What they mean: https://developers.cloudflare.com/images/url-format/."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.errors import BadRequest
from origin.urls.dialects import DIALECTS
from origin.urls.dialects.cloudflare.asked import MAX_OPTIONS
from origin.urls.dialects.cloudflare.names import LOOKED_AT
from origin.urls.dialects.cloudflare.names import REFUSED
from origin.urls.dialects.cloudflare.names import WITHOUT_EFFECT
from origin.urls.dialects.dialect import Translation
from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.parsing import parse_options_leniently
from origin.urls.presets import Preset
from origin.urls.query import decode_query
from tests.support.cases import check_each
from tests.support.texts import any_text

CLOUDFLARE = DIALECTS["cloudflare"]


def translate(path: str, query: str = "") -> Translation:
    return CLOUDFLARE.translate(path, decode_query(query.encode()))


def read(options: str, **defaults: Any) -> Options:
    said = translate(f"{options}/cat.jpg")
    assert not said.mistakes, said.mistakes
    assert said.key == "cat.jpg"
    return parse_options(said.pairs, OptionDefaults(**defaults), None, said.beyond)


def ours(query: str) -> Options:
    return parse_options(decode_query(query.encode()), OptionDefaults())


# What is translated. The second text is ours.
SAME = {
    "width=300": "w=300",
    "w=300,h=200": "w=300&h=200&fit=inside",
    "width=300,height=200,fit=scale-down": "w=300&h=200&fit=inside",
    "w=300,h=200,fit=contain": "w=300&h=200&fit=inside&enlarge=true",
    "w=300,fit=contain": "w=300&enlarge=true",
    "w=300,h=200,fit=crop": "w=300&h=200&fit=cover",
    "w=300,h=200,fit=pad": "w=300&h=200&fit=contain&enlarge=true&bg=fff",
    "w=300,h=200,fit=pad,background=red": "w=300&h=200&fit=contain&enlarge=true&bg=red",
    "fit=cover,f=webp": "f=webp",
    "w=auto": "w=1200",
    "width=300,height=auto,fit=scale-down": "w=300",
    "w=,h=200": "h=200",
    "w=300,dpr=2": "w=600",
    "w=100,dpr=9": "w=500",
    "w=300,h=200,g=left": "w=300&h=200&fit=inside",  # nothing is cut
    "w=300,h=200,fit=crop,g=left": "w=300&h=200&fit=cover&g=left",
    "w=300,h=200,fit=crop,g=auto": "w=300&h=200&fit=cover&g=smart",
    "w=300,h=200,fit=crop,g=entropy": "w=300&h=200&fit=cover&g=entropy",
    "w=300,h=200,fit=crop,g=face,zoom=0.5": "w=300&h=200&fit=cover",  # none is found: the centre
    "w=300,h=200,fit=crop,g=0x1": "w=300&h=200&fit=cover&g=bottom-left",
    "w=300,h=200,fit=crop,g=0.5x0.5": "w=300&h=200&fit=cover",
    "q=75": "q=75",
    "quality=high": "q=85",
    "quality=medium-high": "q=75",
    "quality=medium-low": "q=60",
    "quality=low": "q=45",
    "f=webp,q=100": "f=webp&lossless=true",
    "f=jpeg,q=100": "f=jpg&q=100",
    "format=auto": "f=auto",
    "format=avif": "f=avif",
    "format=png": "f=png",
    "format=baseline-jpeg": "f=jpg",
    "anim=false": "anim=false",
    "anim=true": "",
    "background=#ffcc00": "bg=ffcc00",
    "background=#FC08": "bg=ffcc0088",
    "background=rgb(240,40,145)": "bg=f02891",
    "background=rgb(255 255 0)": "bg=ffff00",
    "background=rgba(255 255 0 100)": "bg=ffff00",
    "background=rgba(250,40,145,0.5)": "bg=fa289180",
    "background=rgb(100% 0% 0% / 50%)": "bg=ff000080",
    "blur=250": "blur=100",
    "blur=1": "blur=0.4",
    "blur=0": "",
    "sharpen=2": "sharpen=2",
    "brightness=0.5,contrast=2,saturation=0": "brightness=0.5&contrast=2&saturation=0",
    "brightness=0,contrast=0,gamma=0": "",
    "brightness=1,gamma=1,saturation=1.0": "",
    "rotate=180": "rotate=180",
    "rotate=90,w=300,h=200": "rotate=90&w=200&h=300&fit=inside",  # after it is turned
    "flip=hv": "flip=hv",
    "flip=h,rotate=90": "rotate=90&flip=v",  # mirrored, then turned
    "flip=v,rotate=270": "rotate=270&flip=h",
    "flip=h,rotate=180": "rotate=180&flip=h",
    "rotate=0": "",
    "trim=border": "trim=10",
    "trim=0;0;0;0": "",
    "trim=40;0;0;30": "rect=30,40,999999,999999",
    "trim.width=678,trim.height=670,trim.left=30,trim.top=40": "rect=30,40,678,670",
    "trim.width=300,dpr=2": "rect=0,0,600,999999",
    "trim=20;30;20;10,trim.width=100,trim.height=50": "rect=10,20,100,50",  # the size wins
    "metadata=keep,onerror=redirect,compression=fast,scq=50,face-zoom=0.2": "",
    "upscale=generate,w=300": "w=300",  # which is not enlarged
    "upscale=interpolate,w=300,fit=contain": "w=300&enlarge=true",
    "w=300,utm_source=mail,foo": "w=300",
    "segment=,w=300": "w=300",
    "w=300,,h=200,": "w=300&h=200&fit=inside",
}


def test_options_mean_what_ours_mean() -> None:
    def check(options: str) -> None:
        same = ours(SAME[options])
        assert read(options) == same
        assert read(options).canonical() == same.canonical()

    check_each({options: options for options in SAME}, check)


SHAPED = {
    "w=300,h=200,fit=cover": "w=300&h=200&fit=cover&enlarge=true",
    "w=300,h=200,fit=cover,g=top": "w=300&h=200&fit=cover&g=top&enlarge=true",
    "w=300,h=200,fit=aspect-crop": "w=300&h=200&fit=cover",
    "w=300,h=200,fit=squeeze": "w=300&h=200&fit=fill&enlarge=true",
    "w=5000,h=2500,fit=cover": "w=4096&h=2048&fit=cover&enlarge=true",
    # A point of the turned or mirrored picture, where it was before.
    "w=300,h=200,fit=cover,g=left,rotate=90": "w=200&h=300&fit=cover&g=bottom&rotate=90&enlarge=true",
    "w=300,h=200,fit=cover,g=0x0,rotate=270": "w=200&h=300&fit=cover&g=top-right&rotate=270&enlarge=true",
    "w=300,h=200,fit=cover,g=left,flip=h": "w=300&h=200&fit=cover&g=right&flip=h&enlarge=true",
}


@pytest.mark.parametrize(("options", "same"), SHAPED.items())
def test_what_fills_the_box_keeps_its_shape(options: str, same: str) -> None:
    assert read(options) == replace(ours(same), keeps_shape=True)


def test_points_and_edges_are_what_no_option_of_ours_says() -> None:
    placed = read("w=300,h=200,fit=crop,g=0.33x0.5")
    assert placed == replace(ours("w=300&h=200&fit=cover&g=0.33,0.5"), aligned=True)
    assert read("trim=20;30;25;0") == Options(inset=(20, 30, 25, 0))
    narrow = read("trim=20;30;25;0,trim.width=9,dpr=2")  # a size wins over the other side
    assert narrow == Options(inset=(40, 0, 50, 0), rect=(0.0, 0.0, 18.0, 999_999.0))
    assert "inset=20,30,25,0" in read("trim=20;30;25;0").canonical()


REFUSALS = {
    "segment=foreground": "segment",
    "draw=1": "draw",
    "border.color=red": "border.color",
    "trim.border.tolerance=3": "trim.border.tolerance",
    "gamma=0.5": "gamma",
    "format=json": "format",
    "format=gif": "format",
    "fit=fill": "fit",
    "fit=scale-up": "fit",
    "w=wide": "width",
    "w=-3": "width",
    "w=1e3": "width",
    "w=30%": "width",
    "dpr=x": "dpr",
    "w=3,width=3": "width",
    "g=somewhere,fit=cover,w=3,h=3": "gravity",
    "g=0.5x2,fit=cover,w=3,h=3": "gravity",
    "g=0.5,fit=cover,w=3,h=3": "gravity",
    "q=0": "quality",
    "q=101": "quality",
    "q=best": "quality",
    "background=fc0": "background",  # hexadecimal digits need their #
    "background=hsl(0 0 0)": "background",
    "background=rgb(1,2)": "background",
    "background=rgb(1,2,x)": "background",
    "blur=251": "blur",
    "sharpen=11": "sharpen",
    "brightness=4": "brightness",
    "rotate=45": "rotate",
    "flip=x": "flip",
    "anim=0": "anim",
    "trim=20;30": "trim",
    "trim=auto": "trim",
    "trim=1;2;3;-4": "trim",
    "trim.left=x": "trim.left",
    "trim.width=0": "trim.width",
    "trim.width=1,trim.height=1": "trim",
    "upscale=generate,w=3,fit=contain": "upscale",
    f"background=rgb({'1 ' * 60})": "background",
}


def test_what_cannot_be_done_is_a_mistake_with_its_name() -> None:
    def check(options: str) -> None:
        mistakes = translate(f"{options}/cat.jpg").mistakes
        assert [mistake.partition(":")[0] for mistake in mistakes] == [
            f"cloudflare option {REFUSALS[options]}"
        ]

    check_each({options: options for options in REFUSALS}, check)


def test_every_mistake_is_told_and_the_fallback_image_has_its_size() -> None:
    said = translate("w=30,h=20,fit=x,segment=foreground,blur=999/cat.jpg")
    assert len(said.mistakes) == 3
    options = parse_options_leniently(said.pairs, OptionDefaults(), None, said.beyond)
    assert (options.width, options.height) == (30, 20)


# The path

PATHS = {
    "width=80,quality=75/uploads/avatar1.jpg": "uploads/avatar1.jpg",
    "width=80//uploads/avatar1.jpg": "uploads/avatar1.jpg",
    "cdn-cgi/image/width=80/uploads/avatar1.jpg": "uploads/avatar1.jpg",
    "width=100/https://s3.example.com/bucket/image.png": "https://s3.example.com/bucket/image.png",
    "width=100/https:/s3.example.com/image.png": "https://s3.example.com/image.png",  # a proxy's doing
    "w=3/w=4/cat.jpg": "w=4/cat.jpg",
    "w=3/a(1),b=2.jpg": "a(1),b=2.jpg",
    "w=3/a%20b.jpg": "a%20b.jpg",  # of a name that has it
    "background=rgb(0 0 0 / 50%)/cat.jpg": "cat.jpg",
}


def test_the_original_stands_behind_the_options() -> None:
    for path, key in PATHS.items():
        said = translate(path)
        assert (said.key, said.mistakes) == (key, []), path


def test_a_path_without_options_or_original_is_refused() -> None:
    def mistake(path: str) -> str:
        return translate(path).mistakes[0]

    for path in (
        "cat.jpg",
        "uploads/cat.jpg",
        "a=b/cat.jpg",
        "",
        "/w=3/cat.jpg",
        "https://example.com/a.jpg",
    ):
        assert mistake(path) == "cloudflare option path: expected an option in the first segment", path
    assert mistake("w=300") == "cloudflare option path: expected an original behind the options"
    for path in ("w=3(00/cat.jpg", "w=3)/cat.jpg", "background=rgb((1)/cat.jpg"):
        assert mistake(path) == "cloudflare option path: expected the other half of each bracket", path


def test_more_options_than_there_are_are_not_read() -> None:
    many = ",".join(["w=3"] * (MAX_OPTIONS + 1))
    assert translate(f"{many}/cat.jpg").mistakes == [
        f"cloudflare option path: expected {MAX_OPTIONS} options or fewer"
    ]


def test_a_query_belongs_to_the_url_of_an_original_but_for_our_token() -> None:
    said = translate("w=3/https://example.com/a.php", "id=5&name=a+b&t=secret&e=9")
    assert said.key == "https://example.com/a.php?id=5&name=a%20b"
    assert said.pairs == [(b"w", b"3"), (b"t", b"secret"), (b"e", b"9")]
    assert translate("w=3/https://example.com/a.php?x=1", "id=5").key.endswith("?x=1&id=5")
    path = translate("w=3,foo=1/cat.jpg", "v=5&w=7&t=secret")
    assert (path.key, path.unknown) == ("cat.jpg", ["foo", "v", "w"])


def test_presets_are_what_they_are_without_a_dialect() -> None:
    said = translate("p=thumb/cat.jpg")
    presets = {"thumb": Preset({})}
    assert not said.mistakes
    assert parse_options(said.pairs, OptionDefaults(presets=presets)) == Options()


def test_each_name_has_one_fate() -> None:
    fates = [LOOKED_AT, WITHOUT_EFFECT, REFUSED]
    assert sum(map(len, fates)) == len(frozenset.union(*fates))


NAMES = st.sampled_from(sorted(LOOKED_AT | WITHOUT_EFFECT | REFUSED | {"w", "h", "q", "f", "g", "p", "x"}))
TEXTS = st.text("0123456789.;x%#()/ ,=abcdefghvauto-", max_size=12) | st.sampled_from(
    ["cover", "90", "0.5x1"]
)


@given(st.lists(st.tuples(NAMES, TEXTS), max_size=6), any_text(max_size=12))
def test_nothing_but_a_mistake_or_a_bad_request_comes_of_any_path(
    options: list[tuple[str, str]], rest: str
) -> None:
    path = ",".join(f"{name}={text}" for name, text in options)
    said = translate(f"{path}/{rest}")
    parse_options_leniently(said.pairs, OptionDefaults(), None, said.beyond)
    if not said.mistakes:
        with suppress(BadRequest):
            parse_options(said.pairs, OptionDefaults(), None, said.beyond)
