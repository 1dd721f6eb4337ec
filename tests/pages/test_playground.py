"""`/-/playground` without a browser: what it gives, to whom, and what it never gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import resources
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from origin.app import create_admin_app
from origin.app import create_app
from origin.config.load import build_config
from origin.ops.routes import on_http_error
from origin.pages.playground import PATH
from origin.pages.playground import Playground
from origin.pages.playground import playground_routes
from origin.parts.playground import make_playground
from origin.signing import UrlSigner
from origin.signing import Verifier
from origin.signing import decode_query
from origin.urls.parsing import parse_options
from tests.support.operated import TOKEN

KEY = "canary-of-the-signing-key-0123456789abcdef"
NOW = 1_800_000_000.0
BEARER = {"authorization": f"Bearer {TOKEN}"}
FILES = ("", "/playground.css", "/playground.js", "/icon.svg", "/state")
WIRE = 60_000  # bytes without pictures, by the contract


def configured(**admin: Any) -> dict[str, Any]:
    source = {"type": "local", "root": "/srv/canary-of-the-folder"}
    return {
        "handlers": [
            {"name": "photos", "source": source},
            {"name": "private", "prefix": "users/own", "source": source, "signing": {"keys": [KEY]}},
            {"name": "either", "source": source, "signing": {"keys": [KEY], "required": False}},
            {"name": "few", "source": source, "options": ["p", "w"]},
        ],
        "presets": {"card": {"w": 320}},
        "limits": {"max_dimension": 2000},
        "admin": {"token": TOKEN, "playground": True, **admin},
    }


class Site:
    """What has the playground, as a test sets it."""

    def __init__(self, *, is_open: bool = False, pictures: str = "", **admin: Any) -> None:
        self.config = build_config(configured(**admin))
        token = self.config.admin.token
        self.admin_token = token.get_secret_value() if token else None
        self.is_open = is_open
        handlers = {HTTPException: on_http_error}
        self.client = TestClient(
            Starlette(routes=playground_routes(self, pictures), exception_handlers=handlers),
            base_url="http://127.0.0.1:8080",
        )

    @property
    def playground(self) -> Playground | None:
        return make_playground(self.config, NOW, {"photos": ("land.jpg",)}, is_open=self.is_open)

    def post(self, path: str, value: Any, **headers: str) -> httpx.Response:
        return self.client.post(f"{PATH}/{path}", json=value, headers=headers)

    def code(self, handler: str = "photos", key: str = "cat.jpg", /, **more: Any) -> httpx.Response:
        headers = BEARER if more.pop("with_token", False) else {}
        return self.post("code", {"handler": handler, "key": key, **more}, **headers)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site()
    with site.client:  # or each request would have a thread and a loop of its own
        yield site


# Where there is one


@pytest.mark.parametrize("path", FILES)
def test_it_is_there_only_where_the_configuration_says_so(site: Site, path: str) -> None:
    assert site.client.get(PATH + path).status_code == 200
    assert Site(playground=False).client.get(PATH + path).status_code == 404


@pytest.mark.parametrize("path", ["code", "explain"])
def test_nothing_can_be_posted_where_there_is_none(path: str) -> None:
    assert Site(playground=False).post(path, {}, **BEARER).status_code == 404


def test_all_of_it_is_small() -> None:
    sizes = [len(Site().client.get(PATH + path).content) for path in FILES]
    assert sum(sizes) < WIRE
    assert min(sizes) > 100


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.asked: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.tags: list[str] = []
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.tags.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.inline.append(f"{tag} {name}")
            if name in ("src", "href"):
                self.asked.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            if name == "for":
                self.labels.append(value or "")

    def handle_data(self, data: str) -> None:
        if self._tag in ("script", "style") and data.strip():
            self.inline.append(data)


def test_the_page_has_nothing_inline_and_asks_for_its_own_files_alone(site: Site) -> None:
    answer = site.client.get(PATH)
    page = _Page(answer.text)
    assert page.inline == []
    assert sorted(page.asked) == [
        "playground/icon.svg",
        "playground/playground.css",
        "playground/playground.js",
    ]
    assert len(page.ids) == len(set(page.ids))
    assert set(page.labels) <= set(page.ids)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"


def test_the_script_writes_no_html() -> None:
    script = resources.files("origin.pages").joinpath("playground_files/playground.js").read_text("utf-8")
    for sink in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
        "srcdoc",
    ):
        assert sink not in script


# Who gets what


def test_what_it_tells_of_handlers(site: Site) -> None:
    state = site.client.get(f"{PATH}/state").json()
    handlers = {own["name"]: own for own in state["handlers"]}
    assert {name: own["signing"] for name, own in handlers.items()} == {
        "photos": "none",
        "private": "required",
        "either": "optional",
        "few": "none",
    }
    assert (handlers["private"]["prefix"], handlers["private"]["max_dimension"]) == ("users/own", 2000)
    assert handlers["few"]["options"] == ["w", "p", "e", "t"]
    assert state["names"] == {"presets": ["card"], "watermarks": []}
    assert state["presets"] == {"card": {"w": "320"}}
    assert {name: own["pictures"] for name, own in handlers.items() if own["pictures"]} == {
        "photos": ["land.jpg"]
    }
    assert (state["pictures_at"], state["signs"]) == ("", "with token")


def test_what_counts_where_a_url_says_nothing() -> None:
    """The quality is told on the scale of `q`: the origin takes it for what it has anyway."""
    site = Site()
    source = {"type": "local", "root": "/srv"}
    own = {"output_format": "auto", "crop": False, "quality": {"jpg": 67, "webp": 60}, "preset": "card"}
    handlers = [{"name": "plain", "source": source}, {"name": "own", "source": source, **own}]
    site.config = build_config({**configured(), "handlers": handlers})
    plain, own = site.client.get(f"{PATH}/state").json()["handlers"]
    assert (plain["rests"], plain["preset"]) == ({"c": "true", "f": "original"}, "")
    assert (own["rests"], own["preset"]) == ({"c": "false", "f": "auto"}, "card")
    assert (plain["qualities"]["jpg"], own["qualities"]["jpg"]) == (80, 67)
    for told, handler in zip((plain, own), site.config.handlers, strict=True):
        defaults = site.config.option_defaults(handler)
        for name, quality in told["qualities"].items():
            query = [(b"q", str(quality).encode()), (b"f", name.encode())]
            assert parse_options(query, defaults).quality is None, name


def test_handlers_whose_urls_have_no_options_of_ours_are_not_there() -> None:
    """Its controls and tags are ours, and mean something else, or nothing, in another system's URLs."""
    site = Site()
    dialect = {"dialect": "imgix", "source": {"type": "local", "root": "/srv"}}
    handlers = [
        *configured()["handlers"],
        {"name": "root", "prefix": "", **dialect},
        {"name": "moved", **dialect, "signing": {"imgix_token": KEY}},
    ]
    site.config = build_config({**configured(), "handlers": handlers})
    named = [own["name"] for own in site.client.get(f"{PATH}/state").json()["handlers"]]
    assert named == ["photos", "private", "either", "few"]
    assert site.code("root").status_code == 400
    assert site.post("explain", {"url": "/cat.jpg?fit=max&w=9"}, **BEARER).json()["lines"]


@pytest.mark.parametrize(
    ("admin", "is_open", "signs"),
    [({}, False, "with token"), ({"token": None}, False, "never"), ({"token": None}, True, "for all")],
)
def test_it_tells_who_gets_signatures(admin: dict[str, Any], is_open: bool, signs: str) -> None:
    state = Site(is_open=is_open, **admin).client.get(f"{PATH}/state").json()
    assert state["signs"] == signs


SIGNED = [
    ("code", {"handler": "private", "key": "a.jpg"}),
    ("code", {"handler": "either", "key": "a", "sign": True}),
]
GUARDED = [*SIGNED, ("explain", {"url": "/photos/a.jpg"})]


@pytest.mark.parametrize(("path", "value"), GUARDED)
def test_what_takes_keys_or_tells_of_places_takes_the_admin_token(
    site: Site, path: str, value: dict[str, Any]
) -> None:
    for headers in ({}, {"authorization": "Bearer 0000000000000000"}, {"authorization": f"Basic {TOKEN}"}):
        refused = site.post(path, value, **headers)
        assert refused.status_code == 401
        assert "url" not in refused.json()
    assert site.post(path, value, **BEARER).status_code == 200


@pytest.mark.parametrize(("path", "value"), GUARDED)
def test_without_an_admin_token_nobody_gets_it(path: str, value: dict[str, Any]) -> None:
    assert Site(token=None).post(path, value, **BEARER).status_code == 404
    assert Site(token=None, is_open=True).post(path, value).status_code == 200


@pytest.mark.parametrize("host", ["evil.example:8080", "localhost.evil.example", "192.0.2.1"])
def test_an_open_one_is_open_for_this_machine_alone(host: str) -> None:
    """A name of another site that leads here makes its pages ones of the same origin."""
    opened = Site(token=None, is_open=True)
    asked = [*GUARDED, ("keys", {"handler": "photos"})]
    assert [opened.post(path, value, host=host).status_code for path, value in asked] == [404] * len(asked)
    assert opened.client.get(f"{PATH}/state", headers={"host": host}).json()["signs"] == "never"
    for own in ("localhost:8080", "LOCALHOST", "127.0.0.1", "[::1]:8080"):
        assert {opened.post(path, value, host=own).status_code for path, value in GUARDED} == {200}


def test_no_secret_is_in_any_answer(site: Site) -> None:
    answers = [site.client.get(PATH + path) for path in FILES]
    answers += [site.post(path, value, **BEARER) for path, value in GUARDED]
    answers += [site.post(path, value) for path, value in GUARDED]
    answers += [site.code("private", "../x", with_token=True), site.code("private", "a", options={"w": "x"})]
    for answer in answers:
        assert KEY not in answer.text + str(answer.headers)
        assert TOKEN not in answer.text + str(answer.headers)
    assert KEY not in repr(site.playground)
    told = [answer for answer in answers if "canary-of-the-folder" in answer.text]
    assert [answer.request.url.path for answer in told] == [f"{PATH}/explain"]


def test_a_page_of_another_site_gets_nowhere(site: Site) -> None:
    body = json.dumps({"handler": "photos", "key": "a.jpg"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        refused = site.client.post(f"{PATH}/code", content=body, headers={"content-type": kind})
        assert refused.status_code == 415
    origin = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert site.client.options(f"{PATH}/code", headers=origin).status_code == 405
    for answer in (site.code(), site.client.get(f"{PATH}/state")):
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


# What there is to copy


def test_the_tags_of_a_picture(site: Site) -> None:
    code = site.code(
        options={"w": "300", "h": "200", "f": "auto", "q": ""},
        widths="300, 600",
        sizes="50vw",
        alt="A cat",
        base_url="https://img.example.com",
        info={"width": 1200, "height": 800, "dominant": "#a1b2c3"},
    ).json()
    at = "https://img.example.com/photos/cat.jpg"
    assert code["url"] == f"{at}?w=300&h=200&f=auto"
    assert code["path"] == "/photos/cat.jpg?w=300&h=200&f=auto"
    assert code["srcset"] == f"{at}?w=300&h=200&f=auto 300w, {at}?w=600&h=400&f=auto 600w"
    assert code["picture"].startswith('<picture><source type="image/avif" srcset="https://img.example.com/')
    assert code["picture"].count("<source ") == 2
    for part in ('sizes="50vw"', 'width="300" height="200"', 'alt="A cat"', "background: #a1b2c3"):
        assert part in code["img"]
        assert part in code["picture"]
    assert code["errors"] == {}


@pytest.mark.parametrize("options", [{"w": "600"}, {"h": "600"}, {"w": "600", "dpr": "2"}, {}])
def test_widths_stand_in_for_a_side_alone_and_for_the_density(site: Site, options: dict[str, str]) -> None:
    code = site.code(options=options, widths="300,600").json()
    assert code["srcset"] == "/photos/cat.jpg?w=300 300w, /photos/cat.jpg?w=600 600w"
    assert code["errors"] == {}


def test_without_widths_there_are_densities_or_a_reason(site: Site) -> None:
    assert site.code(options={"w": "30"}).json()["srcset"].split(", ")[1].endswith("w=30&dpr=2 2x")
    code = site.code().json()
    assert (code["url"], code["srcset"]) == ("/photos/cat.jpg", None)
    assert "densities multiply w or h" in code["errors"]["srcset"]


INFO = {"width": 1200, "height": 800}
FLUID = "width: 100%; height: auto"


@pytest.mark.parametrize(
    ("layout", "options", "info", "widths", "sizes", "style"),
    [
        # Half of the result for small screens, twice for dense ones, as far as the original goes.
        ("fit", {"w": "400"}, INFO, "200, 400, 800", "(max-width: 400px) 100vw, 400px", "width: 400px; "),
        ("fit", {"width": "400"}, None, "200, 400, 800", "(max-width: 400px) 100vw, 400px", "width: 400px; "),
        ("fit", {"w": "900"}, INFO, "450, 900, 1200", "(max-width: 900px) 100vw, 900px", "width: 900px; "),
        ("fit", {"w": "2000"}, INFO, "600, 1200", "(max-width: 1200px) 100vw, 1200px", "width: 1200px; "),
        ("fit", {"h": "200"}, INFO, "150, 300, 600", "(max-width: 300px) 100vw, 300px", "width: 300px; "),
        (
            "fit",
            {"w": "300", "h": "300"},
            INFO,
            "150, 300, 600",
            "(max-width: 300px) 100vw, 300px",
            "width: 3",
        ),
        ("fit", {}, None, "300, 600, 1200", "(max-width: 600px) 100vw, 600px", "width: 600px; "),
        ("full", {"w": "400"}, INFO, "400, 800, 1200", "100vw", FLUID),
        ("full", {}, None, "400, 800, 1200, 1600, 2400", "100vw", FLUID),
        ("full", {}, {"width": 90, "height": 60}, "400", "100vw", FLUID),
        ("half", {"w": "400"}, INFO, "400, 800, 1200", "(min-width: 48rem) 50vw, 100vw", FLUID),
        ("fixed", {"w": "400"}, INFO, "", "", ""),
        # No wider than the original can fill the same shape.
        ("full", {"w": "300", "h": "300"}, INFO, "400, 800", "100vw", FLUID),
        ("full", {"ar": "1"}, INFO, "400, 800", "100vw", FLUID),
        ("full", {"rect": "0,0,0.5,1"}, INFO, "400, 600", "100vw", FLUID),
        ("full", {"w": "300", "h": "300", "c": "false"}, INFO, "400, 800, 1200", "100vw", FLUID),
        ("full", {"enlarge": "false"}, INFO, "400, 800, 1200", "100vw", FLUID),
        ("full", {"enlarge": "true"}, INFO, "400, 800, 1200, 1600, 2400", "100vw", FLUID),
        # A box with padding is there in any width; as it is shown, or larger while its picture can grow.
        ("full", {"w": "300", "h": "300", "fit": "contain"}, INFO, "400, 800, 1200", "100vw", FLUID),
        (
            "fit",
            {"w": "300", "h": "300", "fit": "contain"},
            {"width": 200, "height": 150},
            "150, 300",
            "(max-width: 300px) 100vw, 300px",
            "width: 300px; ",
        ),
    ],
)
def test_widths_sizes_and_style_go_together(
    site: Site, layout: str, options: dict[str, str], info: Any, widths: str, sizes: str, style: str
) -> None:
    code = site.code(options=options, layout=layout, info=info).json()
    assert (code["widths"], code["sizes"], code["errors"]) == (widths, sizes, {})
    for tag in (code["img"], code["picture"]):
        assert f'style="{style}' in tag or not style
        assert f'sizes="{sizes}"' in tag or not sizes
    descriptors = [part.split()[1] for part in code["srcset"].split(", ")]
    assert descriptors == ([f"{width}w" for width in widths.split(", ")] if widths else ["1x", "2x"])


def test_a_fixed_size_without_a_side_is_that_of_the_original(site: Site) -> None:
    code = site.code(layout="fixed", info=INFO).json()
    assert 'width="1200" height="800"' in code["img"]


def test_a_layout_that_is_none_is_told(site: Site) -> None:
    code = site.code(layout="wide").json()
    assert code["url"] == "/photos/cat.jpg"
    assert "expected one of fit, full, half, fixed" in code["errors"]["picture"]


def test_what_an_original_is_has_a_url_and_no_tag(site: Site) -> None:
    code = site.code(options={"format": "JSON"}).json()
    assert code["path"] == "/photos/cat.jpg?f=JSON"
    assert (code["srcset"], code["img"], code["picture"]) == (None, None, None)


@pytest.mark.parametrize("handler", ["private", "either"])
def test_every_url_is_signed_and_may_end(site: Site, handler: str) -> None:
    prefix = {"private": "users/own"}.get(handler, handler)
    more = {"options": {"w": "300"}, "sign": True, "expires_in": 3600, "with_token": True}
    code = site.code(handler, "a b/ü.jpg", widths="300,600", **more).json()
    urls = [code["url"], code["path"], *(part.split()[0] for part in code["srcset"].split(", "))]
    verifier = Verifier(prefix, [KEY])
    for url in urls:
        path, _, query = url.partition("?")
        assert path == f"/{prefix}/a%20b/%C3%BC.jpg"
        assert verifier.verify("a b/ü.jpg", decode_query(query.encode()), NOW).accepted
        assert "e=" in query
    assert site.code("either", options={"w": "300"}).json()["url"] == "/either/cat.jpg?w=300"


def test_a_grant_stands_in_for_the_admin_token(site: Site) -> None:
    """Within its bounds, and under its own name: the origin's keys are not asked."""
    signer = UrlSigner("", "users/own", [KEY])
    grant = signer.grant("cats/*", w={"min": 1, "max": 800}, now=NOW, expires_in=3600)
    more: dict[str, Any] = {"grant": grant, "options": {"w": "300"}, "widths": "300,600,900"}
    code = site.code("private", "cats/a.jpg", **more).json()
    assert code["errors"] == {"picture": code["errors"]["picture"]}  # whose formats the grant does not name
    assert "outside the grant" in code["errors"]["picture"]
    assert [part.split()[1] for part in code["srcset"].split(", ")] == ["300w", "600w"]  # those within it
    for url in (code["url"], code["path"], *(part.split()[0] for part in code["srcset"].split(", "))):
        path, _, query = url.partition("?")
        assert path == "/users/own/cats/a.jpg"
        assert query.endswith(f"&t={grant}")
        assert Verifier("users/own", [KEY]).verify("cats/a.jpg", decode_query(query.encode()), NOW).accepted
    for wrong in ({"options": {"w": "801"}}, {"options": {"h": "3"}}, {"grant": "x.y"}, {"grant": "x"}):
        refused = site.code("private", "cats/a.jpg", **{**more, **wrong})
        assert refused.status_code == 400
    assert site.code("private", "dogs/a.jpg", **more).status_code == 400
    assert site.code("private", "cats/a.jpg", **{**more, "grant": ""}).status_code == 401


# Attacks

MARKUP = "\"><script>alert(1)</script><b title='"


@pytest.mark.parametrize(
    "wanted",
    [
        {"options": {"info": "fetch"}},  # an argument of Images, which would ask a server
        {"options": {"attrs": "x"}},
        {"options": {"base_url": "http://169.254.169.254/"}},
        {"options": {"expires_in": "1"}},
        {"options": {"t": "forged"}},
        {"options": {"e": "1"}},
        {"options": {"self": "1"}},
        {"options": {"w": "1", "width": "2"}},
        {"options": {"w": ["1"]}},
        {"options": ["w"]},
        {"options": {"w": "\ud800"}},
        {"alt": "\ud800"},
        {"info": "fetch"},
        {"base_url": "http://x/?y=#z"},
        {"base_url": 7},
        {"expires_in": -1},
        {"expires_in": 1e308},
        {"expires_in": True},
        {"widths": "1," * 5000},
        {"key": "../../etc/passwd"},
        {"key": "a\x00b"},
        {"key": "\ud800"},
        {"key": None},
        {"handler": "no such"},
        {"handler": ["photos"]},
        {"handler": None},
    ],
)
def test_what_has_no_meaning_is_refused(site: Site, wanted: dict[str, Any]) -> None:
    body = json.dumps({"handler": "photos", "key": "cat.jpg", **wanted})
    refused = site.client.post(f"{PATH}/code", content=body, headers={"content-type": "application/json"})
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/json"
    assert refused.json()["error"]


@pytest.mark.parametrize("body", ["", "[]", "7", "{", "[" * 9000, '{"key": "' + "a" * 20_000 + '"}'])
@pytest.mark.parametrize("path", ["code", "explain"])
def test_what_is_no_object_is_refused(site: Site, path: str, body: str) -> None:
    headers = {**BEARER, "content-type": "application/json"}
    assert site.client.post(f"{PATH}/{path}", content=body, headers=headers).status_code in (400, 413)


def test_markup_stays_text_in_the_tags(site: Site) -> None:
    info = {"width": 9, "height": 9, "dominant": "#a1b2c3"}
    code = site.code(
        "photos",
        f"{MARKUP}.jpg".replace("/", ""),
        options={"dl": MARKUP.replace("/", "")},
        alt=MARKUP,
        sizes=MARKUP,
        widths="300",
        base_url="https://a.example/%22%3E",
        info=info,
    ).json()
    for tag in (code["img"], code["picture"]):
        assert set(_Page(tag).tags) <= {"img", "picture", "source"}
    evil = site.code(info={"width": 9, "height": 9, "lqip": "data:x) url(https://evil.example/"})
    assert evil.json()["img"] is None


TEXTS = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["", "300", "300,600", MARKUP, "\ud800", "fetch", "fit", "fixed"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OPTIONED = st.dictionaries(st.sampled_from(["w", "h", "f", "q", "dpr", "rect", "rotate", "pad", "ar"]), TEXTS)


@pytest.mark.slow
@settings(max_examples=150)
@given(
    texts=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("widths", "sizes", "alt", "base_url", "key", "handler", "layout", "grant"), TEXTS
        ),
    ),
    others=st.fixed_dictionaries(
        {}, optional={"info": VALUES, "options": OPTIONED | VALUES, "expires_in": VALUES, "sign": VALUES}
    ),
)
def test_whatever_is_posted_is_answered_or_refused(
    site: Site, texts: dict[str, Any], others: dict[str, Any]
) -> None:
    body = json.dumps({"handler": "either", "key": "a.jpg", **texts, **others})
    headers = {**BEARER, "content-type": "application/json"}
    answer = site.client.post(f"{PATH}/code", content=body, headers=headers)
    assert answer.status_code in (200, 400)
    assert {"url", "path", "errors"} <= answer.json().keys() or answer.json()["error"]


def test_the_account_of_any_text_is_lines(site: Site) -> None:
    for url in (
        "",
        "http://[",
        MARKUP,
        "/photos/%zz",
        "/users/own/a?t=x",
        "\x00",
        "/" * 9000,
        "http://a:b@c:99999/",
    ):
        answer = site.post("explain", {"url": url}, **BEARER)
        assert answer.status_code == 200
        assert all(isinstance(line, str) for line in answer.json()["lines"])
    assert site.post("explain", {"url": 7}, **BEARER).status_code == 400


def test_a_listener_for_operators_tells_where_the_pictures_are() -> None:
    state = Site(pictures="/-/playground/pictures").client.get(f"{PATH}/state").json()
    assert state["pictures_at"] == "/-/playground/pictures"
    assert (state["public_url"], state["public_port"]) == (None, 80)


@pytest.mark.parametrize(
    ("playground", "method"), [(False, "GET"), (True, "POST"), (True, "PUT"), (True, "DELETE")]
)
def test_a_listener_for_operators_has_pictures_for_the_playground_alone(
    playground: bool, method: str
) -> None:
    app = create_app(configured(playground=playground, port=9000))
    with_pages = TestClient(create_admin_app(app))
    assert with_pages.request(method, f"{PATH}/pictures/photos/cat.jpg").status_code == 404
    assert not app.origin.is_open  # nothing of it was asked
    assert TestClient(create_admin_app(app)).get(PATH).status_code == (200 if playground else 404)
