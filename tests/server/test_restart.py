"""How an origin starts and ends: what is in flight is finished, nothing is lost, nothing half-written."""

from __future__ import annotations

import ctypes
import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import diskcache
import pytest

from benchmarks.ports import closed_port
from origin.app import create_app
from origin.errors import ConfigError
from origin.server.listener import bind
from origin.server.run import run
from tests.support.origin_process import DRAIN
from tests.support.origin_process import Process
from tests.support.origin_process import certificate
from tests.support.origin_process import on_loopback
from tests.support.origin_process import process
from tests.support.pictures import land
from tests.support.pictures import small
from tests.support.running import PATIENCE
from tests.support.running import Client
from tests.support.running import command
from tests.support.running import wait_until

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class HeldSource:
    """An S3 of one picture, which it hands out when it is told to."""

    def __init__(self) -> None:
        held = self
        self.asked = threading.Event()
        self.free = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if "held" in self.path:
                    held.asked.set()
                    held.free.wait(PATIENCE)
                body = land()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", '"1"')
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    def __enter__(self) -> HeldSource:
        threading.Thread(target=self.server.serve_forever, args=(0.05,)).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.free.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def settings(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        return {"type": "s3", "bucket": "bucket", "endpoint_url": url, "anonymous": True, "region": "x"}


@pytest.fixture
def source() -> Iterator[HeldSource]:
    with HeldSource() as held:
        yield held


@pytest.fixture
def origin(source: HeldSource, tmp_path: Path) -> Iterator[Process]:
    config = on_loopback(tmp_path, tmp_path / "cache")
    config["handlers"][0]["source"] = source.settings
    with process(tmp_path, config) as running:
        yield running


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


# The end


@pytest.mark.slow
def test_a_stopping_origin_drains_and_finishes_what_is_in_flight(origin: Process, source: HeldSource) -> None:
    kept = http.client.HTTPConnection("127.0.0.1", origin.port, PATIENCE)
    kept.request("GET", "/status")
    assert kept.getresponse().read() == b"OK"
    in_flight = origin.send("/h/held.jpg?w=100", headers={"Connection": "keep-alive"})
    assert source.asked.wait(PATIENCE)
    renderers = origin.children
    assert renderers

    begun = time.monotonic()
    origin.ask_to_stop()
    for renderer in renderers:  # as a service manager does that sends it to every process
        os.kill(renderer, signal.SIGTERM)
    wait_until(lambda: not origin.is_ready(), "it is not ready")
    draining = origin.get("/-/ready", headers={"Connection": "keep-alive"})
    assert (draining.status, draining.headers["Connection"]) == (503, "close")
    kept.request("GET", "/status")
    with kept.getresponse() as answer:
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
    kept.close()
    picture = origin.get("/h/other.jpg?w=100", headers={"Connection": "keep-alive"})
    assert (picture.status, picture.headers["Connection"]) == (200, "close")

    wait_until(lambda: not listens(origin.port), "nothing listens")
    assert time.monotonic() - begun >= DRAIN
    assert origin.process.poll() is None, "a request is in flight"
    assert sorted(origin.children) == sorted(renderers)
    source.free.set()
    answer_in_flight = in_flight.answer()
    assert (answer_in_flight.status, answer_in_flight.headers["Connection"]) == (200, "close")
    assert len(answer_in_flight.body) == int(answer_in_flight.headers["Content-Length"])
    assert origin.ended() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in renderers)


@pytest.mark.slow
def test_a_second_signal_ends_an_origin_at_once(origin: Process, source: HeldSource, tmp_path: Path) -> None:
    in_flight = origin.send("/h/held.jpg?w=100")
    assert source.asked.wait(PATIENCE)
    renderers = origin.children
    origin.ask_to_stop()
    wait_until(lambda: not origin.is_ready(), "it is not ready")
    origin.ask_to_stop(signal.SIGINT)
    start = time.monotonic()
    assert origin.ended() == 0
    assert time.monotonic() - start < 5  # the source would take 10, the grace is 30
    assert not any(Path(f"/proc/{pid}").exists() for pid in renderers)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        in_flight.answer()
    assert "Traceback" not in origin.log.read_text()


@pytest.mark.slow
def test_an_origin_that_is_hurried_while_it_writes_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(land())
    config = on_loopback(tmp_path, tmp_path / "cache")
    targets = [f"/h/a.jpg?w={width}" for width in range(100, 112)]
    with process(tmp_path, config) as running:
        bodies = [running.get(target).body for target in targets]
        running.ask_to_stop()
        running.ask_to_stop()
        assert running.ended() == 0
    with process(tmp_path, config) as running:
        answers = [running.get(target) for target in targets]
    assert [answer.body for answer in answers] == bodies
    assert any("hit" in answer.headers["Cache-Status"] for answer in answers)
    assert _strays(tmp_path / "cache") == []


def _strays(cache: Path) -> list[str]:
    """What diskcache itself finds that belongs to nothing, or belongs to something and is not there."""
    folders = {found.parent for found in cache.rglob("cache.db")}
    assert folders
    found = []
    for folder in folders:
        with warnings.catch_warnings(), diskcache.Cache(folder) as opened:
            warnings.simplefilter("always")
            found += [str(warning.message) for warning in opened.check()]
    # The store counts whole blocks of the disk.
    return [text for text in found if not text.startswith("wrong file size")]


# The start


def complaint(config: dict[str, Any]) -> str:
    """The one line that a wrong start says."""
    with pytest.raises(ConfigError) as refused:
        run(create_app(config))
    assert str(refused.value).isprintable()
    return str(refused.value)


@pytest.mark.slow
def test_a_wrong_start_says_one_line_and_exits_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = on_loopback(tmp_path, tmp_path / "cache", http_port=taken.getsockname()[1])
        done = command("serve", "-c", "-", text=json.dumps(config))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("origin: http_port: cannot listen on 127.0.0.1 port ")
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("place", ["http_port", "https_port", "admin.port"])
def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path, place: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cert, key = certificate(tmp_path)
        config = on_loopback(tmp_path, tmp_path / "cache")
        if place == "http_port":
            config["http_port"] = port
        elif place == "https_port":
            config |= {"https_enabled": True, "https_port": port, "https_cert": cert, "https_key": key}
        else:
            config["admin"] = {"port": port}
        line = complaint(config)
    assert f"{place}: cannot listen on 127.0.0.1 port {port}" in line
    assert "something else listens there" in line


def test_an_address_of_another_machine_is_said_in_one_line(tmp_path: Path) -> None:
    """192.0.2.0/24 is nobody's: RFC 5737."""
    config = on_loopback(tmp_path, tmp_path / "cache", http_host="192.0.2.1")
    assert "this machine has no such address" in complaint(config)


@pytest.mark.skipif(
    int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 80,
    reason="every port is free for all here",
)
def test_a_port_for_root_is_said_in_one_line(tmp_path: Path) -> None:
    seen: list[str] = []

    def try_it() -> None:
        """In a thread of its own, since the capability belongs to the thread."""
        _drop_capabilities()
        try:
            bind("127.0.0.1", 80).close()
        except ConfigError as error:
            seen.append(str(error))

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join()
    assert seen == [
        "http_port: cannot listen on 127.0.0.1 port 80: this port is for root or CAP_NET_BIND_SERVICE; "
        "choose a http_port above 1023"
    ]


def _drop_capabilities() -> None:
    """capset(2), version 3, of this thread alone."""
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    nothing = ctypes.create_string_buffer(struct.pack("6I", *[0] * 6))
    assert ctypes.CDLL(None).capset(header, nothing) == 0


@pytest.mark.parametrize("broken", ["https_cert", "https_key"])
def test_a_missing_certificate_or_key_is_said_in_one_line(tmp_path: Path, broken: str) -> None:
    config = with_tls(tmp_path)
    config[broken] = str(tmp_path / "missing.pem")
    line = complaint(config)
    assert f"{broken}: expected a file" in line
    assert "missing.pem" in line


@pytest.mark.parametrize("broken", ["https_cert", "https_key"])
def test_a_certificate_or_key_that_is_none_is_said_in_one_line(tmp_path: Path, broken: str) -> None:
    config = with_tls(tmp_path)
    Path(config[broken]).write_text("not a PEM file")
    assert complaint(config).startswith(f"{broken}: {config[broken]} is not PEM")


# TLS


def with_tls(folder: Path) -> dict[str, Any]:
    cert, key = certificate(folder)
    return on_loopback(
        folder,
        folder / "cache",
        https_enabled=True,
        https_strict=True,
        https_port=closed_port(),
        https_cert=cert,
        https_key=key,
        hosts=["pictures.example", "other.example"],
    )


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("tls")
    (folder / "a.jpg").write_bytes(small())
    config = with_tls(folder)
    with process(folder, config) as running:
        yield running, config


def secured(config: dict[str, Any], context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", config["https_port"]), PATIENCE)
    return context.wrap_socket(plain, server_hostname="pictures.example")


@pytest.mark.slow
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_https_serves_pictures(tls: tuple[Process, dict[str, Any]], version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=tls[1]["https_cert"])
    context.minimum_version = context.maximum_version = version
    with secured(tls[1], context) as client:
        cipher = client.cipher()
        assert cipher is not None
        assert "GCM" in cipher[0] or "CHACHA20" in cipher[0], "RFC 9325 section 4.2 wants AEAD"
        client.sendall(b"GET /h/a.jpg HTTP/1.1\r\nHost: pictures.example\r\nConnection: close\r\n\r\n")
        with http.client.HTTPResponse(client) as answer:
            answer.begin()
            assert answer.status == 200
            assert len(answer.read()) == int(answer.headers["Content-Length"])


@pytest.mark.slow
def test_https_refuses_tls_1_1(tls: tuple[Process, dict[str, Any]]) -> None:
    """RFC 8996."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(tls[1]["https_cert"])
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)) as refused:
        secured(tls[1], context)
    assert getattr(refused.value, "reason", None) != "NO_PROTOCOLS_AVAILABLE", "the client cannot ask"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "target", "location"),
    [
        ("pictures.example", "/h/a.jpg?w=10", "https://pictures.example:{port}/h/a.jpg?w=10"),
        ("other.example:80", "/h/a.jpg", "https://other.example:{port}/h/a.jpg"),
        ("evil.example", "/h/a.jpg", "https://pictures.example:{port}/h/a.jpg"),
        ("evil.example", "//evil.example/a.jpg", "https://pictures.example:{port}/evil.example/a.jpg"),
        ("evil.example", "http://evil.example/a.jpg", "https://pictures.example:{port}/a.jpg"),
    ],
)
def test_https_strict_redirects_to_a_configured_host_alone(
    tls: tuple[Process, dict[str, Any]], host: str, target: str, location: str
) -> None:
    answer = tls[0].get(target, headers={"Host": host})
    assert answer.status == 301
    assert answer.headers["Location"] == location.format(port=tls[1]["https_port"])


# A rolling restart

_NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream origins {{
        # One refused connection must not take an origin out for ten seconds, the usual fail_timeout:
        # in a rolling restart both would soon be out.
        server 127.0.0.1:{first} max_fails=0;
        server 127.0.0.1:{second} max_fails=0;
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://origins;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_next_upstream error timeout http_503;
        }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, first: int, second: int) -> Iterator[Client]:
    """A proxy before two origins."""
    if NGINX is None:
        assert os.environ.get("CI") != "true", "nginx has to be installed"
        pytest.skip("nginx is not installed")
    port = closed_port()
    folder.mkdir()
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, first=first, second=second, port=port))
    proxy = subprocess.Popen(
        [NGINX, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/nginx.log"], stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: listens(port), "nginx listens")
        yield Client(port)
    finally:
        proxy.terminate()
        proxy.wait(PATIENCE)


class Load:
    """Visitors that ask for one picture after the other, half of them new."""

    def __init__(self, port: int, visitors: int = 4) -> None:
        self._port = port
        self._stop = threading.Event()
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._visit) for _ in range(visitors)]
        self.seen: Counter[str] = Counter()

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def goes_on(self, requests: int) -> None:
        """Wait until that many more were answered."""
        wanted = self.seen.total() + requests
        wait_until(lambda: self.seen.total() >= wanted, "the load goes on")

    def _visit(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        while not self._stop.wait(0.01):
            number = next(self._numbers)
            self.seen[self._outcome(connection, number if number % 2 else 50)] += 1
        connection.close()

    def _outcome(self, connection: http.client.HTTPConnection, number: int) -> str:
        width, height = number % 100 + 1, number // 100 % 80 + 1
        try:
            connection.request("GET", f"/h/a.jpg?w={width}&h={height}")
            with connection.getresponse() as answer:
                answer.read()
                return str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return repr(error)


@pytest.mark.slow
def test_a_rolling_restart_behind_nginx_loses_no_request(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(small())
    configs = [on_loopback(tmp_path, tmp_path / f"cache{number}") for number in (1, 2)]
    folders = [tmp_path / "one", tmp_path / "two"]
    ports = [config["http_port"] for config in configs]
    with ExitStack() as stack:
        origins = [Process(folder, config) for folder, config in zip(folders, configs, strict=True)]
        for origin in origins:
            stack.callback(origin.kill)
            origin.started()
        proxy = stack.enter_context(nginx(tmp_path / "nginx", *ports))
        with Load(proxy.port) as load:
            load.goes_on(50)
            for origin, folder, config in zip(origins, folders, configs, strict=True):
                origin.ask_to_stop()
                assert origin.ended() == 0
                load.goes_on(50)
                stack.enter_context(process(folder.with_suffix(".again"), config))
                load.goes_on(50)
    assert set(load.seen) == {"200"}, load.seen
    for folder in (*folders, *(folder.with_suffix(".again") for folder in folders)):
        assert "/h/a.jpg" in (folder / "log").read_text(), f"{folder.name} had no requests"
