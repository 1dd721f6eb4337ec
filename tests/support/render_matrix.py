"""Every kind of original into every format, in sizes that matter: digests of the results, as JSON.

    python -m tests.support.render_matrix inside|outside FOLDER

`inside` the sandbox of a renderer or `outside` of any; what is the same in both is not hindered by a lock.
The originals are read from a folder, which `write_originals` fills: to draw them would load what a renderer
has to load by itself.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from origin.errors import OriginError
from origin.formats import DESCRIPTION_NAMES
from origin.formats import FORMATS
from origin.formats import OUTPUTS
from origin.formats import QUALITY
from origin.imaging import decoders
from origin.imaging import pipeline
from origin.imaging import sandbox
from origin.imaging import worker
from origin.imaging.protocol import Job
from origin.urls.options import Options

NAMES = tuple(format.name for format in FORMATS)
TARGETS = tuple(format.name for format in OUTPUTS)
MEMORY = 1_000_000_000  # bytes
SIZES = ((50, 20, True), (300, None, True), (None, None, True))
# What reading asks for depends on the original and on how much is read of it, what writing asks for on the
# format and on the kind of pixels: so every original goes small and large into one format, these, one of each
# kind of pixels, into every format and description, and the first of them large into every format.
KINDS_OF_PIXELS = ("odd", "alpha", "grey", "grey_alpha", "deep", "gif", "animated webp", "text")
LARGE_IN_EVERY_WAY = ("odd", "alpha", "deep", "gif")
SHAPES = (  # what every option of geometry asks of libvips
    Options(width=60, height=60, crop=True, gravity="smart", rotate=30.0, padding=(5, 5, 5, 5), trim=10),
    Options(width=90, height=60, crop=True, gravity="entropy", enlarge=True, flip="v", background="ff000080"),
    Options(width=90, height=90, fit="contain", rect=(0, 0, 0.7, 0.7), rotate=90.0, background="ffcc00"),
)
EFFECTS = (  # what effects ask of libvips
    Options(width=90, brightness=1.2, contrast=0.8, saturation=2.0, blur=1.5, sharpen=2.0, radius="max"),
    Options(width=90, gray=True, blur=9.0, frame=0),
)
SEARCHES = (  # what each format asks of it for them
    Options(width=90, sharpen=1.0, max_bytes=2000),
    Options(width=90, lossless=True),
)
LARGE = "large"  # the name of the picture that is rendered into few sizes
TEXT = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="100"><text y="40" font-size="30">Grün 漢字'
    '</text><text y="90" font-size="30" font-family="serif" font-weight="bold">Bold مرحبا</text></svg>'
)


def write_originals(folder: Path) -> None:
    """Everything that is rendered, drawn and written to a folder."""
    import numpy as np
    from PIL import Image

    from tests.support import originals
    from tests.support import pictures

    plain = ("land", "odd", "wide", "progressive", "avif", "svg", "alpha", "palette", "grey", "grey_alpha")
    made: dict[str, bytes] = {name: getattr(pictures, name)() for name in (*plain, "deep", "cmyk", "swapped")}
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8))
    tiffs = {kind: pictures.encoded(noise, "TIFF", compression=kind) for kind in ("tiff_lzw", "jpeg")}
    # Noise over slopes, which takes pieces of memory that each come from the system and go back to it.
    specks = np.random.default_rng(2).integers(0, 40, (1800, 2400, 3), np.uint8)
    slopes = np.linspace(0, 200, 2400).astype(np.uint8)[:, None]
    made |= {
        **tiffs,
        LARGE: pictures.encoded(Image.fromarray(specks + slopes), "JPEG"),
        "text": TEXT.encode(),
        "turned": pictures.turned(6),
        "gif": pictures.animation("GIF"),
        "animated webp": pictures.animation("WEBP"),
        "animated png": pictures.animation("PNG"),
        **{kind: pictures.encoded(pictures.field(200, 200), kind) for kind in ("BMP", "ICO")},
        **{name: make() for name, make in originals.MORE.items()},
        "cut": pictures.land()[:-500],
        "broken": b"\xff\xd8\xff" + bytes(1000),
    }
    for name, body in made.items():
        (folder / name).write_bytes(body)


def results(pictures: dict[str, bytes]) -> Iterator[tuple[str, str]]:
    large = pictures.pop(LARGE)
    for name, original in pictures.items():
        for target in TARGETS:
            for width, height, crop in SIZES:
                ways = KINDS_OF_PIXELS if width == 50 else LARGE_IN_EVERY_WAY
                if name not in ways and (target != "jpg" or width == 300):
                    continue
                box = Options(width=width, height=height, crop=crop and bool(width and height))
                yield f"{name} {target} {width}", digest(original, box, target)
    for name in ("alpha", "gif"):
        for number, options in enumerate(SHAPES):
            yield f"{name} shape {number}", digest(pictures[name], options, "webp")
        for number, options in enumerate(EFFECTS):
            yield f"{name} effect {number}", digest(pictures[name], options, "webp")
        for number, options in enumerate(SEARCHES):
            for target in ("jpg", "webp", "avif"):
                yield f"{name} search {number} {target}", digest(pictures[name], options, target)
    yield "auto", digest(pictures["alpha"], Options(width=90, quality="auto"), "webp")
    for name, original in pictures.items():
        for description in DESCRIPTION_NAMES if name in KINDS_OF_PIXELS else ():
            yield f"{name} {description}", digest(original, Options(), description)
    for target, width in (("jpg", None), ("png", 800), ("webp", 900), ("avif", 450), ("gif", 300)):
        yield f"large {target}", digest(large, Options(width=width), target)


def digest(original: bytes, options: Options, target: str) -> str:
    sandbox.allow_cpu(300)
    try:
        job = Job(options, target, QUALITY, NAMES, 10**8, 100)
        return hashlib.sha256(pipeline.render(original, job, MEMORY).body).hexdigest()
    except OriginError as error:
        return type(error).__name__


if __name__ == "__main__":
    bodies = {path.name: path.read_bytes() for path in sorted(Path(sys.argv[2]).iterdir())}
    decoders.allow_only(FORMATS)
    locks = sandbox.Locks(dict.fromkeys(sandbox.LOCKS, "not asked for"))
    if sys.argv[1] == "inside":
        locks = sandbox.lock(MEMORY, lambda: worker._warm_up(FORMATS), worker._FONTS)
    sys.stdout.write(json.dumps([locks.missing, dict(results(bodies))]))
