"""imgproxy's words in ours. What they mean: https://docs.imgproxy.net/usage/processing."""

from __future__ import annotations

from base64 import urlsafe_b64encode
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
from origin.urls.dialects.imgproxy.names import LOOKED_AT
from origin.urls.dialects.imgproxy.names import REFUSED
from origin.urls.dialects.imgproxy.names import WITHOUT_EFFECT
from origin.urls.dialects.imgproxy.names import find_name
from origin.urls.dialects.segments import MAX_OPTIONS
from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.parsing import parse_options_leniently
from origin.urls.presets import Preset
from origin.urls.query import decode_query
from origin.urls.url_keys import read_plain_key
from tests.support.cases import check_each
from tests.support.texts import any_text

IMGPROXY = SIGNING["imgproxy"]
DEFAULTS = OptionDefaults(presets=dict.fromkeys(("sharp", "small"), Preset()))


def translate(path: str, query: str = "") -> Translation:
    return IMGPROXY.translate("", decode_query(query.encode()), f"/_/{path}".encode())


def read(options: str) -> Options:
    said = translate(f"{options}/plain/cat.jpg".removeprefix("/"))
    assert not said.mistakes, said.mistakes
    assert said.key == "cat.jpg"
    return parse_options(said.pairs, DEFAULTS, None, said.beyond)


def ours(query: str) -> Options:
    return parse_options(decode_query(query.encode()), DEFAULTS)


# What is translated. The second text is ours.
SAME = {
    "": "",
    "rs:fit:300:200": "w=300&h=200&fit=inside",
    "resize:fit:300:200": "w=300&h=200&fit=inside",
    "s:300:200": "w=300&h=200&fit=inside",  # imgproxy's default is fit
    "size:300:200:1": "w=300&h=200&fit=inside&enlarge=true",
    "w:300": "w=300",
    "width:300/height:0": "w=300",
    "h:200": "h=200",
    "rs:fill:300:200": "w=300&h=200&fit=cover",
    "rs:fill:300:200:0": "w=300&h=200&fit=cover",
    "rs:fill:300:200:1": "w=300&h=200&fit=cover&enlarge=true",
    "rs:fill:300:0": "w=300",
    "rs:auto:300:0": "w=300",
    "rs:force:300:200": "w=300&h=200&fit=fill",
    "rs:force:300:0": "w=300&h=4096&fit=fill",  # and so the original's own height
    "rt:fill/w:300/h:200": "w=300&h=200&fit=cover",
    "rs:fill/s:300:200": "w=300&h=200&fit=cover",
    "rs::300:200/rt:fill": "w=300&h=200&fit=cover",
    "rs:fill:300:200/w:100": "w=100&h=200&fit=cover",  # the last counts
    "el:1/w:300": "w=300&enlarge=true",
    "el:1": "",
    "rs:fit:300:200:0:1": "w=300&h=200&fit=contain",
    "s:300:200/ex:t:no": "w=300&h=200&fit=contain&g=top",
    "s:300:200/ex:1:soea": "w=300&h=200&fit=contain&g=bottom-right",
    "rs:fill:300:200:1:1": "w=300&h=200&fit=cover&enlarge=true",  # nothing is left to extend
    "rs:fill:300:200/g:no": "w=300&h=200&fit=cover&g=top",
    "rs:fill:300:200/g:soea:0:0": "w=300&h=200&fit=cover&g=bottom-right",
    "rs:fill:300:200/g:ce": "w=300&h=200&fit=cover",
    "rs:fill:300:200/g:sm": "w=300&h=200&fit=cover&g=smart",
    "rs:fill:300:200/gravity:fp:0.3:0.6": "w=300&h=200&fit=cover&g=0.3,0.6",
    "rs:fit:300:200/g:obj:face": "w=300&h=200&fit=inside",  # nothing is cut
    "dpr:2/w:300": "w=300&dpr=2",
    "dpr:2": "",
    "z:2/w:300": "w=600",
    "zoom:0.5:0.5/s:300:200": "w=150&h=100&fit=inside",
    "c:400:300:nowe:10:20": "rect=10,20,400,300",
    "c:400:300:nowe": "rect=0,0,400,300",
    "c:400:0/g:nowe": "rect=0,0,400,999999",
    "c:0.5:0.5": "rect=0.25,0.25,0.5,0.5",
    "c:0.5:0:so": "rect=0.25,0,0.5,1",
    "c:0.5:0.5:soea:0.1:0.1": "rect=0.4,0.4,0.5,0.5",
    "c:0.5:0.5:fp:0.3:0.9": "rect=0.05,0.5,0.5,0.5",
    "c:0:0": "",
    "t:10": "trim=10",
    "t:0": "trim=1",
    "trim:10::0:f": "trim=10",
    "pd:10": "pad=10",
    "pd:10:20": "pad=10,20",
    "padding:10:20:30:40": "pad=10,20,30,40",
    "pd::20": "pad=0,20",
    "pd:10:::5": "pad=10,10,10,5",
    "pd:0": "",
    "ar:1": "",
    "rot:90": "rotate=90",
    "rotate:450": "rotate=90",
    "rot:-90": "rotate=270",
    "rot:0": "",
    "rot:90/rs:fill:300:200": "w=200&h=300&fit=cover&rotate=90",  # imgproxy's sizes are those behind
    "rot:180/rs:fill:300:200/g:no": "w=300&h=200&fit=cover&rotate=180&g=bottom",
    "rot:90/rs:fill:300:200/g:no": "w=200&h=300&fit=cover&rotate=90&g=left",
    "rot:270/rs:fill:300:200/g:no": "w=200&h=300&fit=cover&rotate=270&g=right",
    "rot:90/w:300": "h=300&rotate=90",
    "rot:90/rs:fill:300:200/g:fp:0.3:0.6": "w=200&h=300&fit=cover&rotate=90&g=0.6,0.7",
    "fl:1:0": "flip=h",
    "flip:1:1": "flip=hv",
    "fl:0:0": "",
    "fl:1/rs:fill:300:200/g:we": "w=300&h=200&fit=cover&flip=h&g=right",
    "bg:255:204:0": "bg=ffcc00",
    "bg:fc0": "bg=ffcc00",
    "background:ffcc00": "bg=ffcc00",
    "bg:": "",
    "bg:ffcc00/bga:0.5": "bg=ffcc0080",
    "bga:0.5": "",
    "br:0/co:1/sa:1": "",
    "bl:3": "blur=3",
    "bl:0": "",
    "bl:200": "blur=100",
    "sh:0.7": "sharpen=1",
    "sharpen:1.4": "sharpen=2",
    "sh:0": "",
    "q:80": "q=80",
    "quality:0": "",
    "fq:webp:70:avif:50/f:webp": "f=webp&q=70",
    "fq:jpeg:70/f:jpg": "f=jpg&q=70",
    "fq:avif:50/f:webp": "f=webp",
    "fq:webp:70/f:webp/q:30": "f=webp&q=30",
    "mb:20000": "bytes=20000",
    "max_bytes:10": "bytes=1000",
    "f:webp": "f=webp",
    "ext:jpeg": "f=jpg",
    "format:best": "f=auto",
    "pg:2": "frame=2",
    "pg:2/da:1": "frame=2",
    "da:1": "anim=false",
    "att:1": "dl=cat.jpg",
    "att:1/fn:holiday": "dl=holiday",
    "att:1/fn:aG9saWRheQ:1": "dl=holiday",
    "att:1/fn:my%3Aholiday": "dl=my:holiday",
    "fn:holiday": "",
    "pr:sharp": "p=sharp",
    "preset:sharp:small": "p=sharp,small",
    "pr:sharp/pr:small": "p=sharp,small",
    "cb:v2/sm:1/kcr:1/scp:0/dpi:300/wms:3:4/op:no": "",
    "wm:0/pix:1/raw:0/mw:0/mh:0/exar:f/mc:0/skp:/hs:none/eth:f": "",
    "made_up:1": "",
}


def test_options_mean_what_our_query_means() -> None:
    def check(options: str) -> None:
        assert read(options) == ours(SAME[options])
        # However much of it is escaped; a colon may be, too.
        if "%" not in options:
            assert read(options.replace(":", "%3A").replace("r", "%72")) == ours(SAME[options])

    check_each({options: options for options in SAME}, check)


# What no option of ours says.
BEYOND: dict[str, tuple[str, dict[str, object]]] = {
    "rs:fill-down:300:200": ("w=300&h=200&fit=cover", {"keeps_shape": True}),
    "rs:fill-down:300:200:1": ("w=300&h=200&fit=cover&enlarge=true", {}),
    "br:51/co:0.5/sa:1.5": ("contrast=0.5&saturation=1.5", {"lift": 51.0}),
    "a:-51:0.5:1.5": ("contrast=0.5&saturation=1.5", {"lift": -51.0}),
    "rs:auto:300:200": ("w=300&h=200&fit=cover", {"fills_alike": True}),
    "rs:auto:300:200/rot:90": ("w=200&h=300&fit=cover&rotate=90", {"fills_alike": True}),
    "z:0.5": ("", {"scale": 0.5}),
    "z:0.25/dpr:2": ("", {"scale": 0.5}),
    "c:400:300": ("rect=0,0,400,300", {"rect_at": (0.5, 0.5)}),
    "c:400:300/g:soea": ("rect=0,0,400,300", {"rect_at": (1.0, 1.0)}),
    "c:400:300:no": ("rect=0,0,400,300", {"rect_at": (0.5, 0.0)}),
    "c:400:0/w:100": ("rect=0,0,400,999999&w=100", {"rect_at": (0.5, 0.5)}),
}


@pytest.mark.parametrize("options", BEYOND)
def test_options_mean_what_no_option_of_ours_says(options: str) -> None:
    query, beyond = BEYOND[options]
    assert read(options) == replace(ours(query), **beyond)  # type: ignore[arg-type]


def encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode()


# The source: the path, its key, and the format that it names.
SOURCES = {
    "plain/a/b/cat.jpg": ("a/b/cat.jpg", None),
    "w:300/plain/a%20b%2Fcat.jpg@webp": ("a b/cat.jpg", b"webp"),
    "plain/my%40cat.jpg": ("my@cat.jpg", None),
    "plain/my%40cat.jpg@png": ("my@cat.jpg", b"png"),
    "plain/w:300/cat.jpg": ("w:300/cat.jpg", None),  # behind plain nothing is an option
    "plain/unsafe/plain/cat.jpg": ("unsafe/plain/cat.jpg", None),
    "plain/%252e.jpg": ("%2e.jpg", None),  # decoded once
    "plain/http://example.com/images/curiosity.jpg@png": ("http://example.com/images/curiosity.jpg", b"png"),
    "plain/s3://my-bucket/cat.jpg": ("s3://my-bucket/cat.jpg", None),
    "plain/local:///cat.jpg": ("local:///cat.jpg", None),
    "aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png": (
        "http://example.com/images/curiosity.jpg",
        b"png",
    ),
    "g:sm/" + encoded("été/cat.jpg"): ("été/cat.jpg", None),
    encoded("a.jpg").rstrip("=") + ".webp": ("a.jpg", b"webp"),
    "f:png/plain/cat.jpg@webp": ("cat.jpg", b"webp"),
}


@pytest.mark.parametrize("path", SOURCES)
def test_the_source_stands_behind_the_options(path: str) -> None:
    said = translate(path)
    key, format = SOURCES[path]
    assert (said.key, said.mistakes) == (key, [])
    assert dict(said.pairs).get(b"f") == format


def test_a_key_that_is_not_raw_is_read_all_the_same() -> None:
    said = IMGPROXY.translate("_/w:300/plain/été cat.jpg", [])
    assert (said.key, said.pairs) == ("été cat.jpg", [(b"w", b"300")])


PLAIN = IMGPROXY.key_reader(read_plain_key, SourceNames())
BUCKET = IMGPROXY.key_reader(read_plain_key, SourceNames("my-bucket"))
URLS = IMGPROXY.key_reader(lambda key, pairs, raw_path: f"asked for {key}", SourceNames(None, True))


def test_a_source_is_named_by_its_key_or_as_imgproxy_names_it() -> None:
    for read_key in (PLAIN, BUCKET):
        assert read_key("a/cat.jpg", [], b"") == read_key("local:///a/cat.jpg", [], b"") == "a/cat.jpg"
        assert read_key("local:/a/cat.jpg", [], b"") == "a/cat.jpg"  # as proxies write it
    assert BUCKET("s3://my-bucket/a/cat.jpg", [], b"") == BUCKET("S3:/my-bucket/a/cat.jpg", [], b"")
    assert URLS("http:/example.com/cat.jpg", [], b"") == "asked for http://example.com/cat.jpg"
    assert URLS("https://example.com/cat.jpg?v=1", [], b"") == "asked for https://example.com/cat.jpg?v=1"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("s3://other-bucket/cat.jpg", "another bucket"),
        ("s3://my-bucket.evil/cat.jpg", "another bucket"),
        ("s3://my-bucket/cat.jpg?version", "a version"),
        ("s3://my-bucket/../cat.jpg", r"\.\. segment"),
        ("s3://my-bucket//cat.jpg", "no slash at an end"),
        ("s3://my-bucket/", "at least one character"),
        ("http://example.com/cat.jpg", "expected a key, local:/// or s3://, since .* got one of http"),
        ("gs://my-bucket/cat.jpg", "got one of gs"),
        ("local:///../cat.jpg", r"\.\. segment"),
        ("", "at least one character"),
    ],
)
def test_a_source_of_another_place_is_refused(key: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        BUCKET(key, [], b"")
    if key.startswith(("s3", "gs")):
        for read_key, wanted in ((PLAIN, "a key or local:///"), (URLS, "a URL of http or https")):
            with pytest.raises(BadRequest, match=f"imgproxy option source: expected {wanted}"):
                read_key(key, [], b"")


# The name that the log has to hold, by what is refused.
REFUSALS = {
    "thumb/plain/cat.jpg": "path",
    **{f"{name}:x/plain/cat.jpg": name for name in REFUSED},
    "pix:5/plain/cat.jpg": "pixelate",
    "wm:0.5:ce/plain/cat.jpg": "watermark",
    "raw:t/plain/cat.jpg": "raw",
    "skp:gif:svg/plain/cat.jpg": "skip_processing",
    "mw:300/plain/cat.jpg": "min-width",
    "rs:auto:300:200:0:1/plain/cat.jpg": "extend",
    "rs:best:300:200/plain/cat.jpg": "resizing_type",
    "rs:crop:300:200/plain/cat.jpg": "resizing_type",
    "w:x/plain/cat.jpg": "width",
    "w:-1/plain/cat.jpg": "width",
    "s:300:1e9/plain/cat.jpg": "height",
    "el:yes/plain/cat.jpg": "enlarge",
    "el:1/z:2/plain/cat.jpg": "enlarge",
    "z:2:3/w:3/plain/cat.jpg": "zoom",
    "z:0/plain/cat.jpg": "zoom",
    "dpr:0/w:3/plain/cat.jpg": "dpr",
    "w:300/ex:1/plain/cat.jpg": "extend",
    "rs:fill:300:200:0:1/plain/cat.jpg": "extend",
    "s:300:200/ex:1:sm/plain/cat.jpg": "extend",
    "s:300:200/ex:1:no:5/plain/cat.jpg": "extend",
    "rs:fill:3:2/g:obj:face/plain/cat.jpg": "gravity",
    "rs:fill:3:2/g:north/plain/cat.jpg": "gravity",
    "rs:fill:3:2/g:no:10:0/plain/cat.jpg": "gravity",
    "rs:fill:3:2/g:fp:2:0/plain/cat.jpg": "gravity",
    "rs:fill:3:2/g:fp:0.5/plain/cat.jpg": "gravity",
    "c:x:3/plain/cat.jpg": "crop",
    "c:3:4:sm/plain/cat.jpg": "crop",
    "c:3:4:so:5/plain/cat.jpg": "crop",
    "c:3:0.5/plain/cat.jpg": "crop",
    "c:3:4:fp:0.5:0.5/plain/cat.jpg": "crop",
    "c:1:1/plain/cat.jpg": "crop",
    "c:3:4/t:5/plain/cat.jpg": "crop",
    "c:3:4/rot:90/plain/cat.jpg": "crop",
    "c:3:4/fl:1/plain/cat.jpg": "crop",
    "t:10:ff00ff/plain/cat.jpg": "trim",
    "t:10::1/plain/cat.jpg": "trim",
    "t:x/plain/cat.jpg": "trim",
    "pd:-1/plain/cat.jpg": "padding",
    "ar:0/plain/cat.jpg": "auto_rotate",
    "rot:45/plain/cat.jpg": "rotate",
    "fl:x/plain/cat.jpg": "flip",
    "bg:red/plain/cat.jpg": "background",
    "bg:1:2/plain/cat.jpg": "background",
    "bg:256:0:0/plain/cat.jpg": "background",
    "bg:fff/bga:2/plain/cat.jpg": "background_alpha",
    "br:300/plain/cat.jpg": "brightness",
    "bl:x/plain/cat.jpg": "blur",
    "q:101/plain/cat.jpg": "quality",
    "fq:webp/plain/cat.jpg": "format_quality",
    "fq:webp:70/plain/cat.jpg": "format_quality",
    "f:heic/plain/cat.jpg": "format",
    "plain/cat.jpg@jxl": "format",
    "plain/cat@home.jpg@png": "source",
    "enc/jwV3wUD9r4VBIzgv/ang3Hbh0vPpcm5cc": "source",
    "w:300": "source",
    "w:300/": "source",
    "w:300/ca t": "source",
    "w:300/A": "source",
    "w:300/__79": "source",  # no UTF-8
    "fn:x:1/att:1/plain/cat.jpg": "filename",
    "/".join(["w:3"] * (MAX_OPTIONS + 1)) + "/plain/cat.jpg": "path",
}


@pytest.mark.parametrize(("path", "name"), REFUSALS.items())
def test_what_cannot_be_done_is_named(path: str, name: str) -> None:
    (mistake,) = translate(path).mistakes
    assert mistake.startswith(f"imgproxy option {name}: ")


@pytest.mark.parametrize("first", ["", "rs:fill:300:200", "w%3A300", "plain"])
def test_a_path_without_a_signature_is_refused(first: str) -> None:
    """imgproxy takes the first option for a signature, and the page gets a picture of the wrong size."""
    mistakes = IMGPROXY.translate("", [], f"/{first}/w:300/plain/cat.jpg".encode()).mistakes
    assert mistakes == ["imgproxy option path: expected a signature in front, or _"]


def test_what_changes_nothing_is_told_apart() -> None:
    said = translate("cb:v2/made_up:1/fn:cat/plain/cat.jpg", "w=300&t=token")
    assert said.without_effect == ["cachebuster", "filename"]
    assert said.unknown == ["made_up", "w", "t"]
    assert said.pairs == []  # imgproxy signs no query, so none means anything


def test_every_option_that_imgproxy_documents_has_its_fate() -> None:
    documented = """
        resize size resizing_type resizing_algorithm width height min-width min-height zoom dpr enlarge
        extend extend_aspect_ratio gravity objects_position crop crop_aspect_ratio trim padding
        auto_rotate rotate background background_alpha adjust brightness contrast saturation
        monochrome duotone blur sharpen pixelate unsharp_masking blur_detections draw_detections
        colorize gradient watermark watermark_url watermark_text watermark_size watermark_rotate
        watermark_shadow style strip_metadata keep_copyright dpi strip_color_profile
        enforce_thumbnail quality format_quality autoquality max_bytes jpeg_options png_options
        webp_options format page pages disable_animation video_thumbnail_second
        video_thumbnail_keyframes video_thumbnail_tile video_thumbnail_animation fallback_image_url
        skip_processing raw cachebuster expires filename return_attachment preset hashsum
        max_src_resolution max_src_file_size max_animation_frames max_animation_frame_resolution
        max_result_dimension
    """
    for name in documented.split():
        assert find_name(name) == name
        assert sum(name in fate for fate in (LOOKED_AT, WITHOUT_EFFECT, REFUSED)) == 1, name
    for spelled, name in {
        "rs": "resize",
        "exar": "extend_aspect_ratio",
        "pd": "padding",
        "ext": "format",
    }.items():
        assert find_name(spelled) == name


WORDS = [
    "_",
    "plain",
    "rs:fill:300:200",
    "c:0.5:0.5",
    "g:sm",
    "f:webp",
    "bg:fff",
    "cat.jpg@png",
    "YQ",
    "a:",
    ":",
]


@given(st.lists(st.one_of(st.sampled_from(WORDS), any_text(max_size=9)), max_size=9))
def test_no_path_is_an_error_of_ours(segments: list[str]) -> None:
    raw = quote("/" + "/".join(segments), safe="/%:@").encode()
    said = IMGPROXY.translate("", [], raw)
    parse_options_leniently(said.pairs, DEFAULTS, None, said.beyond)
    with suppress(BadRequest):
        parse_options(said.pairs, DEFAULTS, None, said.beyond)
    with suppress(ValueError):
        IMGPROXY.read_signature(raw, b"")
