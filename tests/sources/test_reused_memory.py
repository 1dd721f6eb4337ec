"""Memory that is used again: never while anything refers to it."""

from __future__ import annotations

import gc
from typing import Any

from origin.sources.reused_memory import BLOCK
from origin.sources.reused_memory import MAX_BLOCKS
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
    assert len(memory._blocks) == 2, taken


def test_blocks_are_bounded_in_size_and_number() -> None:
    memory = ReusedMemory()
    sizes = (0, SMALL, BLOCK + 1)
    assert [len(memory.take(size)) for size in sizes] == list(sizes)
    assert not memory._blocks
    taken = [memory.take(BLOCK) for _ in range(MAX_BLOCKS + 3)]
    assert len({id(view.obj) for view in taken}) == MAX_BLOCKS + 3
    assert len(memory._blocks) == MAX_BLOCKS
    assert {len(view) for view in taken} == {BLOCK}
