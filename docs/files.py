"""Writes into docs/architecture.md what each file of the program is about: the first sentence of each.

Run `python -m docs.files`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
_LIST = re.compile(r"(?<=\n## Every file\n)(.*?:\n\n).*", re.DOTALL)


def write_page(text: str) -> str:
    """The page with the list as it has to be today."""
    return _LIST.sub(lambda match: match[1] + "".join(f"{line}\n" for line in _lines(ROOT / "origin")), text)


def _lines(folder: Path) -> Iterator[str]:
    """A line for each file of ours in Python that says something of itself, folder by folder."""
    here = sorted(folder.glob("*.py"))
    for path in here:
        subject = _first_sentence(path)
        if subject:
            yield f"- `{path.relative_to(ROOT / 'origin')}`: {subject}"
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and inner.name not in ("__pycache__", "vendor"):
            yield from _lines(inner)


def _first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return re.split(r"(?<=\.)\s", " ".join(text.partition("\n\n")[0].split()), maxsplit=1)[0]


if __name__ == "__main__":
    PAGE.write_text(write_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
