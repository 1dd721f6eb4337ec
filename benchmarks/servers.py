"""How each measured server is started on loopback, and how a picture is asked of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.machine import listener
from benchmarks.machine import pinned
from benchmarks.ports import closed_port

PATIENCE = 40.0  # seconds until a server answers
REPOSITORY = Path(__file__).parent.parent
QUALITY = {"jpg": 80, "webp": 80, "avif": 60}
"""Asked of every server alike. PNG has none."""
BUCKET = "originals"
_OPTIONAL = re.compile(r"\[([^]]*)\]")  # of a template: what a format without a quality is asked without


class NotStarted(Exception):
    """A server did not come up; the message says why, as far as it did."""


@dataclass(frozen=True)
class Server:
    """A running server, and how it spells what is wanted."""

    name: str
    port: int
    template: str  # path and query, with {key} {width} {format} {quality}
    pid: int | None  # of the root of its processes; None where others have started it
    quality: str = "{}"  # what stands for {quality}; left out for PNG, which has none
    host: str = "127.0.0.1"
    is_ours: bool = True  # whether this run has started it

    def target(self, key: str, width: int, format: str = "jpg", quality: int | None = None) -> str:
        number = quality or QUALITY.get(format)
        clause = self.quality.format(number) if number else ""
        template = _OPTIONAL.sub(r"\1" if number else "", self.template)
        return template.format(key=key, width=width, format=format, quality=clause)

    def get(self, target: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers by lower-case name, body."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", target, headers=dict(headers or {}))
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()


Start = Callable[[], contextlib.AbstractContextManager[Server]]


def running_already(name: str, template: str) -> Server:
    """A server that others have started, by the template of its URLs. Raises ValueError."""
    parts = urllib.parse.urlsplit(template)
    if parts.scheme != "http" or not parts.hostname or "{key}" not in template:
        raise ValueError(f"{name}: expected http://HOST:PORT/... with {{key}}, got {template}")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    port = parts.port or 80
    return Server(name, port, path, listener(port), host=parts.hostname, is_ours=False)


Source = dict[str, Any]  # of our handler, as configured


def folder_source(originals: Path) -> Source:
    return {"type": "local", "root": str(originals)}


def s3_source(store: Server, folder: str = "") -> Source:
    """Over a server that gives out objects and looks at no signature."""
    keys = {"access_key": "benchmarks", "secret_key": "not-looked-at"}
    place = {"endpoint_url": f"http://{store.host}:{store.port}", "bucket": BUCKET, "region": "us-east-1"}
    return {"type": "s3", "folder": folder, **place, **keys}


def handler(source: Source, **more: Any) -> dict[str, Any]:
    """Our handler, as configured. What fills its cache has to have the same: results are named by it.

    `quality` is that of the encoders' own numbers, which `q` would turn into others.
    """
    return {"name": "p", "source": source, "quality": QUALITY} | more


@contextlib.contextmanager
def origin(
    work: Path,
    source: Source,
    on: Sequence[int],
    home: str = "origin",
    **more: Any,
) -> Iterator[Server]:
    """Ours, with its defaults: it logs every request to a file and keeps what it renders.

    `more`: top-level keys of the configuration beside those that have to be set.
    """
    port, folder = closed_port(), work / home
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "handlers": [handler(source)],
        "drain": 0,
        "http_host": "127.0.0.1",
        "http_port": port,
        "cache": {"path": str(folder / "cache")},
        **more,
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    command = [sys.executable, "-m", "origin", "serve", "-c", str(path)]
    with running("origin", command, on, folder, port) as pid:
        yield Server("origin", port, "/p/{key}?w={width}&f={format}", pid)


@contextlib.contextmanager
def s3_stand_in(work: Path, originals: Path, on: Sequence[int], port: int) -> Iterator[Server]:
    """nginx in the place of S3: whole objects, with their ETag and date. It costs next to nothing beside a
    store, so that what is measured is ours."""
    root = work / "s3"
    root.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (root / BUCKET).symlink_to(originals.resolve(), target_is_directory=True)
    with nginx(work, root, on, "s3-nginx", port) as server:
        yield server


@contextlib.contextmanager
def nginx(work: Path, root: Path, on: Sequence[int], home: str = "nginx", port: int = 0) -> Iterator[Server]:
    """Static files by one worker without an access log, as fast as its manual's advice makes it."""
    port, folder = port or closed_port(), work / home
    (folder / "temporary").mkdir(parents=True, exist_ok=True)
    temporary = "".join(
        f"{kind}_temp_path {folder}/temporary/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # or its worker may not read what we have made
    path.write_text(
        f"""daemon off; {user} worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 1024; }}
http {{
    types {{ image/jpeg jpg; }}
    access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000000;
    open_file_cache max=10000 inactive=60s;
    {temporary}
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""
    )
    program = "/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else "nginx"
    command = [program, "-p", str(folder), "-c", str(path)]
    with running("nginx", command, on, folder, port) as pid:
        yield Server("nginx", port, "/{key}", pid)


@contextlib.contextmanager
def uvicorn(work: Path, body: Path, on: Sequence[int]) -> Iterator[Server]:
    """The web server under ours with an app that does nothing but send one picture."""
    port, folder = closed_port(), work / "uvicorn"
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.bare_app", str(body), str(port)]
    with running("uvicorn", command, on, folder, port) as pid:
        yield Server("uvicorn", port, "/{key}", pid)


@contextlib.contextmanager
def thumbor(
    work: Path, originals: Path, on: Sequence[int], store: Server | None, home: str = "thumbor"
) -> Iterator[Server]:
    """thumbor, one process a core, its results kept in files. With a store the originals come from there and
    are kept as well, which is its default; else they come from the folder."""
    port, folder = closed_port(), work / home
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "thumbor.conf"
    loading = f"""LOADER = "thumbor.loaders.file_loader"
FILE_LOADER_ROOT_PATH = {str(originals)!r}
STORAGE = "thumbor.storages.no_storage"
"""
    if store is not None:
        loading = f"""LOADER = "thumbor.loaders.http_loader"
STORAGE = "thumbor.storages.file_storage"
FILE_STORAGE_ROOT_PATH = {str(folder / "kept")!r}
"""
    path.write_text(
        f"""{loading}RESULT_STORAGE = "thumbor.result_storages.file_storage"
RESULT_STORAGE_FILE_STORAGE_ROOT_PATH = {str(folder / "results")!r}
RESULT_STORAGE_STORES_UNSAFE = True
"""
    )
    command = [peers.thumbor(), "-i", "127.0.0.1", "-p", str(port), "-c", str(path)]
    command += ["--processes", str(len(on))]
    template = f"/unsafe/{{width}}x0/filters:format({{format}}){{quality}}/{_place(store)}{{key}}"
    with running(home, command, on, folder, port) as pid:
        yield Server("thumbor", port, template, pid, ":quality({})")


@contextlib.contextmanager
def ipx(work: Path, originals: Path, on: Sequence[int], store: Server | None) -> Iterator[Server]:
    """ipx over the store, or else over the folder. It keeps nothing."""
    port, folder = closed_port(), work / "ipx"
    folder.mkdir(parents=True, exist_ok=True)
    command = [*peers.ipx(), "serve", "--dir", str(originals), "--host", "127.0.0.1", "--port", str(port)]
    if store is not None:
        command += ["--domains", f"http://{store.host}:{store.port}"]
    with running("ipx", command, on, folder, port) as pid:
        yield Server(
            "ipx", port, f"/w_{{width}},f_{{format}}{{quality}}/{_place(store)}{{key}}", pid, ",q_{}"
        )


def _place(store: Server | None) -> str:
    """What stands before a key where a server is told by the URL where the original is."""
    return f"http://{store.host}:{store.port}/{BUCKET}/" if store is not None else ""


@contextlib.contextmanager
def running(name: str, command: list[str], on: Sequence[int], folder: Path, port: int) -> Iterator[int]:
    """The process, from when its port answers; it and its descendants are ended at the end."""
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            pinned(command, on),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=REPOSITORY,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                lines = (folder / "log").read_text(errors="replace").strip().splitlines()
                raise NotStarted(f"{name} does not start: {lines[-1] if lines else 'no word'}"[:300])
            time.sleep(0.01)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # thumbor's first process leaves its others behind


def _answers(port: int) -> bool:
    """Whether something there speaks HTTP; what it says does not matter."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/")
        connection.getresponse()
        return True
    return False
