from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.sharing import COSTLY
from tests.support.sharing import Files
from tests.support.sharing import costly_server


class Process:
    """One that is given tests, as xdist sees it."""

    shutting_down = False

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.given: list[int] = []

    def send_runtest_some(self, places: list[int]) -> None:
        self.given += places

    def shutdown(self) -> None:
        self.shutting_down = True


def shared(folder: Path, files: dict[str, str], processes: int = 2) -> tuple[Any, list[Process], list[str]]:
    """A scheduler that has handed out the first files, of one test each."""
    for name, text in files.items():
        (folder / name).write_text(text)
    config: Any = SimpleNamespace(
        rootpath=folder,
        getvalue=lambda name: ["popen"] * processes,
        option=SimpleNamespace(loadscopereorder=False),
    )
    scheduler, nodes = Files(config), [Process(str(number)) for number in range(processes)]
    ids = [f"{name}::test" for name in files]
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, ids)
    scheduler.schedule()
    return scheduler, nodes, ids


def finish(scheduler: Any, nodes: list[Process], ids: list[str]) -> list[list[str]]:
    """Let the processes do a test each in turn; the files that each had."""
    done = dict.fromkeys(nodes, 0)
    while any(done[node] < len(node.given) for node in nodes):
        for node in nodes:
            if done[node] < len(node.given):
                scheduler.mark_test_complete(node, node.given[done[node]])
                done[node] += 1
    return [[ids[place].partition("::")[0] for place in node.given] for node in nodes]


def asking(server: str, *numbers: int) -> dict[str, str]:
    return {f"test_{number}.py": f"def test({server}): ..." for number in numbers}


def test_files_of_one_costly_server_go_to_one_process(tmp_path: Path) -> None:
    browser, store = asking("chromium", 0, 5, 11), asking("seaweed", 1, 6, 10)
    files = {f"test_{number}.py": "" for number in range(12)} | browser | store
    had = finish(*shared(tmp_path, files))
    assert sorted(file for of_one in had for file in of_one) == sorted(files)
    for asks in (browser, store):
        assert sorted(len(asks.keys() & of_one) for of_one in had) == [0, 3]
    assert all(of_one[:3] in ([*browser], [*store]) for of_one in had)  # one after the other


def test_no_process_idles_where_another_one_has_the_server(tmp_path: Path) -> None:
    had = finish(*shared(tmp_path, asking("chromium", *range(20))))
    assert [len(of_one) for of_one in had] == [10, 10]


def test_files_of_a_process_that_has_crashed_go_to_another_one(tmp_path: Path) -> None:
    files = {f"test_{number}.py": "" for number in range(30)} | asking("chromium", *range(0, 12, 2))
    scheduler, nodes, ids = shared(tmp_path, files, processes=3)
    assert scheduler.remove_node(nodes.pop(0)) == "test_0.py::test"
    one, other = finish(scheduler, nodes, ids)
    assert sorted(one + other) == sorted(files)
    assert [] in ([file for file in of_one if files[file]] for of_one in (one, other))


def test_every_file_that_asks_for_a_costly_server_is_known(request: pytest.FixtureRequest) -> None:
    for item in request.session.items:
        asked = set(COSTLY) & set(getattr(item, "fixturenames", ()))
        assert not asked or costly_server(item.path) in asked, item.nodeid
