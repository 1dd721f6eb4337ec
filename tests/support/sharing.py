"""How the tests are shared out among the processes of pytest-xdist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdist.scheduler.loadfile import LoadFileScheduling
from xdist.workermanage import WorkerController


class Files(LoadFileScheduling):  # type: ignore[misc]  # xdist tells no types
    """Whole files, as xdist's own. To hand out a test, that looks for it among all there are, and
    at the end of each it counts all that were ever handed out: several seconds for ten thousand tests."""

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        super().add_node_collection(node, collection)
        if node in self.registered_collections:  # or it has collected other tests than the first
            self.registered_collections[node] = _Ids(collection)

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        given = self.assigned_work[node]
        file = self._split_scope(self.registered_collections[node][item_index])
        if all(given[file].values()):
            del given[file]


class _Ids(list[str]):
    """The tests of a process, which know their places."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(ids)
        self._places = {id: place for place, id in enumerate(ids)}

    def index(self, id: str, *_: Any) -> int:
        return self._places[id]
