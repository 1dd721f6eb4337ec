"""One renderer, as the origin sees it: what it is sent."""

from __future__ import annotations

import json
from typing import Any
from typing import cast

from origin.imaging.protocol import PREFIX_SIZE
from origin.imaging.protocol import WATERMARK_BYTES
from origin.imaging.protocol import Watermark
from origin.imaging.protocol import unpack_prefix
from origin.render.process import Renderer
from tests.support.jobs import job


class NoProcess:
    """In place of a renderer's, where nothing is sent to one."""

    pid = -1


class Wire:
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, ...]] = []

    def request(self, *message: bytes) -> None:
        self.sent.append(message)


def mark(picture: bytes) -> Watermark:
    return Watermark(picture, picture.decode(), 0.5, 0.5, 0.2, 1.0, False, 0.0)


def read(message: tuple[bytes, ...]) -> tuple[dict[str, Any], int, tuple[bytes, ...]]:
    """Head, announced length of the body, and its parts."""
    head, *body = message
    _, length = unpack_prefix(head[:PREFIX_SIZE], 1000)
    return json.loads(head[PREFIX_SIZE:]), length, tuple(body)


def test_the_picture_of_a_watermark_is_sent_once() -> None:
    wire = Wire()
    renderer = Renderer(cast(Any, NoProcess()), cast(Any, wire))
    for picture in (b"logo", None, b"logo", b"other", b"logo"):
        renderer.run(job(watermark=None if picture is None else mark(picture)), b"original")
    messages = [read(message) for message in wire.sent]
    assert [body for _, _, body in messages] == [
        (b"original", b"logo"),
        (b"original",),
        (b"original",),
        (b"original", b"other"),
        (b"original",),
    ]
    assert all(length == len(b"".join(body)) for _, length, body in messages)
    assert [head.get(WATERMARK_BYTES) for head, _, _ in messages] == [4, None, None, 5, None]
    assert [head.get("watermark", {}).get("digest") for head, _, _ in messages] == [
        *("logo", None, "logo", "other", "logo")
    ]
