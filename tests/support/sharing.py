"""How the tests are shared out among the processes of pytest-xdist."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadfile import LoadFileScheduling
from xdist.workermanage import WorkerController

# Fixtures whose server costs seconds of CPU to start, and lives as long as the process that asks for it.
COSTLY = ("chromium", "seaweed")
_COSTLY = re.compile(rf"\b({'|'.join(COSTLY)})\b")


def costly_server(file: Path) -> str | None:
    """Which costly server the tests of a file ask for."""
    found = _COSTLY.search(file.read_text())
    return found and found[1]


class Files(LoadFileScheduling):  # type: ignore[misc]  # xdist tells no types
    """Whole files, as xdist's own. To hand out a test, that looks for it among all there are, and
    at the end of each it counts all that were ever handed out: several seconds for ten thousand tests.

    What asks for a costly server goes to the process that has it already, and to another one only when
    nothing else is left.
    """

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        self._folder = config.rootpath
        self._servers: dict[str, str | None] = {}  # by file
        self._owners: dict[str, WorkerController] = {}  # of the servers

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

    def _assign_work_unit(self, node: WorkerController) -> None:
        file = min(self.workqueue, key=lambda file: self._disadvantage(node, file))  # the first of several
        server = self._server(file)
        if server is not None and self._owner(server) is None:
            self._owners[server] = node
        self.workqueue.move_to_end(file, last=False)
        super()._assign_work_unit(node)

    def _disadvantage(self, node: WorkerController, file: str) -> int:
        """Of giving this file to this process now."""
        server = self._server(file)
        if server is None:
            return 1
        owner = self._owner(server)
        if owner is None:  # let each process have one server at most
            return 2 if node in self._owners.values() else 1
        return 0 if owner is node else 3

    def _server(self, file: str) -> str | None:
        if file not in self._servers:
            self._servers[file] = costly_server(self._folder / file)
        return self._servers[file]

    def _owner(self, server: str) -> WorkerController | None:
        owner = self._owners.get(server)
        return owner if owner in self.assigned_work else None  # it may have crashed


class _Ids(list[str]):
    """The tests of a process, which know their places."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(ids)
        self._places = {id: place for place, id in enumerate(ids)}

    def index(self, id: str, *_: Any) -> int:
        return self._places[id]
