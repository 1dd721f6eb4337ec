"""Work on many objects of a store, several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from typing import TypeVar

from origin.sources.base import StoredObject

T = TypeVar("T")


async def do_for_all(
    objects: AsyncIterator[StoredObject], work: Callable[[StoredObject], Awaitable[T]], jobs: int
) -> AsyncGenerator[T, None]:
    """What `work` gives for each object, `jobs` of them at a time, in no particular order.

    Raises what the listing and the work raise, and then no more work is begun, and what is under way is
    given up.
    """
    under_way: set[asyncio.Future[T]] = set()
    try:
        async for found in objects:
            under_way.add(asyncio.ensure_future(work(found)))
            if len(under_way) >= jobs:
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        for task in asyncio.as_completed(under_way):
            yield await task
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
