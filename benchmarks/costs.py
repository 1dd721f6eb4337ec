"""Measures what a megapixel costs: to decode, in each step, to encode. Prints what the program goes by.

    python -m benchmarks.costs             # all of it; ten minutes
    python -m benchmarks.costs blur webp   # what has these words in its name

The figures stand in FORMATS (`origin/formats/table.py`), of decoders and encoders, and in STEPS
(`origin/imaging/steps.py`). Seconds are CPU time for a megapixel of a photograph with grain, the mean of
two runs. Bytes are what the process maps more for each pixel of a larger picture than of a smaller one. Each
is measured in a process of its own. Noise, which is harder than any photograph, is beside it.
"""

from __future__ import annotations

import argparse
import io
import json
import mmap
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.pictures import LANDSCAPE
from origin.formats import FORMATS
from origin.formats import OUTPUTS
from origin.formats import QUALITY
from origin.formats import Format
from origin.formats.writers import Effort
from origin.imaging import load
from origin.imaging.binding import load_libvips
from origin.imaging.frame import Header
from origin.imaging.frame import settle
from origin.imaging.protocol import Job
from origin.imaging.protocol import Watermark
from origin.imaging.trim import trim
from origin.urls.options import Options

WORK = Path(__file__).parent / ".work" / "costs"
SIZES = (2800, 2500), (4800, 2500)  # px: 7 and 12 megapixels, beyond where AVIF has its least effort
RUNS = 2
GRAIN = 2.5  # standard deviation, of 255
ALL = tuple(format.name for format in FORMATS)


@dataclass(frozen=True)
class Case:
    """One thing to measure, of a picture with so many bands."""

    name: str
    kind: str  # "decode", "step", "write" or "encode"
    bands: int = 3
    options: dict[str, Any] = field(default_factory=dict)
    format: str = "jpg"  # of the result; to decode, of the original
    settings: dict[str, Any] = field(default_factory=dict)  # to write that original with, or the result
    noise: bool = False


def decoded() -> Iterator[Case]:
    for format, settings in (
        ("jpg", {}),
        ("jpg", {"progressive": True}),
        *(("png", {}), ("webp", {}), ("webp", {"lossless": True}), ("avif", {"speed": 9}), ("gif", {})),
        *(("tiff", {"compression": "tiff_lzw"}), ("bmp", {}), ("jp2", {}), ("heic", {}), ("jxl", {})),
    ):
        name = " ".join([format, *map(str, settings)])
        yield Case(f"decode {name}", "decode", 3, format=format, settings=settings)
        if format in ("png", "webp", "avif") and "lossless" not in settings:
            yield Case(f"decode {name}", "decode", 4, format=format, settings=settings)
    for bands in (3, 4):
        yield Case("decode tiff", "decode", bands, format="tiff")
        yield Case("decode tiff, trim", "decode", bands, {"trim": 5, "width": 500}, format="tiff")


STEPPED: dict[str, dict[str, Any]] = {
    "as it is": {},
    "resize": {"width": 500},
    "resize to half": {"width": 2600},
    "resize for webp": {"width": 2600, "format": "webp"},
    "resize for avif": {"width": 2600, "format": "avif"},
    "enlarge": {"width": 6000, "enlarge": True},
    "smart": {"width": 2000, "height": 2000, "crop": True, "gravity": "smart"},
    "entropy": {"width": 2000, "height": 2000, "crop": True, "gravity": "entropy"},
    "contain": {"width": 4800, "height": 4800, "fit": "contain"},
    "rotate 90": {"rotate": 90.0},
    "rotate 10": {"rotate": 10.0},
    "flip": {"flip": "hv"},
    "brightness": {"brightness": 1.5},
    "saturation": {"saturation": 1.5},
    "gray": {"gray": True},
    "blur 0.3": {"blur": 0.3},
    "blur 2": {"blur": 2.0},
    "blur 4.9": {"blur": 4.9},
    "blur 20": {"blur": 20.0},
    "blur 100": {"blur": 100.0},
    "sharpen": {"sharpen": 1.0},
    "pad": {"padding": (9, 9, 9, 9)},
    "bg": {"background": "ffcc00"},
    "bg, half transparent": {"background": "ffcc0080"},
    "radius": {"radius": 200.0},
    "wm": {"watermark": "tiles"},
}


def stepped() -> Iterator[Case]:
    for name, options in STEPPED.items():
        for bands in (3, 4):
            given = {key: value for key, value in options.items() if key != "format"}
            yield Case(f"step {name}", "step", bands, given, options.get("format", "jpg"))


ENCODED: dict[str, tuple[dict[str, Any], str]] = {
    "jpg q=100": ({"quality": 100}, "jpg"),
    "jpg bytes": ({"max_bytes": 900_000}, "jpg"),
    "webp q=100": ({"quality": 100}, "webp"),
    "webp bytes": ({"max_bytes": 900_000}, "webp"),
    "webp q=auto": ({"quality": "auto"}, "webp"),
    "avif q=100": ({"quality": 100}, "avif"),
    "avif bytes": ({"max_bytes": 900_000}, "avif"),
    "avif q=auto": ({"quality": "auto"}, "avif"),
}


def tried() -> Iterator[Case]:
    """Every effort of every encoder, by what libvips is told."""
    for format in OUTPUTS:
        for lossless in (False, True) if format.holds_lossless else (False,):
            for effort in efforts(format, lossless):
                told = ", ".join(f"{name}={value}" for name, value in effort.options.items())
                name = f"write {format.name}{' lossless' if lossless else ''} {told}"
                for bands in (3, 4) if format.holds_alpha else (3,):
                    for noise in (False, True):
                        settings = settings_of(format, effort, lossless=lossless, alpha=bands == 4)
                        yield Case(name, "write", bands, format=format.name, settings=settings, noise=noise)


def efforts(format: Format, lossless: bool) -> list[Effort]:
    """Those of all levels, each once."""
    assert format.writer is not None
    levels = format.writer.lossless if lossless else format.writer.efforts
    return list({str(effort.options): effort for each in levels.values() for effort in each}.values())


def settings_of(format: Format, effort: Effort, *, lossless: bool, alpha: bool) -> dict[str, Any]:
    assert format.writer is not None
    settings = format.writer.options_for(effort, alpha=alpha)
    if lossless:
        settings["lossless"] = True
    elif format.default_quality is not None:
        settings["Q"] = format.default_quality
    return settings


def encoded() -> Iterator[Case]:
    for name, (options, format) in ENCODED.items():
        for bands in (3, 4) if Format.named(format).holds_alpha else (3,):
            for noise in (False, True) if "max_bytes" not in options else (False,):
                yield Case(f"encode {name}", "encode", bands, options, format, noise=noise)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__.split("\n")[0])
    parser.add_argument("words", nargs="*", help="of the names of what to measure")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        given = json.loads(arguments.one)
        print(json.dumps(measure(Case(**given["case"]), given["size"])))
        return
    WORK.mkdir(parents=True, exist_ok=True)
    print(f"{'':34}{'bands':>6}{'s/MP':>9}{'bytes/px':>10}")
    for case in (*decoded(), *stepped(), *tried(), *encoded()):
        if not arguments.words or all(word in case.name for word in arguments.words):
            tell(case)


def tell(case: Case) -> None:
    small, large = SIZES
    runs = [start(case, large) for _ in range(RUNS)]
    first = start(case, small)
    megapixels = large[0] * large[1] / 1e6
    seconds = statistics.mean(run["seconds"] for run in runs) / megapixels
    more = min(run["bytes"] for run in runs) - first["bytes"]
    per_pixel = more / (large[0] * large[1] - small[0] * small[1])
    name = case.name + (", noise" if case.noise else "")
    print(f"{name:34}{case.bands:>6}{seconds:>9.3f}{per_pixel:>10.1f}", flush=True)


def start(case: Case, size: tuple[int, int]) -> dict[str, float]:
    """Measure in a process of its own."""
    given = json.dumps({"case": asdict(case), "size": size})
    command = [sys.executable, "-m", "benchmarks.costs", "--one", given]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{case.name}: {ended.stderr.strip()[-500:]}")
    return dict(json.loads(ended.stdout))


def measure(case: Case, size: tuple[int, int]) -> dict[str, float]:
    load_libvips()
    width = size[0]
    if case.kind == "decode":
        settings = "-".join(map(str, case.settings.values()))
        path = WORK / f"{case.format}{settings}-{case.bands}-{width}"
        if not path.exists():
            path.write_bytes(written(picture(case, size), case))
        data = path.read_bytes()
        prepared = prepare_decoding(case, data)
    else:
        path = WORK / f"{'noise' if case.noise else 'photo'}-{case.bands}-{width}"
        if not path.exists():
            path.write_bytes(np.asarray(picture(case, size)).tobytes())
        prepared = prepare(case, path.read_bytes(), size)
    # What was mapped before and is no more would hide what is mapped now.
    ballast = mmap.mmap(-1, max(mmap.PAGESIZE, status("VmPeak") - status("VmSize")))
    mapped = status("VmSize")
    before = time.process_time()
    prepared()
    seconds = time.process_time() - before
    peak = status("VmPeak")
    ballast.close()
    return {"seconds": seconds, "bytes": peak - mapped}


def prepare(case: Case, data: bytes, size: tuple[int, int]) -> Callable[[], object]:
    from origin.imaging import encode as encoding
    from origin.imaging import pipeline
    from origin.imaging.vendor import pyvips
    from origin.imaging.watermark import keep

    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in case.options.items()
    }
    options = Options(**given)
    if case.kind == "write":
        (writer,) = [format.writer for format in OUTPUTS if format.name == case.format]
        assert writer is not None
        suffix = writer.suffix
        plain = pyvips.Image.new_from_memory(data, *size, case.bands, "uchar").copy(interpretation="srgb")
        return lambda: plain.write_to_buffer(suffix, keep="none", **case.settings)
    job = make_job(options, case.format)
    if options.watermark:
        keep(
            "mark",
            written(Image.open(LANDSCAPE).resize((300, 200)).convert("RGBA"), Case("", "", format="png")),
        )
        job = replace(job, watermark=Watermark(b"", "mark", 0.5, 0.5, 0.2, 0.5, True, 20))
    header = Header(Format.JPG if "for" in case.name else Format.PNG, *size, shrinks=False)
    (frame, *_) = settle(header, job)
    image = pyvips.Image.new_from_memory(data, *size, case.bands, "uchar").copy(interpretation="srgb")
    if case.kind == "step":
        return lambda: pipeline.run_steps(image, options, frame).avg()
    return lambda: encoding.encode(image, options, frame)


def prepare_decoding(case: Case, data: bytes) -> Callable[[], object]:
    format = Format.named(case.format)
    job = make_job(Options(**case.options), "png")

    def decode() -> None:
        opened, header = load.open_original(data, format, job, None)
        if job.options.trim is not None:
            trim(data, opened, header, job, None)
            return
        load.load(data, opened, settle(header, job)[0]).avg()

    return decode


def make_job(options: Options, format: str) -> Job:
    return Job(options, format, dict(QUALITY), ALL, 10**9, 100, max_dimension=100_000)


def picture(case: Case, size: tuple[int, int]) -> Image.Image:
    """The demo's lake with grain, or noise; with alpha that fades towards the corners."""
    width, height = size
    random = np.random.RandomState(1)
    if case.noise:
        return Image.fromarray(random.randint(0, 256, (height, width, case.bands), np.uint8))
    with Image.open(LANDSCAPE) as opened:
        enlarged = opened.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    grain = random.standard_normal((height, width, 1)).astype(np.float32) * GRAIN
    pixels = np.clip(np.asarray(enlarged, np.float32) + grain + 0.5, 0, 255).astype(np.uint8)
    if case.bands == 3:
        return Image.fromarray(pixels)
    y, x = np.mgrid[0:height, 0:width]
    away = np.hypot((x - width / 2) / width, (y - height / 2) / height)
    alpha = (255 * np.clip(1.2 - away * 1.5, 0, 1)).astype(np.uint8)
    return Image.fromarray(np.dstack([pixels, alpha]))


def written(image: Image.Image, case: Case) -> bytes:
    import pillow_heif
    import pillow_jxl

    assert pillow_jxl
    pillow_heif.register_heif_opener()
    names = {"jpg": "JPEG", "jp2": "JPEG2000", "heic": "HEIF"}
    out = io.BytesIO()
    image.save(out, names.get(case.format, case.format), **case.settings)
    return out.getvalue()


def status(name: str) -> int:
    """Bytes, as Linux tells them of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
