"""The origin behind Varnish, by the recipe docs/varnish.vcl."""

from __future__ import annotations

import hashlib
import http.client
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from origin.ops.cdn.purge import CdnPurge
from origin.ops.cdn.queue import CdnQueue
from origin.ops.cdn.targets import Varnish
from origin.ops.outgoing import OutgoingHttp
from tests.support import pictures
from tests.support import proxies
from tests.support.cdn_contract import *  # noqa: F403  every fact of the contract
from tests.support.cdn_contract import check_that_pictures_outlive_the_origin
from tests.support.cdn_contract import check_that_uploads_pass
from tests.support.cdn_contract import signed
from tests.support.proxies import Pulled
from tests.support.proxies import is_hit
from tests.support.running import Client
from tests.support.running import wait_until


@pytest.fixture(scope="module")
def cdn(upstream: Pulled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with proxies.varnish(tmp_path_factory.mktemp("varnish"), upstream.origin.port) as client:
        yield client


def test_pictures_outlive_the_origin(tmp_path: Path) -> None:
    check_that_pictures_outlive_the_origin(proxies.varnish, tmp_path)


@pytest.mark.slow
def test_uploads_pass(tmp_path: Path) -> None:
    check_that_uploads_pass(proxies.varnish, tmp_path)


def test_every_order_of_the_options_is_one_object(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    assert not is_hit(cdn.get(f"/long/{key}?w=50&h=40&q=60"))
    assert is_hit(cdn.get(f"/long/{key}?q=60&h=40&w=50"))


def test_a_signed_url_survives_a_sorted_query_and_other_escapes(cdn: Client, pulled: Pulled) -> None:
    pulled.shelf.originals["users/42/b ü+~(1).jpg"] = pictures.small()
    path, _, query = signed("users/42/b ü+~(1).jpg", w=50, h=40, q=60).partition("?")
    respelled = cdn.get(f"{path}?{query}", headers={"Respell": "1"})
    assert respelled.status == 200
    [line] = pulled.pulls("b%20")
    assert line["path"].startswith("/signed/users/42/b%20%c3%bc+%7e")
    assert line["path"].split("?")[1].startswith("h=40&q=60&t=")
    turned = cdn.get(f"{path}?{'&'.join(reversed(query.split('&')))}")
    assert is_hit(turned)


def purge(cdn: Client, *tags: str, **headers: str) -> int:
    """Purge by tags; how many objects there were."""
    fields = {"Surrogate-Key": " ".join(tags), **{k.replace("_", "-"): v for k, v in headers.items()}}
    connection = http.client.HTTPConnection("127.0.0.1", cdn.port, timeout=10)
    connection.request("PURGE", "/", headers=fields)
    answer = connection.getresponse()
    assert answer.status == 200
    count = int(answer.reason.removeprefix("Purged "))
    connection.close()
    return count


def test_a_replaced_original_is_purged_by_its_tag_in_all_variants(cdn: Client, pulled: Pulled) -> None:
    key, other = pulled.put(pictures.small()), pulled.put(pictures.small())
    urls = [f"/long/{key}?w=50", f"/long/{key}?w=60", f"/long/{key}?f=auto"]
    old = [cdn.get(url) for url in urls]
    cdn.get(f"/long/{other}?w=50")
    whole = hashlib.sha256(b"long").digest()  # as in docs/caches.md
    handler_tag, tag = whole.hex()[:16], hashlib.sha256(whole + key.encode()).hexdigest()[:16]
    assert {answer.headers["Surrogate-Key"] for answer in old} == {f"{handler_tag} {tag}"}
    pulled.shelf.originals[key] = pictures.odd()
    pulled.purge("long", key)
    assert purge(cdn, tag) == 3
    new = [cdn.get(url) for url in urls]
    assert all(a.status == 200 and a.body != b.body for a, b in zip(new, old, strict=True))
    assert is_hit(cdn.get(f"/long/{other}?w=50"))


async def test_a_purge_of_the_origin_reaches_varnish(cdn: Client, pulled: Pulled) -> None:
    """As `cdn` in the configuration has it sent."""
    key, other = pulled.put(pictures.small()), pulled.put(pictures.small())
    old = cdn.get(f"/long/{key}?w=50")
    cdn.get(f"/long/{other}?w=50")
    http = OutgoingHttp()
    queue = CdnQueue(Varnish(http, f"http://127.0.0.1:{cdn.port}/", soft=False), gather=0)
    pulled.shelf.originals[key] = pictures.odd()
    pulled.purge("long", key)
    queue.add(CdnPurge("long", "long", key=key, source_key=key))
    await queue.close()
    await http.close()
    assert (queue.sent, queue.failures) == (1, 0)
    assert cdn.get(f"/long/{key}?w=50").body != old.body
    assert is_hit(cdn.get(f"/long/{other}?w=50"))


def test_a_soft_purge_serves_the_old_picture_once_more(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    old = cdn.get(f"/long/{key}?w=50")
    pulled.shelf.originals[key] = pictures.odd()
    pulled.purge("long", key)
    assert purge(cdn, old.headers["Surrogate-Key"].split()[1], Soft_Purge="1") == 1
    assert cdn.get(f"/long/{key}?w=50").body == old.body
    wait_until(lambda: cdn.get(f"/long/{key}?w=50").body != old.body, "the new picture is there")


def test_the_404_of_an_original_is_purged_when_it_is_uploaded(cdn: Client, pulled: Pulled) -> None:
    """It may be kept for an hour here."""
    key = pulled.put(pictures.small())
    picture = pulled.shelf.originals.pop(key)
    missing = cdn.get(f"/long/{key}?w=50")
    assert (missing.status, is_hit(cdn.get(f"/long/{key}?w=50"))) == (404, True)
    pulled.shelf.originals[key] = picture
    pulled.purge("long", key)
    assert cdn.get(f"/long/{key}?w=50").status == 404
    assert purge(cdn, missing.headers["Surrogate-Key"].split()[1]) == 1
    found = cdn.get(f"/long/{key}?w=50")
    assert found.status == 200
    assert found.headers["Surrogate-Key"] == missing.headers["Surrogate-Key"]


def test_the_tag_survives_a_revalidation(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    tag = cdn.get(f"/checked/{key}?w=50").headers["Surrogate-Key"].split()[1]

    def revalidated() -> bool:
        cdn.get(f"/checked/{key}?w=50")
        return any(line["status"] == 304 for line in pulled.lines(key))

    wait_until(revalidated, "the cache has revalidated")
    assert purge(cdn, tag) >= 1


def test_a_handler_is_purged_as_a_whole_and_tags_together(cdn: Client, pulled: Pulled) -> None:
    keys = [pulled.put(pictures.small()) for _ in range(3)]
    tags = [cdn.get(f"/auto/{key}?w=50&f=jpg").headers["Surrogate-Key"].split() for key in keys]
    assert purge(cdn, tags[0][1], tags[1][1]) == 2
    assert is_hit(cdn.get(f"/auto/{keys[2]}?w=50&f=jpg"))
    purge(cdn, tags[0][0])
    assert not is_hit(cdn.get(f"/auto/{keys[2]}?w=50&f=jpg"))


@pytest.mark.parametrize("headers", [{"Surrogate-Key": "a"}, {}])
def test_strangers_may_not_purge(headers: dict[str, str], cdn: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", cdn.port, source_address=("127.0.0.2", 0))
    connection.request("PURGE", "/", headers=headers)
    assert connection.getresponse().status == 405
    connection.close()


def test_age_counts_from_the_pull(cdn: Client, pulled: Pulled) -> None:
    key = pulled.put(pictures.small())
    before = time.time()
    assert age(cdn, key) <= time.time() - before
    after = time.time()
    wait_until(lambda: age(cdn, key) > 0, "it is a second old")
    asked = time.time()
    assert asked - after - 1 < age(cdn, key) <= time.time() - before


def age(cdn: Client, key: str) -> int:
    """In whole seconds."""
    return int(cdn.get(f"/long/{key}?w=50").headers["Age"])
