"""Pictures that tell who they are: two halves in two colours, which survive every size and format."""

from __future__ import annotations

import hashlib
import io
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image

from benchmarks.client import Reply

KINDS = ("jpg", "png", "webp", "gif", "avif")
MIME = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
}
ACCEPTS = {"plain": "*/*", "webp": "image/webp,*/*", "avif": "image/avif,image/webp,*/*"}
_PILLOW = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "avif": "AVIF"}
_LEVELS, _STEP = 6, 51  # of each channel: 46,656 pairs of colours
_NEAR = 20  # levels by which a colour may be off: less than half a step, and more than any encoder's error
_GRAIN = 6  # standard deviation: without it a picture would be a few hundred bytes

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Rendering:
    """One picture in one rendering, as it is asked for and as it has to look."""

    number: int
    query: str
    accept: str
    kind: str  # of the answer
    width: int
    height: int

    @property
    def target(self) -> str:
        return f"/p/{key(self.number)}?{self.query}"


def key(number: int) -> str:
    return f"{number % 7}/{number}.{KINDS[number % len(KINDS)]}"


def colours(number: int) -> tuple[Colour, Colour]:
    """Of the left half and of the right half."""
    levels = [number * 7919 // _LEVELS**place % _LEVELS * _STEP for place in range(6)]
    return (levels[0], levels[1], levels[2]), (levels[3], levels[4], levels[5])


def size(number: int) -> tuple[int, int]:
    return 320 + 40 * (number % 8), 240 + 30 * (number % 6)


def original(number: int) -> bytes:
    """The bytes of that picture, in a format of its own."""
    width, height = size(number)
    halves = np.empty((height, width, 3), np.float32)
    halves[:, : width // 2], halves[:, width // 2 :] = colours(number)
    halves += np.random.RandomState(number).standard_normal((height, width, 1)) * _GRAIN
    image = Image.fromarray(np.clip(halves, 0, 255).astype(np.uint8))
    kind = KINDS[number % len(KINDS)]
    out = io.BytesIO()
    options = {"speed": 10} if kind == "avif" else {}
    (image.quantize(64) if kind == "gif" else image).save(out, _PILLOW[kind], quality=90, **options)
    return out.getvalue()


def some_rendering(number: int, dice: random.Random) -> Rendering:
    """One of the renderings of that picture."""
    width, height = size(number)
    own = KINDS[number % len(KINDS)]
    accept = dice.choice(list(ACCEPTS))
    choice = dice.randrange(8)
    if choice == 0:
        return Rendering(number, "w=120&h=120", accept, own, 120, 120)
    if choice == 1:
        kind = "jpg" if accept == "plain" else accept
        return Rendering(number, "w=200&f=auto", accept, kind, 200, round(height * 200 / width))
    kind, across = ((own, 100), (own, 240), ("webp", 240), ("jpg", 240), ("png", 100), ("avif", 160))[
        choice - 2
    ]
    wanted = "" if kind == own else f"&f={kind}"
    return Rendering(number, f"w={across}{wanted}", accept, kind, across, round(height * across / width))


class Judge:
    """Says what is wrong with a picture. What was right once is known by its digest."""

    def __init__(self) -> None:
        self._right: set[tuple[Rendering, bytes]] = set()

    def complaint(self, rendering: Rendering, reply: Reply) -> str:
        """Empty for the right picture."""
        known = rendering, hashlib.sha256(reply.body).digest()[:12]
        if known in self._right:
            return ""
        complaint = _look(rendering, reply)
        if not complaint:
            self._right.add(known)
        return complaint


def _look(rendering: Rendering, reply: Reply) -> str:
    if reply.headers.get("content-type") != MIME[rendering.kind]:
        return f"is {reply.headers.get('content-type')}, not {rendering.kind}"
    try:
        with Image.open(io.BytesIO(reply.body)) as image:
            image.load()
            found, picture = image.format, image.convert("RGB")
    except (OSError, SyntaxError) as exc:
        return f"cannot be decoded: {exc}"
    if found != _PILLOW[rendering.kind]:
        return f"says {rendering.kind} and is {found}"
    if abs(picture.width - rendering.width) > 1 or abs(picture.height - rendering.height) > 1:
        return f"is {picture.width}x{picture.height}, not {rendering.width}x{rendering.height}"
    return _compare(rendering.number, np.asarray(picture).astype(float))


def _compare(number: int, pixels: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    across = pixels.shape[1]
    for part, wanted in zip(
        (slice(0, across // 3), slice(-(across // 3), None)), colours(number), strict=True
    ):
        found = pixels[:, part].mean(axis=(0, 1))
        if np.abs(found - wanted).max() > _NEAR:
            return f"shows {found.round()}, not {wanted}"
    return ""
