"""BlurHash and ThumbHash: a picture as a short text, of which a page shows a blur until the picture comes.

Both are sums of cosines over the picture, written down coarsely. The definitions are public:
https://github.com/woltapp/blurhash/blob/master/Algorithm.md and https://evanw.github.io/thumbhash/.
Pixels come as rows of numbers from 0 to 1, since the renderer has no numpy.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from operator import mul

Rows = Sequence[Sequence[float]]
Waves = dict[tuple[int, int], float]  # amplitudes by how often the wave turns, across and down

_BASE83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_LINEAR = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (n / 255 for n in range(256))]


def blurhash(red: Rows, green: Rows, blue: Rows) -> str:
    """The BlurHash of 4x3 waves, or 3x4 where the picture is higher than wide."""
    across, down = (4, 3) if len(red[0]) >= len(red) else (3, 4)
    order = [(x, y) for y in range(down) for x in range(across)]
    channels = [
        _amplitudes([[_LINEAR[round(255 * value)] for value in row] for row in rows], order, 0.0)
        for rows in (red, green, blue)
    ]
    waves = [[(1 if at == (0, 0) else 2) * channel[at] for channel in channels] for at in order]
    peak = max(abs(value) for wave in waves[1:] for value in wave)
    step = min(82, max(0, math.floor(peak * 166 - 0.5)))
    average = 0
    for value in waves[0]:
        average = average * 256 + _encoded(value)
    text = _base83(across - 1 + (down - 1) * 9, 1) + _base83(step, 1) + _base83(average, 4)
    return text + "".join(_base83(_wave_number(wave, (step + 1) / 166), 2) for wave in waves[1:])


def _wave_number(wave: Sequence[float], most: float) -> int:
    number = 0
    for value in wave:
        root = math.copysign(math.sqrt(abs(value) / most), value)
        number = number * 19 + min(18, max(0, math.floor(root * 9 + 9.5)))
    return number


def _encoded(value: float) -> int:
    """Linear light as a byte of sRGB."""
    value = min(1.0, max(0.0, value))
    srgb = value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return int(srgb * 255 + 0.5)


def _base83(number: int, length: int) -> str:
    return "".join(_BASE83[number // 83**place % 83] for place in reversed(range(length)))


def thumbhash(red: Rows, green: Rows, blue: Rows, alpha: Rows) -> str:
    """The ThumbHash, in base64. Sides are at most 100 pixels; colours are not premultiplied."""
    width, height = len(red[0]), len(red)
    seen = sum(map(sum, alpha))
    average = [
        sum(sum(map(mul, *pair)) for pair in zip(rows, alpha, strict=True)) / seen if seen else 0.0
        for rows in (red, green, blue)
    ]
    # What shows through is the average colour, so that it adds no wave.
    red, green, blue = (
        _each(lambda value, a, mean=mean: mean * (1 - a) + value * a, rows, alpha)
        for rows, mean in zip((red, green, blue), average, strict=True)
    )
    light = _each(lambda r, g, b: (r + g + b) / 3, red, green, blue)
    yellow = _each(lambda r, g, b: (r + g) / 2 - b, red, green, blue)
    redness = _each(lambda r, g: r - g, red, green)
    see_through = seen < width * height
    most = 5 if see_through else 7
    across = max(1, _round(most * width / max(width, height)))
    down = max(1, _round(most * height / max(width, height)))
    light_mean, light_peak, waves = _channel(light, max(3, across), max(3, down))
    yellow_mean, yellow_peak, more = _channel(yellow, 3, 3)
    red_mean, red_peak, most_waves = _channel(redness, 3, 3)
    waves += more + most_waves
    head = (
        _round(63 * light_mean)
        | _round(31.5 + 31.5 * yellow_mean) << 6
        | _round(31.5 + 31.5 * red_mean) << 12
        | _round(31 * light_peak) << 18
        | see_through << 23
    )
    landscape = width > height
    shape = (
        (down if landscape else across)
        | _round(63 * yellow_peak) << 3
        | _round(63 * red_peak) << 9
        | landscape << 15
    )
    data = head.to_bytes(3, "little") + shape.to_bytes(2, "little")
    if see_through:
        alpha_mean, alpha_peak, more = _channel(alpha, 5, 5)
        waves += more
        data += bytes([_round(15 * alpha_mean) | _round(15 * alpha_peak) << 4])
    waves += [0] * (len(waves) % 2)
    data += bytes(low | high << 4 for low, high in zip(waves[::2], waves[1::2], strict=True))
    return base64.b64encode(data).decode()


def _channel(rows: Rows, across: int, down: int) -> tuple[float, float, list[int]]:
    """The mean, the highest amplitude, and the amplitudes of the other waves as numbers from 0 to 15."""
    order = [(x, y) for y in range(down) for x in range(across) if x * down < across * (down - y)]
    waves = _amplitudes(rows, order, 0.5)
    others = [waves[at] for at in order[1:]]
    peak = max(map(abs, others))
    return waves[0, 0], peak, [_round(15 * (0.5 + 0.5 / peak * value)) if peak else 0 for value in others]


def _amplitudes(rows: Rows, order: Sequence[tuple[int, int]], offset: float) -> Waves:
    """The mean of the picture times each wave; `offset` is where in a pixel its value counts."""
    across = {x: _wave(len(rows[0]), x, offset) for x, _ in order}
    down = {y: _wave(len(rows), y, offset) for _, y in order}
    by_row = {x: [sum(map(mul, row, wave)) for row in rows] for x, wave in across.items()}
    count = len(rows) * len(rows[0])
    return {(x, y): sum(map(mul, by_row[x], down[y])) / count for x, y in order}


def _wave(length: int, turns: int, offset: float) -> list[float]:
    return [math.cos(math.pi * turns * (at + offset) / length) for at in range(length)]


def _each(change: Callable[..., float], *channels: Rows) -> list[list[float]]:
    """A new channel from the values of others, pixel by pixel."""
    return [list(map(change, *rows)) for rows in zip(*channels, strict=True)]


def _round(value: float) -> int:
    """Half up, unlike Python's own."""
    return math.floor(value + 0.5)


def split_rows(pixels: bytes, width: int, bands: int) -> Iterable[list[list[float]]]:
    """The channels of interleaved bytes, as rows of numbers from 0 to 1."""
    for band in range(bands):
        values = [value / 255 for value in pixels[band::bands]]
        yield [values[at : at + width] for at in range(0, len(values), width)]
