"""docs/front-ends.md and the page of the npm package: every block runs, and the origin takes its URLs."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import re
import runpy
import subprocess
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from urllib.parse import urlsplit

import django
import pytest
from django.conf import settings as django_settings
from django.template import Context
from django.template import Template
from django.test import override_settings

from origin.client import Images
from origin.signing import Verifier
from origin.signing import decode_query
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from tests.support.documents import ROOT
from tests.support.documents import code
from tests.support.documents import need
from tests.support.documents import page
from tests.support.node import CLIENT
from tests.support.node import install
from tests.support.node import need_node
from tests.support.node import pack
from tests.support.node import run_node
from tests.support.tags import read_tags

PAGE = page("docs/front-ends.md")
PACKAGE = page("clients/js/README.md")
KEY = "correct-horse-battery-staple-0123456789"
VECTORS = json.loads((ROOT / "tests/vectors/signing.json").read_text())
INFO = {"width": 1200, "height": 800, "dominant": "#a1b2c3"}


FETCH = f"globalThis.fetch = async () => Response.json({json.dumps(INFO)});\n"


def run_python(block: str, folder: Path) -> dict[str, Any]:
    """What the block defines."""
    (folder / "block.py").write_text(block)
    return runpy.run_path(str(folder / "block.py"))


def check_urls(text: str, least: int = 1) -> list[str]:
    """The URLs in a text, all of which the origin takes; a token in one is right."""
    urls = re.findall(r"https://img\.example\.com/photos/[^\s\"'<>)]+", unescape(text))
    assert len(urls) >= least, text
    for url in urls:
        parts = urlsplit(url)
        pairs = decode_query(parts.query.encode())
        parse_options([pair for pair in pairs if pair[0] not in (b"t", b"e")], OptionDefaults())
        if any(name == b"t" for name, _ in pairs):
            key = unquote(parts.path.removeprefix("/photos/"))
            assert Verifier("photos", [KEY]).verify(key, pairs, 0).accepted, url
    return urls


def test_the_html_is_a_tag_that_the_origin_answers() -> None:
    block = PAGE.block("html", 'width="1200"')
    assert [name for name, _ in read_tags(block)] == ["img"]
    assert len(check_urls(block)) == 4


@pytest.mark.parametrize("block", PAGE.blocks("python"), ids=lambda block: block.split("\n")[0])
def test_the_python_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORIGIN_KEY", KEY)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        run_python(block, tmp_path)
    if "print(" in block:
        check_urls(out.getvalue(), 10)


def test_the_table_names_the_arguments_of_img_and_picture() -> None:
    named = {name for row in PAGE.table("| name | meaning |") for name in code(row[0])}
    taken = {*inspect.signature(Images.img).parameters, *inspect.signature(Images.picture).parameters}
    assert named == taken - {"self", "key", "now", "options"}


def test_jinja_and_flask_render_the_block(tmp_path: Path) -> None:
    for mark in ("Environment(", "Flask("):
        names = run_python(PAGE.block("python", mark), tmp_path)
        env = names["env"] if "env" in names else names["app"].jinja_env
        html = env.from_string(PAGE.block("jinja", "img(")).render()
        assert [name for name, _ in read_tags(html.replace("larger</a>", "</a>"))].count("img") == 2
        check_urls(html, 10)


def test_django_renders_the_block(tmp_path: Path) -> None:
    names = run_python(PAGE.block("python", "INSTALLED_APPS"), tmp_path)
    if not django_settings.configured:
        django_settings.configure(INSTALLED_APPS=names["INSTALLED_APPS"], IMAGE_ORIGIN=names["IMAGE_ORIGIN"])
        django.setup()
    photo = {"key": "été/my cat.jpg", "title": "<Cat>", "info": INFO}
    with override_settings(IMAGE_ORIGIN=names["IMAGE_ORIGIN"]):
        engine = django.template.Engine(
            libraries={"image_origin": f"{names['INSTALLED_APPS'][0]}.templatetags.image_origin"}
        )
        html = Template(PAGE.block("django", "{% img"), engine=engine).render(Context({"photo": photo}))
    check_urls(html, 10)
    assert 'alt="&lt;Cat&gt;"' in html


# --- JavaScript ------------------------------------------------------------------------------------


def linked(folder: Path) -> Path:
    """A folder in which `image-origin` can be imported."""
    (folder / "node_modules").mkdir()
    (folder / "node_modules/image-origin").symlink_to(CLIENT)
    return folder


def test_the_javascript_runs(tmp_path: Path) -> None:
    """Every block of both pages that is for node. Those of the package's page print nothing,
    so each of their calls is printed."""
    folder = linked(tmp_path)
    (folder / "page.mjs").write_text(PAGE.block("js", "new ImageOrigin"))
    check_urls(run_node("page.mjs", cwd=folder), 10)
    blocks = [
        block for block in PACKAGE.blocks("js") if "createLoader" not in block and "defineNuxt" not in block
    ]
    text = re.sub(
        r"^((?:await )?\w+\.\w+\(.*\));$", r"console.log(await \1);", "".join(blocks), flags=re.MULTILINE
    )
    (folder / "package.mjs").write_text(f"process.env.ORIGIN_KEY = '{KEY}';\n{FETCH}{text}")
    out = run_node("package.mjs", cwd=folder)
    assert len(out.splitlines()) == text.count("console.log") == 10
    check_urls(out.replace(out.splitlines()[8], ""), 20)


def test_both_pages_have_the_same_lines_for_next_and_nuxt() -> None:
    for mark in ("createLoader", "defineNuxtConfig"):
        assert PAGE.block("js", mark) == PACKAGE.block("js", mark)


def test_the_page_of_the_package_lists_every_method() -> None:
    types = (CLIENT / "src/index.d.ts").read_text()
    methods = set(re.findall(r"^  (\w+)\(", types, re.MULTILINE)) - {"constructor"}
    assert {code(row[0])[0].partition("(")[0] for row in PACKAGE.table("| method |")} == methods


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


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_components_render(tmp_path: Path) -> None:
    """The blocks for React, unpic, Vue and Svelte, compiled and rendered by what they are for."""
    need_node(20, 19)
    install(
        tmp_path,
        pack(tmp_path),
        *("react@19", "react-dom@19", "@unpic/react@1.0.2", "vue@3.5", "svelte@5", "typescript@5.9.3"),
    )
    (tmp_path / "react.jsx").write_text(PAGE.block("jsx", "function Picture"))
    (tmp_path / "unpic.jsx").write_text(PAGE.block("jsx", "transformer="))
    (tmp_path / "page.vue").write_text(PAGE.block("vue", "v-html"))
    (tmp_path / "page.svelte").write_text(PAGE.block("svelte", "$props"))
    (tmp_path / "compile.mjs").write_text(COMPILE)
    run_node("compile.mjs", cwd=tmp_path)
    for name, text in CASES.items():
        (tmp_path / "show.mjs").write_text(text)
        html = run_node("show.mjs", cwd=tmp_path)
        assert 'alt="A cat"' in html, name
        check_urls(html, 3)


def test_the_frontmatter_of_astro_makes_the_html(tmp_path: Path) -> None:
    """Between the lines it is JavaScript, and below them one tag with its result."""
    _, script, template = re.split(r"^---\n", PAGE.block("astro", "set:html"), flags=re.MULTILINE)
    (name,) = re.findall(r"set:html=\{(\w+)\}", template)
    folder = linked(tmp_path)
    (folder / "page.mjs").write_text(f"{FETCH}{script}\nconsole.log({name});")
    html = run_node("page.mjs", cwd=folder)
    check_urls(html, 9)
    assert 'width="1200" height="800"' in html


# --- Ruby and PHP ----------------------------------------------------------------------------------

ROWS = [row for row in VECTORS["urls"] if row["prefix"] == "photos"]


def simple_rows() -> list[dict[str, Any]]:
    """The vectors, with options as texts, under canonical names and in the order of the table."""
    rows = []
    for row in ROWS:
        pairs = decode_query(urlsplit(row["url"]).query.encode())
        options = {name.decode(): value.decode() for name, value in pairs if name != b"t"}
        rows.append({**row, "options": options})
    return rows


def run(program: str, text: str, given: Any, secret: str) -> list[str]:
    done = subprocess.run(
        [program, *(["-e", text] if program == "ruby" else ["-r", text])],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            **({"ORIGIN_KEY": secret} if secret else {}),
        },
    )
    assert done.returncode == 0, done.stderr
    urls: list[str] = json.loads(done.stdout)
    return urls


def check_helper(program: str, text: str) -> None:
    rows = simple_rows()
    for secret in {row["keys"][-1] if row["keys"] else "" for row in rows}:
        own = [row for row in rows if (row["keys"][-1] if row["keys"] else "") == secret]
        given = [[row["key"], row["options"]] for row in own]
        assert run(program, text, given, secret) == [row["url"] for row in own]


def test_the_helper_of_rails_writes_the_urls_of_the_vectors() -> None:
    need("ruby", "ruby")
    block = PAGE.block("ruby", "module ImageOriginHelper")
    check_helper(
        "ruby",
        f"{block}\nrequire 'json'\ninclude ImageOriginHelper\n"
        "rows = JSON.parse(STDIN.read, symbolize_names: true)\n"
        "puts JSON.dump(rows.map { |key, options| image_origin_url(key, **options) })",
    )


def test_the_tag_of_rails_has_every_width() -> None:
    need("ruby", "ruby")
    block = PAGE.block("ruby", "module ImageOriginHelper")
    (call,) = re.findall(r"<%= (image_origin_tag .*) %>", PAGE.text)
    shown = run(
        "ruby",
        f"{block}\nrequire 'json'\ninclude ImageOriginHelper\n"
        "def image_tag(url, **rest) = [url, rest[:srcset], rest[:alt], rest[:sizes]]\n"
        f"puts JSON.dump({call})",
        None,
        "",
    )
    assert shown[2:] == ["A cat", "100vw"]
    assert len(check_urls(" ".join(shown[:2]))) == 4


def test_the_helpers_of_laravel_write_the_urls_of_the_vectors() -> None:
    need("php", "php-cli")
    block = PAGE.block("php", "function image_origin_url").removeprefix("<?php\n")
    config = (
        "function config($name) { return ['base_url' => 'https://img.example.com', 'prefix' => 'photos',"
        " 'key' => getenv('ORIGIN_KEY')]; }\n"
    )
    show = (
        "echo json_encode(array_map(fn ($row) => image_origin_url($row[0], $row[1]),"
        " json_decode(stream_get_contents(STDIN), true)));"
    )
    check_helper("php", config + block + show)
    calls = re.findall(r"\{\{ (image_origin_\w+\(.*?\)) \}\}", PAGE.block("html", "image_origin_url"))
    assert len(calls) == 2
    shown = run("php", f"{config}{block}echo json_encode([{', '.join(calls)}]);", None, "")
    assert len(check_urls(" ".join(shown))) == 4
