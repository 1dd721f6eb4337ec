"""The real render process, spoken to by messages."""

from __future__ import annotations

import io
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import BinaryIO
from typing import cast

import pytest

from origin.formats import DEFAULT_ORIGINALS
from origin.imaging import protocol
from origin.imaging import worker as worker_module
from origin.imaging.protocol import Job
from origin.imaging.protocol import Normalisation
from origin.render.template import Template
from origin.urls.options import Options
from tests.support import pictures
from tests.support.running import PATIENCE
from tests.support.warm_templates import warm_template

ALLOWED = ("jpg", "png", "webp", "gif", "avif")
JOB = Job(Options(width=50), "png", {"jpg": 80, "webp": 78, "avif": 60}, ALLOWED, 100_000_000, 100)
ROOT = Path(__file__).parents[2]


class Worker:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.requests = cast(BinaryIO, process.stdin)
        self.answers = cast(BinaryIO, process.stdout)
        self.hello = self.read()[0]["hello"]

    def read(self) -> tuple[dict[str, Any], bytes]:
        return read_message(self.answers)

    def ask(self, job: Job, original: bytes) -> tuple[dict[str, Any], bytes]:
        self.requests.write(protocol.pack_head(job.to_head(), len(original)) + original)
        self.requests.flush()
        return self.read()

    def end(self) -> int:
        """The exit status once its input has ended."""
        self.requests.close()
        return self.process.wait(PATIENCE)


def read_message(answers: BinaryIO) -> tuple[dict[str, Any], bytes]:
    head_length, body_length = struct.unpack(">IQ", answers.read(12))
    return json.loads(answers.read(head_length)), answers.read(body_length)


@contextmanager
def worker(*arguments: str) -> Iterator[Worker]:
    environment = {"PYTHONPATH": str(ROOT), "MALLOC_ARENA_MAX": "2", "VIPS_CONCURRENCY": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "origin.imaging.worker", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # a renderer lowers the priority of its session: not that of the tests
    )
    try:
        yield Worker(process)
    finally:
        process.kill()
        process.wait(PATIENCE)
        for pipe in (process.stdin, process.stdout):
            cast(BinaryIO, pipe).close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Worker]:
    with worker() as one:
        yield one


FEW = ("--formats", "jpg,png")  # so it starts in two thirds of the time


@pytest.fixture(scope="module")
def of_few_formats() -> Iterator[Worker]:
    with worker(*FEW) as one:
        yield one


def test_the_hello_tells_versions_and_locks(shared: Worker) -> None:
    assert shared.hello["error"] is None
    assert shared.hello["libvips"] in shared.hello["pipeline"]
    assert set(shared.hello["sandbox"]) == {"rlimits", "no_new_privs", "landlock", "seccomp"}
    assert shared.hello["sandbox"]["rlimits"]


def test_it_lets_the_parent_go_first(shared: Worker) -> None:
    process = shared.process.pid
    assert os.getpriority(os.PRIO_PROCESS, process) > os.getpriority(os.PRIO_PROCESS, 0)
    assert shared.ask(JOB, pictures.small())[0]["ok"]
    for thread in os.listdir(f"/proc/{process}/task"):  # those of libvips as well
        assert os.getpriority(os.PRIO_PROCESS, int(thread)) > os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_for_the_parent_does_not_end_it(shared: Worker, number: signal.Signals) -> None:
    """systemd sends SIGTERM to every process of a service unless it is told not to."""
    shared.process.send_signal(number)
    assert shared.ask(JOB, pictures.small())[0]["ok"]


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "avif", "gif"])
@pytest.mark.parametrize(
    "original", [pictures.land, pictures.port, pictures.wide, pictures.avif, pictures.animation]
)
def test_a_job_is_answered_with_a_picture(shared: Worker, original: Callable[[], bytes], format: str) -> None:
    options = Options(width=50, height=20, crop=True)
    head, body = shared.ask(replace(JOB, options=options, format=format), original())
    assert head["ok"] is True
    assert (head["format"], head["width"], head["height"]) == (format, 50, 20)
    assert head["ms"]["render"] > 0
    assert pictures.opened(body).size == (50, 20)


@pytest.mark.parametrize(
    ("original", "kind"),
    [
        (b"", "unsupported-format"),
        (b"<html>", "unsupported-format"),
        (pictures.svg(), "unsupported-format"),
        (b"\xff\xd8\xff" + bytes(1000), "unprocessable"),
        (pictures.land()[:-500], "unprocessable"),
        (pictures.png(30_000, 30_000), "unprocessable"),
    ],
    ids=["empty", "html", "svg", "garbage", "truncated", "bomb"],
)
def test_a_job_that_fails_is_answered_and_the_next_one_works(
    shared: Worker, original: bytes, kind: str
) -> None:
    head, body = shared.ask(JOB, original)
    assert (head["ok"], head["kind"], body) == (False, kind, b"")
    assert head["reason"]
    assert shared.ask(JOB, pictures.land())[0]["ok"] is True


@pytest.mark.parametrize(
    "original",
    [
        pictures.encoded(pictures.field(64, 64), "BMP"),
        pictures.encoded(pictures.field(64, 64).quantize(16), "BMP"),
        pictures.encoded(pictures.field(64, 64), "ICO"),
        pictures.encoded(pictures.field(64, 64).convert("RGBA"), "ICO", bitmap_format="bmp"),
    ],
    ids=["bmp", "bmp of a palette", "ico of pngs", "ico of bitmaps"],
)
def test_what_pillow_decodes_it_decodes_inside_the_sandbox(
    shared: Worker, of_few_formats: Worker, original: bytes
) -> None:
    everything = replace(JOB, allowed=tuple(format.name for format in DEFAULT_ORIGINALS))
    head, body = shared.ask(everything, original)
    assert (head["ok"], pictures.opened(body).size) == (True, (50, 50))
    assert of_few_formats.ask(everything, original)[0]["kind"] == "unprocessable"
    assert b"PIL" not in Path(f"/proc/{of_few_formats.process.pid}/maps").read_bytes()
    assert of_few_formats.ask(JOB, pictures.land())[0]["ok"] is True


@pytest.mark.slow
def test_formats_beyond_the_common_ones_are_for_workers_that_name_them(of_few_formats: Worker) -> None:
    wide = replace(JOB, allowed=(*ALLOWED, "tiff", "svg"))
    with worker("--formats", "jpg,png,webp,gif,avif,tiff,svg") as one:
        assert one.hello["error"] is None
        assert one.ask(wide, pictures.svg())[0]["ok"] is True
        assert one.ask(wide, pictures.tiff())[0]["ok"] is True
    for other in (pictures.tiff, pictures.wide):
        assert of_few_formats.ask(wide, other())[0]["kind"] == "unprocessable"
    assert of_few_formats.ask(wide, pictures.land())[0]["ok"] is True


@pytest.mark.slow
def test_the_end_of_its_input_ends_it_quietly() -> None:
    with worker(*FEW) as one:
        assert one.end() == 0


class Dripping(io.RawIOBase):
    """One byte at a time, and before each a pause that is too long for the socket's limit."""

    def __init__(self, data: bytes) -> None:
        self._pieces = [piece for byte in data for piece in (None, bytes([byte]))]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        piece = self._pieces.pop(0) if self._pieces else b""
        if piece is None:
            return None
        buffer[: len(piece)] = piece
        return len(piece)


def test_a_parent_may_pause_anywhere() -> None:
    requests = cast(BinaryIO, io.BufferedReader(Dripping(bytes(range(20)))))
    prefix = worker_module._await_job(requests)
    assert prefix + worker_module._read(requests, 8) == bytes(range(20))
    assert worker_module._await_job(requests) == b""


@pytest.mark.many
@pytest.mark.parametrize(
    "message",
    [
        struct.pack(">IQ", 1 << 20, 0),
        struct.pack(">IQ", 2, 1 << 60) + b"{}",
        struct.pack(">IQ", 2, 0) + b"[]",
        struct.pack(">IQ", 2, 0) + b"{}",
        struct.pack(">IQ", 4, 0) + b"\xff\xff\xff\xff",
        struct.pack(">IQ", 2, 100) + b"{}" + bytes(10),
        b"\0\0",
    ],
    ids=["long head", "long body", "array", "no job", "not text", "cut body", "cut prefix"],
)
async def test_a_bad_message_ends_it(message: bytes) -> None:
    """One that is a copy of a template, as an origin starts it, since a program of its own takes 0.2 s."""
    template = warm_template() or Template()
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("rb") as answers:
        with theirs:
            process = await template.fork(FEW, [theirs.fileno()])
        assert read_message(answers)[0]["hello"]["error"] is None
        ours.sendall(message)
        ours.shutdown(socket.SHUT_WR)
        assert await process.wait() == 1
        assert answers.read() == b""
    await template.close()


@pytest.mark.slow
def test_memory_is_limited_and_running_out_costs_one_job() -> None:
    image = pictures.plain_webp(5000, 5000)
    with worker("--render-memory", str(64 << 20), "--formats", "jpg,webp") as one:
        head, _ = one.ask(JOB, image)
        assert head["kind"] in ("unprocessable", "render-failed")
        assert one.ask(JOB, pictures.land())[0]["ok"] is True
        limits = Path(f"/proc/{one.process.pid}/limits").read_text()
        most = next(line.split()[3] for line in limits.splitlines() if line.startswith("Max address space"))
        assert int(most) < 400 << 20


@pytest.fixture(scope="module")
def tight() -> Iterator[Worker]:
    """One with memory enough to decode what the encoder of AVIF has too little for."""
    with worker("--render-memory", str(40 << 20)) as one:
        yield one


@pytest.fixture(scope="module")
def large() -> bytes:
    return pictures.encoded(pictures.field(2000, 1500), "JPEG", quality=80)


@pytest.mark.slow
def test_memory_that_an_encoder_lacks_is_told_from_a_picture_that_does_not_decode(
    tight: Worker, large: bytes
) -> None:
    whole = replace(JOB, options=Options(), format="avif")
    coming = replace(whole, normalisation=Normalisation(convert=(("jpg", "avif"),)))
    head, _ = tight.ask(coming, large)  # which is made no smaller
    assert (head["ok"], head["kind"]) == (False, "unprocessable")
    assert head["reason"].startswith("avif of 3000000 pixels: ")
    head, _ = tight.ask(whole, large)
    assert (head["ok"], head["format"]) == (True, "avif")
    assert head["width"] * head["height"] < 1_000_000
    head, _ = tight.ask(whole, large[: len(large) // 2])
    assert (head["ok"], head["kind"]) == (False, "unprocessable")
    assert head["reason"].startswith("jpg: ")
    assert tight.ask(JOB, large)[0]["ok"] is True


@pytest.mark.slow
@pytest.mark.parametrize(("width", "format"), [(None, "jpg"), (500, "avif")])
def test_where_the_format_is_ours_to_choose_the_next_is_tried(
    tight: Worker, large: bytes, width: int | None, format: str
) -> None:
    head, body = tight.ask(replace(JOB, options=Options(width=width), format="auto:avif"), large)
    assert (head["ok"], head["format"]) == (True, format)
    assert pictures.opened(body).size == (width or 2000, 375 if width else 1500)


@pytest.mark.slow
def test_a_picture_that_does_not_decode_is_not_tried_in_every_format(tight: Worker, large: bytes) -> None:
    head, _ = tight.ask(replace(JOB, format="auto:avif"), large[: len(large) // 2])
    assert (head["ok"], head["kind"]) == (False, "unprocessable")


def test_it_is_killed_with_its_parent() -> None:
    requests, ours = os.pipe()  # held open here, so that it is not the end of its input that ends it
    script = textwrap.dedent(
        f"""
        import os, subprocess, sys
        worker = [sys.executable, "-m", "origin.imaging.worker", *{FEW}]
        process = subprocess.Popen(worker, stdin={requests}, stdout=subprocess.PIPE, start_new_session=True)
        process.stdout.read(12)
        print(process.pid, flush=True)
        os.kill(os.getpid(), 9)
        """
    )
    parent = subprocess.run(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        pass_fds=[requests],
        cwd=ROOT,
        timeout=30,
        check=False,
    )
    assert parent.returncode == -signal.SIGKILL
    assert _ends(int(parent.stdout))
    os.close(requests)
    os.close(ours)


def _ends(pid: int) -> bool:
    """Whether that process, which is not our child, ends within some seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ready, _, _ = select.select([descriptor], [], [], 10)
    os.close(descriptor)
    return bool(ready)


def test_the_sandbox_is_locked_before_the_first_thread(shared: Worker) -> None:
    shared.ask(JOB, pictures.land())
    for thread in Path(f"/proc/{shared.process.pid}/task").iterdir():
        status = (thread / "status").read_text()
        assert "NoNewPrivs:\t1" in status
        assert "CapPrm:\t0000000000000000" in status
        assert "Seccomp:\t2" in status or not shared.hello["sandbox"]["seccomp"]


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"null", b"{", b"\xff", b"[" * 60_000],
)
def test_a_head_that_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever json says
        protocol.unpack_head(text)


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        (struct.pack(">IQ", 65_537, 0), "head"),
        (struct.pack(">IQ", 0, 0), "head"),
        (struct.pack(">IQ", 2, 1001), "body"),
        (b"\0" * 11, "cut"),
    ],
)
def test_lengths_out_of_bounds_are_refused(prefix: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        protocol.unpack_prefix(prefix, body_limit=1000)


def test_a_job_survives_the_socket() -> None:
    packed = protocol.pack_head(JOB.to_head(), 7)
    head_length, body_length = protocol.unpack_prefix(packed[: protocol.PREFIX_SIZE], 1000)
    text = packed[protocol.PREFIX_SIZE :]
    assert (head_length, body_length) == (len(text), 7)
    assert Job.from_head(protocol.unpack_head(text)) == JOB


ODD: list[dict[str, Any]] = [{"allowed": 3}, {"more": 1}, {"options": []}, {"options": {"x": 1}}]


@pytest.mark.parametrize("head", [{}, *({**JOB.to_head(), **odd} for odd in ODD)])
def test_a_head_that_is_not_a_job_is_refused(head: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a job"):
        Job.from_head(head)
