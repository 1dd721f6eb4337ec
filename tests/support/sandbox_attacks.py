"""Attacks on the sandbox from inside, as a picture would make them that has taken a renderer over.

They run in a process that has locked itself, of the same user as their victim. What each gets is what the
kernel told it; the victim and a secret file are compared with what they were before.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.pictures import small

ROOT = Path(__file__).parents[2]

# Code to run inside; VICTIM is another process of this user, SECRET a file of this user's with mode 600.
FILES = {
    "read a file": "open('/etc/passwd').read()",
    "read a secret": "open(SECRET).read()",
    "read the environment": "open('/proc/self/environ').read()",
    "read the victim's environment": "open(f'/proc/{VICTIM}/environ').read()",
    "list a folder": "os.listdir('/')",
    "write a file": "open('/tmp/origin-escape', 'w')",
    "append to the program": "open(sandbox.__file__, 'ab')",
    "write into the victim": "open(f'/proc/{VICTIM}/mem', 'r+b')",
    "make a nameless file": "os.open('/tmp', os.O_RDWR | os.O_TMPFILE, 0o600)",
}
CALLS = {
    "delete": "os.unlink(SECRET)",
    "make a folder": "os.mkdir('/tmp/origin-escape')",
    "change rights": "os.chmod(SECRET, 0o666)",
    "change rights by fchmodat2": "call('fchmodat2', AT_FDCWD, NAME, 0o666, 0)",
    "change rights by file_setattr": "call('file_setattr', AT_FDCWD, NAME, bytes(24), 24, 0)",
    "set an attribute": "os.setxattr(SECRET, 'user.escape', b'1')",
    "set an attribute by setxattrat": "call('setxattrat', AT_FDCWD, NAME, 0, b'user.a', bytes(16), 16)",
    "remove an attribute by removexattrat": "call('removexattrat', AT_FDCWD, NAME, 0, b'user.a')",
    "change times": "os.utime(SECRET, (1, 1))",
    "see that a file exists": "os.stat(SECRET)",
    "see that a file exists by statx": "call('statx', AT_FDCWD, NAME, 0, 0xFFF, bytes(256))",
    "see that a file exists by access": "call('faccessat', AT_FDCWD, NAME, 0)",
    "see that a file exists by listxattr": "os.listxattr(SECRET)",
    "see that a file exists by open_tree": "call('open_tree', AT_FDCWD, NAME, 0)",
    "see that a file exists by handle": "call('name_to_handle_at', AT_FDCWD, NAME, bytes(99), bytes(4), 0)",
    "see what is mounted": "call('listmount', bytes(24), bytes(80), 10, 0)",
    "follow a link": "os.readlink('/proc/self/exe')",
    "change the folder": "os.chdir('/')",
    "open a socket": "socket.socket()",
    "open a unix socket": "socket.socket(socket.AF_UNIX)",
    "make a socket pair": "socket.socketpair()",
    "make a pipe": "os.pipe()",
    "fork": "os.fork()",
    "fork by clone": "call('clone', signal.SIGCHLD, 0, 0, 0, 0)",
    "share memory with a process": "call('clone', 0x100 | signal.SIGCHLD, 0, 0, 0, 0)",
    "start a thread with namespaces": "call('clone', 0x3D0F00 | 0x10000000, 0, 0, 0, 0)",
    "run a program": "os.execv('/bin/true', ['true'])",
    "spawn a program": "os.posix_spawn('/bin/true', ['true'], {})",
    "map code": "call('mmap', 0, 4096, 7, 0x22, -1, 0)",
    "make data code": "call('mprotect', ctypes.addressof(PAGE) & ~4095, 4096, 7)",
    "make data code by pkey_mprotect": "call('pkey_mprotect', ctypes.addressof(PAGE) & ~4095, 4096, 7, -1)",
    "trace the victim": "call('ptrace', 16, VICTIM, 0, 0)",
    "read the victim's memory": "call('process_vm_readv', VICTIM, bytes(16), 1, bytes(16), 1, 0)",
    "drop the victim's memory": "call('process_madvise', 0, bytes(16), 1, 4, 0)",
    "get a handle on the victim": "os.pidfd_open(VICTIM)",
    "signal by a handle": "call('pidfd_send_signal', 0, 0, 0, 0)",
    "kill the victim": "os.kill(VICTIM, 9)",
    "kill everyone": "os.kill(-1, 0)",
    "kill the victim by tkill": "call('tkill', VICTIM, 9)",
    "kill the victim by tgkill": "call('tgkill', VICTIM, VICTIM, 9)",
    "kill the victim by rt_sigqueueinfo": "call('rt_sigqueueinfo', VICTIM, 9, SIGNAL_INFO)",
    "kill the victim by rt_tgsigqueueinfo": "call('rt_tgsigqueueinfo', VICTIM, VICTIM, 9, SIGNAL_INFO)",
    "kill the victim when a socket is ready": "fcntl.fcntl(0, fcntl.F_SETOWN, VICTIM)",
    "limit the victim's files": "resource.prlimit(VICTIM, resource.RLIMIT_NOFILE, (0, 0))",
    "limit the victim's time": "resource.prlimit(VICTIM, resource.RLIMIT_CPU, (0, 0))",
    "read the victim's limits": "resource.prlimit(VICTIM, resource.RLIMIT_CPU)",
    "raise its own limit of files": "resource.prlimit(0, resource.RLIMIT_NOFILE, (999, 999))",
    "raise its own limit of file sizes": "resource.prlimit(0, resource.RLIMIT_FSIZE, (-1, -1))",
    "raise its own limit of memory": "call('prlimit64', 0, resource.RLIMIT_AS, b'\\xff' * 16, 0)",
    "make the victim idle": "os.sched_setscheduler(VICTIM, os.SCHED_IDLE, os.sched_param(0))",
    "make the victim slow by sched_setattr": "call('sched_setattr', VICTIM, IDLE, 0)",
    "put the victim on one core": "os.sched_setaffinity(VICTIM, {min(CORES)})",
    "make the victim slow": "os.setpriority(os.PRIO_PROCESS, VICTIM, 19)",
    "make the victim's reads slow": "call('ioprio_set', 1, VICTIM, 3 << 13)",
    "hurry itself": "os.nice(-5)",
    "share memory": "call('shmget', 0, 1 << 20, 0o1600)",
    "attach shared memory": "call('shmat', 0, 0, 0)",
    "make a queue of messages": "call('msgget', 0, 0o1600)",
    "make semaphores": "call('semget', 0, 1, 0o1600)",
    "open a queue of messages": "call('mq_open', b'escape', 0o102, 0o600, 0)",
    "make a memory file": "os.memfd_create('x')",
    "make secret memory": "call('memfd_secret', 0)",
    "lock memory": "call('mlock', ctypes.addressof(PAGE), 1)",
    "ask for asynchronous reads": "call('io_setup', 1, bytes(8))",
    "make a ring": "call('io_uring_setup', 1, bytes(120))",
    "watch files": "call('fanotify_init', 0, 0)",
    "handle page faults": "call('userfaultfd', 0)",
    "load a program into the kernel": "call('bpf', 5, bytes(120), 120)",
    "count events": "call('perf_event_open', bytes(120), 0, -1, -1, 0)",
    "keep a key": "call('add_key', b'user', b'a', b'b', 1, -2)",
    "leave its session": "os.setsid()",
    "outlive its parent": "call('prctl', 1, 0, 0, 0, 0)",
    "take a user namespace": "call('unshare', 0x10000000)",
    "mount": "call('mount', b'none', b'/tmp', b'tmpfs', 0, 0)",
    "become root": "os.setuid(0)",
    "take capabilities": "linux.call('capset', struct.pack('=Ii', 0x20080522, 0), b'\\xff' * 24)",
    "set another filter": "call('seccomp', 1, 0, bytes(16))",
    "ask about Landlock": "call('landlock_create_ruleset', 0, 0, 1)",
    "use a number that no call has": "linux.call('syscall', 4095)",
}
# Numbers that an old libseccomp does not know; the same on every architecture.
NEW_CALLS = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "open_tree": 428,
    "process_madvise": 440,
    "landlock_create_ruleset": 444,
    "memfd_secret": 447,
    "fchmodat2": 452,
    "listmount": 458,
    "setxattrat": 463,
    "removexattrat": 466,
    "file_setattr": 469,
}
INSIDE = """
import base64, ctypes, errno, fcntl, hashlib, json, os, resource, signal, socket, struct, sys, threading
from origin.imaging.vendor import pyvips
from origin.imaging import landlock, linux, sandbox, seccomp
pyvips.concurrency_set(1)
AT_FDCWD, CORES, PAGE = -100, os.sched_getaffinity(0), (ctypes.c_char * 8192)()
given = json.loads(sys.argv[1])
VICTIM, SECRET = given["victim"], given["secret"]
NAME, IDLE = SECRET.encode(), struct.pack("=IIQ32x", 48, 5, 0)
SIGNAL_INFO = struct.pack("=iii", 9, 0, -1) + bytes(116)
def number(name):
    library = seccomp.pyseccomp
    return given["numbers"].get(name) or (library.resolve_syscall(0, name) if library else -1)
needed = {name: number(name) for name in given["names"]}
def call(name, *arguments):
    return linux.call("syscall", needed[name], *arguments)
def attempt(code):
    try:
        exec(code)
    except OSError as exc:
        return errno.errorcode.get(exc.errno, str(exc.errno))
    return "done"
original = base64.b64decode(given["original"])
def render():
    image = pyvips.Image.new_from_buffer(original, "", access="sequential").resize(0.5)
    return hashlib.sha256(image.write_to_buffer(".webp")).hexdigest()
rendered = []
exec(given["before"])
locks = sandbox.lock(1 << 30, lambda: rendered.append(render()))
results = {name: attempt(code) for name, code in given["attacks"].items()}
thread_results = {}
thread = threading.Thread(target=lambda: thread_results.update(
    {name: attempt(code) for name, code in given["in a thread"].items()}))
thread.start()
thread.join()
rendered.append(render())
print(json.dumps([locks.missing, results, thread_results, rendered]))
"""
NO_LANDLOCK = "def missing(*_): raise OSError('none here')\nlandlock.restrict = missing"
NO_SECCOMP = "def missing(**_): raise OSError('none here')\nseccomp.restrict = missing"
OLD_LANDLOCK = "landlock.version = lambda: 5"


@dataclass(frozen=True)
class Inside:
    """What happened in a process that locked itself."""

    missing: dict[str, str]
    results: dict[str, str]
    in_a_thread: dict[str, str]
    rendered: list[str]

    def need(self, *locks: str) -> None:
        """Skip the test where this system lacks one of these."""
        for name in locks:
            if name in self.missing:
                pytest.skip(f"this system lacks {name}: {self.missing[name]}")


@contextmanager
def victim() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def state(process: subprocess.Popen[bytes], secret: Path) -> dict[str, Any]:
    """What an attack could change, of the victim and of the secret."""
    pid, found = process.pid, secret.stat()
    return {
        "runs": process.poll() is None,
        "limits": [resource.prlimit(pid, kind) for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU)],
        "scheduler": os.sched_getscheduler(pid),
        "cores": os.sched_getaffinity(pid),
        "priority": os.getpriority(os.PRIO_PROCESS, pid),
        "file": (found.st_mode, found.st_mtime_ns, secret.read_text(), os.listxattr(secret)),
        "shared memory": shared_memory(),
    }


def shared_memory() -> list[str]:
    try:
        return Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    except FileNotFoundError:
        return []


def locked(
    attacks: dict[str, str],
    before: str = "",
    *,
    thread: dict[str, str] | None = None,
) -> Inside:
    """Run attacks inside. `before` is run before the locks, to take one of them away."""
    with tempfile.TemporaryDirectory() as folder, victim() as process:
        secret = Path(folder) / "secret"
        secret.write_text("secret")
        secret.chmod(0o600)
        names = {part.split("'")[1] for code in attacks.values() for part in code.split("call(")[1:]}
        given = {
            "attacks": attacks,
            "in a thread": thread or {},
            "before": before,
            "victim": process.pid,
            "secret": str(secret),
            "names": sorted(names - {"syscall", "capset"}),
            "numbers": NEW_CALLS,
            "original": base64.b64encode(small()).decode(),
        }
        as_it_was = state(process, secret)
        run = python(INSIDE, json.dumps(given))
        assert run.returncode == 0, run.stderr
        assert state(process, secret) == as_it_was
    return Inside(*json.loads(run.stdout))


def run_inside(code: str, *arguments: str) -> Any:
    """What a program prints as JSON."""
    run = python(code, *arguments)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
