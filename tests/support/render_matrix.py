"""Every kind of original into every format, in sizes that matter: digests of the results, as JSON.

    python -m tests.support.render_matrix inside|outside

`inside` the sandbox of a renderer or `outside` of any; what is the same in both is not hindered by a lock.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator

import numpy as np
from PIL import Image

from origin.errors import OriginError
from origin.formats import DESCRIPTIONS
from origin.formats import FORMATS
from origin.formats import OUTPUTS
from origin.formats import QUALITY
from origin.imaging import decoders
from origin.imaging import pipeline
from origin.imaging import sandbox
from origin.imaging import worker
from origin.imaging.protocol import Job
from origin.urls.options import Options
from tests.support import originals as more
from tests.support import pictures

NAMES = tuple(format.name for format in FORMATS)
TARGETS = tuple(format.name for format in OUTPUTS)
MEMORY = 1_000_000_000  # bytes
SIZES = ((50, 20, True), (300, None, True), (None, None, True))
# At their own size these go into one format: others of that size, and `large`, go into all.
OF_MANY_PIXELS = ("land", "wide", "progressive", "cmyk", "turned", "cut", "icns", "jpeg", "tiff_lzw")
SHAPES = (  # what every option of geometry asks of libvips
    Options(width=60, height=60, crop=True, gravity="smart", rotate=30.0, padding=(5, 5, 5, 5), trim=10),
    Options(width=90, height=60, crop=True, gravity="entropy", enlarge=True, flip="v", background="ff000080"),
    Options(width=90, height=90, fit="contain", rect=(0, 0, 0.7, 0.7), rotate=90.0, background="ffcc00"),
)
EFFECTS = (  # what effects and searches ask of libvips
    Options(width=90, brightness=1.2, contrast=0.8, saturation=2.0, blur=1.5, sharpen=2.0, radius="max"),
    Options(width=90, gray=True, blur=9.0, frame=0, quality="auto"),
    Options(width=90, sharpen=1.0, max_bytes=2000),
    Options(width=90, lossless=True),
)
AUTO = {"turned": "avif", "alpha": "webp", "gif": "jpg"}  # into what each is searched for a quality
TEXT = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="100"><text y="40" font-size="30">Grün 漢字'
    '</text><text y="90" font-size="30" font-family="serif" font-weight="bold">Bold مرحبا</text></svg>'
)


def originals() -> dict[str, bytes]:
    plain = ("land", "odd", "wide", "progressive", "avif", "svg", "alpha", "palette", "grey", "grey_alpha")
    made: dict[str, bytes] = {name: getattr(pictures, name)() for name in (*plain, "deep", "cmyk", "swapped")}
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8))
    tiffs = {kind: pictures.encoded(noise, "TIFF", compression=kind) for kind in ("tiff_lzw", "jpeg")}
    return {
        **made,
        **tiffs,
        "text": TEXT.encode(),
        "turned": pictures.turned(6),
        "gif": pictures.animation("GIF"),
        "animated webp": pictures.animation("WEBP"),
        "animated png": pictures.animation("PNG"),
        **{kind: pictures.encoded(pictures.field(200, 200), kind) for kind in ("BMP", "ICO")},
        **{name: make() for name, make in more.MORE.items()},
        "cut": pictures.land()[:-500],
        "broken": b"\xff\xd8\xff" + bytes(1000),
    }


def large() -> bytes:
    """12 MP of noise over slopes."""
    noise = np.random.default_rng(2).integers(0, 40, (3000, 4000, 3), np.uint8)
    return pictures.encoded(
        Image.fromarray(noise + np.linspace(0, 200, 4000).astype(np.uint8)[:, None]), "JPEG"
    )


def results() -> Iterator[tuple[str, str]]:
    for name, original in PICTURES.items():
        for target in TARGETS:
            for width, height, crop in SIZES:
                if width is None and name in OF_MANY_PIXELS and target != "jpg":
                    continue
                box = Options(width=width, height=height, crop=crop and bool(width and height))
                yield f"{name} {target} {width}", digest(original, box, target)
    for name in ("turned", "alpha", "gif"):
        for number, options in enumerate(SHAPES):
            yield f"{name} shape {number}", digest(PICTURES[name], options, "webp")
        for number, options in enumerate(EFFECTS):
            for target in ("jpg", "webp", "avif"):
                if options.quality == "auto" and target != AUTO[name]:
                    continue
                yield f"{name} effect {number} {target}", digest(PICTURES[name], options, target)
    for name, original in PICTURES.items():
        for description in DESCRIPTIONS:
            yield f"{name} {description.name}", digest(original, Options(), description.name)
    for target, width in (("jpg", None), ("png", 2000), ("webp", 1500), ("avif", 1000), ("gif", 800)):
        yield f"large {target}", digest(LARGE, Options(width=width), target)


def digest(original: bytes, options: Options, target: str) -> str:
    sandbox.allow_cpu(300)
    try:
        job = Job(options, target, QUALITY, NAMES, 10**8, 100)
        return hashlib.sha256(pipeline.render(original, job, MEMORY).body).hexdigest()
    except OriginError as error:
        return type(error).__name__


if __name__ == "__main__":
    PICTURES, LARGE = originals(), large()
    decoders.allow_only(FORMATS)
    locks = sandbox.Locks(dict.fromkeys(sandbox.LOCKS, "not asked for"))
    if sys.argv[1] == "inside":
        locks = sandbox.lock(MEMORY, lambda: worker._warm_up(FORMATS), worker._FONTS)
    sys.stdout.write(json.dumps([locks.missing, dict(results())]))
