"""Comments and docstrings name files and parts of the program that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.support.documents import ROOT

ORIGIN = ROOT / "origin"
_SPAN = re.compile(r"`([^`\n]+)`")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_FILE = re.compile(r"(?:[\w-]+/)+[\w-]+\.\w+|[\w-]+\.(?:py|js|md)")
# What is not of this program: of libraries, systems, services and URLs of others.
OF_OTHERS = {
    "CacheTagConfig",
    "blendmode",
    "exe.jpg",
    "gpj.exe",
    "is_global",
    "ps",
    "purge_select",
    "saturate",
    "wbits",
}


def _files() -> Iterator[tuple[str, str]]:
    for path in ORIGIN.rglob("*"):
        if path.suffix in {".py", ".js", ".html"} and "vendor" not in path.parts:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def test_every_name_in_a_comment_is_in_the_program() -> None:
    texts = dict(_files())
    words = {word for text in texts.values() for word in re.findall(r"\w+", _SPAN.sub("", text))}
    words |= {name.rpartition("/")[2].partition(".")[0] for name in texts}  # modules
    missing = {
        (name, span)
        for name, text in texts.items()
        for span in _SPAN.findall(text)
        if _NAME.fullmatch(span) and not _FILE.fullmatch(span) and not words.issuperset(span.split("."))
    }
    assert {(name, span) for name, span in missing if span not in OF_OTHERS} == set()
    assert {span for _, span in missing} == OF_OTHERS  # or it is no exception any longer


def test_every_file_that_a_comment_names_exists() -> None:
    ours = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("*.*")]
    for folder in ("origin", "tests", "docs", "benchmarks", "clients/js/src", "deploy"):
        ours += [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.*")]
    named = 0
    for name, text in _files():
        mentioned = re.findall(r"(?<![\w/.])(?:tests|docs|benchmarks)/[\w/-]+\.\w+", text)
        for file in {*mentioned, *filter(_FILE.fullmatch, _SPAN.findall(text))}:
            if file.endswith((".py", ".md", ".js")):
                assert any(f"/{our}".endswith(f"/{file}") for our in ours), f"{name} names {file}"
                named += 1
    assert named >= 10
