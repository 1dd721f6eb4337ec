"""Pictures of other sites, from request to answer: keys, registry, failures, loops, stale copies."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from origin.cache.results import ResultCache
from origin.http.via import MAX_ORIGINS
from origin.http.via import PSEUDONYM
from origin.signing import UrlSigner
from origin.sources import redis_registry
from origin.sources.url_registry import RegistryAction
from tests.support import pictures
from tests.support.redis_servers import RedisServer
from tests.support.redis_servers import redis_server as own_redis
from tests.support.running import Answer
from tests.support.running import Clock
from tests.support.running import Running
from tests.support.running import wait_until
from tests.support.web_servers import WebServer
from tests.support.web_servers import web_server

PICTURE = pictures.small()
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
TOKEN = "0123456789abcdef"
KEYS = {"type": "http", "keys": "hex", "allow_private": ["127.0.0.0/8", "::1/128"]}
OPEN = {**KEYS, "open": True, "retry_errors_after": 600}


def handlers(folder: Path, redis: str, site: str) -> list[dict[str, Any]]:
    """One for each way to say which pictures are fetched, and what becomes of them."""
    common = {"cache_time": 60, "stale_while_revalidate": 0, "on_error": {"text": True}}
    every = ["jpg", "svg"]
    (folder / "error.jpg").write_bytes(pictures.odd())
    own: dict[str, dict[str, Any]] = {
        "img": {"source": OPEN},
        "brief": {"source": OPEN, "stale_if_error": 10},
        "few": {"source": {**KEYS, "hosts": ["127.0.0.1"]}},
        "signed": {"source": {**KEYS, "keys": "url"}, "signing": {"keys": [TOKEN * 2]}},
        "sqlite": {"source": {**KEYS, "registry": {"type": "sqlite", "path": str(folder / "urls.db")}}},
        "redis": {"source": {**KEYS, "registry": {"type": "redis", "url": redis}}},
        "shop": {"source": {"type": "http", "base_url": f"{site}/pictures", "allow_private": ["127.0.0.1"]}},
        "plain": {"source": OPEN, "passthrough": "plain", "output_format": "auto"},
        "all": {
            "source": OPEN,
            "passthrough": "always",
            "allowed_formats": every,
            "limits": {"max_original_pixels": 9},
        },
        "jpg": {"source": OPEN, "passthrough": "always", "debug": True},
        "json": {"source": OPEN, "on_error": {"json": True}},
        "redirect": {
            "source": OPEN,
            "on_error": {"redirect": "//cdn.example/default.svg"},
            "error_status": {"bad-request": 400},
        },
        "image": {"source": OPEN, "on_error": {"image": str(folder / "error.jpg")}},
    }
    return [{"name": name, **common, **handler} for name, handler in own.items()]


@pytest.fixture(scope="module")
def site() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def origin(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, site: WebServer, clock: Clock
) -> Iterator[Running]:
    redis_server.command("FLUSHALL")
    folder = tmp_path_factory.mktemp("origin")
    config = {
        "handlers": handlers(folder, redis_server.url, site.url),
        "cache": {"path": str(folder / "cache")},
        "renderers": 1,
        "admin": {"token": TOKEN},
        "limits": {"queue_timeout": 60},
    }
    # On a busy machine Redis takes longer than anybody waits for it; and after that it is not asked.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis_registry, "ANSWER_SECONDS", 30.0)
        running = Running(config, clock=clock)
    for handler in running.origin.handlers.values():
        registry = getattr(handler.renditions.originals.source, "registry", None)
        if registry is not None:
            registry.cached_seconds = registry.fetch_seconds = 30.0
    with running:
        yield running


def path(url: str, name: str = "", handler: str = "img") -> str:
    return f"/{handler}/{url.encode().hex()}{name}"


def kind(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.kind


@pytest.mark.slow
def test_a_picture_of_another_site_is_rendered_and_kept(origin: Running, web: WebServer) -> None:
    url = web.put("/a/cat.jpg", PICTURE)
    first = origin.get(path(url) + "?w=50")
    again = origin.get(f"/img/{url.encode().hex().upper()}/any-name.png?w=50")
    assert (first.status, first.type, pictures.opened(first.body).size) == (200, "image/jpeg", (50, 40))
    assert again.body == first.body
    assert "hit" in str(again.headers["Cache-Status"])
    assert first.headers["Content-Disposition"] == 'inline; filename="cat.jpg"'
    assert again.headers["Content-Disposition"] == 'inline; filename="any-name.jpg"'
    assert first.headers["Surrogate-Key"] == again.headers["Surrogate-Key"]
    assert len(web.asked) == 1


@pytest.mark.slow
def test_twenty_first_requests_make_one_fetch(origin: Running, web: WebServer) -> None:
    url = web.put("/cat.jpg", PICTURE)
    web.gate.clear()
    exchanges = [origin.send(path(url)) for _ in range(20)]
    wait_until(lambda: origin.origin.metrics.in_flight == 20 and web.asked, "all requests have arrived")
    web.gate.set()
    answers = [exchange.answer() for exchange in exchanges]
    assert {answer.status for answer in answers} == {200}
    assert len(web.asked) == 1


@pytest.mark.slow
def test_a_server_that_refuses_is_asked_again_when_its_time_is_over(
    origin: Running, web: WebServer, clock: Clock
) -> None:
    missing, closed = f"{web.url}/none.jpg", "http://127.0.0.1:1/cat.jpg"
    for _ in range(3):
        assert kind(origin.get(path(missing))) == (404, "not-found")
    assert len(web.asked) == 1
    clock.now += 601
    web.put("/none.jpg", PICTURE)
    assert origin.get(path(missing)).status == 200
    assert kind(origin.get(path(closed))) == (404, "source-unavailable")


@pytest.mark.slow
def test_the_stale_copy_is_in_use_while_the_server_is_down(
    origin: Running, web: WebServer, clock: Clock
) -> None:
    url = web.put("/cat.jpg", PICTURE)
    first = origin.get(path(url))
    web.put("/cat.jpg", status=500)
    clock.now += 100
    stale = [origin.get(path(url)) for _ in range(3)]
    assert {answer.body for answer in stale} == {first.body}
    assert all("stale-if-error" in str(answer.headers["Cache-Status"]) for answer in stale)
    assert len(web.asked) == 2  # and it is not asked each time


def put_stale(origin: Running, web: WebServer, clock: Clock) -> str:
    """The URL of a picture that the cache has, no longer fresh, and whose server fails."""
    url = web.put("/cat.jpg", PICTURE)
    origin.get(path(url))
    origin.settle()
    web.put("/cat.jpg", status=500)
    clock.now += 100
    return url


@pytest.mark.slow
def test_a_new_size_is_made_of_the_stale_copy_while_the_server_is_down(
    origin: Running, web: WebServer, clock: Clock
) -> None:
    url = put_stale(origin, web, clock)
    for size in (31, 32):  # the second one, once the failure is remembered
        answer = origin.get(path(url) + f"?w={size}")
        assert answer.status == 200
        assert pictures.opened(answer.body).size[0] == size
        assert answer.headers["Cache-Status"] == "origin; fwd=uri-miss; stored; detail=stale-if-error"
        assert answer.headers["Cache-Control"].startswith("public, max-age=10,")
        again = origin.get(path(url) + f"?w={size}")
        assert again.body == answer.body
        assert again.headers["Cache-Status"] == "origin; hit; ttl=-40; detail=stale-if-error"
    assert kind(origin.get(path(url) + "?w=x")) == (404, "bad-request")
    assert len(web.asked) == 2
    clock.now += 604_800
    assert kind(origin.get(path(url) + "?w=33")) == (404, "source-unavailable")


@pytest.mark.slow
def test_a_new_size_of_the_stale_copy_is_brief_for_all_who_wait_for_it(
    origin: Running, web: WebServer, clock: Clock
) -> None:
    url = put_stale(origin, web, clock)
    web.gate.clear()
    exchanges = [origin.send(path(url) + "?w=34") for _ in range(5)]
    wait_until(lambda: origin.origin.metrics.in_flight == 5 and len(web.asked) == 2, "all have arrived")
    web.gate.set()
    answers = [exchange.answer() for exchange in exchanges]
    assert {answer.status for answer in answers} == {200}
    assert all(answer.headers["Cache-Control"].startswith("public, max-age=10,") for answer in answers)
    assert sorted("collapsed" in str(answer.headers["Cache-Status"]) for answer in answers)[1:] == [True] * 4


def test_a_copy_that_is_too_old_is_not_served_and_the_server_left_alone(
    origin: Running, web: WebServer, clock: Clock
) -> None:
    url = web.put("/cat.jpg", PICTURE)
    origin.get(path(url, handler="brief"))
    web.put("/cat.jpg", status=500)
    clock.now += 100
    for _ in range(3):
        assert kind(origin.get(path(url, handler="brief"))) == (404, "source-unavailable")
    assert len(web.asked) == 2


def test_a_picture_is_revalidated(origin: Running, web: WebServer, clock: Clock) -> None:
    url = web.put("/cat.jpg", PICTURE)
    origin.get(path(url))
    clock.now += 100
    again = origin.get(path(url))
    assert "fwd-status=304" in str(again.headers["Cache-Status"])
    web.put("/cat.jpg", pictures.odd())
    clock.now += 100
    assert pictures.opened(origin.get(path(url)).body).size == (333, 257)


def test_one_dead_server_does_not_keep_the_others_from_being_asked(
    origin: Running, web: WebServer, clock: Clock
) -> None:
    url = web.put("/cat.jpg", PICTURE)
    origin.get(path(url))
    clock.now += 100
    assert kind(origin.get(path("http://127.0.0.1:1/x"))) == (404, "source-unavailable")
    assert "fwd-status=304" in str(origin.get(path(url)).headers["Cache-Status"])


@pytest.mark.slow
def test_a_server_that_hangs_leaves_places_for_the_others(origin: Running, web: WebServer) -> None:
    """Its own pictures wait for each other; those of another server go on."""
    web.gate.clear()
    urls = [web.put(f"/{number}.jpg", PICTURE) for number in range(40)]
    hanging = [origin.send(path(url, handler="all")) for url in urls]
    wait_until(lambda: len(web.asked) == 8, "a quarter of the places is taken")
    with web_server("127.0.0.2") as other:
        assert origin.get(path(other.put("/cat.jpg", PICTURE), handler="all")).status == 200
    assert len(web.asked) == 8
    web.gate.set()
    assert {exchange.answer().status for exchange in hanging} == {200}


@pytest.mark.parametrize("as_url", [False, True], ids=["as in URLs", "as the URL"])
def test_a_purge_names_the_original(origin: Running, web: WebServer, as_url: bool) -> None:
    url = web.put("/cat.jpg", PICTURE)
    origin.get(path(url))
    origin.settle()
    key = url if as_url else url.encode().hex()
    assert origin.call(origin.origin.handlers["img"].purge(key, None)) == 2
    origin.get(path(url))
    assert len(web.asked) == 2


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("/img/1", "bad-request"),
        ("/img/gg", "bad-request"),
        ("/img/" + b"ftp://example.com/x".hex(), "forbidden"),
        ("/img/" + b"http://10.0.0.1/x".hex(), "forbidden"),
        ("/img/" + b"not a url".hex(), "bad-request"),
        ("/img/" + b"http://example.com/x".hex() + "/a/b", "not-found"),
        ("/few/" + b"http://example.com/x".hex(), "forbidden"),
    ],
)
def test_a_key_that_leads_nowhere_has_its_class(origin: Running, target: str, answer: str) -> None:
    assert origin.get(target).kind == answer


def test_hosts_count(origin: Running, web: WebServer) -> None:
    url = web.put("/cat.jpg", PICTURE)
    assert origin.get(path(url, handler="few")).status == 200
    other = url.replace("127.0.0.1", "127.0.0.2")
    assert kind(origin.get(path(other, handler="few"))) == (404, "forbidden")


def test_a_token_signs_the_key_as_the_url_has_it(origin: Running, web: WebServer) -> None:
    url = web.put("/cat.jpg", PICTURE)
    signed = UrlSigner("http://a", "signed", [TOKEN * 2]).url(quote(url, safe=""), w=50)
    assert origin.get(signed.removeprefix("http://a")).status == 200
    assert kind(origin.get(f"/signed/{quote(url, safe='')}")) == (404, "forbidden")


def test_a_request_that_has_passed_here_is_refused(origin: Running, web: WebServer) -> None:
    url = web.put("/cat.jpg", PICTURE)
    loop = f"http://127.0.0.1:{origin.port}{path(url)}"
    assert kind(origin.get(path(loop))) == (404, "not-found")  # what it answered to itself
    assert web.asked == []
    for via in (f"1.1 {PSEUDONYM}", f"1.0 cdn, 1.1 {PSEUDONYM} (x)"):
        assert kind(origin.get(path(url), headers={"Via": via})) == (404, "forbidden")
    for _ in range(3):
        assert origin.get(path(url), headers={"Via": "1.1 cdn"}).status == 200
    assert kind(origin.get(path(url), headers={"Via": f"1.1 {PSEUDONYM}"})) == (404, "forbidden")


def test_a_loop_through_other_origins_is_found(origin: Running, web: WebServer) -> None:
    """Other sites are told of the origins on the way, and of no other proxy."""
    url = web.put("/cat.jpg", PICTURE)
    first = f"image-origin-{0:012x}"
    way = f"1.1 cache7.internal (nginx), 1.1 {first}, 1.1 cdn"
    assert origin.get(path(url), headers={"Via": way}).status == 200
    assert web.asked[0].headers["via"] == f"1.1 {first}, 1.1 {PSEUDONYM}"
    other = web.put("/dog.jpg", PICTURE)
    assert origin.get(path(other)).status == 200
    assert web.asked[1].headers["via"] == f"1.1 {PSEUDONYM}"
    many = ", ".join(f"1.1 image-origin-{number:012x}" for number in range(MAX_ORIGINS))
    assert kind(origin.get(path(url), headers={"Via": many})) == (404, "forbidden")


def test_ipv6_from_end_to_end(origin: Running) -> None:
    with web_server("::1") as web:
        assert origin.get(path(web.put("/cat.jpg", PICTURE))).status == 200


# --- a registry ---------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "redis"])
def registered(request: pytest.FixtureRequest) -> str:
    """The name of a handler with a registry."""
    name: str = request.param
    return name


def moderate(origin: Running, handler: str, action: RegistryAction, url: str) -> None:
    body = {"handler": handler, "action": action, "url": url}
    place = f"http://127.0.0.1:{origin.port}/-/registry"
    request = urllib.request.Request(place, json.dumps(body).encode(), {"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def test_a_blocked_picture_is_gone_with_the_next_request(
    origin: Running, web: WebServer, registered: str
) -> None:
    url = web.put("/cat.jpg", PICTURE)
    target = path(url, handler=registered)
    assert kind(origin.get(target)) == (404, "forbidden")
    assert web.asked == []
    moderate(origin, registered, "add", url)
    for _ in range(3):  # the last of them would be answered past the app, without a registry
        assert origin.get(target).status == 200
    moderate(origin, registered, "block", url)
    assert kind(origin.get(target)) == (404, "forbidden")
    moderate(origin, registered, "unblock", url)
    assert origin.get(target).status == 200
    assert len(web.asked) == 2  # the block has emptied the cache


def test_a_block_written_by_the_application_holds_for_memory_and_disk(
    origin: Running, web: WebServer, redis_server: RedisServer
) -> None:
    url = web.put("/cat.jpg", PICTURE)
    target = path(url, handler="redis")
    redis_server.command("HSETNX", f"img/{url}", "created_at", "1")
    for _ in range(3):
        assert origin.get(target).status == 200
    origin.settle()
    redis_server.command("HSET", f"img/{url}", "status", "Blocked")
    assert kind(origin.get(target)) == (404, "forbidden")
    for cache in origin.origin.caches.by_folder.values():
        origin.call(_forget_memory(cache))
    assert kind(origin.get(target)) == (404, "forbidden")
    redis_server.command("HDEL", f"img/{url}", "status")
    assert "detail=disk" in str(origin.get(target).headers["Cache-Status"])


async def _forget_memory(cache: ResultCache) -> None:
    cache.memory.drop("")


def test_a_refusal_in_the_registry_ends_with_its_key(
    origin: Running, web: WebServer, redis_server: RedisServer
) -> None:
    """The application deletes it when the URL is registered again."""
    url = f"{web.url}/cat.jpg"
    redis_server.command("HSETNX", f"img/{url}", "created_at", "1")
    for _ in range(3):
        assert kind(origin.get(path(url, handler="redis"))) == (404, "not-found")
    assert len(web.asked) == 1
    assert redis_server.command("GET", f"img/err/{url}") == "unexpected status code"
    web.put("/cat.jpg", PICTURE)
    redis_server.command("DEL", f"img/err/{url}")
    assert origin.get(path(url, handler="redis")).status == 200
    assert redis_server.command("HGET", f"img/{url}", "type") == "jpeg"


def test_a_refusal_is_remembered_of_a_url_that_the_old_program_once_fetched(
    origin: Running, web: WebServer, redis_server: RedisServer
) -> None:
    """Its record has a checksum, and there is no copy here."""
    url = f"{web.url}/cat.jpg"
    redis_server.command("HSET", f"img/{url}", "created_at", "1", "type", "jpeg", "checksum", "0" * 40)
    for _ in range(3):
        assert kind(origin.get(path(url, handler="redis"))) == (404, "not-found")
    assert len(web.asked) == 1


@pytest.mark.slow
@pytest.mark.parametrize("failure", ["stopped", "hanging"])
def test_a_registry_that_fails_holds_no_cached_picture(tmp_path: Path, web: WebServer, failure: str) -> None:
    url, other = web.put("/cat.jpg", PICTURE), web.put("/dog.jpg", PICTURE)
    with own_redis() as redis:
        source = {**KEYS, "registry": {"type": "redis", "url": redis.url}}
        config = {
            "handlers": [{"name": "img", "source": source, "error_status": {"registry-down": 503}}],
            "cache": {"path": str(tmp_path / "cache")},
            "renderers": 1,
        }
        for each in (url, other):
            redis.command("HSETNX", f"img/{each}", "created_at", "1")
        with Running(config) as origin:
            assert origin.get(path(url)).status == 200
            redis.stop() if failure == "stopped" else redis.pause()
            assert {origin.get(path(url)).status for _ in range(5)} == {200}
            assert kind(origin.get(path(other))) == (503, "source-unavailable")
            assert b"origin_registry_failures_total 0.0" not in origin.get("/-/metrics").body


def test_the_registry_is_changed_over_http(origin: Running, web: WebServer, registered: str) -> None:
    url = web.put("/cat.jpg", PICTURE)

    def post(action: str) -> Any:
        body = {"handler": registered, "action": action, "url": url}
        place = f"http://127.0.0.1:{origin.port}/-/registry"
        request = urllib.request.Request(
            place, json.dumps(body).encode(), {"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    assert post("add") == {"add": url}
    assert origin.get(path(url, handler=registered)).status == 200
    assert post("block") == {"block": url}
    assert kind(origin.get(path(url, handler=registered))) == (404, "forbidden")


# --- base_url -----------------------------------------------------------------------------------------


def test_an_ordinary_handler_serves_what_is_below_a_url(origin: Running, site: WebServer) -> None:
    site.put("/pictures/2024/cat.jpg", PICTURE)
    site.put("/secret.jpg", PICTURE)
    assert origin.get("/shop/2024/cat.jpg?w=50").status == 200
    assert kind(origin.get("/shop/..%2fsecret.jpg")) == (404, "bad-request")
    assert kind(origin.get("/shop/none.jpg")) == (404, "not-found")


# --- passthrough --------------------------------------------------------------------------------------


def test_a_url_without_options_gets_the_original(origin: Running, web: WebServer) -> None:
    url = web.put("/cat.jpg", PICTURE)
    target = path(url, handler="plain")
    plain, resized = origin.get(target + "?utm_source=x&w="), origin.get(target + "?w=50")
    assert (plain.body, plain.type, plain.headers["Vary"]) == (PICTURE, "image/jpeg", None)
    assert pictures.opened(resized.body).size == (50, 40)
    assert resized.headers["Vary"] == "Accept"


def test_options_are_ignored_where_everything_passes(origin: Running, web: WebServer) -> None:
    url = web.put("/cat.svg", SVG, {"Content-Type": "image/svg+xml"})
    for query in ("", "?w=50", "?w=x&w=y"):
        answer = origin.get(path(url, handler="all") + query)
        assert (answer.status, answer.body, answer.type) == (200, SVG, "image/svg+xml")
        assert "sandbox" in str(answer.headers["Content-Security-Policy"])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_handler_under_debug_tells_which_options_it_passed_over(origin: Running, web: WebServer) -> None:
    url = web.put("/told.jpg", PICTURE)
    answer = origin.get(path(url, handler="jpg") + "?utm=1&w=50&f=webp&dl=x&t=abc&e=9&w=50")
    assert answer.body == PICTURE
    assert answer.headers["X-Origin-Ignored"] == "utm, w, f, dl"


def test_what_passes_is_judged_by_its_bytes_and_not_decoded(origin: Running, web: WebServer) -> None:
    svg = web.put("/cat.jpg", SVG, {"Content-Type": "image/jpeg"})
    large = web.put("/large.jpg", PICTURE)  # for a limit of 9 pixels
    assert kind(origin.get(path(svg, handler="jpg"))) == (404, "unprocessable")
    assert origin.get(path(large, handler="all")).body == PICTURE


# --- on_error and error_status ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "status", "type", "body"),
    [
        ("img", 404, "text/plain; charset=utf-8", b"404 not-found\n"),
        ("json", 404, "application/json", b'{"error": "not-found"}'),
        ("redirect", 302, None, b""),
    ],
)
def test_a_failure_is_answered_as_the_handler_says(
    origin: Running, web: WebServer, handler: str, status: int, type: str | None, body: bytes
) -> None:
    answer = origin.get(path(f"{web.url}/none.jpg", handler=handler))
    assert (answer.status, answer.type, answer.body, answer.kind) == (status, type, body, "not-found")
    assert answer.headers["Location"] == ("//cdn.example/default.svg" if status == 302 else None)
    assert answer.headers["Cache-Control"] == ("no-store" if status == 302 else "public, max-age=10")
    assert answer.headers["Content-Length"] == str(len(body))


def test_a_class_with_a_status_of_its_own_is_not_redirected(origin: Running) -> None:
    bad = origin.get("/redirect/1")
    assert (bad.status, bad.body) == (400, b"400 bad-request\n")


def test_an_image_of_on_error_is_the_fallback_image(origin: Running, web: WebServer) -> None:
    answer = origin.get(path(f"{web.url}/none.jpg", handler="image"))
    assert pictures.opened(answer.body).size == (333, 257)
