"""Who may know whom: imports go down only, each package from outside has one home, `print` is the cli's."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "origin"
# From the bottom up. A module knows what is below it; what stands on one line does not know each other.
LAYERS = (
    "errors formats frames flight icc gif jail known rawdisk reader headers signing threads",
    "fields address options source process store quarantine geometry answer",
    "config cache logs metrics renderer pipeline guard",
    "configfile worker fallback originals replies admin",
    "plan explain",
    "handler",
    "pictures",
    "app",
    "checks server demonstration",
    "cli",
    "__main__",
)
LEVEL = {name: level for level, line in enumerate(LAYERS) for name in line.split()}
HOMES = {
    "pyvips": "pipeline worker",
    "aiobotocore": "source",
    "botocore": "source",
    "aiohttp": "source",
    "types_aiobotocore_s3": "source",
    "diskcache": "store rawdisk",
    "itsdangerous": "signing",
    "uvicorn": "server guard",
    "uvloop": "server",
    "httptools": "guard",
    "click": "cli",
    "pyseccomp": "jail",
    "pydantic": "fields config configfile app",
    "pydantic_core": "fields config configfile",
    "json5": "configfile",
    "prometheus_client": "metrics",
    "starlette": "admin pictures app demonstration server",
}
# `source` and `signing` are packages; `demo` holds pictures and the scripts that painted them.
FILES = [file for file in sorted(ROOT.rglob("*.py")) if "demo" not in file.parts]


def module(file: Path) -> str:
    """`origin/source/s3.py` is part of `source`."""
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    """Everything a file imports, wherever in it, by its full name."""
    package = ("origin", *file.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join((*base, *([node.module] if node.module else [])))
            yield from (f"{start}.{alias.name}" for alias in node.names)


def ours(file: Path) -> set[str]:
    """The other modules of ours that a file knows."""
    names = {name.split(".")[1] for name in imports(file) if name.startswith("origin.")}
    return names - {module(file), "__version__"}


def test_every_module_has_its_layer() -> None:
    modules = {module(file) for file in FILES} - {"__init__"}
    assert modules == set(LEVEL)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_down_only(file: Path) -> None:
    if file == ROOT / "__init__.py":
        assert ours(file) == set()
        return
    level = LEVEL[module(file)]
    assert {name for name in ours(file) if LEVEL[name] >= level} == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_each_package_from_outside_has_one_home(file: Path) -> None:
    foreign = {name.split(".")[0] for name in imports(file)} - sys.stdlib_module_names - {"origin"}
    assert {name for name in foreign if module(file) not in HOMES.get(name, "").split()} == set()


def test_every_home_is_lived_in() -> None:
    used = {(name.split(".")[0], module(file)) for file in FILES for name in imports(file)}
    assert {(name, home) for name, homes in HOMES.items() for home in homes.split()} <= used


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_only_the_command_line_prints(file: Path) -> None:
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    printing = [node.lineno for node in nodes if isinstance(node, ast.Name) and node.id == "print"]
    assert module(file) == "cli" or printing == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_is_unpickled_or_evaluated(file: Path) -> None:
    assert {"pickle", "marshal", "shelve"}.isdisjoint(name.split(".")[0] for name in imports(file))
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    assert {"eval", "exec"}.isdisjoint(names)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_signing_runs_with_the_standard_library_and_itsdangerous_alone() -> None:
    done = python(
        """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root not in sys.stdlib_module_names and root not in ("origin", "itsdangerous"):
            raise ImportError(f"blocked: {name}")
sys.meta_path.insert(0, Block())
from origin.signing import UrlSigner
signer = UrlSigner("https://img.example.com", "photos", ["k" * 32])
print(signer.url("cat.jpg", w=300))
print(sorted(name for name in sys.modules if name.startswith("origin")))
"""
    )
    assert done.returncode == 0, done.stderr
    url, known = done.stdout.splitlines()
    assert url.startswith("https://img.example.com/photos/cat.jpg?w=300&t=")
    assert all(name.startswith(("'origin.signing", "'origin'")) for name in known.strip("[]").split(", "))


def test_libvips_is_never_loaded_by_the_server() -> None:
    done = python(
        "import sys, origin.app, origin.server\nprint('pyvips' in sys.modules, 'origin.app' in sys.modules)"
    )
    assert done.stdout == "False True\n"
