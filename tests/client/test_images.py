"""URLs and tags that an application writes: what a browser reads in them, and what the origin accepts."""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest

from origin.client import Html
from origin.client import Images
from origin.signing import UrlSigner
from origin.signing import Verdict
from origin.signing import decode_query
from tests.support.signing import KEY
from tests.support.signing import NOW
from tests.support.signing import verifier
from tests.support.tags import ATTACKS
from tests.support.tags import key_of
from tests.support.tags import list_urls
from tests.support.tags import read_tag
from tests.support.tags import read_tags

BASE = "https://img.example.com"
PLAIN = Images(BASE, "photos")
SIGNED = Images(BASE, "photos", [KEY])
CAT = f"{BASE}/photos/cat.jpg"
INFO = {
    "width": 1000,
    "height": 600,
    "frames": 1,
    "alpha": False,
    "dominant": "#a1b2c3",
    "lqip": "data:image/webp;base64,AAAA",
}


def judge(url: str) -> Verdict:
    return verifier.verify(key_of(url, "photos"), decode_query(urlsplit(url).query.encode()), NOW)


@pytest.mark.parametrize(
    ("key", "options", "url"),
    [
        ("cat.jpg", {}, CAT),
        ("cat.jpg", {"f": "webp", "width": 300, "h": None}, f"{CAT}?w=300&f=webp"),
        ("cat.jpg", {"g": (0.3, 0.6), "bg": "#fff"}, f"{CAT}?g=0.3%2C0.6&bg=%23fff"),
        ("a/é +%?#&'.jpg", {"w": 3}, f"{BASE}/photos/a/%C3%A9%20%2B%25%3F%23%26%27.jpg?w=3"),
    ],
)
def test_a_plain_url(key: str, options: Any, url: str) -> None:
    assert PLAIN.url(key, **options) == url


@pytest.mark.parametrize(
    ("base", "prefix", "url"),
    [
        ("https://a.example/", "/photos/", "https://a.example/photos/cat.jpg"),
        ("https://a.example/deep", "shop/photos", "https://a.example/deep/shop/photos/cat.jpg"),
        ("", "photos", "/photos/cat.jpg"),
        ("https://a.example", "", "https://a.example/cat.jpg"),
    ],
)
def test_where_the_handler_is(base: str, prefix: str, url: str) -> None:
    assert Images(base, prefix).url("cat.jpg") == url


def test_signed_urls_are_those_of_the_signer() -> None:
    signer = UrlSigner(BASE, "photos", [KEY])
    ends = {"expires_in": 60, "now": NOW}
    assert SIGNED.url("cat.jpg", w=300, **ends) == signer.url("cat.jpg", w=300, **ends)  # type: ignore[arg-type]
    over = {"widths": [300, 600], "f": "webp"}
    assert SIGNED.srcset("cat.jpg", **over) == signer.srcset("cat.jpg", **over)  # type: ignore[arg-type]


def test_every_url_of_a_signed_picture_is_accepted() -> None:
    text = SIGNED.picture("été/cat 1.jpg", alt="", w=300, h=200, info=INFO, expires_in=60, now=NOW)
    urls = list_urls(text)
    assert len(urls) == 6
    for url in urls:
        parts = urlsplit(url)
        assert judge(url).accepted, parts.query
        assert "e=" in parts.query


def test_a_grant_stands_in_every_url_and_bounds_them_all() -> None:
    bounds: dict[str, Any] = {"w": {"min": 1, "max": 600}, "f": ["webp", "jpg"]}
    token = UrlSigner(BASE, "photos", [KEY]).grant("users/*", now=NOW, **bounds)
    images = Images(BASE, "photos", grant=token)
    urls = list_urls(
        images.picture("users/cat.jpg", alt="", widths=[300, 600], f="jpg", formats=["webp"], now=NOW)
    )
    assert len(urls) == 5
    assert {judge(url).reason.value for url in urls} == {"granted"}
    with pytest.raises(ValueError, match=r"^outside the grant: w=601$"):
        images.url("users/cat.jpg", w=601, f="jpg")
    with pytest.raises(ValueError, match="it is for 'users/"):
        images.url("cat.jpg", w=600, f="jpg")
    with pytest.raises(ValueError, match=r"^outside the grant: it does not name h$"):
        images.img("users/cat.jpg", alt="", w=600, h=3, f="jpg")
    # Without `dpr` in the grant there is no second URL for dense screens.
    assert "srcset" not in images.img("users/cat.jpg", alt="", w=300, f="jpg")


def test_what_a_grant_does_not_admit_is_left_out_of_a_srcset() -> None:
    bounds: dict[str, Any] = {"w": {"min": 100, "max": 600}, "h": {"max": 500}, "f": ["webp", "jpg"]}
    token = UrlSigner(BASE, "photos", [KEY]).grant("cat.jpg", now=NOW, **bounds)
    images = Images(BASE, "photos", grant=token)
    more: dict[str, Any] = {"widths": [50, 300, 600, 900], "f": "jpg", "w": 300, "h": 200, "now": NOW}
    sizes = [(300, 200), (600, 400)]
    assert [read_size(part) for part in images.srcset("cat.jpg", **more).split(", ")] == sizes
    picture = images.picture("cat.jpg", alt="", formats=["webp"], sizes="50vw", **more)
    assert {read_size(url) for url in list_urls(picture)} == set(sizes)
    assert {judge(url).reason.value for url in list_urls(picture)} == {"granted"}
    # The height counts as well, and `src` is the widest that is left.
    tall = images.img("cat.jpg", alt="", **{**more, "h": 300})
    assert {read_size(url) for url in list_urls(tall)} == {(300, 300)}
    # Where none is left the first one says why.
    with pytest.raises(ValueError, match=r"^outside the grant: w=700$"):
        images.srcset("cat.jpg", **{**more, "widths": [700, 900]})
    dense = UrlSigner(BASE, "photos", [KEY]).grant("cat.jpg", now=NOW, w=[300, 600], dpr=[1, 2])
    srcset = Images(BASE, "photos", grant=dense).srcset("cat.jpg", densities=[1, 2, 3], w=300, now=NOW)
    assert [part.split()[1] for part in srcset.split(", ")] == ["1x", "2x"]


def read_size(url: str) -> tuple[int, int]:
    asked = parse_qs(urlsplit(url).query)
    return int(asked["w"][0]), int(asked["h"][0])


def test_a_grant_that_has_ended_is_refused() -> None:
    token = UrlSigner(BASE, "photos", [KEY], bucket=1).grant("cat.jpg", now=NOW, expires_in=60)
    images = Images(BASE, "photos", grant=token)
    assert images.url("cat.jpg", now=NOW + 60).endswith(f"?t={token}")
    with pytest.raises(ValueError, match="the grant has expired 1 s ago"):
        images.url("cat.jpg", now=NOW + 61)


def test_an_exact_token_is_no_grant() -> None:
    with pytest.raises(ValueError, match="not a grant"):
        Images(BASE, "photos", grant="x" * 43).url("cat.jpg")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"hight": 200}, TypeError, "hight is not an option; did you mean height?"),
        ({"q": 101}, ValueError, "option q: expected a whole number from 1 to 100, or auto, got '101'"),
        ({"e": 5}, TypeError, "give expires_in or expires_at"),
        ({"expires_in": 5}, TypeError, "only a signed URL ends: give keys to Images"),
        ({"dl": "half a pair: \ud800"}, ValueError, "option dl: expected"),
    ],
)
def test_mistakes_are_named_before_a_url_is_made(
    arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        PLAIN.url("cat.jpg", **arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("key", ["", "a//b", "../a", "a\nb", "a\x00", "x" * 1025])
def test_keys_that_the_origin_refuses_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="a key has"):
        PLAIN.url(key)


@pytest.mark.parametrize("images", [PLAIN, SIGNED])
def test_a_key_that_is_no_text_is_told(images: Images) -> None:
    """Such as that of a picture that a page does not have."""
    with pytest.raises(TypeError, match="key: expected a text, got None"):
        images.img(None, alt="")  # type: ignore[arg-type]


@pytest.mark.parametrize("base", ["https://a.example?x=1", "https://a.example#x", "https://a .example"])
def test_a_base_url_that_is_none(base: str) -> None:
    with pytest.raises(ValueError, match="a base URL"):
        Images(base, "photos")


# --- img -------------------------------------------------------------------------------------------


def test_a_picture_of_a_fixed_size_has_one_for_dense_screens() -> None:
    assert read_tag(PLAIN.img("cat.jpg", alt="A cat", w=300, h=200)) == {
        "src": f"{CAT}?w=300&h=200",
        "srcset": f"{CAT}?w=300&h=200&dpr=2 2x",
        "width": "300",
        "height": "200",
        "alt": "A cat",
        "loading": "lazy",
    }


def test_widths_let_the_browser_choose() -> None:
    tag = read_tag(PLAIN.img("cat.jpg", alt="", widths=[300, 600], sizes="(max-width: 40em) 100vw, 600px"))
    assert tag == {
        "src": f"{CAT}?w=600",
        "srcset": f"{CAT}?w=300 300w, {CAT}?w=600 600w",
        "sizes": "(max-width: 40em) 100vw, 600px",
        "alt": "",
        "loading": "lazy",
    }
    assert read_tag(PLAIN.img("cat.jpg", alt="", widths=[300]))["sizes"] == "100vw"


def test_w_and_h_are_the_shape_beside_widths() -> None:
    tag = read_tag(PLAIN.img("cat.jpg", alt="", widths="900, 450", w=3, h=2))
    assert tag["srcset"] == f"{CAT}?w=900&h=600 900w, {CAT}?w=450&h=300 450w"
    assert tag["src"] == f"{CAT}?w=3&h=2"
    assert (tag["width"], tag["height"]) == ("3", "2")


def test_densities() -> None:
    tag = read_tag(PLAIN.img("cat.jpg", alt="", w=100, densities=[1, 1.5]))
    assert tag["src"] == f"{CAT}?w=100&dpr=1"
    assert tag["srcset"] == f"{CAT}?w=100&dpr=1 1x, {CAT}?w=100&dpr=1.5 1.5x"
    assert "srcset" not in read_tag(PLAIN.img("cat.jpg", alt="", w=100, dpr=3))
    assert "srcset" not in read_tag(PLAIN.img("cat.jpg", alt="", f="webp"))


def test_info_gives_sides_and_a_placeholder() -> None:
    tag = read_tag(PLAIN.img("cat.jpg", alt="", w=500, info=INFO))
    assert (tag["width"], tag["height"]) == ("500", "300")
    assert tag["style"] == "background: #a1b2c3 url(data:image/webp;base64,AAAA) center / cover no-repeat"
    tag = read_tag(PLAIN.img("cat.jpg", alt="", widths=[200, 800], info=INFO, placeholder="dominant"))
    assert (tag["width"], tag["height"], tag["style"]) == ("800", "480", "background: #a1b2c3")
    assert "style" not in read_tag(PLAIN.img("cat.jpg", alt="", info=INFO, placeholder=None))


@pytest.mark.parametrize(
    ("info", "options"),
    [
        ({"alpha": True}, {}),
        ({}, {"radius": 9}),
        ({}, {"w": 9, "h": 9, "fit": "contain"}),
        ({}, {"rotate": 9}),
    ],
)
def test_nothing_shines_through_a_picture(info: Any, options: Any) -> None:
    assert "style" not in read_tag(PLAIN.img("cat.jpg", alt="", info={**INFO, **info}, **options))


def test_attributes_of_html_stand_among_the_options() -> None:
    text = PLAIN.img(
        "cat.jpg",
        alt="",
        class_="hero",
        fetchpriority="high",
        loading="eager",
        style="color: red",
        info=INFO,
        placeholder="dominant",
        attrs={"data-id": 7, "hidden": True, "title": None, "draggable": False},
    )
    tag = read_tag(text)
    assert tag["class"] == "hero"
    assert tag["fetchpriority"] == "high"
    assert tag["loading"] == "eager"
    assert tag["style"] == "background: #a1b2c3; color: red"
    assert tag["data-id"] == "7"
    assert tag["hidden"] is None
    assert "title" not in tag
    assert "draggable" not in tag
    assert "loading" not in read_tag(PLAIN.img("cat.jpg", alt="", loading=None))


@pytest.mark.parametrize("info", [None, "", b"", {}])
def test_info_that_is_not_there_yet_is_absent(info: Any) -> None:
    """As a field of a database has it for the pictures that were there before the field."""
    assert PLAIN.img("cat.jpg", alt="", w=300, info=info) == PLAIN.img("cat.jpg", alt="", w=300)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"alt": None}, TypeError, "alt: expected a text; an empty one where the picture only decorates"),
        ({"widths": [3], "sizes": 600}, TypeError, 'sizes: expected a text such as "100vw", got 600'),
        ({"widths": [3], "sizes": "600"}, ValueError, "sizes: 600 has no unit: write 600px"),
        ({"widths": [3], "sizes": "(min-width: 9em) 1vw, 600"}, ValueError, "600 has no unit"),
        ({"sizes": "50vw"}, TypeError, "sizes tells the browser which of widths to take: give widths"),
        ({"widths": [300], "w": 300}, TypeError, "give w and h beside widths"),
        ({"widths": [300], "densities": [2], "w": 1}, TypeError, "give widths or densities"),
        ({"widths": "300,wide"}, TypeError, "widths: expected numbers such as \"300,600\", got '300,wide'"),
        ({"widths": [300.5]}, TypeError, "widths: expected whole numbers"),
        ({"placeholder": "blur"}, ValueError, "placeholder: expected lqip, dominant or None, got 'blur'"),
        ({"info": "<html>"}, ValueError, "info: expected the object that f=json answers, as JSON"),
        ({"info": {"width": 1}}, ValueError, "info: expected what f=json answers, with width and height"),
        ({"info": {**INFO, "dominant": "red;x"}}, ValueError, "info: dominant is not what f=json answers"),
        ({"info": {**INFO, "lqip": "javascript:"}}, ValueError, "info: lqip is not what f=json answers"),
        ({"klass": "x"}, TypeError, "klass is not an option; did you mean class?"),
        ({"szies": "50vw"}, TypeError, "szies is not an option; did you mean sizes?"),
        ({"widht": 3}, TypeError, "widht is not an option; did you mean width?"),
        ({"frobnicate": 3}, TypeError, "frobnicate is not an option"),
        ({"attrs": {"on load": "x"}}, ValueError, "'on load' is not the name of an attribute"),
        ({"w": "300px"}, ValueError, "option w: expected a number of CSS pixels, got '300px'"),
    ],
)
def test_mistakes_are_named_before_a_tag_is_made(
    arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        PLAIN.img("cat.jpg", **{"alt": "", **arguments})
    assert message in str(caught.value)


def test_alt_cannot_be_forgotten() -> None:
    with pytest.raises(TypeError, match="alt"):
        PLAIN.img("cat.jpg", w=300)  # type: ignore[call-arg]


# --- picture ---------------------------------------------------------------------------------------


def test_a_picture_has_a_source_for_each_format() -> None:
    text = PLAIN.picture("cat.jpg", alt="A cat", w=300, h=200, class_="hero")
    assert read_tags(text) == [
        ("picture", {}),
        (
            "source",
            {
                "type": "image/avif",
                "srcset": f"{CAT}?w=300&h=200&f=avif 1x, {CAT}?w=300&h=200&f=avif&dpr=2 2x",
            },
        ),
        (
            "source",
            {
                "type": "image/webp",
                "srcset": f"{CAT}?w=300&h=200&f=webp 1x, {CAT}?w=300&h=200&f=webp&dpr=2 2x",
            },
        ),
        (
            "img",
            {
                "src": f"{CAT}?w=300&h=200&f=original",
                "srcset": f"{CAT}?w=300&h=200&f=original&dpr=2 2x",
                "width": "300",
                "height": "200",
                "alt": "A cat",
                "loading": "lazy",
                "class": "hero",
            },
        ),
    ]
    assert text.endswith("</picture>")


def test_a_picture_over_widths() -> None:
    text = PLAIN.picture("cat.jpg", alt="", widths=[300], sizes="50vw", formats="webp", f="jpg")
    assert read_tags(text)[1:] == [
        ("source", {"type": "image/webp", "srcset": f"{CAT}?w=300&f=webp 300w", "sizes": "50vw"}),
        (
            "img",
            {
                "src": f"{CAT}?w=300&f=jpg",
                "srcset": f"{CAT}?w=300&f=jpg 300w",
                "sizes": "50vw",
                "alt": "",
                "loading": "lazy",
            },
        ),
    ]


def test_a_picture_without_a_size_has_one_url_a_format() -> None:
    assert read_tags(PLAIN.picture("cat.jpg", alt="", formats=["webp"]))[1][1]["srcset"] == f"{CAT}?f=webp 1x"


def test_an_animation_gets_formats_that_move() -> None:
    text = PLAIN.picture("spinner.gif", alt="", info={**INFO, "frames": 24})
    assert [attributes.get("type") for name, attributes in read_tags(text) if name == "source"] == [
        "image/webp"
    ]


@pytest.mark.parametrize(
    ("formats", "message"),
    [(["bmp"], "formats: bmp is never written"), (["webq"], "'webq' is not the name of a format")],
)
def test_a_format_that_no_result_has(formats: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PLAIN.picture("cat.jpg", alt="", formats=formats)


# --- Under attack ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*ATTACKS, "two\nlines\ttabs\r\n"])
def test_texts_stay_what_they_are(text: str) -> None:
    html = PLAIN.picture("cat.jpg", alt=text, widths=[1], sizes=text, class_=text, attrs={"data-x": text})
    tags = read_tags(html)
    assert [name for name, _ in tags] == ["picture", "source", "source", "img"]
    img = tags[-1][1]
    assert [img[name] for name in ("alt", "sizes", "class", "data-x")] == [text] * 4
    assert set(img) == {"src", "srcset", "sizes", "alt", "loading", "class", "data-x"}


@pytest.mark.parametrize("key", ATTACKS)
def test_keys_stay_what_they_are(key: str) -> None:
    urls = list_urls(SIGNED.picture(key, alt="", w=1, h=1, dl="cat.jpg", now=NOW))
    assert len(urls) == 6
    assert {key_of(url, "photos") for url in urls} == {key}
    assert all(judge(url).accepted for url in urls)
    assert not set(" \"'<>&,\n") & set("".join(urls).replace("&", ""))


@pytest.mark.parametrize("name", ["", "a b", 'a"', "a>", "a=b", "a/", "é", "1a", "a\n", "a\x00"])
def test_no_attribute_has_a_name_that_ends_it(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of an attribute"):
        PLAIN.img("cat.jpg", alt="", attrs={name: "x"})


def test_the_text_is_safe_and_what_is_made_of_it_is_not() -> None:
    text = PLAIN.img("cat.jpg", alt="")
    assert type(text) is Html
    assert text.__html__() is text
    assert not hasattr(text + "<b>", "__html__")


def test_it_needs_the_base_install_alone_and_loads_no_http() -> None:
    program = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root not in sys.stdlib_module_names and root not in ("origin", "itsdangerous"):
            raise ImportError(f"blocked: {name}")
sys.meta_path.insert(0, Block())
before = set(sys.modules)
from origin.client import Images
import origin.client.jinja, origin.client.flask
print(Images("https://img.example.com", "photos").img("cat.jpg", alt="", w=1, h=1))
print(sorted({"http", "ssl", "email", "asyncio", "xml", "unittest"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith('<img src="https://img.example.com/photos/cat.jpg?w=1&amp;h=1"')
    assert done.stdout.endswith("\n[]\n")
