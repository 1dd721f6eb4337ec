"""What the wheel holds, what an installation of it brings, and that pip compiles nothing for it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

from origin.client import Images
from origin.signing import UrlSigner
from tests.support.cases import check_each

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVER_EXTRA = PROJECT["optional-dependencies"]["server"]
_IN_THE_IMAGE = ("fleet", "telemetry", "sentry")  # beside `server`: Dockerfile and .ci/lock name them
IMAGE_EXTRAS = [each for name in _IN_THE_IMAGE for each in PROJECT["optional-dependencies"][name]]
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
SIGN = """
from origin.signing import UrlSigner
print(UrlSigner("https://img.example.com", "photos", ["k" * 32]).url("cat.jpg", w=300))
"""
TAG = """
from origin.client import Images
print(Images("https://img.example.com", "photos").img("cat.jpg", alt="A cat", w=300, h=200))
"""


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=100, check=False, cwd=cwd, env=environment
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as pip builds it, in a copy: what a build leaves behind would be in the next wheel."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "origin", source / "origin", ignore=shutil.ignore_patterns("__pycache__"))
    done = run(sys.executable, "-c", BUILD, folder, cwd=source)
    assert done.returncode == 0, done.stderr
    (path,) = folder.iterdir()
    return path


@pytest.mark.slow
def test_the_wheel_is_for_every_machine(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_program_and_no_other(wheel: Path) -> None:
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "origin").rglob("*") if path.is_file()}
    files = {name for name in files if not name.endswith(".pyc")}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == files
    assert {
        "origin/py.typed",
        "origin/pages/pictures/landscape.jpg",
        "origin/delivery/placeholder.png",
        "origin/imaging/vendor/pyvips/LICENSE.txt",
    } <= packed


@pytest.mark.slow
def test_the_wheel_holds_both_licences_and_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry_points,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        folder = entry_points.removesuffix("entry_points.txt")
        for licence in PROJECT["license-files"]:
            assert archive.read(f"{folder}licenses/{licence}") == (ROOT / licence).read_bytes()
        assert archive.read(entry_points).decode().split("\n")[:2] == [
            "[console_scripts]",
            "origin = origin.__main__:main",
        ]


@dataclass(frozen=True)
class Environment:
    """Where its programs and its packages are."""

    programs: Path
    packages: Path


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with this package and no extra. itsdangerous comes from here, and pip asks no index:
    were anything else needed, it would fail."""
    folder = tmp_path_factory.mktemp("base")
    has_pip = importlib.util.find_spec("pip") is not None  # not where uv made the environment of the tests
    venv.create(folder, with_pip=not has_pip)  # which takes five seconds
    programs = folder / "bin"
    pip = (sys.executable, "-m", "pip", "--python", programs / "python") if has_pip else (programs / "pip",)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    distribution = metadata.distribution("itsdangerous")
    for file in distribution.files or ():
        if file.suffix != ".pyc":
            (site / file).parent.mkdir(exist_ok=True)
            shutil.copy(str(distribution.locate_file(file)), site / file)
    done = run(*pip, "install", "--no-index", "--no-compile", wheel)
    assert done.returncode == 0, done.stdout + done.stderr
    return Environment(programs, site)


@pytest.mark.slow
def test_the_base_install_brings_itsdangerous_alone(base: Environment) -> None:
    names = {each.name for each in metadata.distributions(path=[str(base.packages)])}
    assert names - {"pip", "setuptools"} == {"image-origin", "itsdangerous"}


@pytest.mark.slow
def test_the_base_install_signs(base: Environment) -> None:
    done = run(base.programs / "python", "-I", "-c", SIGN)
    signed = UrlSigner("https://img.example.com", "photos", ["k" * 32]).url("cat.jpg", w=300)
    assert (done.stdout, done.stderr) == (f"{signed}\n", "")


@pytest.mark.slow
def test_the_base_install_writes_tags(base: Environment) -> None:
    done = run(base.programs / "python", "-I", "-c", TAG)
    tag = Images("https://img.example.com", "photos").img("cat.jpg", alt="A cat", w=300, h=200)
    assert (done.stdout, done.stderr) == (f"{tag}\n", "")


@pytest.mark.slow
def test_the_base_install_has_the_command_which_says_what_is_missing(base: Environment) -> None:
    done = run(base.programs / "origin", "demo")
    assert done.returncode == 1
    assert done.stderr == (
        "origin: click is not installed; install the package with its extra: '.[server]'\n"
    )


def needed(texts: list[str], extras: frozenset[str] = frozenset()) -> Iterator[tuple[str, frozenset[str]]]:
    """Name and extras of each requirement that holds here."""
    for requirement in map(Requirement, texts):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


@cache
def requires(name: str) -> list[str]:
    """What an installed package says: to read that takes longer than all else here."""
    return metadata.requires(name) or []


def installed(*requirements: list[str]) -> set[str]:
    """The names of all that the package brings with these requirements of extras."""
    todo = [*needed(PROJECT["dependencies"]), *(one for some in requirements for one in needed(some))]
    seen = set(todo)
    while todo:
        name, extras = todo.pop()
        more = set(needed(requires(name), extras)) - seen
        seen |= more
        todo += more
    return {name for name, _ in seen}


def test_nothing_that_the_server_needs_was_compiled_here() -> None:
    def check(name: str) -> None:
        lines = (metadata.distribution(name).read_text("WHEEL") or "").splitlines()
        tags = [tag for line in lines if line.startswith("Tag: ") for tag in parse_tag(line.split()[1])]
        assert tags
        # A wheel that pip has compiled itself is for `linux`; one from PyPI for `manylinux` or `musllinux`.
        assert not {tag.platform for tag in tags if tag.platform.startswith("linux")}

    check_each({name: name for name in installed(SERVER_EXTRA)}, check)


def test_the_image_is_built_from_versions_that_the_package_admits() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    versions = {canonicalize_name(name): version for name, version in pins.items()}
    assert sorted(versions) == sorted(installed(SERVER_EXTRA, IMAGE_EXTRAS))
    for requirement in map(Requirement, [*PROJECT["dependencies"], *SERVER_EXTRA, *IMAGE_EXTRAS]):
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier


def test_pyvips_is_not_installed_for_the_server() -> None:
    # PyPI has no wheel of it: origin/imaging/vendor/README.md.
    server = installed(SERVER_EXTRA)
    assert "pyvips" not in server
    assert "pyvips-binary" in server


def test_what_only_linux_has_is_needed_on_linux_only() -> None:
    (requirement,) = (one for one in map(Requirement, SERVER_EXTRA) if one.name == "pyseccomp")
    assert requirement.marker is not None
    for platform, holds in (("linux", True), ("darwin", False)):
        assert requirement.marker.evaluate({"sys_platform": platform}) is holds
