"""Pictures of every kind that the web has, drawn by code: those that the estimate of `q=auto` is fitted to,
and others that it is tried with.

Each kind is a function of a random generator and a size. The same number gives the same picture on every
machine. Even numbers are for fitting, odd ones are held out.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFilter
from PIL import ImageFont

Draw = Callable[[Generator, int, int], Image.Image]
_Plane = NDArray[np.float64]

WIDTH, HEIGHT = 2000, 1400
_WORDS = """the picture of a harbour at night was sent with few bytes and nobody saw what was lost since
lights on dark water hide it while a sky in the morning shows every step between two blues
Total 1,284 Save Cancel"""


def draw(kind: str, number: int, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """The picture of that kind and number."""
    seed = [number, *kind.encode()]
    return KINDS[kind](np.random.default_rng(seed), width, height)


def _gradient(random: Generator, width: int, height: int) -> Image.Image:
    """Slopes of light without grain, as behind titles."""
    x, y = _grid(width, height)
    angle = random.uniform(0, 2 * np.pi)
    way = x * np.cos(angle) + y * np.sin(angle)
    if random.random() < 0.4:
        way = np.hypot(x - random.uniform(0.2, 0.8), y - random.uniform(0.2, 0.8))
    stops = random.integers(0, 256, (random.integers(2, 5), 3))
    at = np.linspace(way.min(), way.max(), len(stops))
    return _image(np.stack([np.interp(way, at, stops[:, band]) for band in range(3)], axis=-1))


def _sky(random: Generator, width: int, height: int) -> Image.Image:
    """A slope with soft clouds and a little grain."""
    base = np.asarray(_gradient(random, width, height), float)
    clouds = np.clip(_clouds(random, width, height, 2.2), 0, 1)[..., None] * random.uniform(30, 120)
    grain = random.standard_normal((height, width, 1)) * random.uniform(0, 2)
    return _image(base * 0.6 + clouds + 40 + grain)


def _skin(random: Generator, width: int, height: int) -> Image.Image:
    """Soft shading of low contrast with a fine texture."""
    x, y = _grid(width, height)
    light = np.zeros_like(x)
    for _ in range(6):
        far = np.hypot(x - random.uniform(0, 1), y - random.uniform(0, 1))
        light += random.uniform(-1, 1) * np.exp(-((far / random.uniform(0.1, 0.5)) ** 2))
    light = 0.75 + 0.2 * light + 0.02 * _clouds(random, width, height, 1.0)
    light += random.standard_normal(light.shape) * random.uniform(0.002, 0.01)
    colour = np.array([[231, 181, 150], [141, 85, 60], [250, 214, 190], [99, 57, 40]])[random.integers(4)]
    return _image(light[..., None] * colour)


def _line_art(random: Generator, width: int, height: int) -> Image.Image:
    """Thin strokes on paper."""
    image = Image.new("RGB", (width, height), _pick(random, ["white", "#fffdf5", "#f4f4f4"]))
    pen = ImageDraw.Draw(image)
    for _ in range(random.integers(60, 200)):
        ink = _pick(random, ["black", "#222", "#123a8c", "#8c1212"])
        points = _curve(random, width, height)
        pen.line(points, fill=ink, width=int(random.integers(2, 9)), joint="curve")
    for _ in range(random.integers(0, 8)):  # hatching
        left, top = int(random.integers(0, width)), int(random.integers(0, height))
        for step in range(0, 300, int(random.integers(8, 24))):
            pen.line([left + step, top, left + step - 120, top + 260], fill="black", width=3)
    return image


def _text(random: Generator, width: int, height: int) -> Image.Image:
    """A page or an editor, full of words."""
    dark = random.random() < 0.4
    image = Image.new("RGB", (width, height), "#1e1e2e" if dark else "white")
    pen = ImageDraw.Draw(image)
    inks = ["#cdd6f4", "#a6e3a1", "#f38ba8", "#89b4fa"] if dark else ["#111", "#111", "#333", "#0645ad"]
    size = int(random.integers(22, 54))
    top = 40
    while top < height - 2 * size:
        _write(random, pen, (60, top), width - 120, size, _pick(random, inks))
        top += int(size * (2.4 if random.random() < 0.15 else 1.45))
    return image


def _interface(random: Generator, width: int, height: int) -> Image.Image:
    """Cards, buttons, a chart and labels."""
    image = Image.new("RGB", (width, height), _pick(random, ["#f5f6f8", "#ffffff", "#15181e"]))
    pen = ImageDraw.Draw(image)
    accent = _colour(random)
    pen.rectangle([0, 0, width, 110], fill=accent)
    _write(random, pen, (40, 30), width // 2, 48, "white")
    for left in range(40, width - 300, 480):
        for top in range(150, height - 200, 400):
            card = [left, top, left + 440, top + 360]
            pen.rounded_rectangle(
                card, 24, fill=_pick(random, ["white", "#eef1f6", "#23272f"]), outline="#ccc"
            )
            if random.random() < 0.4:
                bars = random.integers(20, 200, 8)
                for at, high in enumerate(bars):
                    pen.rectangle(
                        [left + 30 + at * 48, top + 260 - high, left + 62 + at * 48, top + 260], accent
                    )
            else:
                part = _gradient(random, 380, 200)
                image.paste(part, (left + 30, top + 30))
            _write(random, pen, (left + 30, top + 280), 380, 28, "#667")
    return image


def _logo(random: Generator, width: int, height: int) -> Image.Image:
    """A few flat shapes and a word, on one colour."""
    image = Image.new("RGB", (width, height), _pick(random, ["white", "white", _colour(random)]))
    pen = ImageDraw.Draw(image)
    for _ in range(random.integers(2, 6)):
        x = random.integers(200, width - 700)
        y = random.integers(150, height - 700)
        side = random.integers(200, 600)
        box = list(map(float, (x, y, x + side, y + side)))
        if random.random() < 0.5:
            pen.ellipse(box, fill=_colour(random))
        else:
            circle = (float(x + side // 2), float(y + side // 2), float(side // 2))
            pen.regular_polygon(circle, int(random.integers(3, 8)), fill=_colour(random))
    word = _pick(random, ["Harbour", "NORD", "lumen", "Quay & Co"])
    pen.text((width // 5, height - 420), word, font=ImageFont.load_default(300), fill=_colour(random))
    return image


def _cartoon(random: Generator, width: int, height: int) -> Image.Image:
    """Flat regions with dark outlines."""
    image = Image.new("RGB", (width, height), _colour(random))
    pen = ImageDraw.Draw(image)
    for _ in range(random.integers(25, 70)):
        centre = random.uniform(0, 1, 2) * (width, height)
        turn = np.sort(random.uniform(0, 2 * np.pi, 14))
        far = random.uniform(60, 330) * random.uniform(0.75, 1.25, 14)
        outline = _smooth(np.stack([centre[0] + far * np.cos(turn), centre[1] + far * np.sin(turn)], axis=-1))
        pen.polygon(outline, fill=_colour(random))
        pen.line([*outline, outline[0]], fill="#1a1423", width=int(random.integers(5, 12)), joint="curve")
    return image


def _noise(random: Generator, width: int, height: int) -> Image.Image:
    """Noise, white or filtered, grey or in colour."""
    bands = 1 if random.random() < 0.4 else 3
    plane = random.standard_normal((height, width, bands)) * random.uniform(20, 70) + 128
    image = _image(np.broadcast_to(plane, (height, width, 3)))
    blur = random.uniform(0, 5)
    return image.filter(ImageFilter.GaussianBlur(blur)) if blur > 1.5 else image


def _night(random: Generator, width: int, height: int) -> Image.Image:
    """Lights that glow in the dark, and grain."""
    light = np.zeros((height, width, 3))
    x, y = _grid(width, height)
    for _ in range(random.integers(15, 45)):
        far = np.hypot(x - random.uniform(0, 1.4), y - random.uniform(0.3, 1))
        glow = np.exp(-far / random.uniform(0.005, 0.05)) * random.uniform(60, 400)
        light += glow[..., None] * random.uniform(0.4, 1, 3)
    light += np.clip(_clouds(random, width, height, 1.6), 0, 2)[..., None] * (12, 14, 22)
    light += random.standard_normal((height, width, 1)) * random.uniform(1, 5) + 8
    return _image(light)


def _edges(random: Generator, width: int, height: int) -> Image.Image:
    """Stripes, checks, stars: contrast as high as it gets."""
    x, y = _grid(width, height)
    dark, bright = (random.integers(0, 60, 3), random.integers(190, 256, 3))
    which, many = random.integers(4), random.integers(8, 60)
    if which == 0:
        pattern = np.sin(np.arctan2(y - 0.35, x - 0.5) * many)
    elif which == 1:
        pattern = np.sin(x * many * 3) * np.sin(y * many * 3)
    elif which == 2:
        pattern = np.sin((x * np.cos(many) + y * np.sin(many)) * many * 5)
    else:
        pattern = np.sin(((x - 0.5) ** 2 + (y - 0.35) ** 2) * many * 15)
    return _image(np.where(pattern[..., None] > 0, bright, dark))


def _pixel_art(random: Generator, width: int, height: int) -> Image.Image:
    """Large pixels of few colours, or a dithered palette."""
    if random.random() < 0.5:
        base = _sky(random, width // 4, height // 4).quantize(int(random.integers(4, 24)))
        return base.convert("RGB").resize((width, height), Image.Resampling.NEAREST)
    palette = random.integers(0, 256, (random.integers(6, 16), 3))
    small = random.integers(0, len(palette), (height // 40 + 1, width // 80 + 1))
    cells = palette[np.concatenate([small, small[:, ::-1]], axis=1)]
    pixels = np.repeat(np.repeat(cells, 40, axis=0), 40, axis=1)[:height, :width]
    return _image(pixels)


def _leaves(random: Generator, width: int, height: int) -> Image.Image:
    """Textured discs of all sizes over each other, whose statistics are those of nature."""
    texture = [_clouds(random, width, height, slope) for slope in (0.8, 1.3)]
    pixels = np.zeros((height, width, 3))
    for radius in np.sort(1 / random.uniform(1 / 400, 1 / 12, 500))[::-1]:
        x, y, size = random.integers(0, width), random.integers(0, height), int(radius)
        box = (slice(max(0, y - size), y + size), slice(max(0, x - size), x + size))
        down, across = np.ogrid[box[0].start : min(height, y + size), box[1].start : min(width, x + size)]
        inside = (down - y) ** 2 + (across - x) ** 2 < size**2
        grain = texture[random.integers(2)][box] * random.uniform(2, 30)
        shade = random.integers(20, 236, 3) * 0.7 + random.integers(20, 236) * 0.3
        pixels[box][inside] = (shade + grain[..., None])[inside]
    image = _image(pixels).filter(ImageFilter.GaussianBlur(random.uniform(0.6, 2.5)))
    return _image(
        np.asarray(image, float) + random.standard_normal((height, width, 1)) * random.uniform(0, 4)
    )


def _collage(random: Generator, width: int, height: int) -> Image.Image:
    """Smooth, textured and drawn parts side by side, as in a page with a photograph."""
    image = _gradient(random, width, height)
    half = (width // 2, height // 2)
    for left, top in ((0, 0), half, (half[0], 0)):
        kind = _pick(random, ["leaves", "text", "sky", "logo"])
        image.paste(KINDS[kind](random, width, height).resize(half), (left, top))
    return image


KINDS: Mapping[str, Draw] = {
    "gradient": _gradient,
    "sky": _sky,
    "skin": _skin,
    "night": _night,
    "leaves": _leaves,
    "collage": _collage,
    "line art": _line_art,
    "text": _text,
    "interface": _interface,
    "logo": _logo,
    "cartoon": _cartoon,
    "pixel art": _pixel_art,
    "edges": _edges,
    "noise": _noise,
}
DRAWN = frozenset({"text", "interface", "line art", "pixel art", "logo", "cartoon"})
"""Those that pages also show as they were drawn, and not smaller."""
AT_ANY_SIZE = frozenset({"noise"})
"""What would be lost if it were drawn large and made smaller."""


def _grid(width: int, height: int) -> tuple[_Plane, _Plane]:
    """Both coordinates of each pixel, of which the width is 1."""
    down, across = np.mgrid[0:height, 0:width]
    return across / width, down / width


def _clouds(random: Generator, width: int, height: int, slope: float) -> _Plane:
    """Noise whose amplitude falls with that power of the frequency; its standard deviation is 1."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
    frequency = np.maximum(np.hypot(down * height, across * width), 1.0)
    phases = np.exp(2j * np.pi * random.random(frequency.shape))
    plane = np.fft.irfft2(phases / frequency**slope, (height, width))
    return np.asarray((plane - plane.mean()) / plane.std())


def _curve(random: Generator, width: int, height: int) -> list[tuple[float, float]]:
    """A bent stroke: a cubic Bézier curve."""
    ends = random.uniform(0, 1, 2) * (width, height) + random.uniform(-300, 300, (4, 2))
    t = np.linspace(0, 1, 40)[:, None]
    weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]
    return [tuple(point) for point in sum(weight * end for weight, end in zip(weights, ends, strict=True))]


def _smooth(corners: _Plane) -> list[tuple[float, float]]:
    """A closed line with its corners cut twice (Chaikin)."""
    for _ in range(3):
        after = np.roll(corners, -1, axis=0)
        corners = np.stack([corners * 0.75 + after * 0.25, corners * 0.25 + after * 0.75], axis=1).reshape(
            -1, 2
        )
    return [tuple(corner) for corner in corners]


def _write(
    random: Generator, pen: ImageDraw.ImageDraw, at: tuple[float, float], width: float, size: int, ink: str
) -> None:
    """One line of words."""
    font, line, share = ImageFont.load_default(size), "", random.uniform(0.3, 1)
    while pen.textlength(line, font) < width * share:
        line += _pick(random, _WORDS.split()) + " "
    pen.text(at, line, font=font, fill=ink)


def _pick(random: Generator, choices: list[str]) -> str:
    return choices[random.integers(len(choices))]


def _colour(random: Generator) -> str:
    return "#{:02x}{:02x}{:02x}".format(*random.integers(0, 256, 3))


def _image(pixels: NDArray[np.generic]) -> Image.Image:
    return Image.fromarray(np.clip(np.asarray(pixels, float) + 0.5, 0, 255).astype(np.uint8))
