"""The copy of pyvips is that of the release, whole, and keeps to itself."""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import origin.imaging.vendor

FOLDER = Path(origin.imaging.vendor.__file__).parent
DIGESTS = {
    line.split("  ")[1]: line.split("  ")[0]
    for line in (FOLDER / "pyvips.sha256").read_text().splitlines()
    if not line.startswith("#")
}


def test_the_copy_is_what_the_script_wrote() -> None:
    files = {path for path in (FOLDER / "pyvips").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    digests = {
        path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
    assert digests == DIGESTS


def test_the_digests_name_the_release_of_the_copy() -> None:
    (version,) = re.findall(r'__version__ = "(.+)"', (FOLDER / "pyvips" / "version.py").read_text())
    first = (FOLDER / "pyvips.sha256").read_text().splitlines()[0]
    assert re.fullmatch(rf"# of [0-9a-f]{{64}}  pyvips-{re.escape(version)}\.tar\.gz", first)


def test_the_licence_of_its_author_is_there() -> None:
    licence = (FOLDER / "pyvips" / "LICENSE.txt").read_text()
    assert "John Cupitt" in licence
    assert "Permission is hereby granted, free of charge" in licence


@pytest.mark.parametrize("name", sorted(name for name in DIGESTS if name.endswith(".py")))
def test_the_copy_never_imports_a_pyvips_beside_it(name: str) -> None:
    nodes = list(ast.walk(ast.parse((FOLDER / name).read_text())))
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    assert "pyvips" not in {module.partition(".")[0] for module in modules}


def test_it_works_where_another_pyvips_is_installed_and_broken(tmp_path: Path) -> None:
    (tmp_path / "pyvips.py").write_text("raise ImportError('built against something else')")
    code = "from origin.imaging.vendor import pyvips; print(pyvips.API_mode, pyvips.Image.black(3, 2).width)"
    folders = f"{tmp_path}:{FOLDER.parents[2]}"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": folders}, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("True 3\n", "")
