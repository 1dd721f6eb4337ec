"""Who may know whom: imports go one way between rooms, and each package from outside has one home."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "origin"
# From the left to the right. A room knows the rooms to its left; those on one line do not know each other.
LAYERS = (
    "errors formats",
    "http urls",
    "signing",
    "client sources cache",
    "imaging",
    "render",
    "ops",
    "delivery",
    "ingest pages",
    "parts",
    "app",
    "server",
    "cli",
    "__main__",
)
LEVEL = {name: level for level, line in enumerate(LAYERS) for name in line.split()}
# The configuration stands beside the rooms: these alone know it, and it knows these.
CONFIG = ("config",)
KNOWS_CONFIG = {"parts", "app", "server", "cli", *CONFIG}
# Settings of old systems: the command line alone knows them, and they know nothing.
CONVERT = "convert"
CONFIG_KNOWS = {"errors", "formats", "urls", "signing", "sources", *CONFIG}
# The sandbox: nothing of it but its protocol is known outside.
PUBLIC_OF_IMAGING = {"origin.imaging.protocol"}
# Where each package from outside is at home: a room, or a file of one.
HOMES = {
    "PIL": "imaging.pillow",
    "django": "client.django client.django.apps client.django.templatetags.image_origin",
    "flask": "client.flask",
    "jinja2": "client.jinja",
    "py_svg_hush": "imaging.svg",
    "pillow_heif": "imaging.heif",
    "pillow_jxl": "imaging.jxl",
    "pypdfium2": "imaging.pdf",
    "pyseccomp": "imaging.seccomp",
    "aiobotocore": "sources.aws_client sources.aws_session sources.s3_client sources.s3_session",
    "botocore": "sources.aws_models sources.s3_client sources.s3_source sources.s3_errors sources.s3_get",
    "aiohttp": "sources.s3_errors sources.s3_session "
    "sources.http_session sources.http_connection sources.http_source sources.http_body ops.outgoing",
    "yarl": "sources.http_session ops.outgoing",
    "idna": "sources.remote_url",
    "opentelemetry": "ops.tracing ops.sent_metrics",
    "sentry_sdk": "ops.error_reports",
    "redis": "sources.redis_registry cache.valkey",
    "types_aiobotocore_s3": "sources.s3_client sources.s3_source sources.s3_get",
    "diskcache": "cache.diskcache_safe",
    "xxhash": "cache.records",
    "itsdangerous": "signing",
    "uvicorn": "server",
    "uvloop": "server.run",
    "httptools": "server.connection sources.s3_connection",
    "python_multipart": "ingest.forms",
    "click": "cli",
    "pydantic": "config",
    "pydantic_core": "config",
    "json5": "config.load",
    "prometheus_client": "ops.metrics",
    "starlette": "ops.routes delivery.authorize delivery.router pages app server.listener",
}
# The copy of pyvips is not ours; tests/imaging/test_vendor.py looks at it.
VENDORED = ROOT / "imaging" / "vendor" / "pyvips"
FILES = sorted(file for file in ROOT.rglob("*.py") if VENDORED not in file.parents)


def module(file: Path) -> str:
    """`origin/sources/s3.py` is `sources.s3`, and `origin/sources/__init__.py` is `sources`."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room(file: Path) -> str:
    return module(file).partition(".")[0]


@dataclass(frozen=True)
class Facts:
    """What a file says, wherever in it."""

    imports: tuple[str, ...]  # by their full names
    names: frozenset[str]


@functools.cache
def facts_of(file: Path) -> Facts:
    """Each file is parsed once and its tree let go: three hundred trees are half a gigabyte."""
    nodes = tuple(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    names = frozenset(node.id for node in nodes if isinstance(node, ast.Name))
    return Facts(tuple(_imported(file, nodes)), names)


def _imported(file: Path, nodes: tuple[ast.AST, ...]) -> Iterator[str]:
    package = ("origin", *file.relative_to(ROOT).parts[:-1])
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join((*base, *([node.module] if node.module else [])))
            yield from (f"{start}.{alias.name}" for alias in node.names)


def imports(file: Path) -> tuple[str, ...]:
    return facts_of(file).imports


def offenders(wrong: Callable[[Path], set[str]]) -> dict[str, set[str]]:
    """What is wrong in which file; of a file in which nothing is wrong, nothing."""
    found = {str(file.relative_to(ROOT)): wrong(file) for file in FILES}
    return {name: bad for name, bad in found.items() if bad}


def ours(file: Path) -> set[str]:
    """What a file imports of the program, by full name, its own room apart."""
    names = {name for name in imports(file) if name.startswith("origin.") and name != "origin.__version__"}
    return {name for name in names if name.split(".")[1] != room(file)}


def is_known(name: str, file: Path) -> bool:
    """Whether the file may import this name of another room."""
    other = name.split(".")[1]
    if CONVERT in (other, room(file)):
        return (room(file), other) == ("cli", CONVERT)
    if other in CONFIG:
        return room(file) in KNOWS_CONFIG
    if room(file) in CONFIG:
        return other in CONFIG_KNOWS
    if other == "imaging" and name.rpartition(".")[0] not in PUBLIC_OF_IMAGING:
        return False
    return LEVEL[other] < LEVEL[room(file)]


def test_every_room_has_its_layer() -> None:
    rooms = {room(file) for file in FILES} - {"__init__"}
    assert rooms <= LEVEL.keys() | {*CONFIG, CONVERT}


def test_tests_are_where_the_rooms_are() -> None:
    """Each room has a folder of its own name with a test in it."""
    beside = {"deploy", "docs", "support", "system"}  # not of one room
    tested = {file.parent.name for file in Path(__file__).parent.glob("*/test_*.py")}
    rooms = {path.name for path in ROOT.iterdir() if any(path.glob("*.py"))}
    assert tested | {"support"} == rooms | beside


def test_the_first_floor_is_a_floor_plan() -> None:
    modules = {"__init__.py", "__main__.py", "app.py", "errors.py"}
    assert {path.name for path in ROOT.glob("*.py")} == modules


def test_imports_go_to_the_left_only() -> None:
    def wrong(file: Path) -> set[str]:
        if file == ROOT / "__init__.py":
            return ours(file)
        return {name for name in ours(file) if not is_known(name, file)}

    assert offenders(wrong) == {}


def test_no_files_import_each_other_in_a_circle() -> None:
    files = {f"origin.{module(file)}": file for file in FILES}
    graph = {
        name: {found for full in imports(file) for found in (full, full.rpartition(".")[0]) if found in files}
        for name, file in files.items()
    }
    TopologicalSorter({name: others - {name} for name, others in graph.items()}).prepare()


def test_each_package_from_outside_has_one_home() -> None:
    def wrong(file: Path) -> set[str]:
        foreign = {name.split(".")[0] for name in imports(file)} - sys.stdlib_module_names - {"origin"}
        return {name for name in foreign if not {module(file), room(file)} & set(HOMES.get(name, "").split())}

    assert offenders(wrong) == {}


def test_every_home_is_lived_in() -> None:
    used = {
        (name.split(".")[0], place)
        for file in FILES
        for name in imports(file)
        for place in (module(file), room(file))
    }
    assert {(name, home) for name, homes in HOMES.items() for home in homes.split()} <= used


def test_only_the_command_line_prints() -> None:
    def wrong(file: Path) -> set[str]:
        return set() if room(file) == "cli" else {"print"} & facts_of(file).names

    assert offenders(wrong) == {}


def test_nothing_is_unpickled_or_evaluated() -> None:
    def wrong(file: Path) -> set[str]:
        packages = {name.split(".")[0] for name in imports(file)}
        return packages & {"pickle", "marshal", "shelve"} | {"eval", "exec"} & facts_of(file).names

    assert offenders(wrong) == {}


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
    assert all(
        name.startswith(("'origin.signing", "'origin.urls", "'origin.errors'", "'origin.formats", "'origin'"))
        for name in known.strip("[]").split(", ")
    )


@pytest.mark.slow
def test_libvips_is_never_loaded_by_the_server() -> None:
    done = python(
        "import sys, origin.app, origin.server.listener\n"
        "print(any('vips' in name for name in sys.modules), 'origin.app' in sys.modules)"
    )
    assert done.stdout == "False True\n"
