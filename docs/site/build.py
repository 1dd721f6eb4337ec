"""Gathers the pages and has Sphinx make the site of them.

The pages keep their places and their links, so that they read on GitHub as they do here. README.md becomes
the first page, with the menu in it. The reference of both packages is made from docstrings and from types.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from docs.site.javascript import write_reference

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
_LINK = re.compile(r"\[(?P<text>[^\]\n]*)\]\((?P<target>(?!\w+:)[^)#\s]+)(?P<place>#[^)\s]*)?\)")
# The menu. A page of docs/ that is not here comes last under Operators.
MENU = {
    "Pages": [
        "docs/urls",
        "docs/front-ends",
        "docs/gallery",
        "docs/imgix",
        "docs/thumbor",
        "docs/cloudflare",
        "npm package <clients/js/README>",
    ],
    "Applications": [
        "docs/signing",
        "docs/uploads",
        "docs/transforming",
        "docs/other-sites",
        "docs/api/python",
        "docs/api/javascript",
    ],
    "Operators": [
        "docs/configuration",
        "docs/operations",
        "docs/sizing",
        "docs/scaling",
        "docs/http",
        "docs/caches",
        "docs/purging",
        "docs/security",
        "docs/migrating",
        "CHANGELOG",
    ],
    "Contributors": ["docs/architecture", "Benchmarks <benchmarks/README>", "benchmarks/RESULTS"],
}


def build(output: Path) -> None:
    """Make the site in a folder, whose content goes. A warning is an error: raises CalledProcessError, after
    Sphinx has written on stderr what is wrong, and where."""
    with tempfile.TemporaryDirectory(prefix="site-") as name:
        source = Path(name) / "source"
        gather(source)
        made = Path(name) / "html"
        command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-n", "-W", "--keep-going"]
        subprocess.run([*command, "-c", str(HERE), str(source), str(made)], check=True, cwd=ROOT)
        shutil.rmtree(made / ".doctrees", ignore_errors=True)
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(made, output)


def gather(source: Path) -> None:
    """Put the pages, and what they link, where Sphinx looks for them."""
    kept = shutil.ignore_patterns("*.py", "__pycache__", "site")
    shutil.copytree(ROOT / "docs", source / "docs", ignore=kept)
    for file in ("CHANGELOG.md", "clients/js/README.md", *_list("benchmarks/*.md")):
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, source / file)
    (source / "docs" / "api" / "javascript.md").write_text(write_reference(), encoding="utf-8")
    first = (ROOT / "README.md").read_text(encoding="utf-8")
    (source / "index.md").write_text(f"{first}\n{_write_menu()}", encoding="utf-8")
    _bring_linked(source)


def _bring_linked(source: Path) -> None:
    """Copy each file that a page links and that is not there yet. A link to a folder becomes its text, one to
    README.md leads to the first page."""
    pages = list(source.rglob("*.md"))
    for page in pages:  # which grows
        here = ROOT / page.relative_to(source).parent

        def resolve(link: re.Match[str], here: Path = here) -> str:
            target = (here / link["target"]).resolve()
            if target.is_dir():
                return link["text"]
            if target == ROOT / "README.md":
                return f"[{link['text']}](/index.md{link['place'] or ''})"
            if target.is_file() and target.is_relative_to(ROOT):
                copy = source / target.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                if not copy.exists():
                    shutil.copy(target, copy)
                    pages.extend([copy] if copy.suffix == ".md" else [])
            return link[0]

        page.write_text(_LINK.sub(resolve, page.read_text(encoding="utf-8")), encoding="utf-8")


def _list(pattern: str) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob(pattern))]


def list_menu() -> dict[str, list[str]]:
    """The pages under each caption, each as `place` or `title <place>`."""
    named = {page for pages in MENU.values() for page in pages}
    others = [name for path in _list("docs/*.md") if (name := path.removesuffix(".md")) not in named]
    return {**MENU, "Operators": [*MENU["Operators"], *others]}


def _write_menu() -> str:
    parts = (
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"])
        for caption, pages in list_menu().items()
    )
    return "\n\n".join(parts) + "\n"
