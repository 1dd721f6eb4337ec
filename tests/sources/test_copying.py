"""A copy between stores that fail, and one whose target keeps something else than it was given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from origin.errors import SourceUnavailable
from origin.sources.base import ObjectSettings
from origin.sources.base import Original
from origin.sources.base import StoredObject
from origin.sources.copying import Copier
from origin.sources.copying import Outcome
from origin.sources.local import LocalSettings
from origin.sources.local_store import LocalStore
from origin.sources.manifest import Manifest


class Forgetful(LocalStore):
    """A store that changes one bit of what it is given."""

    async def put(self, key: str, body: bytes, **more: Any) -> str:
        return await super().put(key, bytes([body[0] ^ 1]) + body[1:], **more)


class Bucket(LocalStore):
    """A store that lists the version of the bytes, as S3 does."""

    async def objects(self, prefix: str = "", start_after: str = "") -> AsyncIterator[StoredObject]:
        async for found in super().objects(prefix, start_after):
            yield replace(found, etag='"of-the-bytes"')


class Down(LocalStore):
    """A store that cannot be read."""

    async def get(self, key: str, *more: Any) -> Original | None:
        raise SourceUnavailable("the store is down")


async def copied(
    tmp_path: Path,
    target: type[LocalStore],
    source: type[LocalStore] = LocalStore,
    *,
    crop: str | None = None,
    may_replace: bool = False,
) -> list[Outcome]:
    for name in ("from", "to"):
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "from" / "a.jpg").write_bytes(b"picture")
    if crop is not None:
        await cut(tmp_path / "from", crop)
    stores = source(LocalSettings(tmp_path / "from")), target(LocalSettings(tmp_path / "to"))
    with Manifest(tmp_path / "manifest", {"from": "a", "to": "b"}) as manifest:
        outcomes = [
            outcome
            async for outcome in Copier(*stores, manifest, ObjectSettings(), may_replace).copy_all("", 4)
        ]
    for store in stores:
        await store.close()
    return outcomes


async def cut(folder: Path, crop: str) -> None:
    store = LocalStore(LocalSettings(folder))
    await store.put("a.jpg", b"picture", settings=ObjectSettings(metadata={"origin-crop": crop}))
    await store.close()


async def test_a_picture_that_is_cut_anew_is_another_one(tmp_path: Path) -> None:
    """Its bytes stay the same."""
    assert await copied(tmp_path, LocalStore, Bucket, crop="9x9+0+0") == [Outcome("a.jpg", 7)]
    (outcome,) = await copied(tmp_path, LocalStore, Bucket, crop="5x5+1+1")
    assert outcome.failure == "'a.jpg': the target has another part of this picture under this name"
    assert await copied(tmp_path, LocalStore, Bucket, crop="5x5+1+1", may_replace=True) == [
        Outcome("a.jpg", 7)
    ]
    target = LocalStore(LocalSettings(tmp_path / "to"))
    assert (await target.head("a.jpg")).metadata == {"origin-crop": "5x5+1+1"}
    await target.close()


async def test_what_does_not_come_back_as_it_went_is_no_success(tmp_path: Path) -> None:
    (outcome,) = await copied(tmp_path, Forgetful)
    assert outcome.failure is not None
    assert len((tmp_path / "manifest").read_text().splitlines()) == 1


@pytest.mark.parametrize(("source", "target"), [(Down, LocalStore), (LocalStore, Down)])
async def test_a_store_that_is_down_fails_one_object_at_a_time(
    tmp_path: Path, source: type[LocalStore], target: type[LocalStore]
) -> None:
    (outcome,) = await copied(tmp_path, target, source)
    assert outcome == Outcome("a.jpg", failure="the store is down")
    (outcome,) = await copied(tmp_path, LocalStore)
    assert outcome == Outcome("a.jpg", 7)
