"""A new configuration while pictures are served, and a mistake in it, which changes nothing."""

from __future__ import annotations

import http.client
import json
import re
import signal
import ssl
import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from benchmarks.ports import closed_port
from origin.config.load import build_config
from origin.errors import ConfigError
from origin.signing import UrlSigner
from tests.support import pictures
from tests.support import warm_origins
from tests.support.origin_process import certificate
from tests.support.origin_process import on_loopback
from tests.support.running import PATIENCE
from tests.support.running import Client
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings
from tests.support.running import wait_until

TOKEN = "0123456789abcdef"
OLD, NEW = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"


class FromFile(Client):
    """`origin serve` of a configuration file that a test rewrites."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        super().__init__(config["http_port"])
        self.config = config
        self.path = folder / "config.json"
        self.log = folder / "log"
        self.write()
        self.process = warm_origins.start("serve", "-c", str(self.path), log=self.log)

    def write(self, **changes: Any) -> None:
        self.config |= changes
        self.path.write_text(json.dumps(self.config))

    def hang_up(self, says: str) -> None:
        """Send SIGHUP, and wait for what the log says about it."""
        before = self.log.read_text().count(says)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log.read_text().count(says) > before, f"the log says {says!r}")

    def is_ready(self) -> bool:
        try:
            return self.get("/-/ready").status == 200
        except OSError:
            return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., FromFile]]:
    started: list[FromFile] = []
    (tmp_path / "a.jpg").write_bytes(pictures.land())

    def run(**top: Any) -> FromFile:
        origin = FromFile(tmp_path, on_loopback(tmp_path, tmp_path / "cache", **top))
        started.append(origin)
        wait_until(lambda: origin.is_ready() or origin.process.poll() is not None, "the origin is ready")
        assert origin.process.poll() is None, origin.log.read_text()
        return origin

    yield run
    for origin in started:
        origin.process.kill()
        origin.process.wait()


IN_FORCE = "the new configuration is in force"
GOES_ON = "the old configuration goes on"


def handler(origin: FromFile, **changes: Any) -> list[dict[str, Any]]:
    return [{**origin.config["handlers"][0], **changes}]


@pytest.mark.slow
def test_sighup_takes_new_handlers_and_keys(start: Callable[..., FromFile]) -> None:
    origin = start()
    hit = origin.get("/h/a.jpg?w=30")
    assert hit.status == 200
    origin.write(handlers=[*handler(origin), *handler(origin, name="s", signing={"keys": [OLD]})])
    origin.hang_up(IN_FORCE)
    old, new = (UrlSigner("", "s", [key]).url("a.jpg", w=30) for key in (OLD, NEW))
    assert origin.get(old).status == 200
    assert origin.get(new).kind == "forbidden"
    origin.write(handlers=[*handler(origin), *handler(origin, name="s", signing={"keys": [NEW]})])
    origin.hang_up(IN_FORCE)
    assert origin.get(old).kind == "forbidden"
    assert origin.get(new).status == 200
    # What was kept is kept on.
    again = origin.get("/h/a.jpg?w=30")
    assert "hit" in again.headers["Cache-Status"]
    assert again.body == hit.body


@pytest.mark.slow
def test_a_mistake_keeps_the_old_configuration(start: Callable[..., FromFile]) -> None:
    origin = start()
    right = origin.path.read_text()
    mistakes: tuple[dict[str, Any], ...] = (
        {"handlers": []},
        {"handler": 1},
        {"limits": {"queue": -1}},
        {"admin": {"token": "env:NO_SUCH"}},
    )
    for width, mistake in enumerate(mistakes, 30):
        origin.path.write_text(json.dumps(json.loads(right) | mistake))
        origin.hang_up(GOES_ON)
        assert origin.get(f"/h/a.jpg?w={width}").status == 200, mistake
        assert origin.process.poll() is None
        origin.path.write_text(right)
        origin.hang_up(IN_FORCE)


@pytest.mark.slow
def test_a_file_that_is_gone_or_half_written_keeps_the_old_configuration(
    start: Callable[..., FromFile],
) -> None:
    origin = start()
    whole = origin.path.read_text()
    origin.path.write_text(whole[: len(whole) // 2])
    origin.hang_up(GOES_ON)
    origin.path.unlink()
    origin.hang_up(GOES_ON)
    assert origin.get("/h/a.jpg?w=30").status == 200


@pytest.mark.slow
def test_what_takes_a_restart_is_said(start: Callable[..., FromFile]) -> None:
    origin = start()
    origin.write(admin={"port": 1}, https_port=8443)
    origin.hang_up(IN_FORCE)
    log = origin.log.read_text()
    assert "reload: admin.port has changed; that takes a restart" in log
    assert "reload: https_port has changed; that takes a restart" in log


@pytest.mark.slow
def test_an_origin_drains_for_as_long_as_it_was_told_last(start: Callable[..., FromFile]) -> None:
    origin = start(drain=3600)
    origin.write(drain=0)
    origin.hang_up(IN_FORCE)
    origin.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "stopping: " in origin.log.read_text(), "the origin stops")
    assert "and closed in 0 s" in origin.log.read_text()


@pytest.mark.slow
def test_a_renewed_certificate_is_served(start: Callable[..., FromFile], tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    port = closed_port()
    origin = start(https_enabled=True, https_port=port, https_cert=cert, https_key=key)
    first = served_certificate(port)
    certificate(tmp_path)
    assert served_certificate(port) == first
    origin.hang_up(IN_FORCE)
    second = served_certificate(port)
    assert second != first
    end = re.search(r"^origin_certificate_end_seconds (\S+)$", metrics(origin), re.MULTILINE)
    assert end is not None
    assert float(end[1]) == x509.load_pem_x509_certificate(second.encode()).not_valid_after_utc.timestamp()
    Path(cert).write_text("cut")
    origin.write(handlers=handler(origin, name="other"))
    origin.hang_up(GOES_ON)
    assert served_certificate(port) == second
    assert origin.get("/h/a.jpg?w=30").status == 200


@pytest.mark.slow
def test_a_certificate_at_another_place_is_served(start: Callable[..., FromFile], tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (cert, key), (new_cert, new_key) = certificate(tmp_path), certificate(tmp_path / "new")
    port = closed_port()
    origin = start(https_enabled=True, https_port=port, https_cert=cert, https_key=key)
    first = served_certificate(port)
    origin.write(https_cert=new_cert, https_key=new_key)
    origin.hang_up(IN_FORCE)
    assert served_certificate(port) not in first


@pytest.mark.slow
def test_nothing_of_a_configuration_that_is_refused_is_taken(
    start: Callable[..., FromFile], tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    (cert, key), (new_cert, new_key) = certificate(tmp_path), certificate(tmp_path / "new")
    port = closed_port()
    origin = start(https_enabled=True, https_port=port, https_cert=cert, https_key=key)
    first = served_certificate(port)
    shared = {"results": {"type": "s3", "bucket": "results"}}  # which takes a restart
    origin.write(shared=shared, https_cert=new_cert, https_key=new_key, log={"level": "error"})
    origin.hang_up(GOES_ON)
    assert served_certificate(port) == first
    assert origin.get("/h/a.jpg?w=31").status == 200
    wait_until(lambda: "GET /h/a.jpg?w=31 200" in origin.log.read_text(), "the log has it")


def metrics(origin: Client) -> str:
    return origin.get("/-/metrics").body.decode()


def served_certificate(port: int) -> str:
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=PATIENCE)


@pytest.mark.slow
def test_reload_over_http_says_what_is_wrong(start: Callable[..., FromFile]) -> None:
    origin = start(admin={"token": TOKEN})
    assert reload(origin, "") == (401, {"error": "a bearer token is needed"})
    assert reload(origin) == (200, {"reloaded": True})
    origin.write(handlers=handler(origin, crop=1))
    assert reload(origin) == (
        409,
        {"error": "config.json: handlers[0].crop: expected true or false, got 1"},
    )
    assert origin.get("/h/a.jpg?w=30").status == 200


def reload(origin: FromFile, token: str = TOKEN) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=PATIENCE)
    try:
        connection.request("POST", "/-/reload", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


# Inside one process, where a test can hold what is in flight


@pytest.mark.slow
def test_what_is_in_flight_ends_under_the_configuration_it_began_with(tmp_path: Path) -> None:
    plain = settings(tmp_path, tmp_path / "cache", max_age=111)
    shelf = Shelf(**{"a.jpg": pictures.land(), "b.jpg": pictures.land()})
    with Running(plain, source=shelf) as origin:
        shelf.hold()
        begun = origin.send("/h/a.jpg?w=30")
        wait_until(lambda: shelf.gets, "the source is asked")
        new = {**plain, "handlers": [{**plain["handlers"][0], "max_age": 222}], "renderers": 2}
        origin.call(origin.app.reload(build_config(new)))
        shelf.release()
        assert "max-age=111" in begun.answer().headers["Cache-Control"]
        assert "max-age=222" in origin.get("/h/b.jpg?w=30").headers["Cache-Control"]
        wait_until(lambda: not origin.app._retiring, "the old parts are closed")
        assert origin.origin.pool.size == 2


@pytest.mark.slow
def test_fetches_and_renders_wait_for_as_long_as_they_were_told_last(tmp_path: Path) -> None:
    plain = settings(tmp_path, tmp_path / "cache")
    with Running(plain, source=Shelf()) as origin:
        new = build_config({**plain, "limits": {"queue_timeout": 7.5}})
        origin.call(origin.app.reload(new))
        assert (origin.origin.pool.queue_timeout, origin.origin.admission.timeout) == (7.5, 7.5)


@pytest.mark.slow
def test_a_new_pool_that_cannot_start_keeps_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from origin.render.pool import RenderPool
    from origin.render.process import Renderer

    plain = settings(tmp_path, tmp_path / "cache")
    with Running(plain, source=Shelf(**{"a.jpg": pictures.land()})) as origin:
        monkeypatch.setattr(Renderer, "command", ("/nowhere/python",))
        monkeypatch.setattr(RenderPool, "make_template", lambda: None)
        origin.app.load_again = lambda: build_config({**plain, "renderers": 2})
        assert origin.call(origin.app.reload_configuration()) is not None
        monkeypatch.undo()
        assert origin.get("/h/a.jpg?w=30").status == 200


@pytest.mark.slow
def test_without_a_file_there_is_nothing_to_read_again(tmp_path: Path) -> None:
    with Running(settings(tmp_path, tmp_path / "cache")) as origin:
        mistake = origin.call(origin.app.reload_configuration())
        assert mistake == "this origin was not started from a file that can be read again"


@pytest.mark.slow
def test_many_reloads_under_load_lose_no_request(tmp_path: Path) -> None:
    # No request has too little time; but that it is answered is what is asked for.
    limits = {"queue_timeout": 50, "render_timeout": 50}
    small = pictures.small_fallback(tmp_path)  # each reload renders it
    plain = settings(tmp_path, tmp_path / "cache", error_image=small) | {"limits": limits}
    with Running(plain, source=Shelf(**{"a.jpg": pictures.small()})) as origin:
        statuses: list[int] = []
        done = threading.Event()

        def ask(first: int) -> None:
            for width in range(first, 10_000, 3):
                if done.is_set():
                    return
                statuses.append(origin.get(f"/h/a.jpg?w={1 + width % 60}").status)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for number in range(8):
            new = {**plain, "handlers": [{**plain["handlers"][0], "quality": 40 + number}]}
            origin.call(origin.app.reload(build_config(new)))
            wait_until(lambda: len(statuses) > 10 * number, "the load goes on")  # noqa: B023
        done.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert set(statuses) == {200}
        wait_until(lambda: not origin.app._retiring, "the old parts are closed")


@pytest.mark.slow
def test_the_configuration_error_is_the_only_one_that_is_swallowed(tmp_path: Path) -> None:
    with Running(settings(tmp_path, tmp_path / "cache")) as origin:

        def broken() -> Any:
            raise ConfigError("a mistake")

        origin.app.load_again = broken
        assert origin.call(origin.app.reload_configuration()) == "a mistake"
