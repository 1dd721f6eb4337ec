"""`origin explain` tells what the origin understands, and what it tells of formats is what comes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.config.load import build_config
from origin.config.model import Config
from origin.parts.explain import explain_url
from origin.signing import UrlSigner
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.parsing import spell_options
from origin.urls.query import decode_query
from tests.support import pictures
from tests.support.commands import KEY
from tests.support.commands import invoke
from tests.support.commands import write_config
from tests.support.running import Running
from tests.support.running import settings

LOCAL = {"type": "local", "root": "/srv/photos"}
OTHER_KEY = "another-signing-key-that-is-long-enough"
BUCKET = {"type": "s3", "bucket": "my-photos", "folder": "/originals/"}


def configured(**handler: Any) -> Config:
    return build_config({"handlers": [{"name": "photos", "source": LOCAL, **handler}]})


def explained(url: str, config: Config | None = None) -> dict[str, list[str]]:
    """The lines by their first word; a line that is indented belongs to the one before."""
    lines, _ = explain_url(config or configured(), url, now=1_790_000_000)
    told: dict[str, list[str]] = {}
    for line in lines:
        name, _, text = line.partition(": ")
        if line.startswith("  "):
            list(told.values())[-1].append(line.strip())
        else:
            told.setdefault(name.rstrip(":"), []).append(text)
    return told


def test_the_actions_of_uploads_are_no_pictures() -> None:
    told = explained("/photos/-/publish", configured(write={"auth": "open"}))
    assert told["refused"] == ["keys below -/ are reserved"]
    assert "refused" not in explained("/photos/-/publish")


@pytest.mark.parametrize(
    ("url", "told", "succeeds"),
    [
        ("/status", "answer: 200, OK", True),
        ("/-/ready", "answer: 200, OK; 503 while it drains", True),
        ("/-/purge", "paths below /-/ are the origin's own, for operators", False),
        ("/%2d/live", "paths below /-/ are the origin's own, for operators", False),
        ("/ping", "a fixed answer of this configuration (answers): 200", True),
        ("/old/x?y=1", "a fixed answer of this configuration (answers): 308 to /new/", True),
        ("/photos/gone.jpg", "a fixed answer of this configuration (answers): 410", False),
        ("/photos", "handler: photos, which is written to by POST here", False),
        ("/upload", "handler: photos, which is written to by POST here", False),
        ("/uploads", "no handler is mounted there; there are /photos/", False),
    ],
)
def test_a_path_that_leads_to_no_picture_is_told_as_what_it_is(url: str, told: str, succeeds: bool) -> None:
    write = {"auth": "open", "routes": {"upload": "/upload"}}
    answers = {
        "/ping": "Pong!",
        "GET /old/*": {"status": 308, "location": "/new/"},
        "POST /photos/a.jpg": "x",
    }
    answers["/photos/gone.jpg"] = {"status": 410}
    photos = {"name": "photos", "source": LOCAL, "write": write}
    config = build_config({"handlers": [photos], "answers": answers})
    lines, goes_on = explain_url(config, url, now=1_790_000_000)
    assert told in lines
    assert goes_on is succeeds
    assert explain_url(config, "/photos/a.jpg", now=1_790_000_000)[0][0].startswith(
        "handler: photos, mounted"
    )


@pytest.mark.parametrize("path", ["/photos", "/upload"])
def test_where_a_handler_is_at_the_root_a_get_is_that_handlers(path: str) -> None:
    photos = {"name": "photos", "source": LOCAL, "write": {"auth": "open", "routes": {"upload": "/upload"}}}
    config = build_config({"handlers": [photos, {"name": "all", "source": LOCAL, "prefix": ""}]})
    lines, goes_on = explain_url(config, f"{path}?w=30", now=1_790_000_000)
    assert lines[:2] == ["handler: all, mounted at /", f"key: {path[1:]}"]
    assert goes_on


def test_a_url_is_told_from_handler_to_what_happens_next(tmp_path: Path) -> None:
    config = {"handlers": [{"name": "photos", "prefix": "img", "source": BUCKET}]}
    done = invoke("explain", "-c", write_config(tmp_path, config), "/img/a%20b.jpg?w=300&h=200&utm_source=x")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "handler: photos, mounted at /img/",
        "key: a b.jpg",
        "ignored: utm_source: no option has this name",
        "signature: not needed here",
        "options: w=300 h=200 c=true",
        "size: 300x200, filled, the rest cut at the centre, never enlarged",
        "format: the original's own",
        "  of bmp, ico: jpg, png where it is transparent, gif where it is animated",
        "original: s3://my-photos/originals/a b.jpg (not looked at here)",
        "next: the cache is asked for the result",
        "  kept, and younger than 604800 s: it is served",
        "  kept, and older: for 86400 s it is still served, while the source is asked whether the original "
        "has changed",
        "  else: the original is fetched and rendered, and the result is kept",
    ]


def test_a_handler_that_keeps_nothing_says_so() -> None:
    told = explained("/photos/a.jpg", configured(cache_time=-1))
    assert told["next"] == ["the original is fetched and rendered; nothing is kept"]


# What is ignored


@pytest.mark.parametrize(
    ("query", "handler", "ignored"),
    [
        ("w=1", {}, []),
        ("hight=3", {}, ["hight: no option has this name; did you mean height?"]),
        (
            "W=3&frobnicate=x",
            {},
            ["W: no option has this name; did you mean w?", "frobnicate: no option has this name"],
        ),
        (
            "q=1&h=2",
            {"options": ["w"]},
            [f"{n}: not among the options that this handler takes" for n in "qh"],
        ),
        ("e=1790009999&t=", {"options": []}, []),
        ("gray&trim=", {}, [f"{name}: it has no value; write one behind =" for name in ("gray", "trim")]),
        (
            "w=1&amp;h=2",
            {},
            ["amp;h: no option has this name; the URL is escaped for HTML: outside of it, write & for &amp;"],
        ),
        ("%1b[31m=1", {}, [r"'\x1b[31m': no option has this name"]),
        ("x" * 99 + "=1", {}, [f"{'x' * 40!r}: no option has this name"]),
    ],
)
def test_names_that_change_nothing_are_told(query: str, handler: Any, ignored: list[str]) -> None:
    assert explained(f"/photos/a.jpg?{query}", configured(**handler)).get("ignored", []) == ignored


def test_they_are_told_where_the_url_is_refused_as_well() -> None:
    told = explained("/photos/a.jpg?hight=3&w=300px")
    assert told["ignored"] == ["hight: no option has this name; did you mean height?"]
    assert told["refused"] == ["option w: expected a number of CSS pixels, got '300px'"]


# What probably means something else


@pytest.mark.parametrize(
    ("rest", "hint"),
    [
        ("a.jpg?bg=#fff", "browsers send nothing from the # on (#fff); write it as %23"),
        ("a.jpg&w=3", "&w= is in the key; options begin behind the first ? that is not escaped"),
        ("a.jpg%3Fw=3&h=2", "?w= is in the key; options begin behind the first ? that is not escaped"),
        ("a%2520b.jpg", "the key holds a percent sign and two digits; is the URL percent-encoded twice?"),
        ("a.jpg?fit=cover", "fit counts with both w and h"),
        ("a.jpg?w=3&crop=true", "c counts with both w and h"),
        ("a.jpg?w=3&ar=1&fit=cover", None),
        ("a&b=c.jpg?w=3&h=3&fit=fill", None),
        ("100%25.jpg", None),
    ],
)
def test_a_url_that_probably_means_something_else_has_a_hint(rest: str, hint: str | None) -> None:
    assert explained(f"/photos/{rest}").get("hint", []) == ([] if hint is None else [hint])


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/photo/a.jpg", "; did you mean /photos/?"),
        ("/Photos/a.jpg", "; did you mean /photos/?"),
        ("https://img.example.com//photos/a.jpg", "; did you mean /photos/?"),
        ("/photos", "; behind /photos/ comes a key"),
        ("/elsewhere/a.jpg", ""),
    ],
)
def test_a_path_without_a_handler_is_told_the_one_that_was_meant(path: str, meant: str) -> None:
    lines, _ = explain_url(configured(), path, now=1_790_000_000)
    assert lines[0] == f"no handler is mounted there; there are /photos/{meant}"


@pytest.mark.parametrize(
    ("presets", "there_are"),
    [
        ({}, "there are none"),
        ({"b": {"w": 1}, "a": {"w": 2}}, "there are a, b"),
        ({f"p{number:02}": {"w": 1} for number in range(20)}, "p10, p11, …"),
    ],
)
def test_a_preset_that_is_not_there_is_told_which_are(presets: Any, there_are: str) -> None:
    config = build_config({"handlers": [{"name": "photos", "source": LOCAL}], "presets": presets})
    (refused,) = explained("/photos/a.jpg?p=thumb", config)["refused"]
    assert refused.startswith(
        "option p: expected names, separated by commas, of presets in the configuration"
    )
    assert refused.endswith(there_are)


# Options as a person writes them


@pytest.mark.parametrize(
    ("query", "handler", "options"),
    [
        ("", {}, "none"),
        ("", {"output_format": "auto"}, "f=auto"),
        ("f=original", {"output_format": "auto"}, "f=original"),
        ("width=300&dpr=2&format=JPEG&q=80", {}, "w=600 f=jpg"),
        ("w=300&h=200&c=f&q=30", {}, "w=300 h=200 c=false q=30"),
        ("w=300&h=200&c=f", {"crop": False}, "w=300 h=200"),
        ("w=300", {"widths": [200, 400]}, "w=400"),
        ("w=300&ar=3:2&g=0.5,0", {}, "w=300 h=200 c=true g=top"),
        ("w=9&h=9&fit=contain&background=RED&pad=1,2&dpr=2", {}, "w=18 h=18 fit=contain pad=2,4 bg=ff0000"),
        ("rotate=-90&rect=0,0,0.5,1", {}, "rect=0,0,0.5,1 rotate=270"),
    ],
)
def test_options_are_told_as_a_person_would_write_them(query: str, handler: Any, options: str) -> None:
    assert explained(f"/photos/a.jpg?{query}", configured(**handler))["options"] == [options]


@pytest.mark.parametrize(
    ("query", "size"),
    [
        (
            "w=300&h=200&g=smart",
            "300x200, filled, the rest cut around what is found by smart, never enlarged",
        ),
        (
            "w=300&h=200&g=0.3,0.6&enlarge=1",
            "300x200, filled, the rest cut around the point 0.3,0.6, small originals grow",
        ),
        ("w=300&h=200&fit=inside", "300x200, fitted inside, never enlarged"),
        ("w=300&h=200&fit=contain", "300x200, fitted inside and padded to the box, never enlarged"),
        ("w=300&h=200&fit=outside", "300x200, filled, nothing cut, never enlarged"),
        ("w=300&h=200&fit=fill", "300x200, stretched, never enlarged"),
        ("w=300&enlarge=1", "300 wide, in proportion, small originals grow"),
        ("ar=16:9", "the original's, cut to 16:9 at the centre"),
        ("g=top", "the original's"),
    ],
)
def test_the_size_is_told(query: str, size: str) -> None:
    assert explained(f"/photos/a.jpg?{query}")["size"] == [size]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "w": st.integers(0, 5000).map(str),
            "h": st.integers(0, 5000).map(str),
            "c": st.sampled_from(["true", "false"]),
            "f": st.sampled_from(["jpg", "png", "auto", "original"]),
            "q": st.integers(1, 100).map(str),
            "dpr": st.sampled_from(["0", "1.5", "9"]),
            "fit": st.sampled_from(["cover", "inside", "contain", "fill"]),
            "g": st.sampled_from(["center", "top", "0.3,0.6", "smart"]),
            "ar": st.sampled_from(["16:9", "1.5", "0.01"]),
            "rect": st.sampled_from(["0,0,1,1", "0.1,0,0.5,1", "1,2,3,4.5"]),
            "rotate": st.sampled_from(["0", "-90", "12.34567"]),
            "pad": st.sampled_from(["0", "1,2,3,4", "2.5"]),
            "bg": st.sampled_from(["fff", "ffcc0080", "transparent"]),
        },
    ),
    st.builds(
        OptionDefaults,
        format=st.sampled_from(["original", "auto", "webp", "jpg"]),
        crop=st.booleans(),
        max_dimension=st.sampled_from([100, 4096]),
        widths=st.sampled_from([(), (100, 300, 8000)]),
        quality=st.just({"jpg": 80, "webp": 78}),
        names=st.sampled_from([None, frozenset({"w", "f"})]),
    ),
)
def test_what_is_told_means_the_same_when_it_is_written(
    query: dict[str, str], defaults: OptionDefaults
) -> None:
    options = parse_options([(name.encode(), text.encode()) for name, text in query.items()], defaults)
    written = "&".join(spell_options(options, defaults))
    assert parse_options(decode_query(written.encode()), defaults) == options


# Refusals and their exit codes


def test_what_becomes_of_a_posted_picture_is_told() -> None:
    posted = {"name": "images", "transform": ["render", "resize_avatar"]}
    config = build_config({"handlers": [posted]})
    told = explained("/images?w=300&x=1", config)
    assert told["posted pictures"] == ["render; anyone"]
    assert told["size"] == ["300 wide, in proportion, never enlarged"]
    assert told["ignored"] == ["x: no option has this name"]
    assert told["next"] == ["rendered; nothing is kept"]
    assert explained("/images/rescale_avatar", config)["answer"] == ["JSON; nothing is kept"]
    assert explained("/images?w=x", config)["answer"] == ["400, JSON, class bad-request"]
    assert explained("/images/fit/9", config)["answer"] == ["404, JSON"]
    both = build_config({"handlers": [{**posted, "source": LOCAL, "auth": {"bearer": KEY}}]})
    assert explained("/images?w=9", both)["posted pictures"] == ["render; who auth lets in"]
    assert explained("/images/a.jpg", both)["original"] == ["/srv/photos/a.jpg (not looked at here)"]


@pytest.mark.parametrize(
    ("url", "last"),
    [
        ("/nowhere/a.jpg", "answer: 404, plain text"),
        ("/photos/%zz", "answer: 404, plain text, or the fallback image, class bad-request"),
        ("/photos/a//b", "answer: 404, the fallback image, class bad-request"),
        ("/photos/a.jpg?q=0", "answer: 404, the fallback image, class bad-request"),
        ("/exact/a.jpg?q=0&t=x", "answer: 403, the fallback image, class forbidden"),
    ],
)
def test_a_url_that_does_not_lead_to_a_picture_is_exit_1(tmp_path: Path, url: str, last: str) -> None:
    signed = {"name": "exact", "source": LOCAL, "error_status": "exact", "signing": {"keys": [KEY]}}
    config = {"handlers": [{"name": "photos", "source": LOCAL}, signed]}
    done = invoke("explain", "-c", write_config(tmp_path, config), url)
    assert (done.exit_code, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-1] == last


@pytest.mark.parametrize(
    ("prefix", "key", "line"),
    [
        ("members", KEY, "mistake: the first line is 'members', the prefix of members"),
        ("photos", OTHER_KEY, "mistake: it is made with a key of the handler members"),
        ("members", OTHER_KEY, "mistake: it is made for the handler members, with its prefix and key"),
        ("open", KEY, "mistake: the first line is 'open', the prefix of open"),
        (
            "photos",
            KEY[::-1],
            "no usual mistake: the application signs with another key, or another text than the lines above",
        ),
    ],
)
def test_a_token_of_another_handler_is_told_whose_it_is(prefix: str, key: str, line: str) -> None:
    photos = {"name": "photos", "source": LOCAL, "signing": {"keys": [KEY]}}
    members = {"name": "members", "source": LOCAL, "signing": {"keys": [OTHER_KEY]}}
    config = build_config({"handlers": [photos, members, {"name": "open", "source": LOCAL}]})
    token = UrlSigner("", prefix, [key]).token("a.jpg", [(b"w", b"3")])
    told = explained(f"/photos/a.jpg?w=3&t={token}", config)
    assert told["signature"][-2:] == [line, "verdict: wrong, no key made this token for this URL"]


def test_a_signature_is_told_with_its_verdict() -> None:
    config = configured(signing={"keys": [KEY]})
    url = UrlSigner("", "photos", [KEY]).url("cat.jpg", w=300)
    assert explained(url, config)["signature"] == [
        *("", "prefix: photos", "key: cat.jpg", "query: w=300", "verdict: signed, with key 1")
    ]
    assert explained(url.replace("300", "301"), config)["answer"] == [
        "404, the fallback image, class forbidden"
    ]


# What is told of the format is what comes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    (folder / "opaque").write_bytes(pictures.small())
    (folder / "transparent").write_bytes(pictures.alpha())
    (folder / "animated").write_bytes(pictures.animation("GIF"))
    (folder / "tiff").write_bytes(pictures.tiff())
    return folder


@pytest.fixture(scope="module")
def config(folder: Path) -> dict[str, Any]:
    return settings(folder, folder / "cache", allowed_formats=["jpg", "png", "gif", "webp", "tiff"])


@pytest.fixture(scope="module")
def origin(config: dict[str, Any]) -> Iterator[Running]:
    with Running(config) as origin:
        yield origin


@pytest.mark.parametrize(
    ("accept", "told", "came"),
    [
        (
            "image/avif,image/webp,*/*",
            "image/avif is named: avif; webp where the original is animated",
            {"opaque": "avif", "transparent": "avif", "animated": "webp"},
        ),
        (
            "image/webp,*/*",
            "image/webp is named: webp",
            {"opaque": "webp", "transparent": "webp", "animated": "webp"},
        ),
        (
            "*/*",
            "neither, or */* alone: jpg, png where it is transparent, gif where it is animated",
            {"opaque": "jpeg", "transparent": "png", "animated": "gif"},
        ),
    ],
)
def test_what_is_told_of_auto_is_what_comes(
    origin: Running, config: dict[str, Any], accept: str, told: str, came: dict[str, str]
) -> None:
    assert told in explained("/h/opaque?w=20&f=auto", build_config(config))["format"]
    types = {name: origin.get(f"/h/{name}?w=20&f=auto", headers={"Accept": accept}).type for name in came}
    assert types == {name: f"image/{format}" for name, format in came.items()}


@pytest.mark.parametrize("still", ["frame=1", "anim=false"])
def test_one_frame_is_told_as_the_still_that_it_is(
    origin: Running, config: dict[str, Any], still: str
) -> None:
    told = explained(f"/h/animated?w=20&f=auto&{still}", build_config(config))["format"]
    assert "image/avif is named: avif" in told
    assert "neither, or */* alone: jpg, png where it is transparent" in told
    assert explained(f"/h/animated?f=jpg&{still}", build_config(config))["format"] == ["jpg"]
    avif = origin.get(f"/h/animated?w=20&f=auto&{still}", headers={"Accept": "image/avif"})
    assert avif.type == "image/avif"


def test_what_is_told_of_the_originals_own_format_is_what_comes(
    origin: Running, config: dict[str, Any]
) -> None:
    assert explained("/h/opaque?w=20", build_config(config))["format"] == [
        "the original's own",
        "of tiff: jpg, png where it is transparent, gif where it is animated",
    ]
    types = [origin.get(f"/h/{name}?w=20").type for name in ("opaque", "transparent", "animated", "tiff")]
    assert types == ["image/jpeg", "image/png", "image/gif", "image/jpeg"]


@pytest.mark.parametrize(
    ("format", "told"),
    [("webp", "webp"), ("gif", "gif"), ("jpg", "jpg; the first frame where the original is animated")],
)
def test_a_format_that_holds_no_animation_says_so(format: str, told: str) -> None:
    assert explained(f"/photos/a.gif?f={format}")["format"] == [told]


def test_a_description_says_that_nothing_else_counts() -> None:
    told = explained("/photos/a.gif?f=json&w=300&blur=2")
    assert told["options"] == ["f=json"]
    assert told["format"] == ["json, of the upright original; no other option counts"]
    assert "size" not in told


# Presets

PRESETS = {
    "presets": {
        "thumb": {"w": 200, "h": 100},
        "big": {"w": 1500, "f": "webp", "only": ["jpg", "png"]},
    }
}


def lines_of(url: str, **handler: Any) -> list[str]:
    config = build_config(
        {"handlers": [{"name": "photos", "source": {"type": "local", "root": "."}, **handler}], **PRESETS}
    )
    lines, goes_on = explain_url(config, url, 0.0)
    assert goes_on
    return lines


def test_the_options_of_a_preset_are_told_with_those_of_the_url() -> None:
    lines = lines_of("/photos/a.jpg?p=thumb,big&h=50&utm=1", options=["p", "h"], preset="thumb")
    assert "preset of every URL here: thumb" in lines
    assert "options: w=1500 h=50 c=true f=webp" in lines
    assert "  for originals in jpg, png; others are passed through as they are" in lines
    assert "ignored: utm: no option has this name" in lines


def test_a_file_name_with_a_preset_is_told_apart_from_a_file_of_that_name() -> None:
    names = {"preset_names": {"BI": "big"}, "original_extensions": ["jpg", "png"]}
    lines = lines_of("/photos/x/1BI.avif?h=9", **names)
    assert "file name: preset big as avif, of the first of these that is there" in lines
    assert "  x/1.jpg, x/1.png" in lines
    assert "  but where the source has x/1BI.avif itself, that one, with h=9" in lines
    assert "options: w=1500 h=9 c=true f=avif" in lines
    passing = lines_of("/photos/x/1BI.avif", passthrough="plain", **names)
    assert "  but where the source has x/1BI.avif itself, that one, as it is" in passing
    assert "options: w=1500 f=avif" in passing


# --- pictures of other sites --------------------------------------------------------------------------

URL = "https://example.com/a/cat.jpg"
HEX = {"type": "http", "keys": "hex"}


def test_a_key_that_is_a_url_is_told_as_one() -> None:
    source = {**HEX, "registry": {"type": "sqlite", "path": "urls.db"}}
    told = explained(f"/photos/{URL.encode().hex()}/cat.jpg?w=30", configured(source=source))
    assert told["original"] == [f"{URL} (not looked at here)"]
    assert told["registry"] == ["asked with each request whether it knows this URL, and does not block it"]


@pytest.mark.parametrize(
    ("key", "handler", "answer"),
    [
        ("gg", {}, "404, the fallback image, class bad-request"),
        ("gg", {"error_status": {"bad-request": 400}}, "400, the fallback image, class bad-request"),
        (
            b"http://other.example/x".hex(),
            {"error_status": "exact"},
            "403, the fallback image, class forbidden",
        ),
        (
            b"http://other.example/x".hex(),
            {"on_error": {"text": True}},
            "404, a line of text, class forbidden",
        ),
        (b"http://other.example/x".hex(), {"on_error": {"json": True}}, "404, JSON, class forbidden"),
        (
            b"http://other.example/x".hex(),
            {"on_error": {"redirect": "/x.png"}},
            "302 to /x.png, class forbidden",
        ),
    ],
)
def test_a_url_that_is_not_fetched_is_told_with_its_answer(
    key: str, handler: dict[str, Any], answer: str
) -> None:
    config = configured(source={**HEX, "hosts": ["example.com"]}, **handler)
    lines, goes_on = explain_url(config, f"/photos/{key}", now=1_790_000_000)
    assert (lines[-1], goes_on) == (f"answer: {answer}", False)


def test_what_a_locked_preset_has_settled_is_told() -> None:
    presets = {"small": {"w": 100, "locked": True}}
    handlers = [{"name": "photos", "source": LOCAL, "preset": "small"}]
    told = explained("/photos/cat.jpg?w=300&h=9", build_config({"handlers": handlers, "presets": presets}))
    assert (told["ignored"], told["options"]) == (["w: a locked preset says it"], ["w=100 h=9 c=true"])


def test_what_passes_through_is_told_so() -> None:
    config = configured(passthrough="plain")
    told = "none count; the answer is the original's own bytes (passthrough: plain)"
    assert explained("/photos/cat.jpg?utm=x", config)["options"] == [told]
    assert explained("/photos/cat.jpg?w=30", config)["options"] == ["w=30"]


def test_a_file_that_is_made_of_its_original_is_told() -> None:
    write = {"auth": "open", "derive": {"BI": "big"}}
    handlers = [{"name": "up", "source": LOCAL, "write": write}]
    config = build_config({"handlers": handlers, "presets": {"big": {"w": 100}}})
    told = explained("/up/a/1BI.png", config)
    assert told["file name"] == [
        "preset big as png, of the first of these that is there",
        "a/1.png, a/1.jpg, a/1.jpeg, a/1.gif, a/1.webp, a/1.avif, a/1.svg",
        "derive stores the same under this name, with the original",
        "but where another system has left a/1BI.png itself, that one, with none",
    ]
    assert told["original"] == ["/srv/photos/a/1.png (not looked at here)"]


# Dialects

IMGIX_TOKEN = "an-imgix-token-1"


def imgix(**handler: Any) -> Config:
    return configured(**{"dialect": "imgix", "prefix": "", **handler})


def test_a_dialect_is_told_in_our_words() -> None:
    url = "/a/cat.jpg?w=300&h=200&fit=crop&crop=faces,entropy&auto=format,compress&ixlib=js&utm=1"
    told = explained(url, imgix())
    assert told["handler"] == ["photos, mounted at /"]
    assert told["key"] == ["a/cat.jpg"]
    assert told["dialect"] == ["imgix; in our words: w=300&h=200&fit=cover&g=entropy&f=auto"]
    assert told["ignored"] == [
        "utm: neither an option of imgix nor p",
        "ixlib: changes no pixel that anybody asked for",
    ]
    assert told["signature"] == ["not needed here"]
    assert told["options"] == ["w=300 h=200 c=true g=entropy f=auto"]
    (size,) = told["size"]
    assert size.startswith("300x200, filled, the rest cut around what is found by entropy, never enlarged; ")
    assert size.endswith("; lowered in proportion for a smaller original")


def test_what_a_dialect_cannot_say_here_is_told_by_its_name() -> None:
    told = explained("/cat.jpg?w=300&mark=logo.png&sepia=80", imgix())
    assert told["refused"] == [
        "imgix option mark: not available here, got 'logo.png'; "
        "imgix option sepia: not available here, got '80'"
    ]
    assert told["answer"] == ["404, the fallback image, class bad-request"]


def test_shares_and_zooms_of_a_dialect_are_told() -> None:
    assert explained("/cat.jpg?w=0.5", imgix())["size"] == ["0.5 of the original's"]
    zoomed = "/cat.jpg?w=30&h=20&fit=crop&crop=focalpoint&fp-z=2"
    assert "around the point 0.5,0.5, 2 times as near" in explained(zoomed, imgix())["size"][0]


@pytest.mark.parametrize("signed_path", ["full", "key"])
def test_a_signature_of_a_dialect_is_judged(signed_path: str) -> None:
    signing = {"imgix_token": IMGIX_TOKEN, "signed_path": signed_path}
    config = imgix(prefix="a/b", signing=signing, debug=True)
    path = "/a/b/cat.jpg" if signed_path == "full" else "/cat.jpg"
    signature = hashlib.md5(f"{IMGIX_TOKEN}{path}?w=300".encode()).hexdigest()
    told = explained(f"/a/b/cat.jpg?w=300&s={signature}", config)
    assert told["options"] == ["w=300"]
    assert told["signature"] == [
        "",
        f"signed text: the secret, then {path}?w=300",
        "verdict: signed, with key 1",
    ]
    refused = explained(f"/a/b/cat.jpg?w=301&s={signature}", config)
    assert refused["signature"][-1] == "verdict: wrong, no secret made this signature for this URL"
    assert refused["answer"] == ["404, the fallback image, class forbidden"]


MISTAKEN = {
    "the path was signed before it was escaped": ("/x/2024/a b é.jpg", "/a/b/{}/x/2024/a%20b%20%C3%A9.jpg"),
    "the path was signed escaped": ("/x/a%20b.jpg", "/a/b/{}/x/a b.jpg"),
    "the prefix was signed, too": ("/a/b/x/cat.jpg", "/a/b/{}/x/cat.jpg"),
    "no usual mistake": ("/elsewhere/cat.jpg", "/a/b/{}/x/cat.jpg"),
}
"""Of a handler at /a/b/: the text that was signed, and the URL, by what explain tells."""


@pytest.mark.parametrize("told", MISTAKEN)
def test_the_mistake_behind_a_signature_of_a_dialect_is_told(told: str) -> None:
    text, url = MISTAKEN[told]
    config = configured(dialect="thumbor", prefix="a/b", signing={"thumbor_key": THUMBOR_KEY})
    digest = hmac.digest(THUMBOR_KEY.encode(), text[1:].encode(), "sha1")
    lines = explained(url.format(base64.urlsafe_b64encode(digest).decode()), config)["signature"]
    assert told in lines[-2]
    assert lines[-1].startswith("verdict: wrong")


@pytest.mark.parametrize(("signed_path", "text"), [("full", "/cat.jpg"), ("key", "/a/b/cat.jpg")])
def test_the_path_that_imgix_urls_are_signed_with_is_found(signed_path: str, text: str) -> None:
    signing = {"imgix_token": IMGIX_TOKEN, "signed_path": signed_path}
    signature = hashlib.md5(f"{IMGIX_TOKEN}{text}".encode()).hexdigest()
    told = explained(f"/a/b/cat.jpg?s={signature}", imgix(prefix="a/b", signing=signing))
    assert any('"signed_path"' in line for line in told["signature"])


def test_an_expiry_of_a_dialect_counts_without_signing() -> None:
    told = explained("/cat.jpg?expires=1789999000", imgix())
    assert told["signature"][-1] == "verdict: expired, 1000 s ago"
    assert told["answer"] == ["404, the fallback image, class forbidden"]


THUMBOR_KEY = "a-thumbor-key-16"


def test_a_dialect_in_the_path_is_told_without_its_signature() -> None:
    config = configured(dialect="thumbor", prefix="a/b", signing={"thumbor_key": THUMBOR_KEY}, debug=True)
    rest = "300x200/left/filters:strip_icc():made_up()/2024/cat.jpg"
    digest = hmac.digest(THUMBOR_KEY.encode(), rest.encode(), "sha1")
    signature = base64.urlsafe_b64encode(digest).decode()
    told = explained(f"/a/b/{signature}/{rest}?utm=1", config)
    assert told["key"] == ["2024/cat.jpg"]
    assert told["dialect"] == ["thumbor; in our words: w=300&h=200&fit=cover&g=left&enlarge=true"]
    assert told["ignored"] == [
        "made_up: no option of thumbor",
        "utm: no option of thumbor",
        "strip_icc: changes no pixel that anybody asked for",
    ]
    assert told["signature"][1:] == [f"signed text: the secret, then {rest}", "verdict: signed, with key 1"]
    assert told["options"] == ["w=300 h=200 c=true g=left enlarge=true"]
    assert told["original"][0].startswith("/srv/photos/2024/cat.jpg")
    refused = explained(f"/a/b/{signature}/{rest[1:]}", config)
    assert refused["answer"] == ["404, the fallback image, class forbidden"]
    for lines in (told, refused, explained(f"/a/b/{signature}", config)):
        assert signature not in str(lines)
    assert explained("/a/b/unsafe/cat.jpg", config)["signature"][-1].startswith("verdict: missing")


def test_imgproxy_is_told_without_its_signature() -> None:
    signing = {"imgproxy_key": "ab" * 32, "imgproxy_salt": "cd" * 32, "imgproxy_signature_size": 8}
    config = configured(dialect="imgproxy", source=BUCKET, signing=signing)
    rest = "/rs:fill:300:200/c:400:300/cb:1/made_up:2/plain/s3://my-photos/2024/cat.jpg@webp"
    digest = hmac.digest(b"\xab" * 32, b"\xcd" * 32 + rest.encode(), "sha256")
    signature = base64.urlsafe_b64encode(digest[:8]).decode().rstrip("=")
    told = explained(f"/photos/{signature}{rest}", config)
    assert told["key"] == ["s3://my-photos/2024/cat.jpg"]
    assert told["dialect"] == ["imgproxy; in our words: w=300&h=200&fit=cover&rect=0,0,400,300&f=webp"]
    assert told["ignored"] == [
        "made_up: no option of imgproxy",
        "cachebuster: changes no pixel that anybody asked for",
    ]
    assert told["signature"][-1] == "verdict: signed, with key 1"
    assert told["rect"] == ["counts from 0.5 and 0.5 of what it leaves of the sides"]
    assert told["original"][0].startswith("s3://my-photos/originals/2024/cat.jpg")
    refused = explained(f"/photos/{signature}{rest}x", config)
    assert refused["answer"] == ["404, the fallback image, class forbidden"]
    for lines in (told, refused, explained(f"/photos/{signature}", config)):
        assert signature not in str(lines)
    other = explained("/photos/_/plain/s3://other/cat.jpg", configured(dialect="imgproxy", source=BUCKET))
    assert other["refused"] == [
        "imgproxy option source: this handler has another bucket; each needs a handler of its own"
    ]


def test_the_path_of_cloudflare_is_told_in_our_words() -> None:
    config = configured(dialect="cloudflare", signing={"keys": [KEY]})
    path = "width=300,height=200,fit=cover,g=0.3x0.5,trim=1;2;3;4,metadata=none,foo=1/a/cat.jpg"
    told = explained(UrlSigner("", "photos", [KEY]).url(path), config)
    assert told["key of the original"] == ["a/cat.jpg"]
    assert told["dialect"] == ["cloudflare; in our words: w=300&h=200&fit=cover&enlarge=true&g=0.3,0.5"]
    assert told["ignored"] == [
        "foo: neither an option of cloudflare nor p",
        "metadata: changes no pixel that anybody asked for",
    ]
    assert told["signature"][-1] == "verdict: signed, with key 1"
    assert told["edges"] == ["1, 2, 3, 4 pixels of the original are cut off: top, right, bottom, left"]
    assert "with that point of it on the point 0.3,0.5" in told["size"][0]
    assert explained(f"/photos/{path}", config)["answer"] == ["404, the fallback image, class forbidden"]
    refused = explained("/photos/width=300,segment=foreground/cat.jpg", configured(dialect="cloudflare"))
    assert refused["refused"] == [
        "cloudflare option segment: not available here, got 'foreground'",
    ]


def test_both_spellings_of_camo_are_told_alike() -> None:
    source = {"type": "http", "camo_key": "a-key-of-camo"}
    url = "https://example.com/a.jpg"
    digest = hmac.digest(b"a-key-of-camo", url.encode(), "sha1").hex()
    for target in (f"/photos/{digest}/{url.encode().hex()}?w=30", f"/photos/{digest}?w=30&url={url}"):
        told = explained(target, configured(source={**source, "keys": "camo"}))
        in_dialect = explained(target, configured(source=source, dialect="camo"))
        assert in_dialect["original"] == told["original"] == [f"{url} (not looked at here)"]
        assert in_dialect["options"] == told["options"] == ["w=30"]
        assert in_dialect.pop("dialect")[0].startswith("camo; in our words: w=30")
        assert in_dialect == told


def test_of_avifs_that_are_made_later_it_tells_what_comes_until_then() -> None:
    told = explained("/photos/a.jpg?f=auto", configured(avif="later"))["format"]
    assert told[1].endswith("and until the avif has been made in idle time")
    assert not any("idle" in line for line in explained("/photos/a.jpg?f=auto")["format"])
