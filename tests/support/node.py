"""node and npm, as tests use them: programs of theirs, and projects that are installed from the registry."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence
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


def run_node(*arguments: str | Path, cwd: Path = CLIENT, given: str | None = None) -> str:
    """What node prints; an assertion shows what it says where it fails."""
    need("node", "nodejs")
    return _run("node", *arguments, cwd=cwd, given=given)


def installed_package(folder: Path) -> Path:
    """Our package as the registry would get it, installed."""
    need("npm", "npm")
    (made,) = json.loads(_run("npm", "pack", "--json", "--pack-destination", folder, cwd=CLIENT))
    _npm_install(folder, {}, folder / str(made["filename"]))
    return folder / "node_modules/image-origin"


def install(folder: Path, *packages: str, ours: Path | None = None, leave_out: Sequence[str] = ()) -> None:
    """A project with these packages, by npm, and with ours where that is installed. In place of those to
    leave out, which others want, there is one that exports a function without effect."""
    need("npm", "npm")
    _link(_kept(packages, leave_out), folder)
    if ours is not None:
        _link(ours, folder / "node_modules/image-origin")


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


def _kept(packages: Sequence[str], leave_out: Sequence[str]) -> Path:
    """A project with these packages. It is kept for later runs, since npm takes ten seconds for its files."""
    wanted = [*packages, "without", *leave_out, _run("node", "--version", cwd=ROOT)]
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    projects = Path(caches, "image-origin", "npm")
    projects.mkdir(parents=True, exist_ok=True)
    kept = projects / hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:16]
    if not kept.exists():
        if not _has_registry():
            miss("npm does not reach its registry")
        with tempfile.TemporaryDirectory(dir=projects) as name:
            made = Path(name, "project")
            (made / "nothing").mkdir(parents=True)
            about = {"name": "nothing", "version": "1.0.0", "type": "module", "exports": "./index.js"}
            (made / "nothing/package.json").write_text(json.dumps(about))
            (made / "nothing/index.js").write_text("export default () => {};\n")
            _npm_install(made, dict.fromkeys(leave_out, "file:./nothing"), *packages)
            with contextlib.suppress(OSError):  # another process was first
                made.rename(kept)
    return kept


def run_tool(folder: Path, script: str, *arguments: str | Path) -> str:
    """A program of an installed package, by the path of its script below node_modules."""
    return _run("node", folder / "node_modules" / script, *arguments, cwd=folder)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, "NEXT_TELEMETRY_DISABLED": "1", "NUXT_TELEMETRY_DISABLED": "1", **(more or {})}


def _run(*command: str | Path, cwd: Path, given: str | None = None) -> str:
    done: subprocess.CompletedProcess[Any] = subprocess.run(
        command, cwd=cwd, input=given, capture_output=True, text=True, check=False, env=environment()
    )
    assert done.returncode == 0, (
        f"{' '.join(map(str, command))}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    )
    return str(done.stdout)


def need_node(major: int, minor: int) -> None:
    """Skip the test, or on CI fail it, without a node that is as new."""
    need("node", "nodejs")
    need("npm", "npm")
    found = _run("node", "--version", cwd=ROOT).strip()
    if tuple(map(int, found.lstrip("v").split(".")[:2])) < (major, minor):
        miss(f"node is {found}, and {major}.{minor} is needed")


def _has_registry() -> bool:
    patience = ("--fetch-retries=0", "--fetch-timeout=20000")
    return subprocess.run(["npm", "ping", *patience], capture_output=True, check=False).returncode == 0
