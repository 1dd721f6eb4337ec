"""Projects of Next, Nuxt and unpic as their users have them, built with packages from the registry, and one
of Django: every URL in their HTML is answered by a running origin, with a picture of the size asked for. A
browser shows them, in the size that its screen needs."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest
from django.http import HttpResponse
from django.template import Context
from django.template import Template
from django.test import override_settings
from django.urls import path as django_path

from benchmarks.ports import closed_port
from origin.signing import UrlSigner
from tests.support import django_site
from tests.support.browser import Chromium
from tests.support.documents import page
from tests.support.node import CLIENT
from tests.support.node import Site
from tests.support.node import copy_replaced
from tests.support.node import environment
from tests.support.node import install
from tests.support.node import installed_package
from tests.support.node import need_node
from tests.support.node import run_node
from tests.support.node import run_tool
from tests.support.pictures import encoded
from tests.support.pictures import field
from tests.support.pictures import opened
from tests.support.running import PATIENCE
from tests.support.running import Client
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings
from tests.support.signing import KEY
from tests.support.static_site import serve_folder
from tests.support.static_site import serve_wsgi
from tests.support.tags import check_urls

PAGE = page("docs/front-ends.md")
# npm and the builds take most of a minute on a busy machine.
pytestmark = pytest.mark.timeout(600)
FRAMEWORKS = (
    *("next@16.4.6", "react@19", "react-dom@19", "vue@3.5", "svelte@5"),
    *("@unpic/core@1.0.3", "@unpic/react@1.0.2", "typescript@5.9.3"),
)
# What a site is built with in place of the origin's address, which is another in each run, so that a build
# can be kept. Its port is above those that the system gives.
STAND_IN = "http://127.0.0.1:65535"
NO_PART_OF_NEXT = ("sharp",)  # with which it would render
# Of Nuxt, and the server of pictures that another provider would use: half of the bytes to install.
NO_PART_OF_NUXT = (
    *("@nuxt/devtools", "@nuxt/telemetry", "vite-plugin-checker", "ipx"),
    *("autoprefixer", "cssnano"),
)
# What makes a site smaller and is read by people, and takes a third of the time of a build.
PLAIN_BUILD = """
          sourcemap: false,
          postcss: { plugins: { autoprefixer: false, cssnano: false } },
          vite: {
            build: { minify: false, reportCompressedSize: false, rollupOptions: { treeshake: false } },
          },
          nitro: {
            minify: false,
            logging: { compressedSizes: false },
            rollupConfig: { treeshake: false },
          },"""
WIDTH, HEIGHT = 120, 80  # of the original: small, so that many results cost little
KEYS = {"cat.jpg", "été/my cat.jpg"}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`h` is for everyone, `s` wants tokens."""
    folder = tmp_path_factory.mktemp("origin")
    config = settings(folder, folder / "cache")
    config["handlers"].append({**config["handlers"][0], "name": "s", "signing": {"keys": [KEY]}})
    shelf = Shelf(**dict.fromkeys(KEYS, encoded(field(WIDTH, HEIGHT), "JPEG")))
    with Running(config, source=shelf) as running:
        yield running


@pytest.fixture(scope="module")
def package() -> Path:
    need_node(20, 19)
    return installed_package()


@pytest.fixture(scope="module")
def project(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that was empty, with the package as the registry would get it, and the frameworks."""
    folder = tmp_path_factory.mktemp("project")
    install(folder, *FRAMEWORKS, ours=package, leave_out=NO_PART_OF_NEXT)
    return folder


def base(origin: Running) -> str:
    return f"http://127.0.0.1:{origin.port}"


def ask_all(origin: Running, html: str) -> list[str]:
    """The URLs of pictures in a page, each of which the origin answers."""
    urls = re.findall(rf"{re.escape(base(origin))}[^\s\"'<>)]+", unescape(html))
    for url in dict.fromkeys(urls):
        answer = origin.get(url.removeprefix(base(origin)))
        assert (answer.status, answer.kind) == (200, None), url
        width = float(parse_qs(urlsplit(url).query).get("w", ["9999"])[0])
        assert opened(answer.body).width == min(round(width), WIDTH), url
    return urls


def asked_width(url: str) -> float:
    """The device pixels that a URL asks for."""
    asked = parse_qs(urlsplit(url).query)
    return float(asked["w"][0]) * float(asked.get("dpr", ["1"])[0])


def check_browser(chromium: Chromium, address: str, expected: dict[str, tuple[int, int]]) -> None:
    """All pictures of a page arrive, and of each `srcset` the width was picked that a window of 800 pixels
    needs: on a plain screen, and on one with two pixels for each of CSS. Nothing is complained of."""
    for place, scale in enumerate((1, 2)):
        view = chromium.page()
        view.look(800, scale=scale)
        view.open(address)
        picked = {alt: asked_width(url) for alt, url in view.shown().items()}
        assert picked == {alt: widths[place] for alt, widths in expected.items()}
        # The page may measure what came from another origin (Timing-Allow-Origin).
        weights = "performance.getEntriesByType('resource').filter(e => e.initiatorType === 'img')"
        assert view.evaluate(f"{weights}.every(e => e.encodedBodySize)")
        assert [text for text in view.problems if "/favicon.ico" not in text] == []
        assert {urlsplit(url).hostname for _, url in view.requests} <= {"127.0.0.1", None}


def test_next(origin: Running, package: Path, tmp_path: Path, chromium: Chromium) -> None:
    """`next build` of a site with a loader in its configuration, and one for one picture under a grant."""
    grant = UrlSigner("", "s", [KEY]).grant("été/*", w={"min": 1}, q=[75])
    at = json.dumps(STAND_IN)
    files = {
        "next.config.mjs": 'export default { output: "export",'
        " experimental: { turbopackMinify: false, turbopackSourceMaps: false },"
        ' images: { loader: "custom", loaderFile: "./image-loader.js" } };',
        "image-loader.js": 'import { createLoader } from "image-origin/next";\n'
        f'export default createLoader({{ baseUrl: {at}, prefix: "h" }});',
        "app/layout.js": "export default ({ children }) => <html><body>{children}</body></html>;",
        "app/granted.js": f"""
            "use client";
            import Image from "next/image";
            import {{ createLoader }} from "image-origin/next";
            const loader = createLoader({{ baseUrl: {at}, prefix: "s", grant: "{grant}" }});
            export const Granted = (props) => <Image loader={{loader}} {{...props}} />;""",
        "app/page.js": """
            import Image from "next/image";
            import { Granted } from "./granted.js";
            export default () => <main>
              <Image src="cat.jpg" alt="A cat" width={60} height={40} />
              <Image src="/été/my cat.jpg" alt="My cat" width={60} height={40} sizes="50vw" quality={60} />
              <Granted src="été/my cat.jpg" alt="Granted" width={60} height={40} quality={75} />
            </main>;""",
    }
    site = Site(FRAMEWORKS, NO_PART_OF_NEXT, ("next/dist/bin/next", "build"), "out", files)
    out = tmp_path / "out"
    copy_replaced(site.built(package), out, STAND_IN, base(origin))
    urls = ask_all(origin, (out / "index.html").read_text())
    assert len([url for url in urls if f"?w=64&q=75&t={grant}" in url]) == 1
    assert f"{base(origin)}/h/cat.jpg?w=64" in urls
    assert f"{base(origin)}/h/%C3%A9t%C3%A9/my%20cat.jpg?w=640&q=60" in urls
    with serve_folder(out) as address:
        check_browser(chromium, address, {"A cat": (64, 128), "My cat": (640, 828), "Granted": (64, 128)})


def test_unpic(origin: Running, project: Path, tmp_path: Path, chromium: Chromium) -> None:
    """The component of React, rendered on the server, and the functions that all its components share."""
    grant = UrlSigner("", "s", [KEY]).grant("cat.jpg", w={"min": 1}, h={"min": 1}, f=["webp"])
    (project / "page.mjs").write_text(f"""
        import {{ createElement }} from "react";
        import {{ renderToStaticMarkup }} from "react-dom/server";
        import {{ transformBaseImageProps, transformBaseSourceProps }} from "@unpic/core/base";
        import {{ Image }} from "@unpic/react/base";
        import {{ transform as transformer }} from "image-origin/unpic";
        const src = "{base(origin)}/h/%C3%A9t%C3%A9/my%20cat.jpg";
        const options = {{ baseUrl: "{base(origin)}", prefix: "h" }};
        const size = {{ width: 60, height: 40 }};
        const image = (props) =>
          console.log(renderToStaticMarkup(createElement(Image, {{ transformer, ...size, ...props }})));
        image({{ src, background: "auto", alt: "My cat" }});
        const operations = {{ gray: true, quality: 60 }};
        image({{ src: "cat.jpg", options, layout: "fixed", operations, alt: "A cat" }});
        console.log(transformBaseImageProps({{ src, transformer, layout: "fullWidth", alt: "" }}));
        const granted = {{ src: "{base(origin)}/s/cat.jpg?t={grant}", transformer, ...size }};
        console.log(transformBaseSourceProps({{ ...granted, type: "image/webp" }}).srcset);
    """)
    text = run_node("page.mjs", cwd=project)
    urls = ask_all(origin, text)
    assert f"{base(origin)}/h/%C3%A9t%C3%A9/my%20cat.jpg?w=24&h=16" in urls  # its background
    assert f"{base(origin)}/h/cat.jpg?w=60&h=40&gray=true&q=60" in urls
    assert f"{base(origin)}/s/cat.jpg?w=120&h=80&f=webp&t={grant}" in urls
    assert len(urls) > 15
    images = "".join(re.findall(r"<img[^>]*>", text))
    (tmp_path / "index.html").write_text(f"<!doctype html><meta charset=utf-8>{images}")
    with serve_folder(tmp_path) as site:
        check_browser(chromium, site, {"My cat": (60, 120), "A cat": (60, 120)})


@contextmanager
def nuxt_server(folder: Path) -> Iterator[Client]:
    port = closed_port()
    process = subprocess.Popen(
        ["node", folder / ".output/server/index.mjs"],
        env=environment({"PORT": str(port), "HOST": "127.0.0.1"}),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        with process.stdout:
            assert "Listening on" in process.stdout.readline()
            yield Client(port)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_nuxt(origin: Running, package: Path, tmp_path: Path, chromium: Chromium) -> None:
    """`nuxt build` of a site with our provider in its configuration, and the server that comes of it."""
    options = json.dumps({"baseUrl": STAND_IN, "prefix": "h"})
    files = {
        "nuxt.config.mjs": f"""
            export default {{
              modules: ["@nuxt/image"],{PLAIN_BUILD}
              image: {{
                provider: "origin",
                providers: {{ origin: {{ provider: "image-origin/nuxt", options: {options} }} }},
              }},
            }};""",
        "app/app.vue": """<template><main>
            <NuxtImg src="cat.jpg" alt="A cat" width="60" height="40" densities="x1 x2" />
            <NuxtPicture src="/été/my cat.jpg" :img-attrs="{ alt: 'My cat' }" sizes="sm:100vw md:50vw"
              format="avif,webp" quality="60" />
            <NuxtImg src="cat.jpg" alt="R" width="60" height="40" fit="contain" background="tomato"
              placeholder />
            <NuxtImg src="cat.jpg" alt="G" :modifiers="{ gray: true, position: 'top', f: 'png' }"
              width="30" />
            </main></template>""",
    }
    packages = ("nuxt@4.4.5", "@nuxt/image@2.1.0")
    site = Site(packages, NO_PART_OF_NUXT, ("nuxt/bin/nuxt.mjs", "build"), ".output", files)
    copy_replaced(site.built(package), tmp_path / ".output", STAND_IN, base(origin))
    with nuxt_server(tmp_path) as server:
        urls = ask_all(origin, server.get("/").body.decode())
        widths = {"A cat": (60, 120), "My cat": (640, 1280), "R": (60, 120), "G": (30, 60)}
        check_browser(chromium, f"http://127.0.0.1:{server.port}/", widths)
    assert f"{base(origin)}/h/cat.jpg?w=120&h=80" in urls
    assert f"{base(origin)}/h/%C3%A9t%C3%A9/my%20cat.jpg?w=640&f=avif&q=60" in urls
    assert f"{base(origin)}/h/cat.jpg?w=30&g=top&gray=true&f=png" in urls
    assert any("blur=3" in url for url in urls)


TEMPLATE = """<!doctype html><meta charset=utf-8>{% load image_origin %}
{% img "cat.jpg" w=60 h=40 alt="A cat" %}
{% picture "été/my cat.jpg" alt="My cat" widths="30,60,120" sizes="60px" info=info %}"""


def show(request: HttpRequest) -> HttpResponse:
    """The page, with what the origin knows of the second picture in the database of the site."""
    return HttpResponse(Template(TEMPLATE).render(Context({"info": request.environ["info"]})))


urlpatterns = [django_path("", show)]


def test_django(origin: Running, chromium: Chromium) -> None:
    """A site of Django, signed, as a server that a browser asks. It needs no node."""
    django_site.set_up()
    ours = {"base_url": base(origin), "prefix": "s", "keys": [KEY]}
    site = override_settings(IMAGE_ORIGIN=ours, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"])
    told = origin.get("/h/%C3%A9t%C3%A9/my%20cat.jpg?f=json").body
    django = WSGIHandler()
    with site, serve_wsgi(lambda environ, start: django({**environ, "info": told}, start)) as address:
        check_browser(chromium, address, {"A cat": (60, 120), "My cat": (60, 120)})
        view = chromium.page()
        view.open(address)
        view.shown()
        of_the_second = "(i => [i.width, i.height, i.style.backgroundImage.slice(0, 10)])(document.images[1])"
        assert view.evaluate(of_the_second) == [120, 80, 'url("data:']


# --- The package, and the recipes of docs/front-ends.md --------------------------------------------


def test_the_package_works_and_its_types_hold(project: Path) -> None:
    (project / "cat.mjs").write_text(
        'import { ImageOrigin } from "image-origin";\n'
        'import { createLoader } from "image-origin/next";\n'
        'import provider, { getImage } from "image-origin/nuxt";\n'
        'import { transform } from "image-origin/unpic";\n'
        'const images = new ImageOrigin({ baseUrl: "https://img.example.com", prefix: "photos" });\n'
        'console.log(images.url("cat.jpg", { w: 300 }));\n'
        "console.log(!!createLoader && !!provider && !!getImage && !!transform);\n"
    )
    assert run_node("cat.mjs", cwd=project) == "https://img.example.com/photos/cat.jpg?w=300\ntrue\n"
    (project / "types").mkdir()  # not beside the site of Next, which would look for types there
    for name in ("types.ts", "tsconfig.json"):
        (project / "types" / name).write_text((CLIENT / "test" / name).read_text())
    assert run_tool(project, "typescript/bin/tsc", "-p", "types") == ""
    installed = project / "node_modules/image-origin"
    packed = {path.relative_to(installed).as_posix() for path in installed.rglob("*.*")}
    assert packed >= {"package.json", "README.md", "src/index.js", "src/index.d.ts"}
    assert not any(name.startswith("test") or name.endswith(".py") for name in packed)


CASES = {
    "react": 'import { Picture } from "./react.mjs"; import { createElement } from "react";'
    ' import { renderToStaticMarkup } from "react-dom/server";'
    ' console.log(renderToStaticMarkup(createElement(Picture, { src: "é.jpg", alt: "A cat", w: 3, h: 2 })));',
    "unpic": 'import { Cat } from "./unpic.mjs"; import { createElement } from "react";'
    ' import { renderToStaticMarkup } from "react-dom/server";'
    " console.log(renderToStaticMarkup(createElement(Cat)));",
    "vue": 'import { createSSRApp } from "vue"; import { renderToString } from "vue/server-renderer";'
    ' import Picture from "./vue.mjs"; console.log(await renderToString(createSSRApp(Picture,'
    ' { src: "é.jpg", tag: { alt: "A cat", w: 300, h: 200 } })));',
    "svelte": 'import { render } from "svelte/server"; import Picture from "./svelte.mjs";'
    ' console.log(render(Picture, { props: { src: "é.jpg", alt: "A cat", widths: [300, 600] } }).body);',
}
COMPILE = """
import { readFileSync, writeFileSync } from "node:fs";
import { compileScript, parse } from "vue/compiler-sfc";
import { compile } from "svelte/compiler";
import ts from "typescript";
const read = (name) => readFileSync(name, "utf8");
const jsx = { jsx: ts.JsxEmit.ReactJSX, module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
for (const name of ["react", "unpic"]) {
  writeFileSync(`${name}.mjs`, ts.transpileModule(read(`${name}.jsx`), { compilerOptions: jsx }).outputText);
}
const { descriptor } = parse(read("page.vue"));
const ssr = { inlineTemplate: true, id: "page", templateOptions: { ssr: true, ssrCssVars: [] } };
writeFileSync("vue.mjs", compileScript(descriptor, ssr).content);
writeFileSync("svelte.mjs", compile(read("page.svelte"), { generate: "server" }).js.code);
"""


def test_the_components_of_the_page_render(project: Path) -> None:
    """The blocks for React, unpic, Vue and Svelte, compiled and rendered by what they are for."""
    (project / "react.jsx").write_text(PAGE.block("jsx", "function Picture"))
    (project / "unpic.jsx").write_text(PAGE.block("jsx", "transformer="))
    (project / "page.vue").write_text(PAGE.block("vue", "v-html"))
    (project / "page.svelte").write_text(PAGE.block("svelte", "$props"))
    (project / "compile.mjs").write_text(COMPILE)
    for name, text in CASES.items():
        (project / f"show-{name}.mjs").write_text(text)
    # One after the other, in one process.
    shows = "\n".join(f'console.log("--{name}");\nawait import("./show-{name}.mjs");' for name in CASES)
    (project / "compile.mjs").write_text(f"{COMPILE}\n{shows}")
    printed = re.split(r"^--(\w+)\n", run_node("compile.mjs", cwd=project), flags=re.MULTILINE)[1:]
    shown = dict(zip(printed[::2], printed[1::2], strict=True))
    assert shown.keys() == CASES.keys()
    for name, html in shown.items():
        assert 'alt="A cat"' in html, name
        check_urls(html, 3)
