"""node and npm, as tests use them: programs of theirs, and projects that are installed from the registry."""

from __future__ import annotations

import functools
import json
import os
import subprocess
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


def pack(folder: Path) -> Path:
    """The package as the registry would get it."""
    need("npm", "npm")
    (made,) = json.loads(_run("npm", "pack", "--json", "--pack-destination", folder, cwd=CLIENT))
    return folder / str(made["filename"])


def install(folder: Path, *packages: str | Path, leave_out: Sequence[str] = ()) -> None:
    """An empty project with these packages, by npm. In place of those to leave out, which others want, there
    is one that exports a function without effect."""
    need("npm", "npm")
    (folder / "nothing").mkdir()
    (folder / "nothing/package.json").write_text('{"name": "nothing", "version": "1.0.0", "type": "module"}')
    (folder / "nothing/index.js").write_text("export default () => {};\n")
    overrides = dict.fromkeys(leave_out, "file:./nothing")
    project = {"type": "module", "private": True, "overrides": overrides}
    (folder / "package.json").write_text(json.dumps(project))
    _run("npm", "install", *_QUIET, *packages, cwd=folder)


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
    """Skip the test, or on CI fail it, without a node that is as new, or without the registry."""
    need("node", "nodejs")
    need("npm", "npm")
    found = _run("node", "--version", cwd=ROOT).strip()
    if tuple(map(int, found.lstrip("v").split(".")[:2])) < (major, minor):
        miss(f"node is {found}, and {major}.{minor} is needed")
    if not _has_registry():
        miss("npm does not reach its registry")


@functools.cache
def _has_registry() -> bool:
    patience = ("--fetch-retries=0", "--fetch-timeout=20000")
    return subprocess.run(["npm", "ping", *patience], capture_output=True, check=False).returncode == 0
