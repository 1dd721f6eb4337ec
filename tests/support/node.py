"""node and npm, as tests use them: programs of theirs, projects that are installed from the registry, and
sites that are built of them.

What npm installs and what is built is kept for later runs, in `~/.cache/image-origin`, under a digest of all
that it is made of: each takes ten seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.documents import ROOT
from tests.support.documents import miss
from tests.support.documents import need

CLIENT = ROOT / "clients" / "js"
_QUIET = (
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
    "--loglevel=error",
    "--ignore-scripts",
    "--prefer-offline",
)
_QUIET_BUILD = {"NEXT_TELEMETRY_DISABLED": "1", "NUXT_TELEMETRY_DISABLED": "1"}


def run_node(*arguments: str | Path, cwd: Path = CLIENT, given: str | None = None) -> str:
    """What node prints; an assertion shows what it says where it fails."""
    need("node", "nodejs")
    return _run("node", *arguments, cwd=cwd, given=given)


def installed_package() -> Path:
    """Our package as the registry would get it, installed. Nothing may be changed there."""
    need("npm", "npm")
    return _kept("packages", json.dumps([_texts(CLIENT), _node_version(), _npm_version()]), _pack)


def _pack(folder: Path) -> Path:
    (made,) = json.loads(_run("npm", "pack", "--json", "--pack-destination", folder, cwd=CLIENT))
    _npm_install(folder, {}, folder / str(made["filename"]))
    return folder / "node_modules/image-origin"


def _texts(folder: Path) -> dict[str, str]:
    """All files by their paths, but those that git does not keep."""
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    ours = (name for name in names if not {"node_modules", "__pycache__"} & set(name.parts))
    return {name.as_posix(): (folder / name).read_text() for name in ours}


def install(folder: Path, *packages: str, ours: Path | None = None, leave_out: Sequence[str] = ()) -> None:
    """A project with these packages, by npm, and with ours where that is installed. In place of those to
    leave out, which others want, there is one that exports a function without effect.

    They are links to folders that all projects share.
    """
    need("npm", "npm")
    (folder / "node_modules").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"type": "module", "private": True}))
    for package in (_installed(packages, leave_out) / "node_modules").iterdir():
        (folder / "node_modules" / package.name).symlink_to(package)
    if ours is not None:
        _link(ours, folder / "node_modules/image-origin")


@dataclass(frozen=True)
class Site:
    """A project that a framework builds to a site."""

    packages: Sequence[str]  # as npm names them
    leave_out: Sequence[str]  # as for `install`
    command: Sequence[str]  # a script below node_modules, and what it is told
    output: str  # the folder that is the site
    files: Mapping[str, str]  # by their path: its text

    def built(self, ours: Path) -> Path:
        """What it is built to, with our installed package. Nothing may be changed there."""
        need("npm", "npm")
        installed = _installed(self.packages, self.leave_out)
        versions = [(installed / "node_modules/.package-lock.json").read_text(), _node_version()]
        parts = [_texts(ours), self.files, self.command, self.output, versions, _QUIET_BUILD]
        return _kept("builds", json.dumps(parts), lambda folder: self._build(folder, installed, ours))

    def _build(self, folder: Path, installed: Path, ours: Path) -> Path:
        _link(installed, folder)
        _link(ours, folder / "node_modules/image-origin")
        for name, text in self.files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        # No other variables, and no settings of the user: `built` would have to know them.
        variables = {"PATH": os.environ["PATH"], "HOME": str(folder), **_QUIET_BUILD}
        script, *arguments = self.command
        _run("node", folder / "node_modules" / script, *arguments, cwd=folder, variables=variables)
        return folder / self.output


def copy_replaced(source: Path, target: Path, old: str, new: str) -> None:
    """Copy a folder of files, with another text of the same length in place of one that they hold."""
    assert len(old) == len(new), "a site knows how long its files are"

    def copy(name: str, to: str) -> None:
        content = Path(name).read_bytes()
        Path(to).write_bytes(content.replace(old.encode(), new.encode()))

    shutil.copytree(source, target, copy_function=copy)


def _link(source: Path, target: Path) -> None:
    """All files of a folder under further names, as pnpm gives them to each project."""
    shutil.copytree(source, target, symlinks=True, copy_function=_link_file, dirs_exist_ok=True)


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # it is on another disk
        shutil.copy2(source, target)


def _npm_install(folder: Path, overrides: Mapping[str, str], *packages: str | Path) -> None:
    project = {"type": "module", "private": True, "overrides": overrides}
    (folder / "package.json").write_text(json.dumps(project))
    _run("npm", "install", *_QUIET, *packages, cwd=folder)


def _installed(packages: Sequence[str], leave_out: Sequence[str]) -> Path:
    """A project with these packages."""

    def make(folder: Path) -> Path:
        if not _has_registry():
            miss("npm does not reach its registry")
        (folder / "nothing").mkdir()
        about = {"name": "nothing", "version": "1.0.0", "type": "module", "exports": "./index.js"}
        (folder / "nothing/package.json").write_text(json.dumps(about))
        (folder / "nothing/index.js").write_text("export default () => {};\n")
        _npm_install(folder, dict.fromkeys(leave_out, "file:./nothing"), *packages)
        return folder

    return _kept("npm", "\n".join([*packages, "without", *leave_out, _node_version()]), make)


def _kept(kind: str, key: str, make: Callable[[Path], Path]) -> Path:
    """A folder that is kept for later runs. Where there is none for this key yet, `make` gets an empty one
    and returns what is to be kept of it."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folders = Path(caches, "image-origin", kind)
    folders.mkdir(parents=True, exist_ok=True)
    kept = folders / hashlib.sha256(key.encode()).hexdigest()[:16]
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=folders) as name:
            project = Path(name, "project")
            project.mkdir()
            made = make(project)
            with contextlib.suppress(OSError):  # another process was first
                made.rename(kept)
    return kept


def _node_version() -> str:
    return _run("node", "--version", cwd=ROOT)


def _npm_version() -> str:
    """As its own package says, or itself where that is not beside it: to ask it takes a third of a second."""
    about = Path(shutil.which("npm") or "npm").resolve().parents[1] / "package.json"
    return about.read_text() if about.exists() else _run("npm", "--version", cwd=ROOT)


def run_tool(folder: Path, script: str, *arguments: str | Path) -> str:
    """A program of an installed package, by the path of its script below node_modules."""
    return _run("node", folder / "node_modules" / script, *arguments, cwd=folder)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, **_QUIET_BUILD, **(more or {})}


def _run(
    *command: str | Path, cwd: Path, given: str | None = None, variables: Mapping[str, str] | None = None
) -> str:
    done: subprocess.CompletedProcess[Any] = subprocess.run(
        command,
        cwd=cwd,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env=environment() if variables is None else variables,
    )
    assert done.returncode == 0, (
        f"{' '.join(map(str, command))}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    )
    return str(done.stdout)


def need_node(major: int, minor: int) -> None:
    """Skip the test, or on CI fail it, without a node that is as new."""
    need("node", "nodejs")
    need("npm", "npm")
    found = _node_version().strip()
    if tuple(map(int, found.lstrip("v").split(".")[:2])) < (major, minor):
        miss(f"node is {found}, and {major}.{minor} is needed")


def _has_registry() -> bool:
    patience = ("--fetch-retries=0", "--fetch-timeout=20000")
    return subprocess.run(["npm", "ping", *patience], capture_output=True, check=False).returncode == 0
