"""The render process, `python -m origin.imaging.worker`: locks itself down, then reads jobs and answers them.
On Linux it is a copy of `origin.imaging.template`.

Messages (see `origin.imaging.protocol`) come in on descriptor 0 and go out on descriptor 1, which are one
socket. Originals may lie in memory that the parent shares. The first message out is the hello: versions,
which locks hold, and what is wrong when this process cannot render. The end of its input ends it.
"""

from __future__ import annotations

import argparse
import contextlib
import mmap
import os
import signal
import struct
import time
from collections.abc import Collection
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import BinaryIO

from origin.errors import EncodingFailed
from origin.errors import OriginError
from origin.errors import UnsupportedFormat
from origin.formats import DEFAULT_ORIGINALS
from origin.formats import OUTPUTS
from origin.formats import QUALITY
from origin.formats import Format
from origin.imaging import linux
from origin.imaging import sandbox
from origin.imaging.binding import WrongLibvips
from origin.imaging.binding import load_libvips
from origin.imaging.protocol import PREFIX_SIZE
from origin.imaging.protocol import SHARED_BYTES
from origin.imaging.protocol import WATERMARK_BYTES
from origin.imaging.protocol import Job
from origin.imaging.protocol import pack_head
from origin.imaging.protocol import unpack_head
from origin.imaging.protocol import unpack_prefix
from origin.urls.options import Options

_PR_SET_NAME = 15
_NICENESS = 5  # beyond the parent's
# A red pixel each, to warm up with.
_BITMAP = struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0) + b"\0\0\xff\0"
_BMP = struct.pack("<2sIII", b"BM", 14 + len(_BITMAP), 0, 54) + _BITMAP
_ICON = _BITMAP[:8] + struct.pack("<i", 2) + _BITMAP[12:] + bytes(4)  # its mask makes it twice as high
_ICO = struct.pack("<HHHBBBBHHII", 0, 1, 1, 1, 1, 0, 0, 1, 24, len(_ICON), 22) + _ICON
_FONTS = tuple(
    map(
        Path,
        (
            "/etc/fonts",
            "/usr/share/fontconfig",  # where the links in /etc/fonts/conf.d lead
            "/usr/share/fonts",
            "/usr/local/share/fonts",
            "/var/cache/fontconfig",
        ),
    )
)


def main(given: Sequence[str] | None = None) -> None:
    """`given` stands in for the arguments of the command line."""
    arguments = _arguments(given)
    _take_name()
    leave_signals_to_parent()
    _yield_to_parent()
    requests, answers = _take_socket()
    shared = _map_shared_memory(arguments.shared_memory)
    hello: dict[str, Any] = {"libvips": None, "pipeline": None, "sandbox": None, "error": None}
    try:
        hello |= _start(arguments)
    except WrongLibvips as exc:
        hello["error"] = str(exc)
    except Exception as exc:  # noqa: BLE001 - whatever it is, the parent has to be able to show it
        hello["error"] = f"{type(exc).__name__}: {exc}".splitlines()[0]
    _send(answers, {"hello": hello})
    if hello["error"] is None:
        _serve(requests, answers, arguments, shared)


def load(given: Sequence[str]) -> None:
    """Import what a renderer of these arguments needs, and run nothing of libvips yet. Whatever fails here
    fails again in `main`, which says so."""
    with contextlib.suppress(Exception):
        load_libvips()
        from origin.imaging import normalise  # noqa: F401
        from origin.imaging.decoders import load_decoders

        load_decoders(_formats(_arguments(given)))


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m origin.imaging.worker")
    parser.add_argument("--render-memory", type=int, default=1 << 30, help="bytes")
    parser.add_argument("--cpu-seconds", type=int, default=300, help="of one job; the parent ends it sooner")
    parser.add_argument(
        "--formats",
        default=",".join(format.name for format in DEFAULT_ORIGINALS),
        help="formats that are ever decoded",
    )
    parser.add_argument("--shared-memory", type=int, default=-1, help="descriptor; -1: there is none")
    return parser.parse_args(given)


def _formats(arguments: argparse.Namespace) -> list[Format]:
    return [Format.named(name) for name in arguments.formats.split(",")]


def leave_signals_to_parent() -> None:
    """A service manager or a container may send the signal to stop to every process. The parent still has
    renders to finish then; when it ends, the end of the input ends this process."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _take_name() -> None:
    """What `ps` and `top` show; the command line is that of the process that this one is a copy of."""
    with contextlib.suppress(OSError):
        linux.call("prctl", _PR_SET_NAME, b"renderer", 0, 0, 0)


def _yield_to_parent() -> None:
    """Let the parent go first where both want a core: it serves hits, and feeds the other renderers."""
    os.nice(_NICENESS)
    # Where Linux shares out cores by session, which is one of our own, that alone would have no effect.
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w") as autogroup:
        autogroup.write(str(os.getpriority(os.PRIO_PROCESS, 0)))


def _take_socket() -> tuple[BinaryIO, BinaryIO]:
    """Both directions of the socket under new numbers, so that no library's print lands between messages."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return requests, answers


def _map_shared_memory(descriptor: int) -> mmap.mmap | None:
    """The memory in which the parent lays originals, to read. The sandbox, which comes later, bounds what is
    mapped from then on."""
    if descriptor < 0:
        return None
    memory = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    os.close(descriptor)
    return memory


def _start(arguments: argparse.Namespace) -> dict[str, Any]:
    """Load libvips and lock this process down. Returns what the hello says."""
    libvips = load_libvips()
    from origin.imaging import normalise  # noqa: F401 - once the sandbox is locked, nothing is imported
    from origin.imaging.decoders import allow_only
    from origin.imaging.pipeline import PIPELINE_VERSION

    formats = _formats(arguments)
    absent = allow_only(formats)
    fonts = _FONTS if any(format.reads_fonts for format in formats) else ()
    locks = sandbox.lock(arguments.render_memory, lambda: _warm_up(formats), fonts)
    return {
        "libvips": libvips,
        "pipeline": f"{PIPELINE_VERSION}/{libvips}",
        "sandbox": locks.states,
        "sandbox_missing": locks.missing,
        "absent": sorted(format.name for format in absent),
    }


def _warm_up(formats: Collection[Format]) -> None:
    """Render a little of everything inside the sandbox: the first job finds every table built, and a
    library that cannot work in here fails now and not on somebody's picture."""
    from origin.imaging.pipeline import render
    from origin.imaging.vendor import pyvips

    names = tuple(format.name for format in formats)
    chain = [format for format in OUTPUTS if format in formats]
    if chain and chain[0].writer:
        black = pyvips.Image.black(64, 64, bands=3).copy(interpretation="srgb")
        body = black.write_to_buffer(chain[0].writer.suffix)
        for format in (*chain[1:], chain[0]):  # so that each is written once, and read once
            job = Job(Options(width=32, height=32, crop=True), format.name, QUALITY, names, 1 << 20, 2)
            body = render(body, job).body
    for format, original in ((Format.BMP, _BMP), (Format.ICO, _ICO)):
        if format in formats:
            render(original, Job(Options(), "original", QUALITY, names, 1 << 20, 2))


def _serve(
    requests: BinaryIO, answers: BinaryIO, arguments: argparse.Namespace, shared: mmap.mmap | None
) -> None:
    memory = arguments.render_memory
    while prefix := _await_job(requests):
        head_length, body_length = unpack_prefix(prefix, memory)
        head = unpack_head(_read(requests, head_length))
        length = head.pop(SHARED_BYTES, 0)
        # A copy, so that the parent may write there again whatever libvips still holds.
        body = (shared[:length] if shared is not None else b"") + _read(requests, body_length)
        sandbox.allow_cpu(arguments.cpu_seconds)
        _send(answers, *_answer(head, body, memory))
        del head, body  # or the last original would stay until the next one comes


def _await_job(requests: BinaryIO) -> bytes:
    """The prefix of the next job; empty at the end of the input.

    A read finds None where nothing has come for `REST_SECONDS`, as the parent has set it for the socket.
    """
    beginning = requests.read(PREFIX_SIZE)
    if beginning is None:
        _give_memory_back()
    while beginning is None:
        beginning = requests.read(PREFIX_SIZE)
    return beginning and beginning + _read(requests, PREFIX_SIZE - len(beginning))


def _give_memory_back() -> None:
    """Give the system what is free in the heap (malloc_trim(3)), where libc can.

    It keeps up to 32 MB for the next picture (`origin.render.environment`), 9 MB after warming up alone. The
    picture that comes next takes 2 ms longer.
    """
    with contextlib.suppress(OSError):
        linux.call("malloc_trim", 0)


def _answer(head: dict[str, Any], body: bytes, memory: int) -> tuple[dict[str, Any], bytes]:
    """Head and body of the answer to a job."""
    from origin.imaging.normalise import normalise
    from origin.imaging.pipeline import render

    start = time.perf_counter()
    try:
        original = _take_watermark(head, body)
        job = Job.from_head(head)
        result = (render if job.normalisation is None else normalise)(original, job, memory)
    except UnsupportedFormat as exc:
        return _failure("unsupported-format", exc), b""
    except OriginError as exc:
        return _failure(exc.kind, exc), b""
    except MemoryError as exc:
        return _failure(EncodingFailed.kind, exc), b""
    milliseconds = (time.perf_counter() - start) * 1000
    return {
        "ok": True,
        "format": result.format.name,
        "width": result.width,
        "height": result.height,
        "ms": {"render": round(milliseconds, 1), "encode": round(1000 * result.encoding, 1)},
    }, result.body


def _take_watermark(head: dict[str, Any], body: bytes) -> bytes:
    """The original. The watermark that comes behind it the first time is kept, decoded.

    Raises EncodingFailed for a watermark that does not decode.
    """
    length = head.pop(WATERMARK_BYTES, 0)
    if not length:
        return body
    from origin.imaging.watermark import keep

    keep(head["watermark"]["digest"], body[-length:])
    return body[:-length]


def _failure(kind: str, exc: Exception) -> dict[str, Any]:
    return {"ok": False, "kind": kind, "reason": str(exc)[:1000]}


def _read(requests: BinaryIO, length: int) -> bytes:
    """So many bytes, however long the parent pauses between them. Raises ValueError where the input ends."""
    data = b""
    while len(data) < length:
        piece = requests.read(length - len(data))
        if piece == b"":
            raise ValueError(f"message cut: {len(data)} of {length} bytes")
        data += piece or b""
    return data


def _send(answers: BinaryIO, head: dict[str, Any], body: bytes = b"") -> None:
    """In one piece, as far as the socket takes it: each piece wakes the parent."""
    parts = [memoryview(pack_head(head, len(body))), memoryview(body)]
    while parts:
        written = os.writev(answers.fileno(), parts)
        while parts and written >= len(parts[0]):
            written -= len(parts.pop(0))
        if parts:
            parts[0] = parts[0][written:]


if __name__ == "__main__":
    main()
