"""The locks of a render process, tried from inside."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from origin.imaging.sandbox import LOCKS
from origin.render.environment import environment
from origin.render.process import Renderer
from origin.render.process import RendererBroken
from tests.support.render_matrix import write_originals
from tests.support.sandbox_attacks import CALLS
from tests.support.sandbox_attacks import FILES
from tests.support.sandbox_attacks import NO_LANDLOCK
from tests.support.sandbox_attacks import NO_SECCOMP
from tests.support.sandbox_attacks import OLD_LANDLOCK
from tests.support.sandbox_attacks import ROOT
from tests.support.sandbox_attacks import Inside
from tests.support.sandbox_attacks import locked
from tests.support.sandbox_attacks import python
from tests.support.sandbox_attacks import run_inside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the locks are Linux's")


@pytest.fixture(scope="module")
def with_all() -> Inside:
    """With every lock that this system has."""
    thread = {"read": FILES["read a file"], "grow": "bytes(10**8)", "kill": CALLS["kill the victim"]}
    return locked(FILES | CALLS, thread=thread)


@pytest.fixture(scope="module")
def without_landlock() -> Inside:
    return locked(FILES | CALLS, NO_LANDLOCK)


@pytest.fixture(scope="module")
def with_old_landlock() -> Inside:
    """With the Landlock of Linux 6.10 and before, which lets signals out."""
    return locked(FILES | CALLS, OLD_LANDLOCK)


@pytest.fixture(scope="module")
def without_seccomp() -> Inside:
    return locked(FILES, NO_SECCOMP)


@pytest.mark.many
@pytest.mark.parametrize("attack", FILES | CALLS)
def test_an_attack_is_refused(with_all: Inside, attack: str) -> None:
    with_all.need(*LOCKS)
    assert with_all.results[attack] in ("EPERM", "EACCES")


@pytest.mark.many
@pytest.mark.parametrize("attack", FILES | CALLS)
def test_an_attack_is_refused_without_landlock(without_landlock: Inside, attack: str) -> None:
    without_landlock.need("seccomp")
    assert without_landlock.missing["landlock"] == "none here"
    assert without_landlock.results[attack] == "EPERM"


@pytest.mark.many
@pytest.mark.parametrize("attack", FILES | CALLS)
def test_an_attack_is_refused_with_an_old_landlock(with_old_landlock: Inside, attack: str) -> None:
    with_old_landlock.need("seccomp", "landlock")
    assert with_old_landlock.results[attack] in ("EPERM", "EACCES")


@pytest.mark.many
@pytest.mark.parametrize("attack", FILES)
def test_no_file_is_opened_without_seccomp(without_seccomp: Inside, attack: str) -> None:
    without_seccomp.need("landlock")
    assert without_seccomp.missing["seccomp"] == "none here"
    assert without_seccomp.results[attack] in ("EPERM", "EACCES")


def test_a_thread_is_inside_as_well(with_all: Inside) -> None:
    with_all.need("landlock", "seccomp")
    assert with_all.in_a_thread["grow"] == "done"
    assert with_all.in_a_thread["read"] in ("EPERM", "EACCES")
    assert with_all.in_a_thread["kill"] == "EPERM"


def test_a_refusal_does_no_harm_to_the_next_picture(with_all: Inside) -> None:
    before, after = with_all.rendered
    assert after == before


@pytest.mark.slow
def test_nothing_that_rendering_needs_is_refused(tmp_path: Path) -> None:
    """Hundreds of results, byte for byte, against those of a process without locks."""
    write_originals(tmp_path)
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.render_matrix", place, tmp_path],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment() | {"PYTHONPATH": str(ROOT)},
        )
        for place in ("inside", "outside")
    ]
    (missing, inside), (_, outside) = (json.loads(run.communicate(timeout=100)[0]) for run in runs)
    assert len(inside) > 150
    assert inside == outside
    if missing:
        pytest.skip(f"the same results, but this system lacks locks: {missing}")


CRASHES = {
    "abort": ("os.abort()", signal.SIGABRT),
    "free twice": ("p = libc.malloc(64); libc.free(p); libc.free(p)", signal.SIGABRT),
    "read nothing": ("ctypes.string_at(8)", signal.SIGSEGV),
    "use up its time": ("sandbox.allow_cpu(1)\nwhile True: pass", signal.SIGXCPU),
}
CRASH = """
import ctypes, os, sys
from origin.imaging import sandbox
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
sandbox.lock(1 << 30, lambda: None)
exec(sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_ends_it_by_the_usual_signal(crash: str) -> None:
    code, number = CRASHES[crash]
    assert python(CRASH, code).returncode == -number


def test_its_end_is_quiet() -> None:
    run = python(CRASH, "print('done')")
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")


MEMORY = """
import json, resource
from origin.imaging import sandbox
missing = sandbox.lock(200_000_000, lambda: None).missing
grown = bytearray()
for _ in range(100):
    grown += bytes(1_000_000)
try:
    bytes(200_000_000)
    refused = False
except MemoryError:
    refused = True
print(json.dumps([missing, refused]))
"""


def test_memory_grows_up_to_its_limit() -> None:
    missing, refused = run_inside(MEMORY)
    assert refused or "rlimits" in missing


THREADS = """
import json, os, sys, threading
from origin.imaging import sandbox
sandbox._MORE_THREADS = 50
if os.getuid() == 0:  # for whom Linux does not count
    os.setgid(65534)
    os.setuid(65534)
running = int(open("/proc/loadavg").read().split()[3].partition("/")[2])
missing = sandbox.lock(1 << 30, lambda: None).missing
threading.stack_size(64 << 10)
stop, started = threading.Event(), []
try:
    while len(started) < 3000:
        thread = threading.Thread(target=stop.wait)
        thread.start()
        started.append(thread)
except RuntimeError:
    pass
stop.set()
print(json.dumps([missing, len(started), running]))
"""


def test_threads_are_bounded() -> None:
    """Linux counts all of a user's, so there may be fewer of these."""
    missing, started, running = run_inside(THREADS)
    if "rlimits" in missing:
        pytest.skip(f"this system lacks limits: {missing['rlimits']}")
    assert started <= running + 100  # others started some, or ended some, meanwhile


FONTS = """
import errno, json, os, sys
from pathlib import Path
from origin.imaging import sandbox
folder, other = sys.argv[1:]
def attempt(path, flags):
    try:
        os.close(os.open(path, flags))
    except OSError as exc:
        return errno.errorcode[exc.errno]
    return "done"
missing = sandbox.lock(1 << 30, lambda: None, [Path(folder)]).missing
print(json.dumps([missing, {
    "read": attempt(folder + "/font", os.O_RDONLY | os.O_CLOEXEC),
    "list": attempt(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK),
    "write": attempt(folder + "/font", os.O_RDWR),
    "create": attempt(folder + "/new", os.O_RDONLY | os.O_CREAT),
    "truncate": attempt(folder + "/font", os.O_RDONLY | os.O_TRUNC),
    "name": attempt(other, os.O_PATH),
    "read another": attempt(other, os.O_RDONLY),
    "read the environment": attempt("/proc/self/environ", os.O_RDONLY),
}]))
"""


def test_where_fonts_are_needed_they_can_be_read_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "font").write_text("font")
    (tmp_path / "other").write_text("other")
    run = python(FONTS, str(tmp_path / "fonts"), str(tmp_path / "other"))
    if "FilesUnprotected" in run.stderr:
        pytest.skip("this system lacks landlock")
    missing, results = json.loads(run.stdout)
    if "seccomp" in missing:
        pytest.skip(f"this system lacks seccomp: {missing['seccomp']}")
    assert results == {
        "read": "done",
        "list": "done",
        "write": "EPERM",
        "create": "EPERM",
        "truncate": "EPERM",
        "name": "EPERM",
        "read another": "EACCES",
        "read the environment": "EACCES",
    }
    assert (tmp_path / "fonts" / "font").read_text() == "font"


WITHOUT_LANDLOCK = """
import sys
from origin.imaging import landlock, worker
def none():
    raise OSError(38, "Function not implemented")
landlock.version = none
sys.argv = ["worker", *sys.argv[1:]]
worker.main()
"""


@pytest.mark.slow
def test_svg_is_refused_where_nothing_would_keep_other_files_shut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Renderer, "command", (sys.executable, "-c", WITHOUT_LANDLOCK))

    async def start(formats: str) -> dict[str, Any]:
        renderer = await Renderer.start(("--formats", formats))
        await renderer.kill()
        return renderer.hello

    with pytest.raises(RendererBroken, match=r"svg .*Landlock is missing.*Linux 5\.13.*allowed_formats"):
        asyncio.run(start("jpg,svg"))
    hello = asyncio.run(start("jpg,png"))
    assert hello["sandbox"]["landlock"] is False
    assert hello["sandbox_missing"]["landlock"] == "the kernel does not have it (Linux 5.13 does)"
