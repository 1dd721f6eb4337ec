"""BlurHash and ThumbHash: a picture as a short text, of which a page shows a blur until the picture comes.

Both are sums of cosines over the picture, written down coarsely. The definitions are public:
https://github.com/woltapp/blurhash/blob/master/Algorithm.md and https://evanw.github.io/thumbhash/.
libvips does what is done for each pixel, in double precision and in the order of the definitions, since the
waves of a picture of one colour are nothing but rounding.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from functools import lru_cache
from operator import mul

from origin.imaging.vendor import pyvips

Order = Sequence[tuple[int, int]]  # waves, by how often they turn, across and down
Waves = dict[tuple[int, int], float]  # their amplitudes
Channel = tuple[float, float, list[int]]
"""The mean, the highest amplitude, and the amplitudes of the other waves as numbers from 0 to 15."""

_BASE83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_BYTES = [n / 255 for n in range(256)]
_LINEAR = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in _BYTES]


def blurhash(picture: pyvips.Image) -> str:
    """The BlurHash of 4x3 waves, or 3x4 where the picture, three bands of bytes, is higher than wide."""
    across, down = (4, 3) if picture.width >= picture.height else (3, 4)
    order = [(x, y) for y in range(down) for x in range(across)]
    channels = _amplitudes(_stacked(picture, _LINEAR), [order] * 3, 0.0)
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


def thumbhash(picture: pyvips.Image) -> str:
    """The ThumbHash, in base64. Sides are at most 100 pixels. It has four bands of bytes, the colours not
    premultiplied."""
    width, height = picture.width, picture.height
    bands = _thumbhash_bands(picture)
    most = 5 if len(bands) == 4 else 7  # waves along the longer side
    across = max(1, _round(most * width / max(width, height)))
    down = max(1, _round(most * height / max(width, height)))
    orders = [_low_waves(max(3, across), max(3, down)), _low_waves(3, 3), _low_waves(3, 3), _low_waves(5, 5)]
    stack = pyvips.Image.arrayjoin(bands, across=1)
    channels = [_channel(waves) for waves in _amplitudes(stack, orders[: len(bands)], 0.5)]
    landscape = width > height
    data = _thumbhash_head(channels, landscape, down if landscape else across)
    waves = [wave for *_, those in channels for wave in those]
    waves += [0] * (len(waves) % 2)
    data += bytes(low | high << 4 for low, high in zip(waves[::2], waves[1::2], strict=True))
    return base64.b64encode(data).decode()


def _thumbhash_bands(picture: pyvips.Image) -> list[pyvips.Image]:
    """Light, yellow to blue, red to green; and alpha, where the picture is transparent."""
    width, height = picture.width, picture.height
    red, green, blue, alpha = _unstacked(_stacked(picture, _BYTES), 4)
    seen = _sum(alpha)
    see_through = seen < width * height
    if see_through:  # what shows through is the average colour, so that it adds no wave
        red, green, blue = (_over_its_mean(band, alpha, seen) for band in (red, green, blue))
    three = pyvips.Image.black(width, height) + 3  # a division, since `/ 3` would multiply by a third
    bands = [(red + green + blue).divide(three), (red + green) / 2 - blue, red - green]
    return [*bands, alpha] if see_through else bands


def _thumbhash_head(channels: Sequence[Channel], landscape: bool, shorter: int) -> bytes:
    """The bytes before the waves: the mean and the peak of each channel, and the shape of the picture.

    `shorter` is the number of waves of light along the shorter side.
    """
    (light_mean, light_peak, _), (yellow_mean, yellow_peak, _), (red_mean, red_peak, _), *alpha = channels
    head = (
        _round(63 * light_mean)
        | _round(31.5 + 31.5 * yellow_mean) << 6
        | _round(31.5 + 31.5 * red_mean) << 12
        | _round(31 * light_peak) << 18
        | bool(alpha) << 23
    )
    shape = shorter | _round(63 * yellow_peak) << 3 | _round(63 * red_peak) << 9 | landscape << 15
    data = head.to_bytes(3, "little") + shape.to_bytes(2, "little")
    for mean, peak, _ in alpha:
        data += bytes([_round(15 * mean) | _round(15 * peak) << 4])
    return data


def _over_its_mean(band: pyvips.Image, alpha: pyvips.Image, seen: float) -> pyvips.Image:
    mean = _sum(band * alpha) / seen if seen else 0.0
    return (1 - alpha) * mean + band * alpha


def _low_waves(across: int, down: int) -> Order:
    """The triangle of waves that a ThumbHash keeps, the mean first."""
    return [(x, y) for y in range(down) for x in range(across) if x * down < across * (down - y)]


def _channel(waves: Waves) -> Channel:
    mean, *others = waves.values()
    peak = max(map(abs, others))
    return mean, peak, [_round(15 * (0.5 + 0.5 / peak * value)) if peak else 0 for value in others]


def _amplitudes(stack: pyvips.Image, orders: Sequence[Order], offset: float) -> list[Waves]:
    """Of each band of a stack: its mean times each of its waves. `offset` is where in a pixel its value
    counts."""
    width, height = stack.width, stack.height // len(orders)
    turns = max(x for order in orders for x, _ in order) + 1
    sums = sums_of_rows(stack, [_wave(width, x, offset) for x in range(turns)])
    bands = []
    for order, start in zip(orders, range(0, stack.height, height), strict=True):
        by_row = [of_wave[start : start + height] for of_wave in sums]
        bands.append(
            {(x, y): sum(map(mul, by_row[x], _wave(height, y, offset))) / (width * height) for x, y in order}
        )
    return bands


def sums_of_rows(stack: pyvips.Image, waves: Sequence[Sequence[float]]) -> list[memoryview[float]]:
    """For each wave, the sum of every row times it, added up from left to right."""
    columns = pyvips.Image.new_from_array([list(column) for column in zip(*waves, strict=True)])
    sums = memoryview(stack.matrixmultiply(columns).write_to_memory()).cast("d")
    return [sums[at :: len(waves)] for at in range(len(waves))]


def _sum(band: pyvips.Image) -> float:
    """By rows, as the definitions have it."""
    (rows,) = sums_of_rows(band, [[1.0] * band.width])
    return sum(rows)


@lru_cache(maxsize=512)
def _wave(length: int, turns: int, offset: float) -> list[float]:
    return [math.cos(math.pi * turns * (at + offset) / length) for at in range(length)]


def _round(value: float) -> int:
    """Half up, unlike Python's own."""
    return math.floor(value + 0.5)


def _stacked(picture: pyvips.Image, values: Sequence[float]) -> pyvips.Image:
    """The bands one below the other, with what the bytes stand for in their place."""
    pixels, bands = bytes(picture.write_to_memory()), picture.bands
    stack = b"".join(pixels[band::bands] for band in range(bands))
    image = pyvips.Image.new_from_memory(stack, picture.width, bands * picture.height, 1, "uchar")
    return image.maplut(pyvips.Image.new_from_array([list(values)]))


def _unstacked(stack: pyvips.Image, bands: int) -> list[pyvips.Image]:
    width, height = stack.width, stack.height // bands
    values = memoryview(stack.write_to_memory()).cast("d")
    pieces = (values[at : at + width * height] for at in range(0, len(values), width * height))
    return [pyvips.Image.new_from_memory(piece, width, height, 1, "double") for piece in pieces]
