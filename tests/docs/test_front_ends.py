"""docs/front-ends.md and the page of the npm package: every block runs, and the origin takes its URLs."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import re
import runpy
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.template import Context
from django.template import Template
from django.test import override_settings

from origin.client import Images
from origin.client.info import Info
from origin.client.size import find_size
from origin.signing import decode_query
from tests.support import django_site
from tests.support.documents import ROOT
from tests.support.documents import code
from tests.support.documents import need
from tests.support.documents import page
from tests.support.node import CLIENT
from tests.support.node import run_node
from tests.support.signing import KEY
from tests.support.tags import check_urls
from tests.support.tags import read_tags

PAGE = page("docs/front-ends.md")
PACKAGE = page("clients/js/README.md")
VECTORS = json.loads((ROOT / "tests/vectors/signing.json").read_text())
INFO = {"width": 1200, "height": 800, "dominant": "#a1b2c3"}


FETCH = f"globalThis.fetch = async () => Response.json({json.dumps(INFO)});\n"


def run_python(block: str, folder: Path) -> dict[str, Any]:
    """What the block defines."""
    (folder / "block.py").write_text(block)
    return runpy.run_path(str(folder / "block.py"))


def test_the_html_is_a_tag_that_the_origin_answers() -> None:
    (block,) = [block for block in PAGE.blocks("html") if block.startswith('<img src="https:')]
    assert [name for name, _ in read_tags(block)] == ["img"]
    assert len(check_urls(block)) == 4


def test_another_cut_for_small_windows_has_the_shape_that_it_says() -> None:
    block = PAGE.block("html", "media=")
    tags = [(name, dict(attributes)) for name, attributes in read_tags(block)]
    assert [name for name, _ in tags] == ["picture", "source", "img"]
    assert len(check_urls(block)) == 6
    for _, attributes in tags[1:]:
        (shape,) = set(re.findall(r"ar=(\d+:\d+)", str(attributes["srcset"])))
        width, height = map(int, shape.split(":"))
        assert Fraction(width, height) == Fraction(
            int(str(attributes["width"])), int(str(attributes["height"]))
        )
    (call,) = re.findall(r"`srcset` of each source is `srcset\((.*?)\)`", PAGE.text)
    srcset = eval(f"Images('https://img.example.com', 'photos').srcset({call})", {"Images": Images})
    asked = [dict(parse_qsl(urlsplit(part.split()[0]).query)) for part in srcset.split(", ")]
    assert asked == [{"w": width, "ar": "3:4", "g": "smart"} for width in ("400", "800")]


def test_small_originals_have_the_size_that_it_says() -> None:
    ((original, options, result),) = re.findall(r"(\d+ x \d+) of `([^`]*)`\nis (\d+ x \d+)", PAGE.text)
    width, height = map(int, original.split(" x "))
    box: dict[str, Any] = dict(parse_qsl(options))
    info = Info(width, height)
    assert "{} x {}".format(*find_size(box, info) or ()) == result
    enlarged = find_size({**box, "enlarge": True}, info)
    assert enlarged == find_size(box, None) == (300, 300)


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
    django_site.set_up()
    names = run_python(PAGE.block("python", "INSTALLED_APPS"), tmp_path)
    assert names["INSTALLED_APPS"] == settings.INSTALLED_APPS
    photo = {"key": "été/my cat.jpg", "title": "<Cat>", "info": INFO}
    with override_settings(IMAGE_ORIGIN=names["IMAGE_ORIGIN"]):
        html = Template(PAGE.block("django", "{% img")).render(Context({"photo": photo}))
    check_urls(html, 10)
    assert 'alt="&lt;Cat&gt;"' in html


# --- JavaScript ------------------------------------------------------------------------------------


def linked(folder: Path) -> Path:
    """A folder in which `image-origin` can be imported."""
    (folder / "node_modules").mkdir()
    (folder / "node_modules/image-origin").symlink_to(CLIENT)
    return folder


@pytest.mark.slow
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
    assert len(out.splitlines()) == text.count("console.log") == 11
    assert out.splitlines()[10].endswith(" 1600w")
    check_urls(out.replace(out.splitlines()[8], ""), 20)


def test_both_pages_pack_and_install_the_package_of_this_version() -> None:
    """Installed so by the tests of the front ends (`tests.support.node.pack`)."""
    assert PAGE.block("sh", "npm pack") == PACKAGE.block("sh", "npm pack")
    version = json.loads((CLIENT / "package.json").read_text())["version"]
    assert f"npm install ./image-origin-{version}.tgz\n" in PAGE.block("sh", "npm pack")


def test_both_pages_have_the_same_lines_for_next_and_nuxt() -> None:
    for mark in ("createLoader", "defineNuxtConfig"):
        assert PAGE.block("js", mark) == PACKAGE.block("js", mark)


def test_the_page_of_the_package_lists_every_method() -> None:
    types = (CLIENT / "src/index.d.ts").read_text()
    methods = set(re.findall(r"^  (\w+)\(", types, re.MULTILINE)) - {"constructor"}
    assert {code(row[0])[0].partition("(")[0] for row in PACKAGE.table("| method |")} == methods


def test_the_frontmatter_of_astro_makes_the_html(tmp_path: Path) -> None:
    """Between the lines it is JavaScript, and below them one tag with its result."""
    _, script, template = re.split(r"^---\n", PAGE.block("astro", "set:html"), flags=re.MULTILINE)
    (name,) = re.findall(r"set:html=\{(\w+)\}", template)
    folder = linked(tmp_path)
    (folder / "page.mjs").write_text(f"{FETCH}{script}\nconsole.log({name});")
    html = run_node("page.mjs", cwd=folder)
    check_urls(html, 9)
    assert 'width="1200" height="800"' in html


# --- What was tried ---------------------------------------------------------------------------------


def test_every_recipe_says_what_it_was_run_with() -> None:
    recipes = re.findall(r"^## (.+)$", PAGE.text, re.MULTILINE)
    recipes = recipes[recipes.index("HTML") : recipes.index("What was tried")]
    rows = PAGE.table("| recipe | with | by |")
    assert sorted(name for row in rows for name in row[0].split(", ")) == sorted(recipes)


def test_the_versions_that_the_tests_build_are_those_of_the_page() -> None:
    text = (ROOT / "tests/system/test_front_ends.py").read_text(encoding="utf-8")
    built = " ".join(row[1] for row in PAGE.table("| recipe | with | by |") if row[2].startswith("the tests"))
    names = {"next": "Next", "nuxt": "Nuxt", "@nuxt/image": "Nuxt Image"}
    pinned = re.findall(r'"(@unpic/\w+|@nuxt/image|next|nuxt)@([\d.]+)"', text)
    assert len(pinned) == 5
    assert [f"{names.get(name, f'`{name}`')} {version}" in built for name, version in pinned] == [True] * 5


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


@pytest.mark.slow
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
        "def image_tag(url, **rest) = [url, rest[:srcset], *rest.values_at(:alt, :sizes, :width, :height)]\n"
        f"puts JSON.dump({call})",
        None,
        "",
    )
    assert shown[2:] == ["A cat", "(max-width: 600px) 100vw, 600px", 600, 400]
    assert "w=1200&ar=600%3A400&f=webp 1200w" in shown[1]
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
