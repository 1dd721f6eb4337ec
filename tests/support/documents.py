"""The pages of the documentation as tests read them: tables, code, links, commands, configurations."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import dedent
from typing import Any
from typing import NoReturn
from unittest import mock

import click
import json5
import pytest

from origin.cli.main import main
from origin.config.load import build_config
from origin.config.model import Config
from origin.errors import ConfigError

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
PICTURES = ROOT / "origin" / "pages" / "pictures"  # the demo's
SECRET = "0123456789abcdef0123456789abcdef"

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n)+")
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def line(self) -> str:
        """The page in one line, for sentences that are wrapped."""
        return " ".join(self.text.split())

    @cached_property
    def prose(self) -> str:
        """The page without its blocks of code."""
        return _INDENTED.sub("", _FENCE.sub("", self.text))

    def table(self, after: str) -> list[list[str]]:
        """The cells, row by row, of the first table after the line that starts with `after`."""
        lines = self.text[self.text.index(f"\n{after}") :].splitlines()
        start = next(number for number, line in enumerate(lines) if line.startswith("|---"))
        rows = []
        for line in lines[start + 1 :]:
            if not line.startswith("|"):
                break
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        return rows

    def blocks(self, *languages: str) -> list[str]:
        """The fenced blocks in these languages."""
        return [dedent(text) for _, language, text in _FENCE.findall(self.text) if language in languages]

    def block(self, language: str, mark: str) -> str:
        """The one block in that language that contains the mark."""
        (text,) = [text for text in self.blocks(language) if mark in text]
        return text

    def indented(self) -> list[str]:
        """The blocks of code that are indented, not fenced."""
        return [dedent(text) for text in _INDENTED.findall(_FENCE.sub("", self.text))]

    def spans(self) -> list[str]:
        """The pieces of code within the prose."""
        return code(self.prose)

    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    def anchors(self) -> set[str]:
        """The anchors that GitHub gives to the headings."""
        return {_anchor(heading) for heading in _HEADING.findall(self.prose)}

    def commands(self) -> Iterator[list[str]]:
        """Every `origin ...` that the page shows, as the words after `origin`."""
        for text in (*self.blocks("sh"), *self.indented(), *self.spans()):
            for line in text.replace("\\\n", " ").splitlines():
                yield from origin_commands(line)


def code(text: str) -> list[str]:
    """The code spans of a text, such as the cell of a table."""
    return _SPAN.findall(text)


def _anchor(heading: str) -> str:
    text = re.sub(r"[^\w\- ]", "", _LINK.sub("", heading).lower())
    return text.replace(" ", "-")


def _pages() -> list[Page]:
    paths = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    paths += (ROOT / "clients" / "js").glob("*.md")
    paths += [*(ROOT / "benchmarks").glob("*.md"), *PICTURES.glob("*.md")]
    return [Page(path) for path in sorted(paths)]


PAGES = _pages()


def page(name: str) -> Page:
    """The page of that path, such as `docs/urls.md`."""
    (found,) = [page for page in PAGES if str(page) == name]
    return found


# --- Commands --------------------------------------------------------------------------------------


def origin_commands(line: str) -> Iterator[list[str]]:
    """The words after each `origin` of a line of shell, up to the next operator."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # half a quotation: no shell
        return
    starts = [at + 1 for at, word in enumerate(words) if word == "origin" or word.endswith("bin/origin")]
    for start in starts:
        rest = words[start:]
        end = next((at for at, word in enumerate(rest) if set(word) <= set("();<>|&")), len(rest))
        if rest[:end] and rest[0].isalpha():
            yield rest[:end]


def parse_command(words: Sequence[str]) -> None:
    """Parse as the command line does, without running anything; the name of a command alone is a mention
    of it. Raises click.UsageError."""
    command: click.Command = main
    rest = list(words)
    while isinstance(command, click.Group) and rest:
        name = rest.pop(0)
        found = command.get_command(click.Context(command), name)
        if found is None:
            raise click.UsageError(f"no such command: {name}")
        command = found
    if rest:
        command.make_context("origin", rest)


def options_of(command: click.Command) -> set[str]:
    """The options of a command, and of all commands below it."""
    below: list[click.Command | None] = []
    if isinstance(command, click.Group):
        context = click.Context(command)
        below = [command.get_command(context, name) for name in command.list_commands(context)]
    own = {option for parameter in command.params for option in parameter.opts}
    return own.union(*(options_of(inner) for inner in below if inner is not None))


# --- Configurations --------------------------------------------------------------------------------

_HANDLER = {"name": "photos", "source": {"type": "s3", "bucket": "bucket"}}


def load_example(data: Any, base: Path = EXAMPLES) -> Config:
    """The configuration in an example: a whole file, or the keys of one part of it. The variables that it
    names are set. Raises ConfigError."""
    names = re.findall(r'"env:(\w+)"', json5.dumps(data, quote_keys=True))
    if '"logo.png"' in json5.dumps(data, quote_keys=True):
        base = PICTURES
    errors = []
    with mock.patch.dict(os.environ, dict.fromkeys(names, SECRET)):
        for whole in [data] if "handlers" in data else _around(data):
            try:
                return build_config(whole, name="example", base=base)
            except ConfigError as error:
                errors.append(str(error))
    raise ConfigError("; ".join(errors))


def _around(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Whole configurations with these keys at the top, or in one part of a handler."""
    yield {"handlers": [_HANDLER], **part}
    signing = {"keys": [SECRET]}
    s3, local = {"type": "s3", "bucket": "bucket"}, {"type": "local", "root": "."}
    http, urls = {"type": "http", "base_url": "http://a.example"}, {"type": "http", "hosts": ["a.example"]}
    registry = {"type": "sqlite", "path": "urls.db"}
    for handler in (
        part,
        {"source": {**s3, **part}},
        {"source": {**local, **part}},
        {"source": {**http, **part}},
        {"source": {**urls, **part}},
        {"source": {"type": "http", "keys": "hex", **part}},
        {"source": {"type": "http", "keys": "hex", "registry": {**registry, **part}}},
        {"source": {"type": "http", "keys": "hex", "registry": {"url": "redis://localhost", **part}}},
        {"signing": {**signing, **part}},
        {"limits": part},
        {"quality": part},
        {"write": {"auth": "open", **part}},
        {"write": {"auth": part}, "signing": signing},
        {"write": {"auth": "open", "normalise": {"convert": part}}},
        {"write": {"auth": "open", "extensions": part}},
        {"write": {"auth": "open", "object": {"metadata": part}}},
    ):
        yield {"handlers": [{**_HANDLER, **handler}], "presets": {"medium": {}}}


def configuration_fragments(text: str) -> Iterator[dict[str, Any]]:
    """What a code span such as `"cache": {"path": "x"}` or `{"signing": ...}` sets, where it does."""
    if re.match(r'\{?"\w+": ', text):
        data = json5.loads(text if text.startswith("{") else f"{{{text}}}")
        assert isinstance(data, dict)
        yield data


def need(program: str, package: str) -> None:
    """Skip the test where the program is absent; on CI, where nothing may be absent, fail it."""
    if shutil.which(program) is None:
        miss(f"{program} is not installed (Debian: {package})")


def miss(reason: str) -> NoReturn:
    """Skip the test for that reason; on CI fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
