"""What imgix's own libraries write is answered as it stands: no page that uses them has to change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest

from origin.urls.dialects.imgix.names import find_name
from tests.support.browser import Chromium
from tests.support.node import install
from tests.support.node import need_node
from tests.support.node import run_node
from tests.support.pictures import encoded
from tests.support.pictures import field
from tests.support.pictures import opened
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.static_site import serve_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TOKEN = "an-imgix-token-1"
WIDTH, HEIGHT = 120, 80  # of the original: small, so that many results cost little
KEYS = ("cat.jpg", "été/my cat+1 #2?.jpg", "https://example.com/a cat.jpg?v=1&w=2")
PACKAGES = (
    *("@imgix/js-core@3.8.0", "react-imgix@9.11.0", "react@19", "react-dom@19"),
    *("@unpic/core@1.0.3", "unpic@4.2.2", "imgix-url-params@11.36.0"),
)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Without signatures at the root, signed at `/signed/`, and URLs of other sites behind a CDN's prefix."""
    folder = tmp_path_factory.mktemp("origin")
    local = {"type": "local", "root": str(folder)}
    other = {"type": "http", "keys": "url", "hosts": ["example.com"]}
    token = {"imgix_token": TOKEN}
    config = {
        "handlers": [
            {"name": "root", "prefix": "", "dialect": "imgix", "source": local},
            {"name": "signed", "dialect": "imgix", "source": local, "signing": token},
            {
                **{"name": "proxy", "dialect": "imgix", "source": other},
                "signing": {**token, "signed_path": "key"},
            },
        ],
        "cache": {"path": str(folder / "cache")},
        "renderers": 1,
    }
    shelf = Shelf(**dict.fromkeys(KEYS, encoded(field(WIDTH, HEIGHT), "JPEG")))
    with Running(config, source=shelf) as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_node(20, 0)
    folder = tmp_path_factory.mktemp("project")
    install(folder, *PACKAGES)
    return folder


def written(project: Path, program: str) -> list[str]:
    """Paths and queries of the URLs in what a program prints, each once."""
    (project / "page.mjs").write_text(program)
    text = unescape(run_node("page.mjs", cwd=project))
    return list(dict.fromkeys(re.findall(r"https?://img\.example\.com(/[^\s\"<>,)]+)", text)))


def ask(origin: Running, targets: list[str], before: str = "") -> None:
    """Each is answered with a picture of the size that imgix documents, where that is not above ours."""
    for target in targets:
        answer = origin.get(before + target, headers={"Accept": "image/webp,*/*"})
        assert (answer.status, answer.kind) == (200, None), target
        width, height = opened(answer.body).size
        asked = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        assert width <= WIDTH
        assert height <= HEIGHT
        if "auto" in asked:
            assert answer.type == "image/webp", target
        if "w" in asked and "h" in asked and asked.get("fit") in ("crop", "min"):
            # The shape of the box, also where that is larger than the original.
            shape = float(asked["w"]) / float(asked["h"])
            assert abs(width - height * shape) <= max(1.0, shape), target
        elif "w" in asked and asked.get("ar") is None:
            ratio = float(asked.get("dpr", 1))
            assert width == min(round(float(asked["w"]) * ratio), WIDTH), target


JS_CORE = """
import ImgixClient from "@imgix/js-core";
const domain = "img.example.com";
const plain = new ImgixClient({ domain });
const signed = new ImgixClient({ domain, secureURLToken: "%s" });
const show = (text) => console.log(text);
"""


def test_js_core(origin: Running, project: Path) -> None:
    """@imgix/js-core: single URLs and both kinds of `srcset`, of plain and of awkward names."""
    targets = written(
        project,
        JS_CORE % TOKEN
        + """
        for (const path of ["cat.jpg", "/été/my cat+1 #2?.jpg"]) {
          show(plain.buildURL(path, { w: 40, h: 30, fit: "crop", crop: "faces,entropy" }));
          show(plain.buildSrcSet(path, { auto: "format,compress" }));
          show(plain.buildSrcSet(path, { w: 40, h: 30, fit: "crop", "fp-x": 0.3, crop: "focalpoint" }));
          show(plain.buildSrcSet(path, { h: 30, q: 60 }, { disableVariableQuality: true }));
          show(plain.buildSrcSet(path, { ar: "3:2", fit: "crop" }, { widths: [20, 40, 500] }));
        }
        show(plain.buildURL("cat.jpg", { w: 0.5, pad: undefined, "border-radius": 3, utm_source: "a b+c" }));
        show(ImgixClient._buildURL("https://img.example.com/cat.jpg?w=30", { fit: "max", fm: "webp" }));
        show(ImgixClient._buildSrcSet("https://img.example.com/cat.jpg?w=30", { fit: "min", h: 30 }));""",
    )
    assert len(targets) > 80
    assert any("dpr=5" in target for target in targets)
    assert any("w=8192" in target for target in targets)
    ask(origin, [target for target in targets if "w=0.5" not in target])
    (half,) = (target for target in targets if "w=0.5" in target)
    assert opened(origin.get(half).body).size == (WIDTH // 2, HEIGHT // 2)


def test_js_core_signs(origin: Running, project: Path) -> None:
    targets = written(
        project,
        JS_CORE % TOKEN
        + """
        const later = Math.floor(Date.now() / 1000) + 3600;
        for (const path of ["signed/cat.jpg", "/signed/été/my cat+1 #2?.jpg"]) {
          show(signed.buildURL(path));
          show(signed.buildURL(path, { w: 40, "weird name": "a b&c/é", expires: later }));
          show(signed.buildSrcSet(path, { w: 40, h: 30, fit: "crop" }));
          show(signed.buildSrcSet(path, {}, { minWidth: 100, maxWidth: 300 }));
        }""",
    )
    assert len(targets) > 15
    assert all(re.search(r"[?&]s=[0-9a-f]{32}$", target) for target in targets)
    ask(origin, targets)
    for target in targets:
        wrong = target[:-1] + ("0" if target[-1] != "0" else "1")
        assert origin.get(wrong).kind == "forbidden", wrong


def test_js_core_signs_urls_of_other_sites(origin: Running, project: Path) -> None:
    """A web proxy source: the URL is one segment of the path. Here the CDN puts `/proxy` before it."""
    targets = written(
        project,
        JS_CORE % TOKEN
        + """
        show(signed.buildURL("https://example.com/a cat.jpg?v=1&w=2", { w: 40, auto: "format" }));
        show(signed.buildSrcSet("https://example.com/a cat.jpg?v=1&w=2", { w: 40 }));""",
    )
    assert len(targets) == 6
    ask(origin, targets, before="/proxy")
    assert origin.get("/proxy" + targets[0].replace("w=40", "w=41")).kind == "forbidden"


def test_react_imgix(origin: Running, project: Path) -> None:
    """The components of react-imgix, rendered on the server."""
    targets = written(
        project,
        """
        import { createElement } from "react";
        import { renderToStaticMarkup } from "react-dom/server";
        import * as module from "react-imgix";
        const { default: Imgix, Picture, Source } = module.default?.Picture ? module.default : module;
        const src = "https://img.example.com/cat.jpg";
        const show = (...tree) => console.log(renderToStaticMarkup(createElement(...tree)));
        show(Imgix, { src, sizes: "100vw" });
        show(Imgix, { src, width: 40, height: 30, imgixParams: { fit: "crop", crop: "faces" } });
        const imgixParams = { ar: "3:2", fit: "crop", auto: ["format", "compress"] };
        show(Imgix, { src, width: 40, imgixParams });
        show(Picture, null,
          createElement(Source, { src, width: 40, htmlAttributes: { media: "(min-width: 768px)" } }),
          createElement(Imgix, { src, width: 20, imgixParams: { fm: "webp" } }));""",
    )
    assert len(targets) > 40
    ask(origin, targets)


def test_unpic(origin: Running, project: Path) -> None:
    """unpic's provider for imgix, with the functions that its components share."""
    targets = written(
        project,
        """
        import { transformBaseImageProps, transformBaseSourceProps } from "@unpic/core/base";
        import { transform as transformer } from "unpic/providers/imgix";
        const src = "https://img.example.com/cat.jpg";
        const image = { src, transformer, alt: "" };
        const size = { width: 40, height: 30 };
        const show = (value) => console.log(JSON.stringify(value));
        show(transformBaseImageProps({ ...image, ...size, background: "auto" }));
        show(transformBaseImageProps({ ...image, ...size, layout: "fixed" }));
        show(transformBaseImageProps({ ...image, layout: "fullWidth" }));
        show(transformBaseSourceProps({ ...image, ...size, type: "image/webp" }));
        show(transformer(src, { width: 40, height: 40, quality: 50, format: "jpg" }, {}));""",
    )
    assert len(targets) > 15
    assert any("fit=min" in target for target in targets)
    ask(origin, targets)


def test_a_page_in_a_browser(origin: Running, project: Path, tmp_path: Path, chromium: Chromium) -> None:
    """Written by js-core, react-imgix and unpic, signed where the handler asks for it: all of it is shown, in
    the density of the screen. Only the host name is another one."""
    (project / "page.mjs").write_text(
        JS_CORE % TOKEN
        + """
        import { createElement } from "react";
        import { renderToStaticMarkup } from "react-dom/server";
        import * as module from "react-imgix";
        import { transform } from "unpic/providers/imgix";
        const { default: Imgix } = module.default?.Picture ? module.default : module;
        const size = { w: 60, h: 40, fit: "crop" };
        show(`<img alt="js-core" src="${signed.buildURL("signed/cat.jpg", size)}"
          srcset="${signed.buildSrcSet("signed/cat.jpg", size)}">`);
        const asked = { src: "https://img.example.com/cat.jpg", width: 60, height: 40 };
        const more = { imgixParams: { fit: "crop", auto: "format" }, htmlAttributes: { alt: "react" } };
        show(renderToStaticMarkup(createElement(Imgix, { ...asked, ...more })));
        show(`<img alt="unpic" src="${transform(asked.src, { width: 60, height: 40 }, {})}">`);"""
    )
    text = run_node("page.mjs", cwd=project)
    here = text.replace("https://img.example.com", f"http://127.0.0.1:{origin.port}")
    (tmp_path / "index.html").write_text(f"<!doctype html><link rel=icon href='data:,'>{here}")
    with serve_folder(tmp_path) as site:
        for scale in (1, 2):
            page = chromium.page()
            page.look(800, scale=scale)
            page.open(site)
            shown = page.shown()
            assert shown.keys() == {"js-core", "react", "unpic"}
            for library in ("js-core", "react"):
                asked = parse_qs(urlsplit(shown[library]).query)
                assert (asked["w"], asked["dpr"]) == (["60"], [str(scale)])
            assert "s" in parse_qs(urlsplit(shown["js-core"]).query)
            assert page.problems == []


def test_every_name_that_imgix_lists_has_its_fate(project: Path) -> None:
    listed = json.loads((project / "node_modules/imgix-url-params/dist/parameters.json").read_text())
    assert len(listed["parameters"]) > 200
    assert [name for name in listed["parameters"] if find_name(name) != name] == []
    spellings = {name: meant for name, meant in listed["aliases"].items() if "=" not in name}
    assert {name: find_name(name) for name in spellings} == spellings
