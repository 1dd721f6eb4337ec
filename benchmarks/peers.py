"""The programs measured beside ours, each in an environment of its own under `benchmarks/.peers/`.

Versions are fixed, so that a table can be made again.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDER = Path(__file__).parent / ".peers"
THUMBOR = ("thumbor==7.8.0",)
IPX = ("ipx@3.1.1",)
SCORE = ("ssimulacra2==0.3.0", "scikit-image==0.26.0")
"""The metric (BSD), and free photographs that come with scikit-image."""

_PATIENCE = 300  # seconds for one installation
_Installer = Callable[[Path], None]


def install(wanted: set[str]) -> dict[str, str]:
    """Install what is wanted and not there yet, all at once; why each that failed did."""
    missing = [name for name in _INSTALLERS if name in wanted and not is_there(name)]
    with ThreadPoolExecutor() as threads:
        reasons = list(threads.map(_install, missing))
    return {name: reason for name, reason in zip(missing, reasons, strict=True) if reason}


def is_there(name: str) -> bool:
    return (FOLDER / name / "installed").exists()


def python(name: str) -> Path:
    return FOLDER / name / "bin" / "python"


def thumbor() -> str:
    return str(FOLDER / "thumbor" / "bin" / "thumbor")


def ipx() -> list[str]:
    return [shutil.which("node") or "node", str(FOLDER / "ipx" / "node_modules" / ".bin" / "ipx")]


def photographs() -> Path:
    return next((FOLDER / "score" / "lib").glob("python*/site-packages/skimage/data"))


def _install(name: str) -> str:
    """Empty, or why it failed."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        _INSTALLERS[name](folder)
    except (OSError, subprocess.SubprocessError) as exc:
        output = getattr(exc, "stderr", None) or str(exc)
        return str(output).strip().splitlines()[-1][:300]
    (folder / "installed").touch()
    return ""


def _with_pip(*packages: str) -> _Installer:
    def install(folder: Path) -> None:
        _run(sys.executable, "-m", "venv", str(folder))
        _run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages)

    return install


def _with_npm(*packages: str) -> _Installer:
    def install(folder: Path) -> None:
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            raise OSError("node and npm are not on this machine")
        (folder / "package.json").write_text(json.dumps({"private": True}))
        _run(npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages)

    return install


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PATIENCE)


_INSTALLERS = {"thumbor": _with_pip(*THUMBOR), "score": _with_pip(*SCORE), "ipx": _with_npm(*IPX)}
