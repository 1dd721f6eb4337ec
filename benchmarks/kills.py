"""Uploads from many clients to an origin that is killed every second, with all its processes.

    python -m benchmarks.kills [--into folder|s3] [--uploads 10000] [--clients 50]

What was acknowledged has to be there, byte for byte; what was refused must not; nothing old may be served
behind an answer, and nothing may be left over. The S3 server is killed too, once. Exit status 1 when that
does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import uvloop

from benchmarks import kills_pictures
from benchmarks.client import Client
from benchmarks.kills_asking import NOTHING
from benchmarks.kills_asking import SUFFIX
from benchmarks.kills_asking import Ledger
from benchmarks.kills_asking import complaint
from benchmarks.kills_clients import Uploader
from benchmarks.kills_clients import derived_targets
from benchmarks.kills_clients import targets
from benchmarks.kills_parts import file_beside
from benchmarks.kills_parts import part_targets
from benchmarks.kills_places import Bucket
from benchmarks.kills_places import Folder
from benchmarks.kills_places import Place
from benchmarks.kills_server import PARTS
from benchmarks.kills_server import PICTURES
from benchmarks.kills_server import STAGE
from benchmarks.kills_server import WITH_FILES
from benchmarks.kills_server import Server
from benchmarks.origins import Serve
from benchmarks.origins import serve

PAUSE = 1.0  # seconds between two kills
AWAY = 4.0  # seconds for which S3 is
PATIENCE = 120.0  # seconds until a stage is swept, and what a crash left is repaired
EXPIRE = 1  # seconds for which uploads wait in the last stage


@dataclass
class Found:
    """What a run has found."""

    ledger: Ledger = field(default_factory=Ledger)
    kills: int = 0
    seconds: float = 0.0
    away: Counter[str] = field(default_factory=Counter)  # statuses of writes while S3 was away
    stored: int = 0


@dataclass(frozen=True)
class Form:
    """How much is done, and how often it is disturbed."""

    uploads: int
    clients: int
    kills: int  # as many as there may be
    pause: float  # seconds between two of them, at least
    away: float  # seconds for which S3 is


async def run(place: Place, folder: Path, form: Form, serve: Serve) -> Found:
    found, server = Found(), Server(place, folder, serve)
    found.ledger.is_remote = place.is_remote
    begun = time.monotonic()
    client = Client(server.port)
    try:
        await server.start()
        users = [
            asyncio.create_task(Uploader(name, client, found.ledger, server.up).run(form.uploads))
            for name in range(form.clients)
        ]
        await _kill_on(server, place, found, users, form)
        await asyncio.gather(*users)
        found.kills, found.seconds = server.kills, time.monotonic() - begun
        await _judge(place, server, client, found)
        return found
    finally:
        client.close()
        server.close()


async def _kill_on(
    server: Server, place: Place, found: Found, users: list[asyncio.Task[None]], form: Form
) -> None:
    """Kill it after every pause, but not before enough more uploads are answered, and S3 once, until all
    clients are done. The last kill is that before all is looked at."""
    ledger, was_away = found.ledger, False
    while not all(user.done() for user in users):
        least = ledger.answered + form.uploads // form.kills
        await asyncio.wait(users, timeout=form.pause)
        while ledger.answered < least and not all(user.done() for user in users):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        if all(user.done() for user in users):
            return
        if not was_away and ledger.answered >= form.uploads / 2:
            was_away, statuses = True, Counter(ledger.statuses)
            if await place.go_away(form.away):
                found.away = ledger.statuses - statuses
        server.kill()
        await server.start()


async def _judge(place: Place, server: Server, client: Client, found: Found) -> None:
    """What is there, what is served, and what is left over once the stage is swept."""
    ledger = found.ledger
    server.kill()
    contents = await asyncio.to_thread(place.contents)
    found.stored = sum(not _is_own(name) for name in contents)
    ledger.wrong += _stored_wrongly(contents, ledger)
    ledger.wrong += _files_wrong(contents, ledger)
    await asyncio.sleep(2 * EXPIRE)
    await server.start(EXPIRE)
    for number, key in enumerate(ledger.may_hold):
        target = list(targets(key))[number % 4]
        if problem := complaint(await client.get(target), ledger.held(key)):
            ledger.wrong.append(f"at the end GET {target}: {problem}")
    for key in ledger.with_files:
        for target in derived_targets(key):
            if problem := complaint(await client.get(target), ledger.held_with_file(key)):
                ledger.wrong.append(f"at the end GET {target}: {problem}")
    deadline = time.monotonic() + PATIENCE
    while left := await asyncio.to_thread(_left_over, place, server):
        if time.monotonic() > deadline:
            ledger.wrong += [f"{name} is left over" for name in left]
            return
        await asyncio.sleep(0.2)
    contents = await asyncio.to_thread(place.contents)
    ledger.wrong += _files_wrong(contents, ledger, are_repaired=True)
    ledger.wrong += await _parts_wrong(contents, ledger, client)


def _stored_wrongly(contents: dict[str, bytes], ledger: Ledger) -> list[str]:
    """Complaints: what was acknowledged and is not there or is another, and what nobody has uploaded."""
    wrong, unanswered = [], set(ledger.unanswered)
    for key, held in ledger.may_hold.items():
        body = contents.pop(f"{PICTURES}/{key}", None)
        number = NOTHING if body is None else _number(body)
        if number not in held and number in ledger.late.get(key, set()):
            ledger.overtaken.append(f"{key}: {ledger.writes[key]}")
        elif number not in held:
            wrong.append(f"{key} holds {number}, and may hold {held}: {ledger.writes.get(key)}")
    for key in ledger.published:
        contents.pop(f"{STAGE}/{key}", None)  # a copy that the sweep removes, where the store was away
    for key, expected in ledger.waiting.items():
        body = contents.pop(f"{STAGE}/{key}", None)
        if body is None or _number(body) != expected:
            wrong.append(f"{key} waits in the stage no more, or is another")
    for name, body in contents.items():
        if name.startswith((f"{WITH_FILES}/", f"{PARTS}/")):
            continue
        if _number(body) in unanswered:
            unanswered.remove(_number(body))  # a POST whose answer got lost; its name is not known
        elif not _is_own(name):
            wrong.append(f"{name} is there, and nobody was told so: {body[:40]!r}")
    return wrong


def _files_wrong(contents: dict[str, bytes], ledger: Ledger, *, are_repaired: bool = False) -> list[str]:
    """Complaints of originals and the files beside them: what has an original has its file, and once that
    what a crash left is repaired it is of this very original."""
    wrong = []
    for key in ledger.with_files:
        held = ledger.held_with_file(key)
        original, file = (contents.get(f"{WITH_FILES}/{key}{end}.png") for end in ("", SUFFIX))
        shown = NOTHING if original is None else _number(original)
        of_file = NOTHING if file is None else kills_pictures.number_of(file)
        if shown not in held:
            wrong.append(f"{key} holds {shown}, and may hold {held}")
        if original is not None and of_file not in held - {NOTHING}:
            wrong.append(f"{key} is there, and its file is {of_file} of {held}")
        if are_repaired and shown != of_file:
            wrong.append(f"{key} holds {shown}, and its file is still {of_file}")
    return wrong


async def _parts_wrong(contents: dict[str, bytes], ledger: Ledger, client: Client) -> list[str]:
    """Complaints of pictures of which parts are published, once what a crash left is repaired: each shows
    what it may, the same under each of its names, and its file is of this very part."""
    names = {name.removeprefix(f"{PARTS}/") for name in contents if name.startswith(f"{PARTS}/")}
    keys = {name for name in names if not _is_own(f"/{name}") and not name.endswith(f"{SUFFIX}.png")}
    wrong = [f"{key} was published, and is not there" for key in ledger.parts.keys() - keys]
    for key in keys:
        seen = {f"{PARTS}/{file_beside(key)}": contents.get(f"{PARTS}/{file_beside(key)}", b"")}
        replies = {target: await client.get(target) for target in part_targets(key)}
        problems = {target: complaint(reply, ledger.shown(key)) for target, reply in replies.items()}
        wrong += [f"at the end GET {target}: {problem}" for target, problem in problems.items() if problem]
        seen |= {target: reply.body for target, reply in replies.items() if not problems[target]}
        numbers = {name: _number_shown(body) for name, body in seen.items()}
        if len(set(numbers.values())) > 1:
            wrong.append(f"{key} shows different parts: {numbers}")
    strays = names - keys - {file_beside(key) for key in keys}
    return wrong + [f"{name} is there without its original" for name in strays if not _is_own(f"/{name}")]


def _number_shown(body: bytes) -> int:
    """The number that can be read; -1 of what is no picture."""
    with contextlib.suppress(OSError):
        return kills_pictures.number_of(body)
    return -1


def _number(body: bytes) -> int:
    """The number of a picture that is as it was sent, or as it had to become; -1 of any other bytes."""
    number = _number_shown(body)
    if number < 0 or body == kills_pictures.strip(number):
        return number
    sent, is_kept = kills_pictures.picture(number)
    return number if body == sent or not is_kept else -1


def _left_over(place: Place, server: Server) -> list[str]:
    """What still waits, and what nobody is writing any more."""
    waiting = [name for name in place.names() if name.startswith(f"{STAGE}/") and not _is_own(name)]
    unfinished = [name for name in place.names() if "/.origin/tmp/" in name or "/.origin/notes/" in name]
    return waiting + unfinished + _strays(place.names()) + [str(path) for path in server.spools.iterdir()]


def _strays(names: list[str]) -> list[str]:
    """Folders that keep metadata of more objects than they have."""
    kept = Counter(name.partition("/.origin/metadata/")[0] for name in names if "/.origin/metadata/" in name)
    there = Counter(name.rpartition("/")[0] for name in names if not _is_own(name))
    return [f"{folder}/.origin/metadata" for folder, number in kept.items() if number > there[folder]]


def _is_own(name: str) -> bool:
    """Whether it is a file that a folder keeps for itself."""
    return "/.origin/" in name


def table(found: Found) -> str:
    ledger = found.ledger
    lines = [
        f"{ledger.answered} uploads answered in {found.seconds:.0f} s under {found.kills} kills; "
        f"{ledger.reads} pictures read behind answers, "
        f"{ledger.unread} could not be; at the end {found.stored} files or objects, "
        f"{len(ledger.unanswered)} posts not answered, {len(ledger.waiting)} left in the stage and swept.",
        "",
        "| answer | uploads |",
        "|---|--:|",
        *(f"| {status} | {number} |" for status, number in sorted(ledger.statuses.items())),
    ]
    if found.away:
        away = ", ".join(f"{status}: {number}" for status, number in sorted(found.away.items()))
        lines += ["", f"While S3 was away: {away}."]
    if ledger.overtaken:
        lines += ["", f"S3 has carried out {len(ledger.overtaken)} writes after it had answered later ones:"]
        lines += ledger.overtaken
    return "\n".join([*lines, "", f"wrong: {len(ledger.wrong)}"])


def main(given: Sequence[str] | None = None, serve: Serve = serve) -> int:
    """The exit status. `given` is the command line, where it is another one than that of this process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--into", choices=("folder", "s3"), default="folder")
    parser.add_argument("--uploads", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--kills", type=int, default=1000, help="how many there may be")
    parser.add_argument("--pause", type=float, default=PAUSE, help="seconds between two of them, at least")
    parser.add_argument("--away", type=float, default=AWAY, help="seconds for which S3 is")
    arguments = parser.parse_args(given)
    form = Form(**{name: value for name, value in vars(arguments).items() if name != "into"})
    with tempfile.TemporaryDirectory(prefix="kills-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        place: Place = Folder(folder / "store")
        if arguments.into == "s3":
            place = bucket = Bucket(folder / "s3")
            stack.callback(bucket.close)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(run(place, folder, form, serve))
    print(table(found))
    for problem in found.ledger.wrong[:50]:
        print(problem, file=sys.stderr)
    return 1 if found.ledger.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
