"""What the attacks over HTTP go against: an origin over a bucket that notes what it is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import fake_s3
from tests.support import pictures
from tests.support.attack_origin import configured
from tests.support.fake_s3 import Bucket
from tests.support.running import Running


@pytest.fixture(scope="module")
def stock() -> Iterator[Bucket]:
    with fake_s3.serving() as running:
        running.put("cat.jpg", pictures.small())
        running.put("dog.jpg", pictures.odd())
        yield running


@pytest.fixture(scope="module")
def origin(stock: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(configured(stock, tmp_path_factory.mktemp("attacks"))) as running:
        yield running


@pytest.fixture
def asked(stock: Bucket) -> list[str]:
    """What the source is asked from here on."""
    stock.asked.clear()
    return stock.asked
