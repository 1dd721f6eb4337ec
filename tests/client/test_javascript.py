"""The npm package: its own tests, its list of options, and that it writes what the Python client writes."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from clients.js import make_options
from origin.client import Images
from origin.signing import UrlSigner
from origin.urls.options import OPTIONS
from tests.support.documents import ROOT
from tests.support.node import CLIENT
from tests.support.node import run_node
from tests.support.options import CONTRACT
from tests.support.signing import KEY
from tests.support.signing import NOW
from tests.support.tags import ATTACKS

BASE = {"baseUrl": "https://img.example.com", "prefix": "photos"}
PLAIN = Images("https://img.example.com", "photos")
SIGNED = Images("https://img.example.com", "photos", [KEY])
INFO = {
    "width": 1000,
    "height": 601,
    "dominant": "#a1b2c3",
    "lqip": "data:image/webp;base64,AAAA",
    "frames": 1,
}


def ask(calls: list[list[Any]]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = json.loads(run_node("test/batch.js", given=json.dumps(calls)))
    return answers


@pytest.mark.slow
def test_its_own_tests_pass() -> None:
    out = run_node("--test", "--test-reporter=tap", *sorted((CLIENT / "test").glob("*.test.js")))
    assert "\n# fail 0\n" in out
    assert "\n# skipped 0\n" in out


def test_its_list_of_options_is_that_of_the_origin() -> None:
    advice = "run: python clients/js/make_options.py"
    assert (CLIENT / "src/options.js").read_text() == make_options.write_module(), advice
    assert (CLIENT / "src/options.d.ts").read_text() == make_options.write_types(), advice


def test_its_licence_and_version_are_those_of_the_project() -> None:
    from origin import __version__

    package = json.loads((CLIENT / "package.json").read_text())
    assert package["version"] == __version__
    assert not package.keys() & {"dependencies", "peerDependencies", "optionalDependencies"}
    assert (CLIENT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def python_url(images: Images, options: dict[str, Any]) -> str | None:
    try:
        return images.url("a/é 1.jpg", **options)
    except (TypeError, ValueError):
        return None


@pytest.mark.slow
def test_both_write_the_same_urls_and_refuse_the_same_values() -> None:
    """Every value of the contract, taken and refused, and mixes of them."""
    texts = {
        name: [*taken, *refused] for name, (_, taken, refused) in CONTRACT.items() if name not in ("e", "t")
    }
    assert texts.keys() == {option.name for option in OPTIONS if not option.of_token}
    asked: list[dict[str, Any]] = [{name: text} for name, some in texts.items() for text in some]
    numbers = [0, -1, 0.1, 0.3, 1, 1.5, 2.0, 50, 99.5, 300, 1e6, 1e15, 1e16, 1e21, 1e-5, 1e-7, 123456789.125]
    others = [
        True,
        False,
        [0.3, 0.6],
        [1, 2, 3],
        [0, 0, 0.5, 1.0],
        ["thumb", "gray"],
        "",
        " 1",
        "1 ",
        "١",
        "K",
    ]
    asked += [{name: value} for name in texts for value in (*numbers, *others)]
    chance = random.Random(16)
    names = [name for option in OPTIONS if not option.of_token for name in option.names]
    for _ in range(600):
        some = chance.sample(names, chance.randint(1, 4))
        values = [*numbers, *others, None, *(text for texts in texts.values() for text in texts)]
        asked.append({name: chance.choice(values) for name in some})
    answers = ask([[BASE, "url", "a/é 1.jpg", options] for options in asked])
    written = [python_url(PLAIN, options) for options in asked]
    different = [
        (options, expected, answer)
        for options, expected, answer in zip(asked, written, answers, strict=True)
        if answer.get("value") != expected
    ]
    assert different == []
    assert 300 < sum(url is None for url in written) < len(written) - 300


def test_both_write_the_same_tags() -> None:
    asked: list[dict[str, Any]] = [
        {"w": 300, "h": 200},
        {"w": 300, "info": INFO, "class": "a", "style": "color: red", "loading": "eager"},
        {"widths": [300, 600], "sizes": "50vw", "info": INFO, "placeholder": "dominant"},
        {"widths": [900, 450], "w": 3, "h": 2, "f": "jpg", "placeholder": None, "info": INFO},
        {"h": 200, "densities": [1, 1.5, 2], "attrs": {"data-x": 1, "hidden": True, "title": None}},
        {"f": "gif", "info": {**INFO, "frames": 9}},
        {"radius": "max", "w": 99, "h": 99, "info": INFO},
        {"info": {**INFO, "alpha": True}, "w": 12.5, "ar": "16:9", "rotate": 90, "pad": [1, 2.5]},
        {"info": INFO, "rect": "0.1,0.1,0.5,0.7", "w": 100, "c": False, "h": 900},
        {"info": INFO, "w": 300, "h": 500, "fit": "outside"},
        {"info": INFO, "w": 3000, "h": 500, "fit": "outside", "enlarge": True},
        {"info": INFO, "ar": "3:2"},
        {"info": INFO, "p": "thumb"},
        {"id": "<'\">&\n`é", "w": 1},
        {"style": "a: b", "attrs": {"style": "c: d"}, "info": INFO, "w": 9},
        {"style": "a: b", "attrs": {"style": None}},
        {"sizes": None, "widths": None, "class": None, "loading": None, "w": 9},
    ]
    calls: list[list[Any]] = [
        [settings, method, "a/é 1.jpg", {"alt": "\"A\" <cat> & 'é'", **tag}]
        for settings in (BASE, {**BASE, "keys": [KEY]})
        for method in ("img", "picture")
        for tag in asked
    ]
    calls += [
        [BASE, "picture", text, {"alt": text, "widths": [9], "sizes": text, "title": text, "dl": "cat.jpg"}]
        for text in ATTACKS
    ]
    calls.append([BASE, "picture", "cat.jpg", {"alt": "", "formats": ["AVIF", ".jpeg"]}])
    answers = ask(calls)
    for (settings, method, key, tag), answer in zip(calls, answers, strict=True):
        images = SIGNED if "keys" in settings else PLAIN
        assert answer.get("value") == str(getattr(images, method)(key, **tag)), (answer, tag)


@pytest.mark.slow
def test_both_make_the_same_grants_and_refuse_the_same_bounds() -> None:
    asked: list[dict[str, Any]] = [
        {},
        {"w": {"min": 1, "max": 1600}, "f": ["webp", "jpg"], "c": True},
        {"width": [300, 600], "dpr": {"min": 1, "max": 1.5}},
        {"ar": ["16:9", 1.5], "g": "0.5,0", "bg": "tomato", "q": ["auto", 80]},
        {"ar": {"min": "1:2", "max": 2}},
        {"rotate": {"min": -90}, "blur": {"max": 3}, "pad": "1,2"},
        *(
            {name: bound}
            for name in ("w", "q", "dpr", "ar", "f", "c", "g", "p", "dl", "rotate", "blur", "bytes")
            for bound in (
                "300",
                300,
                0,
                0.1,
                True,
                [],
                ["x"],
                [1, "1"],
                None,
                {},
                {"min": 5},
                {"min": 5, "max": 3},
                {"max": -500},
                {"min": 1_000_000},
                {"min": "1"},
                {"min": True},
                {"most": 3},
                "auto",
                "jpeg",
                "top",
                "16:9",
                "thumb,small",
                ["16:9"],
            )
        ),
        {"w": 1, "width": 2},
        {"hight": 3},
    ]
    settings = {**BASE, "keys": [KEY]}
    answers = ask([[settings, "grant", "users/*", bounds, {"now": NOW, "expiresIn": 60}] for bounds in asked])
    signer = UrlSigner("https://img.example.com", "photos", [KEY])
    different = []
    for bounds, answer in zip(asked, answers, strict=True):
        try:
            expected = signer.grant("users/*", now=NOW, expires_in=60, **bounds)
        except (TypeError, ValueError):
            expected = None
        if answer.get("value") != expected:
            different.append((bounds, expected, answer))
    assert different == []
