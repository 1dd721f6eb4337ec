"""Photograph-like scenes: a mountain lake, and balloons over dunes. Ray-cast terrain under a sky.

Pictures are float32 arrays, rows x columns x 3, display-referred sRGB from 0 to 1. World units are
about a kilometre: x to the right, z into the picture, y up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.floating[Any]]
Heights = Callable[[Pixels, Pixels], Pixels]  # (x, z) -> y

TILE = 1024


def tile(seed: int) -> Pixels:
    """Band-limited noise, about 64 waves across, that repeats without a seam; standard deviation 1."""
    # RandomState, as numpy promises that its stream never changes.
    white = np.random.RandomState(seed).standard_normal((TILE, TILE))
    waves = np.hypot(*np.meshgrid(np.fft.fftfreq(TILE, 1 / TILE), np.fft.fftfreq(TILE, 1 / TILE)))
    band = np.exp(-(((waves - 64) / 24) ** 2))
    noise = np.fft.ifft2(np.fft.fft2(white) * band).real
    return np.asarray(noise / noise.std(), np.float32)


NOISE = tile(7)


def sample(x: Pixels, y: Pixels) -> Pixels:
    """The noise at these places, interpolated; one wave per unit."""
    x, y = x * (TILE / 64), y * (TILE / 64)
    left, top = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    x, y = x - left, y - top
    right, bottom = (left + 1) % TILE, (top + 1) % TILE
    left, top = left % TILE, top % TILE
    upper = NOISE[top, left] * (1 - x) + NOISE[top, right] * x
    lower = NOISE[bottom, left] * (1 - x) + NOISE[bottom, right] * x
    return np.asarray(upper * (1 - y) + lower * y, np.float32)


def fractal(x: Pixels, y: Pixels, octaves: int, ridged: bool = False, gain: float = 0.5) -> Pixels:
    """Octaves of noise, each turned so that the repeats never line up; about -1 to 1, ridged 0 to 1.4."""
    total, strength = np.zeros(np.broadcast(x, y).shape, np.float32), 1.0
    for octave in range(octaves):
        noise = sample(x + 11.3 * octave, y + 5.7 * octave)
        if ridged:
            noise = (1 - np.minimum(np.abs(noise), 1)) ** 2
        total += np.float32(strength * (0.7 if ridged else 0.4)) * noise
        strength *= gain
        x, y = 1.6 * x + 1.2 * y, 1.6 * y - 1.2 * x
    return total


def step(low: float, high: float, value: Pixels) -> Pixels:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def mix(first: Pixels, second: Pixels, share: Pixels) -> Pixels:
    return np.asarray(first + (second - first) * share[..., None], np.float32)


def rgb(text: str) -> Pixels:
    return np.array([int(text[at : at + 2], 16) for at in (0, 2, 4)], np.float32) / 255


@dataclass
class Camera:
    width: int
    height: int
    horizon: int  # row
    focal: float  # pixels
    level: float  # world units above the water


@dataclass
class Ground:
    """A terrain as its camera sees it: a grid of depth steps x columns, in perspective."""

    x: Pixels
    z: Pixels
    y: Pixels
    slope: Pixels  # the upward part of the surface normal: 1 is flat
    light: Pixels  # 0 in shadow, 1 facing the sun


def ground(camera: Camera, heights: Heights, near: float, far: float, steps: int, sun: float) -> Ground:
    """`sun` is the tangent of its elevation; it stands on the left, a little behind the camera."""
    z = np.geomspace(near, far, steps, dtype=np.float32)[:, None]
    x = z * ((np.arange(camera.width, dtype=np.float32) - camera.width / 2) / camera.focal)
    y = heights(x, np.broadcast_to(z, x.shape))
    across = np.gradient(y, axis=1) * (camera.focal / z)
    along = np.gradient(y, axis=0) / np.gradient(z, axis=0)
    upward = 1 / np.sqrt(1 + across**2 + along**2)
    facing = upward * (across * 0.9 + along * 0.44 + sun) / np.hypot(1, sun)
    # Whatever stands to the left and reaches above the ray to the sun throws a shadow.
    ray = y + x * sun
    lit = 1 - step(0.0, 0.06, np.maximum.accumulate(ray, axis=1) - ray)
    return Ground(x, z, y, upward, np.clip(facing, 0, 1) * (0.25 + 0.75 * lit))


def cast(camera: Camera, land: Ground, colours: Pixels, behind: Pixels) -> Pixels:
    """The picture of the terrain in front of `behind`, from the horizon line of sight of each column."""
    rows = camera.horizon - camera.focal * (land.y - camera.level) / land.z
    skyline = -np.minimum.accumulate(rows, axis=0)  # ascending, as searchsorted needs it
    picture = behind.copy()
    depth = np.arange(len(rows))
    for column in range(camera.width):
        line = skyline[:, column]
        top = max(int(np.ceil(-line[-1])), 0)
        seen = np.arange(top, camera.height, dtype=np.float32)
        at = np.interp(-seen, line, depth)
        first = at.astype(np.int32)
        share = (at - first).astype(np.float32)
        following = np.minimum(first + 1, len(rows) - 1)
        picture[top:, column] = mix(colours[first, column], colours[following, column], share)
        if top:  # the row above the skyline is covered in part
            edge = colours[np.searchsorted(line, line[-1]), column]
            picture[top - 1, column] += (edge - picture[top - 1, column]) * (top + line[-1])
    return picture


def grain(picture: Pixels, strength: float, seed: int) -> Pixels:
    """Film grain, of the same sign in all channels, weakest in the highlights."""
    noise = np.random.RandomState(seed).standard_normal(picture.shape[:2]).astype(np.float32)
    share = noise * np.float32(strength) * (1 - 0.6 * picture.mean(axis=2))
    return np.asarray(picture + share[..., None], np.float32)


def to_bytes(picture: Pixels) -> NDArray[np.uint8]:
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
