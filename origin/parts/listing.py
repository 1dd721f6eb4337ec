"""The first keys of a handler's source, for a person who looks for a picture."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from origin.config.handler import Handler
from origin.sources.base import MAX_BYTES
from origin.sources.base import StoredObject
from origin.sources.types import make_store
from origin.urls.path import find_key_violation

MAX_KEYS = 100  # keys of one answer
TIMEOUT = 5.0  # seconds for all of it


async def list_keys(handler: Handler, prefix: str) -> list[str]:
    """Up to `MAX_KEYS` keys that begin with `prefix`, in the order of the store. Those that no URL can have,
    such as with a line break, are left out.

    The store is asked through connections of its own. `open` is not called: it removes what broken
    writes have left, which is for those who write.
    Raises ConfigError for a source that has no listing, SourceUnavailable, and TimeoutError.
    """
    store = make_store(handler.source, max_bytes=MAX_BYTES, timeout=TIMEOUT)
    keys: list[str] = []
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            aclosing(cast(AsyncGenerator[StoredObject, None], store.objects(prefix))) as objects,
        ):
            async for found in objects:
                if not find_key_violation(found.key):
                    keys.append(found.key)
                if len(keys) == MAX_KEYS:
                    break
    finally:
        await store.close()
    return keys
