"""The origin behind nginx, by the recipe docs/nginx.conf."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import pictures
from tests.support import proxies
from tests.support.cdn_contract import *  # noqa: F403  every fact of the contract
from tests.support.cdn_contract import check_that_pictures_outlive_the_origin
from tests.support.cdn_contract import check_that_uploads_pass
from tests.support.cdn_contract import signed
from tests.support.proxies import Pulled
from tests.support.proxies import is_hit
from tests.support.running import Client


@pytest.fixture(scope="module")
def cdn(upstream: Pulled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with proxies.nginx(tmp_path_factory.mktemp("nginx"), upstream.origin.port) as client:
        yield client


def test_pictures_outlive_the_origin(tmp_path: Path) -> None:
    check_that_pictures_outlive_the_origin(proxies.nginx, tmp_path)


@pytest.mark.slow
def test_uploads_pass(tmp_path: Path) -> None:
    check_that_uploads_pass(proxies.nginx, tmp_path)


@pytest.mark.parametrize(
    "sent",
    [
        "a%20%c3%bc%2b%7e(1).jpg",
        "%61 \xc3\xbc+~%281%29.jpg".replace(" ", "%20").replace("\xc3\xbc", "%C3%BC"),
    ],
)
def test_a_signed_url_survives_a_path_that_is_written_anew(sent: str, cdn: Client, pulled: Pulled) -> None:
    """A proxy_pass with a path decodes what came and escapes it in nginx' own way."""
    pulled.shelf.originals["42/a ü+~(1).jpg"] = pictures.small()
    query = signed("42/a ü+~(1).jpg", w=50).partition("?")[2]
    assert cdn.get(f"/respelled/signed/42/{sent}?{query}").status == 200
    [line] = [line for line in pulled.pulls(query.partition("&t=")[0]) if "42/" in line["path"]][-1:]
    assert sent not in line["path"]


def test_two_orders_of_the_options_are_two_objects(cdn: Client, pulled: Pulled) -> None:
    """What proxies.md says that nginx cannot do; the origin has one result for both."""
    key = pulled.put(pictures.small())
    first, second = cdn.get(f"/long/{key}?w=50&h=40"), cdn.get(f"/long/{key}?h=40&w=50")
    assert not is_hit(second)
    assert first.headers["ETag"] == second.headers["ETag"]
    assert [line["cache"] for line in pulled.pulls(key)] == ["miss", "hit"]
