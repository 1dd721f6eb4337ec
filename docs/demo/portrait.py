"""The upright picture: a hot-air balloon over dunes in the evening, two more far away."""

from __future__ import annotations

import numpy as np

from docs.demo.scenery import Camera
from docs.demo.scenery import Ground
from docs.demo.scenery import Pixels
from docs.demo.scenery import cast
from docs.demo.scenery import fractal
from docs.demo.scenery import grain
from docs.demo.scenery import ground
from docs.demo.scenery import mix
from docs.demo.scenery import rgb
from docs.demo.scenery import step

CAMERA = Camera(width=1800, height=2400, horizon=1660, focal=2100, level=0.55)
STRIPES = (rgb("c8352b"), rgb("f2e6cf"), rgb("e0872a"), rgb("f2e6cf"))


def portrait() -> Pixels:
    picture = sky()
    land = ground(CAMERA, dune_heights, near=1.2, far=16, steps=3000, sun=0.3)
    picture = cast(CAMERA, land, dune_colours(land), picture)
    balloon(picture, x=1430, y=1080, radius=92, haze=0.42)
    balloon(picture, x=330, y=1310, radius=46, haze=0.6)
    balloon(picture, x=820, y=690, radius=430, haze=0.04)
    return grain(picture, 0.014, seed=23)


def sky() -> Pixels:
    rows = np.arange(CAMERA.height, dtype=np.float32)[:, None] / CAMERA.horizon
    columns = np.arange(CAMERA.width, dtype=np.float32)[None, :] / CAMERA.width
    flat = 0 * columns
    picture = mix(rgb("35558c"), rgb("b9a9bd"), step(0.0, 0.85, rows) + flat)
    picture = mix(picture, rgb("fbc68c"), step(0.5, 1.05, rows) * (1 - 0.45 * columns))
    distance = 1 / np.maximum(1.2 - rows, 0.1)
    veil = fractal((columns - 0.5) * distance * 1.3 + 8, distance * 2.6, 8)
    return mix(picture, rgb("ffe3cc"), 0.55 * step(0.0, 1.0, veil + 0.2 * rows))


def dune_heights(x: Pixels, z: Pixels) -> Pixels:
    """Long crests across the view, each with a gentle side and a steep one, and wind ripples."""
    bend = fractal(x * 0.16 + 3, z * 0.16 + 1, 3)
    phase = (0.42 * z + 0.24 * x + 1.1 * bend + 0.35) % 1
    crest = np.where(phase < 0.68, phase / 0.68, (1 - phase) / 0.32)
    crest = step(-0.25, 1.15, crest) * (0.75 + 0.5 * fractal(x * 0.12 + 9, z * 0.12, 2))
    ripples = np.sin(2 * np.pi * (17 * z + 9 * x + 1.6 * fractal(x * 1.2, z * 1.2, 3)))
    fine = 0.0016 * ripples * np.exp(-0.35 * z) + 0.004 * fractal(x * 2.2, z * 2.2, 5)
    return np.asarray(0.42 * crest * step(0.6, 3.2, z) + 0.1 * bend + fine, np.float32)


def dune_colours(land: Ground) -> Pixels:
    speckle = fractal(land.x * 60, land.z * 60, 3)
    sand = mix(rgb("c07f4c"), rgb("dfa56c"), step(-1, 1, speckle + 0.6 * fractal(land.x, land.z, 4)))
    lit = sand * (rgb("ffd9a6") * 1.5 * land.light[..., None] + rgb("6b6796") * 0.62)
    haze = 1 - np.exp(-((np.maximum(land.z - 1.5, 0) / 15) ** 1.3))
    return mix(lit, rgb("e9bd9b"), np.clip(haze, 0, 0.9).astype(np.float32))


def balloon(picture: Pixels, x: int, y: int, radius: int, haze: float) -> None:
    """`x`, `y` is the middle of the envelope's widest ring."""
    tall, wide = int(radius * 2.35), radius + 4
    top = y - radius - 4
    patch = picture[top : top + tall + radius, x - wide : x + wide]
    down = ((np.arange(patch.shape[0], dtype=np.float32) - radius - 4) / radius)[:, None]
    side = ((np.arange(patch.shape[1], dtype=np.float32) - wide) / radius)[None, :]
    air = rgb("d9b8a6")
    basket, weave = basket_shape(down, side, 1.5 / radius)
    patch[:] = mix(patch, mix(weave, air, np.full(basket.shape, haze, np.float32)), basket)
    shape, cloth = envelope(down, side, 1.5 / radius)
    patch[:] = mix(patch, mix(cloth, air, np.full(shape.shape, haze, np.float32)), shape)


def envelope(down: Pixels, side: Pixels, softness: float) -> tuple[Pixels, Pixels]:
    """Cover and colour of the balloon's cloth: a ball that runs to a mouth, gores puffed between seams."""
    taper = np.clip(down / 1.38, 0, 1)
    width = np.where(down < 0, np.sqrt(np.clip(1 - down**2, 0, 1)), (1 - taper**1.9) * 0.83 + 0.17)
    width = np.where(down < 1.38, width, 0).astype(np.float32)
    across = np.clip(side / np.maximum(width, 1e-3), -1, 1)
    turn = np.arcsin(across) / np.pi * 14 + 0.35
    stripe = np.floor(turn + 1.2 * np.round(4 * down) / 4).astype(np.int32) % len(STRIPES)
    cloth = np.stack(STRIPES)[stripe]
    puff = np.sin(np.pi * (turn % 1)) ** 0.5
    folds = fractal(across * 3 + 0 * down, down * 7 + 0 * side, 5)
    level = np.clip(down * 0.75, -1, 1)
    facing = -0.72 * across * np.sqrt(1 - level**2) - 0.42 * level + 0.5 * np.sqrt(1 - across**2)
    light = 0.34 + 0.72 * np.clip(facing, 0, 1) + 0.1 * puff + 0.03 * folds
    seam = 0.82 + 0.18 * step(0.0, 0.07, np.minimum(turn % 1, 1 - turn % 1))
    tint = mix(rgb("8c84b4"), rgb("fff0d8"), step(0.2, 1.0, light))
    cover = np.clip((width - np.abs(side)) / softness, 0, 1).astype(np.float32)
    return cover, np.asarray(cloth * tint * (light * seam * 1.12)[..., None], np.float32)


def basket_shape(down: Pixels, side: Pixels, softness: float) -> tuple[Pixels, Pixels]:
    """Cover and colour of the basket and of the four ropes that hold it."""
    inside = (down > 1.86) & (down < 2.1)
    wall = np.where(inside, np.clip((0.155 - np.abs(side)) / softness, 0, 1), 0)
    between = (down > 1.3) & (down < 1.9)
    ropes = np.zeros_like(wall)
    for start, end in ((-0.17, -0.15), (-0.06, -0.05), (0.06, 0.05), (0.17, 0.15)):
        line = start + (end - start) * (down - 1.36) / 0.5
        ropes = np.maximum(ropes, np.clip(1.6 - np.abs(side - line) / 0.004, 0, 1) * between)
    weave = 0.75 + 0.25 * np.sign(np.sin(down * 260) * np.sin(side * 200))
    rim = 1 - 0.45 * ((down < 1.89) & inside)
    light = weave * rim * (1.05 - 2.2 * np.clip(side + 0.1, 0, 1))
    return np.maximum(wall, ropes).astype(np.float32), np.asarray(
        rgb("a8703c") * light[..., None], np.float32
    )
