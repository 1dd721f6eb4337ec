"""nginx and Varnish on free loopback ports, from the recipes in docs, with ports and paths put in."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import shutil
import subprocess
import sysconfig
import urllib.request
import uuid
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NoReturn

import http_sf
import pytest

from benchmarks.ports import closed_port
from tests.support import pictures
from tests.support.running import Answer
from tests.support.running import Client
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import wait_until

DOCS = Path(__file__).parents[2] / "docs"
_FOLDERS = os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath), "/usr/sbin"))


def need(program: str, how: str = "Debian: nginx-light, varnish, varnish-modules") -> str:
    """Where the program is; without it the test is skipped, and `how` tells what brings it."""
    return shutil.which(program, path=_FOLDERS) or absent(program, how)


def absent(what: str, how: str = "Debian: nginx-light, varnish, varnish-modules") -> NoReturn:
    """Skip the test, or fail it on CI, where nothing may be absent."""
    reason = f"{what} is not installed ({how})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def recipe(name: str, *replacements: tuple[str, str]) -> str:
    text = (DOCS / name).read_text()
    for old, new in replacements:
        assert text.count(old) == 1, f"{name}: {old!r} should be there once"
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def nginx(folder: Path, origin: int) -> Iterator[Client]:
    """nginx in front of the origin's port. Under `/respelled/` it writes paths anew, as many do."""
    text = recipe(
        "nginx.conf",
        ("127.0.0.1:8080", f"127.0.0.1:{origin}"),
        ("/var/cache/pictures", f"{folder}/pictures"),
        ("    location / {", "    location /respelled/ { proxy_pass http://origin/; }\n    location / {"),
    )
    with _nginx(folder, "listen 80;", text) as client:
        yield client


@contextlib.contextmanager
def _nginx(folder: Path, listen: str, text: str) -> Iterator[Client]:
    """nginx with this in `http`, on a port of its own."""
    program = need("nginx")
    port = closed_port()
    assert text.count(listen) == 1
    text = text.replace(listen, f"listen 127.0.0.1:{port};")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in _TEMPORARY)
    user = "user root;\n" if os.geteuid() == 0 else ""  # only root may change it, and has to
    head = f"{user}daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\n"
    body = f"access_log off;\n{temporary}\n{text}"
    (folder / "nginx.conf").write_text(f"{head}http {{\n{body}\n}}\n")
    with _running([program, "-c", f"{folder}/nginx.conf", "-e", "stderr"], folder, port):
        yield Client(port)


@contextlib.contextmanager
def balancer(folder: Path, origins: Sequence[int]) -> Iterator[Client]:
    """nginx in front of the ports of a fleet, as `deploy/compose` has it: each URL has its origin."""
    folder.mkdir()
    servers = "".join(f"    server 127.0.0.1:{port} max_fails=3 fail_timeout=5s;\n" for port in origins)
    text = (DOCS.parent / "deploy/compose/nginx.conf").read_text()
    first, last = text.index("    server origin1"), text.index("    keepalive")
    with _nginx(folder, "listen 8080;", text[:first] + servers + text[last:]) as client:
        yield client


_RESPELLING = """
sub vcl_backend_fetch {
    if (bereq.http.Respell) {
        set bereq.url = regsuball(bereq.url, "%C3%BC", "%c3%bc");
        set bereq.url = regsuball(bereq.url, "~", "%7e");
        set bereq.url = regsuball(bereq.url, "%2B", "+");
    }
}
"""

_COMPILE = "cc -fpic -shared -O0 -Wl,-x -o %o %s"  # of the VCL: its own optimizes for seconds
_TEMPORARY = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")


@contextlib.contextmanager
def varnish(folder: Path, origin: int) -> Iterator[Client]:
    """Varnish in front of the origin's port."""
    program = need("varnishd")
    if not any(Path("/usr/lib").glob("*/varnish/vmods/libvmod_xkey.so")):
        absent("the vmod xkey")
    port = closed_port()
    # Its probe looks often here, so that a test need not wait for it.
    changes = ('.port = "8080"', f'.port = "{origin}"'), (".interval = 2s", ".interval = 0.2s")
    (folder / "recipe.vcl").write_text(recipe("varnish.vcl", *changes) + _RESPELLING)
    command = [program, "-F", "-j", "none", "-n", str(folder / "run"), "-f", str(folder / "recipe.vcl")]
    command += ["-p", f"cc_command={_COMPILE}"]
    command += ["-a", f"127.0.0.1:{port}", "-s", "malloc,64m", "-l", "8m", "-p", "thread_pools=1"]
    with _running(command, folder, port):
        yield Client(port)


@contextlib.contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), f"{command[0]} answers")
        assert process.poll() is None, (folder / "log").read_text()[-2000:]
        yield
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        return Client(port).get("/status").status == 200
    except OSError:
        return False


class AccessLog(logging.Handler):
    """The lines of the origin's log, one a request, as the fields that they are made from."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(vars(record)["request"])


class Pulled:
    """An origin that caches pull from: its shelf of originals, and what was asked of it."""

    def __init__(self, origin: Running, shelf: Shelf, log: AccessLog) -> None:
        self.origin = origin
        self.shelf = shelf
        self._log = log
        self._barriers = itertools.count()

    def put(self, picture: bytes) -> str:
        """Put an original under a key of its own; returns the key."""
        key = f"{uuid.uuid4().hex}.jpg"
        self.shelf.originals[key] = picture
        return key

    def lines(self, key: str) -> list[dict[str, Any]]:
        """The log lines of the requests for a key; the newest may still be missing."""
        return [line for line in self._log.lines if key in line["path"]]

    def pulls(self, key: str) -> list[dict[str, Any]]:
        """The log lines of all requests for a key that the origin has answered by now."""
        # A line is written behind its answer; one loop writes them in turn.
        barrier = f"/nowhere?barrier={next(self._barriers)}"
        self.origin.get(barrier)
        wait_until(lambda: any(line["path"] == barrier for line in self._log.lines), "the log line is there")
        return self.lines(key)

    def purge(self, handler: str, key: str) -> None:
        """Forget an original in the origin itself."""
        body = json.dumps({"handler": handler, "key": key})
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.origin.port}/-/purge",
            body.encode(),
            {"Authorization": f"Bearer {ADMIN_TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200


@contextlib.contextmanager
def upstream(folder: Path) -> Iterator[Pulled]:
    """An origin with HANDLERS over one shelf."""
    shelf = Shelf()
    log = AccessLog()
    with _listening(log), Running(_settings(folder), source=shelf) as origin:
        yield Pulled(origin, shelf, log)


@contextlib.contextmanager
def _listening(log: AccessLog) -> Iterator[None]:
    logger = logging.getLogger("origin.access")
    level = logger.level
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(log)
        logger.setLevel(level)


ADMIN_TOKEN = "a-token-for-the-tests-of-caches"
SIGNING_KEY = "a key for the tests of caches, 32+"
_LONG = {"stale_while_revalidate": 3600, "stale_if_error": 3600}
_NONE = {"stale_while_revalidate": 0, "stale_if_error": 0}
# By prefix. A handler without a cache of its own leaves an outage of its source to the caches in front.
HANDLERS: dict[str, dict[str, Any]] = {
    "long": {"error_max_age": 3600},
    "auto": {"output_format": "auto"},
    "checked": {"max_age": 1, "cache_time": 1, "error_max_age": 1, **_NONE},
    "stale": {"max_age": 1, "cache_time": 1, "error_max_age": 1, **_LONG},
    "bare": {"cache_enabled": False, "max_age": 1, "error_max_age": 1, **_LONG},
    "exact": {
        "cache_enabled": False,
        "max_age": 1,
        "error_status": "exact",
        "stale_while_revalidate": 0,
        "stale_if_error": 3600,
    },
    "window": {"cache_enabled": False, "max_age": 1, "stale_while_revalidate": 1, "stale_if_error": 1},
    "signed": {"max_age": 1, "signing": {"keys": [SIGNING_KEY]}, **_LONG},
    "locked": {"error_status": "exact", "signing": {"keys": [SIGNING_KEY]}},
    "cdn": {"cdn_max_age": 7200, "tag_header": "Cache-Tag"},
}


def _settings(folder: Path) -> dict[str, Any]:
    (folder / "error.png").write_bytes(pictures.encoded(pictures.field(16, 16), "PNG"))
    source = {"type": "local", "root": str(folder)}  # a shelf stands in for it
    every = {"source": source, "error_image": str(folder / "error.png")}
    return {
        "handlers": [{"name": name, **every, **more} for name, more in HANDLERS.items()],
        "cache": {"path": str(folder / "cache")},
        "renderers": 1,
        "admin": {"token": ADMIN_TOKEN},
    }


def cache_status(answer: Answer) -> list[tuple[str, dict[str, Any]]]:
    """The members of Cache-Status, the origin's first: who, and its parameters."""
    text = ", ".join(answer.headers.get_all("Cache-Status", []))
    members: Any = http_sf.parse(text.encode(), tltype="list")
    return [(str(who), parameters) for who, parameters in members]


def is_hit(answer: Answer) -> bool:
    """Whether the cache in front had it, fresh or stale."""
    return "hit" in cache_status(answer)[-1][1]
