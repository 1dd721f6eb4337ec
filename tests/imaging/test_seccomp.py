"""The list of system calls: nothing else gets through, and it is claimed only where it holds."""

from __future__ import annotations

import errno
import os
import platform
import signal
import sys
from types import SimpleNamespace

import pytest

from origin.imaging import seccomp
from tests.support.sandbox_attacks import python
from tests.support.sandbox_attacks import run_inside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")

CLONE3 = 435
# What a renderer may call, written down a second time. `clone` and those behind it also have bounds.
ALLOWED = (
    "brk munmap mremap madvise futex set_robust_list gettid getpid sched_yield exit exit_group "
    "rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall read readv write writev "
    "close clock_gettime clock_nanosleep nanosleep gettimeofday getrusage getrandom rseq time clone "
    "mmap mprotect tgkill prlimit64"
)
EVERY_CALL = """
import errno, json, os, sys
from origin.imaging import linux, sandbox, seccomp
library = seccomp.pyseccomp
allowed = {library.resolve_syscall(library.Arch.NATIVE, name) for name in sys.argv[1:] if library}
if os.uname().machine == "x86_64":
    allowed |= {335, 336}  # uretprobe, uprobe: no filter sees them, and calling them gives SIGILL
locks = sandbox.lock(1 << 30, lambda: None)
results = {}
for number in range(0 if "seccomp" in locks.missing else 700):
    if number not in allowed:
        try:
            results[number] = linux.call("syscall", number, -1, -1, -1, -1, -1, -1)
        except OSError as exc:
            results[number] = errno.errorcode[exc.errno]
print(json.dumps([locks.missing, results]))
"""


def test_every_call_that_is_not_on_the_list_is_refused() -> None:
    missing, results = run_inside(EVERY_CALL, *ALLOWED.split())
    if "seccomp" in missing:
        pytest.skip(f"this system lacks seccomp: {missing['seccomp']}")
    assert results.pop(str(CLONE3)) == "ENOSYS"  # so that libc takes clone instead
    assert len(results) > 600
    assert set(results.values()) == {"EPERM"}


OTHER_INTERFACE = """
from origin.imaging import linux, sandbox
print("seccomp" in sandbox.lock(1 << 30, lambda: None).missing, flush=True)
linux.call("syscall", 0x40000000 + 39)  # getpid of the x32 interface
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86 has a second set of numbers")
def test_the_other_set_of_numbers_ends_the_process() -> None:
    run = python(OTHER_INTERFACE)
    if run.stdout == "True\n":
        pytest.skip("this system lacks seccomp")
    assert run.returncode == -signal.SIGSYS


@pytest.mark.parametrize("machine", ["X86_64", "AARCH64"])
def test_no_name_that_is_needed_is_missing_on_either_machine(machine: str) -> None:
    library = vars(seccomp)["pyseccomp"]
    if library is None:
        pytest.skip("pyseccomp or libseccomp is not installed")
    architecture = getattr(library.Arch, machine)
    numbers = {name: library.resolve_syscall(architecture, name) for name in ALLOWED.split()}
    assert {name for name, number in numbers.items() if number < 0} <= {"time"}  # which ARM does not have


class Filter:
    """A libseccomp that takes everything but some names, and whose filters refuse nothing."""

    def __init__(self, unknown: set[str | int], error: OSError | None = None) -> None:
        self.unknown = unknown
        self.error = error
        self.loaded = False

    def add_rule_exactly(self, action: int, call: str | int, *arguments: object) -> None:
        if call in self.unknown:
            raise OSError(errno.EINVAL, "Invalid argument")

    def load(self) -> None:
        if self.error is not None:
            raise self.error
        self.loaded = True


def fake_libseccomp(filter: Filter) -> SimpleNamespace:
    return SimpleNamespace(
        ALLOW=0, MASKED_EQ=7, ERRNO=int, Arg=lambda *parts: parts, SyscallFilter=lambda default: filter
    )


@pytest.mark.parametrize(
    ("unknown", "reason", "loaded"),
    [
        ({"futex"}, "libseccomp does not know futex", False),
        ({"clone", "tgkill"}, "libseccomp does not know clone, tgkill", False),
        ({CLONE3}, "libseccomp does not know clone3", False),
        ({"rseq", "time", "stat", "open"}, "the kernel takes the filter and does not apply it", True),
    ],
)
def test_seccomp_is_claimed_only_where_it_holds(
    monkeypatch: pytest.MonkeyPatch, unknown: set[str | int], reason: str, loaded: bool
) -> None:
    filter = Filter(unknown)
    monkeypatch.setattr(seccomp, "pyseccomp", fake_libseccomp(filter))
    with pytest.raises(OSError, match=reason):
        seccomp.restrict(reads=True)
    assert filter.loaded == loaded


def test_seccomp_is_not_claimed_where_the_kernel_refuses_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    filter = Filter(set(), OSError(errno.EACCES, "Permission denied"))
    monkeypatch.setattr(seccomp, "pyseccomp", fake_libseccomp(filter))
    with pytest.raises(OSError, match="Permission denied"):
        seccomp.restrict(reads=False)


def test_seccomp_is_not_claimed_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "pyseccomp", None)
    with pytest.raises(OSError, match="libseccomp is not installed"):
        seccomp.restrict(reads=False)


def test_seccomp_is_not_claimed_on_another_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="s390x"))
    with pytest.raises(OSError, match="not for s390x"):
        seccomp.restrict(reads=False)
