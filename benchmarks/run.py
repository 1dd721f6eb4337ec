"""`python -m benchmarks.run`: measures the origin beside others on this machine. See README.md here."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import crowds
from benchmarks import disk
from benchmarks import efforts
from benchmarks import hits
from benchmarks import machine
from benchmarks import misses
from benchmarks import peers
from benchmarks import pictures
from benchmarks import ports
from benchmarks import posted
from benchmarks import quality
from benchmarks import replay
from benchmarks import report
from benchmarks import servers
from benchmarks import srcset_costs
from benchmarks import start
from benchmarks import stores
from benchmarks import transforms
from benchmarks.bench import FULL
from benchmarks.bench import QUICK
from benchmarks.bench import TINY
from benchmarks.bench import Bench
from benchmarks.bench import Form
from benchmarks.bench import Outcome
from benchmarks.rounds import stage
from benchmarks.rounds import tell

HERE = Path(__file__).parent
CASES: dict[str, Callable[[Bench], Outcome]] = {
    "start": start.start,
    "hot-20kB": partial(hits.hot, kilobytes=20),
    "hot-80kB": partial(hits.hot, kilobytes=80),
    "not-modified": hits.not_modified,
    "disk": disk.large,
    "disk-small": disk.small,
    "replay": replay.replay,
    "miss-2MP": partial(misses.misses, size="2MP"),
    "miss-6MP": partial(misses.misses, size="6MP"),
    "miss-24MP": partial(misses.misses, size="24MP"),
    "srcset": crowds.srcset,
    "crowd": crowds.crowd,
    "transforms": transforms.transforms,
    "placeholders": transforms.placeholders,
    "uploads": posted.uploads,
    "avif-later": transforms.later,
    "srcset-costs": srcset_costs.srcset_costs,
    "effort": efforts.effort,
    "quality": quality.quality,
}
"""In the order in which they are run: what a busy machine disturbs least comes last."""


def main() -> None:
    arguments = _arguments()
    form = FULL if arguments.full else TINY if arguments.tiny else QUICK
    if arguments.rounds:
        form = dataclasses.replace(form, rounds=arguments.rounds)
    cases = [name for name in _chosen(arguments.only, form) if name not in arguments.without]
    begun = time.perf_counter()
    there = _nginx() if form is TINY else _nginx() | _peers(arguments.install)
    bench = Bench(form, arguments.work, there, tuple(arguments.peer))
    bench.work.mkdir(parents=True, exist_ok=True)
    machine.pin_self(machine.cores(1, last=True))  # where the load comes from
    signal.signal(signal.SIGTERM, _stop)
    with contextlib.ExitStack() as stack:
        if arguments.source == "s3":
            bench.store = _store(bench, stack, arguments.s3_port)
        if arguments.prepare:
            prepare(bench)
            return
        written, failed = _measure(bench, cases, begun + form.budget, arguments.results)
    _show(form, written, time.perf_counter() - begun, arguments.results)
    if failed or any(row.errors for found in written.cases.values() for row in found.outcome.rows):
        sys.exit(1)


def prepare(bench: Bench) -> None:
    """Make what takes long, and is kept, before a run: originals and stores."""
    for size in bench.form.sizes:
        pictures.original(bench.originals, size)
    for shape, most in ((stores.LARGE, bench.form.entries), (stores.SMALL, bench.form.many)):
        for count in (bench.form.few, most):
            stores.filled(bench, shape, count)


def _measure(bench: Bench, cases: list[str], until: float, folder: Path) -> tuple[report.Written, bool]:
    """What the cases find, written after each, and whether one of them failed. None begins after `until`."""
    written, failed = report.Written(folder, bench.form.name, machine.about()), False
    for name in cases:
        if time.perf_counter() > until:
            tell(f"{name} is left out: the time is up")
            continue
        begun = time.perf_counter()
        try:
            with stage(name):
                found = CASES[name](bench)
        except (pictures.WrongPicture, servers.NotStarted, OSError) as exc:
            failed = True
            tell(f"{name}: {exc}")
            continue
        written.add(name, report.Found(found, time.perf_counter() - begun, _commit()))
    return written, failed


def _store(bench: Bench, stack: contextlib.ExitStack, port: int) -> servers.Server | None:
    if "nginx" not in bench.peers:
        tell("originals come from the folder: nginx is not there to stand in for S3")
        return None
    on, port = machine.cores(1, last=True), port or _usual_port(bench)
    store = stack.enter_context(
        servers.s3_stand_in(bench.work, bench.originals, on, port or _usual_port(bench))
    )
    tell(f"originals come from http://{store.host}:{store.port}/{servers.BUCKET}/, as S3 gives them out")
    return store


def _usual_port(bench: Bench) -> int:
    """That of the runs before: what is kept is named by it, and filled stores are kept. Another one where a
    run that goes on has it."""
    file, port = bench.work / "s3-port", ports.closed_port()
    if not file.exists():
        file.write_text(str(port))
    usual = int(file.read_text())
    with socket.socket() as sock:
        # As nginx does: its last connections may still linger.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", usual))
        except OSError:
            tell(f"port {usual}, which filled stores are named by, is in use: they are filled anew")
            return port
    return usual


def _stop(number: int, frame: object) -> None:
    """End like any exception, so that the servers that were started end as well."""
    sys.exit(128 + number)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--quick", action="store_true", help="two minutes; the default")
    form.add_argument("--tiny", action="store_true", help="seconds: to see whether the benchmarks work")
    form.add_argument("--full", action="store_true", help="35 minutes, on a machine that does nothing else")
    parser.add_argument(
        "--prepare",
        action="store_true",
        help="measure nothing: install and make what a run of that form needs; the machine may be busy",
    )
    parser.add_argument("--rounds", type=int, help="how often each server has its turn")
    parser.add_argument("--only", metavar="CASE", action="append", default=[], help=f"of {', '.join(CASES)}")
    parser.add_argument("--without", metavar="CASE", action="append", default=[], choices=CASES)
    parser.add_argument(
        "--peer",
        metavar="NAME=URL-TEMPLATE",
        action="append",
        default=[],
        type=_peer,
        help="a running server over the same originals; {key} {width} {format} {quality} in its URLs, and in"
        " [brackets] what a format without a quality is asked without",
    )
    parser.add_argument(
        "--source",
        choices=("s3", "local"),
        default="s3",
        help="where our originals of misses, srcsets and crowds come from; s3, the default: nginx stands in",
    )
    parser.add_argument(
        "--s3-port", type=int, default=0, help="of what stands in for S3, for peers that read from it"
    )
    parser.add_argument(
        "--no-install",
        dest="install",
        action="store_false",
        help="measure thumbor and ipx only where an earlier run has installed them",
    )
    parser.add_argument(
        "--work", type=Path, default=HERE / ".work", help="where originals and caches are made"
    )
    parser.add_argument("--results", type=Path, default=HERE / "results", help="where JSON and plot go")
    return parser.parse_args()


def _peer(text: str) -> servers.Server:
    name, _, template = text.partition("=")
    return servers.running_already(name, template)


def _chosen(only: list[str], form: Form) -> list[str]:
    """The cases of that name, or else whose name begins so; sizes that the form leaves out, only by name."""
    wanted = {
        name for start in only for name in ([start] if start in CASES else CASES) if name.startswith(start)
    }
    names = [name for name in CASES if not only or name in wanted]
    if not names:
        sys.exit(f"no such case; there are {', '.join(CASES)}")
    left_out = {f"miss-{size}" for size in ("2MP", "6MP", "24MP")} - {f"miss-{size}" for size in form.sizes}
    return [name for name in names if name not in left_out or name in only]


def _peers(install: bool) -> frozenset[str]:
    """What of the peers can be measured, after an attempt to install them all."""
    names = {"thumbor", "ipx", "score"}
    if install:
        for name, reason in peers.install(names).items():
            tell(f"{name} is left out: {reason}")
    return frozenset(filter(peers.is_there, names))


def _nginx() -> frozenset[str]:
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    return frozenset({"nginx"} if found else ())


def _show(form: Form, written: report.Written, seconds: float, folder: Path) -> None:
    about = machine.about()
    print(f"{form.name} form, {seconds:.0f} s, at {_commit()}")
    print(f"{about.cores} cores of {about.cpu}; {about.system}; Python {about.python}\n")
    rows = [row for found in written.cases.values() for row in found.outcome.rows]
    bars = [bar for found in written.cases.values() for bar in found.outcome.bars]
    tables = [table for found in written.cases.values() for table in found.outcome.tables]
    for table in (*([report.table(rows)] if rows else []), *tables, report.bars(bars)):
        print(table + "\n")
    busy = report.others(rows)
    if busy > report.QUIET:
        print(f"Others used up to {busy:.0%} of this machine meanwhile: the figures say little.")
    try:
        if rows and not form.is_tiny:  # `quality` alone has none
            report.plot(written.path.with_suffix(".png"), rows)
    except ImportError:
        pass  # it comes with the extra `bench`
    tell(f"written: {written.path}")


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE).stdout.strip()
    return "an unknown commit"


if __name__ == "__main__":
    main()
