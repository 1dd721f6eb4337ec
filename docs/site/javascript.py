"""The reference of the npm package, from its TypeScript types and what stands above them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "clients" / "js"

# A declaration and its comment: up to a line that is a closing brace, or to a semicolon that ends a line.
_DECLARATION = re.compile(
    r"(?:^/\*\*(?P<comment>(?:(?!\*/).)*)\*/\n)?"
    r"^(?P<text>(?:export |declare )+(?P<kind>interface|class|function|type|const) (?P<name>\w+)"
    r"(?:[^\n]*\{\n(?:(?!^\}).)*^\}|(?:(?!\n\n).)*?;$))",
    re.DOTALL | re.MULTILINE,
)
_MEMBER = re.compile(
    r"^  (?:/\*\*(?P<comment>(?:(?!\*/).)*)\*/\s+)?(?P<text>[\w\[][^\n]*);$", re.DOTALL | re.MULTILINE
)
_IMPORT = re.compile(r'^import type .* from "\./(\w+)\.js";', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Declaration:
    kind: str
    name: str
    comment: str
    text: str
    members: tuple[tuple[str, str], ...]  # signature and comment


def list_modules() -> dict[str, str]:
    """File of types by the name of what is imported."""
    exports = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))["exports"]
    return {
        f"image-origin{path[1:]}": target["types"].removeprefix("./src/")
        for path, target in exports.items()
        if isinstance(target, dict)
    }


def read_declarations(file: str) -> list[Declaration]:
    """What a file of types exports, in its order."""
    found = _DECLARATION.finditer((PACKAGE / "src" / file).read_text(encoding="utf-8"))
    return [
        Declaration(
            one["kind"],
            one["name"],
            _line(one["comment"]),
            one["text"],
            tuple(
                (" ".join(own["text"].split()), _line(own["comment"]))
                for own in _MEMBER.finditer(one["text"])
            ),
        )
        for one in found
    ]


def write_reference() -> str:
    """The page, in Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "# JavaScript reference\n"
    yield "Made from the package's types. [Its page](../../clients/js/README.md) shows how they are used.\n"
    shared: dict[str, None] = {}
    for module, file in list_modules().items():
        shared |= dict.fromkeys(_IMPORT.findall((PACKAGE / "src" / file).read_text(encoding="utf-8")))
        yield f"## `{module}`\n"
        yield from _write(file)
    yield "## Types that they share\n"
    for name in shared:
        yield from _write(f"{name}.d.ts")


def _write(file: str) -> Iterator[str]:
    for one in read_declarations(file):
        yield f"### `{one.name}`\n"
        if one.comment:
            yield f"{one.comment}\n"
        yield f"```ts\n{one.text.partition('{')[0].rstrip() if one.members else one.text}\n```\n"
        for signature, comment in one.members:
            fence = "``" if "`" in signature else "`"
            yield f"{fence}{signature}{fence}\n: {comment or '—'}\n"


def _line(comment: str | None) -> str:
    return " ".join(re.sub(r"^\s*\*", "", comment or "", flags=re.MULTILINE).split())
