"""Memory that is used again: never while anything refers to it."""

from __future__ import annotations

import gc
from typing import Any

from origin.sources.reused_memory import BLOCK
from origin.sources.reused_memory import LARGE
from origin.sources.reused_memory import MOST_BYTES
from origin.sources.reused_memory import SMALL
from origin.sources.reused_memory import ReusedMemory


def test_memory_is_used_again_once_nothing_refers_to_it() -> None:
    memory = ReusedMemory()
    first = memory.take(BLOCK)
    first[:5] = b"first"
    part = first[1:3].toreadonly()  # refers to it as well
    assert bytes(memory.take(BLOCK)[:5]) != b"first"
    del first
    assert bytes(memory.take(BLOCK)[:5]) != b"first"
    assert bytes(part) == b"ir"
    del part
    again = memory.take(SMALL + 1)
    assert (bytes(again[:5]), len(again)) == (b"first", SMALL + 1)


def test_a_reference_of_another_kind_counts_too() -> None:
    memory = ReusedMemory()
    view = memory.take(BLOCK)
    held: dict[str, Any] = {"somewhere": [view[10:20]]}
    held["itself"] = [held]  # not freed before the collector comes
    block = view.obj
    del view, held
    assert memory.take(BLOCK).obj is not block
    gc.collect()
    del block
    taken = [memory.take(BLOCK) for _ in range(2)]
    assert len(memory._kept) == 2, taken


def test_what_is_kept_is_bounded() -> None:
    memory = ReusedMemory()
    sizes = (0, SMALL, LARGE + 1)
    assert [len(memory.take(size)) for size in sizes] == list(sizes)
    assert not memory._kept
    most = MOST_BYTES // BLOCK
    taken = [memory.take(BLOCK) for _ in range(most + 3)]
    assert len({id(view.obj) for view in taken}) == most + 3
    assert len(memory._kept) == most
    assert {len(view) for view in taken} == {BLOCK}


def test_a_larger_original_takes_the_place_of_unused_smaller_ones() -> None:
    memory = ReusedMemory()
    small = [memory.take(BLOCK) for _ in range(MOST_BYTES // BLOCK)]
    assert len(memory.take(3 * BLOCK - 1)) == 3 * BLOCK - 1  # of its own: all are in use
    assert _kept(memory) == [BLOCK] * len(small)
    in_use = small[0]
    in_use[:4] = b"kept"
    del small
    large = memory.take(3 * BLOCK - 1)
    large[:5] = b"large"
    assert _kept(memory) == [BLOCK] * (MOST_BYTES // BLOCK - 3) + [3 * BLOCK]
    assert bytes(in_use[:4]) == b"kept"
    del large
    assert bytes(memory.take(2 * BLOCK + 1)[:5]) == b"large"
    assert bytes(memory.take(BLOCK)[:5]) != b"large"  # where a smaller one does, it is taken


def _kept(memory: ReusedMemory) -> list[int]:
    return sorted(map(len, memory._kept))
