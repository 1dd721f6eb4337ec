"""Threads for a loop: what comes back, and what is left when no caller waits any more."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from origin.cache.reader_threads import ReaderThreads


async def test_a_result_and_an_error_come_back_to_who_waits() -> None:
    threads = ReaderThreads(2, "test")
    assert await asyncio.gather(*(threads.run(pow, 2, n) for n in range(50))) == [2**n for n in range(50)]
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 1, 0)
    assert await threads.run(threading.current_thread) in threading.enumerate()
    threads.close()


async def test_no_more_threads_run_than_there_may_be() -> None:
    threads = ReaderThreads(3, "counted")
    barrier = threading.Barrier(3)
    await asyncio.gather(*(threads.run(barrier.wait, 60) for _ in range(9)))
    assert sum(thread.name.startswith("counted-") for thread in threading.enumerate()) == 3
    threads.close()
    assert not any(thread.name.startswith("counted-") for thread in threading.enumerate())


async def test_a_caller_that_stops_waiting_stops_no_other() -> None:
    threads = ReaderThreads(1, "test")
    go = threading.Event()
    waiting = asyncio.ensure_future(threads.run(go.wait, 60))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    go.set()
    assert await threads.run(str, 1) == "1"
    threads.close()


def test_a_loop_that_ends_meanwhile_stops_no_other() -> None:
    threads = ReaderThreads(1, "test")
    go = threading.Event()

    async def leave() -> None:
        asyncio.ensure_future(threads.run(go.wait, 60)).add_done_callback(lambda _: None)
        await asyncio.sleep(0)

    asyncio.run(leave())
    go.set()
    assert asyncio.run(threads.run(str, 1)) == "1"
    threads.close()


async def test_what_was_handed_over_is_finished_and_nothing_more_taken() -> None:
    threads = ReaderThreads(1, "test")
    done: list[int] = []
    waiting = [asyncio.ensure_future(threads.run(done.append, n)) for n in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(threads.close)
    await asyncio.gather(*waiting)
    assert done == list(range(20))
    with pytest.raises(RuntimeError, match="closed"):
        await threads.run(str)


@pytest.mark.slow
async def test_a_result_is_not_held_until_the_next_one() -> None:
    class Picture:
        pass

    threads = ReaderThreads(1, "test")
    seen = weakref.ref(await threads.run(Picture))
    for _ in range(100):
        if seen() is None:
            break
        await asyncio.sleep(0.01)
    gc.collect()
    assert seen() is None
    threads.close()
