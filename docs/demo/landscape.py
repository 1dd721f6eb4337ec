"""The mountain lake: ridges under snow, a forest at the shore, all of it mirrored in the water."""

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

CAMERA = Camera(width=3200, height=2133, horizon=1300, focal=3000, level=0.04)
SHORE = 1318  # the row where the water begins
FRAME = (
    (2870, 1900, 700),
    (3150, 1960, 1180),
    (3010, 1990, 940),
    (40, 1990, 620),
    (190, 2010, 400),
)  # x, foot, size


def landscape() -> Pixels:
    picture = sky()
    land = ground(CAMERA, mountain_heights, near=6, far=34, steps=3200, sun=0.42)
    picture = cast(CAMERA, land, mountain_colours(land), picture)
    forest(picture, np.random.RandomState(3))
    picture[SHORE:] = water(picture)
    foreground(picture, np.random.RandomState(11))
    return grain(picture, 0.012, seed=5)


def sky() -> Pixels:
    rows = np.linspace(0, 1, CAMERA.height, dtype=np.float32)[:, None] * (CAMERA.height / CAMERA.horizon)
    columns = np.linspace(0, 1, CAMERA.width, dtype=np.float32)[None, :]
    high = np.broadcast_to(step(0.0, 0.9, rows), (CAMERA.height, CAMERA.width))
    picture = mix(rgb("3f73b0"), rgb("b9d3e6"), high)
    glow = step(0.25, 1.0, rows) * (1 - 0.75 * columns)
    picture = mix(picture, rgb("ffdfb4"), glow * 0.85)
    # Clouds lie on a plane overhead: their rows draw together towards the horizon.
    distance = 1 / np.maximum(1.25 - rows, 0.12)
    x, z = (columns - 0.5) * distance * 2.2, distance * 3.4
    shape = fractal(x + 3.2, z + 0.4 * x, 9)
    cover = step(-0.05, 0.85, shape + 0.12 * columns)
    shade = step(-0.6, 0.7, fractal(x + 3.16, z + 0.4 * x + 0.05, 6) - shape)
    cloud = mix(rgb("fff6e8"), rgb("a9b4c8"), shade * 0.7)
    return mix(picture, cloud, cover * 0.85)


def mountain_heights(x: Pixels, z: Pixels) -> Pixels:
    """A valley that opens to the left of the middle; peaks to both sides and at its end."""
    bend = fractal(x * 0.11 + 1.7, z * 0.11, 3)
    valley = step(0.4, 5.5, np.abs(x + 0.9 + 1.6 * bend) + 0.16 * np.maximum(z - 15, 0))
    ridges = fractal(x * 0.105 + 2.1, z * 0.105 + 0.3, 11, ridged=True, gain=0.43)
    rise = step(6.0, 19.0, z)
    return np.asarray(valley * rise * (ridges**1.2 * 2.9 - 0.1) + 0.12 * step(6, 7, z) - 0.05, np.float32)


def mountain_colours(land: Ground) -> Pixels:
    detail = fractal(land.x * 3 + land.y * 5, land.z * 3, 6)
    strata = fractal(land.y * 9 + 0.4 * land.x, land.x * 0.7 + land.z * 0.9, 5)
    albedo = mix(rgb("6d665f"), rgb("9a8c7b"), step(-0.8, 0.8, strata + 0.5 * detail))
    trees = step(0.1, -0.1, land.y - 0.95 - 0.25 * detail) * step(0.45, 0.62, land.slope)
    albedo = mix(albedo, mix(rgb("1e3422"), rgb("454b2c"), step(-0.7, 0.9, detail)), trees)
    snow = step(-0.2, 0.25, land.y - 1.45 - 0.3 * detail) * step(0.3, 0.52, land.slope + 0.06 * strata)
    albedo = mix(albedo, rgb("f4f7fb"), snow)
    sunlight = rgb("ffedd2") * 1.32 * land.light[..., None]
    lit = albedo * (sunlight + rgb("6f8bb5") * 0.55)
    # Air scatters with distance, and there is less of it higher up; warmer towards the sun.
    haze = 1 - np.exp(-(((land.z - 5) / 26) ** 1.2) * np.exp(-0.35 * np.maximum(land.y, 0)))
    mist = 0.35 * np.exp(-np.maximum(land.y - 0.05, 0) * 5) * step(9, 20, land.z)
    air = mix(rgb("f0dcc0"), rgb("a7c0da"), step(-0.6, 0.3, land.x / land.z))
    return mix(lit, air, np.clip(haze + mist, 0, 0.92).astype(np.float32))


def forest(picture: Pixels, random: np.random.RandomState) -> None:
    """Conifers along the far shore, the smaller the further back."""
    for _ in range(1500):
        x = random.uniform(-20, CAMERA.width + 20)
        clump = float(fractal(np.array([x / 420], np.float32), np.array([0.3], np.float32), 4)[0])
        size = random.uniform(26, 60) * (1 + 0.9 * clump)
        if clump > -0.35 and size > 14:
            shade = random.uniform(0.7, 1.35)
            conifer(picture, x, SHORE + random.uniform(-7, 1), size, rgb("2c382b") * shade, random)


def conifer(
    picture: Pixels, x: float, foot: float, size: float, colour: Pixels, random: np.random.RandomState
) -> None:
    """One tree: tiers of branches that hang a little, lit from the left, ragged at their ends."""
    top, left = int(foot - size), int(x - size * 0.3)
    rows = np.arange(max(top, 0), min(int(foot), len(picture)))
    columns = np.arange(max(left, 0), min(int(x + size * 0.3) + 1, picture.shape[1]))
    if not len(rows) or not len(columns):
        return
    down = ((rows - top) / size).astype(np.float32)[:, None]
    side = ((columns - x) / size).astype(np.float32)[None, :]
    seed = np.float32(random.uniform(0, 60))
    tiers = 9 + size / 26
    hang = down - np.abs(side) * 0.55
    ragged = fractal(side * 24 + seed, down * 30, 6, gain=0.7)
    tier = (hang * tiers + 0.5 * ragged + np.sign(side) * 0.2) % 1
    reach = down * 0.235 * (0.42 + 0.58 * tier) * (1 + 0.28 * ragged)
    softness = np.float32(1.2 / size)
    cover = np.clip(
        (np.maximum(reach, 0.007 * np.minimum(1, 2.5 * down + 0.1)) - np.abs(side)) / softness, 0, 1
    )
    light = 0.5 + 0.8 * step(0.16, -0.16, side + 0.1 * ragged) * tier + 0.25 * ragged
    patch = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    patch[:] = mix(patch, colour * light[..., None], cover.astype(np.float32))


def water(picture: Pixels) -> Pixels:
    """What lies above the shore, mirrored and broken by ripples that shorten with distance."""
    below = np.arange(CAMERA.height - SHORE, dtype=np.float32)[:, None]
    columns = np.arange(CAMERA.width, dtype=np.float32)[None, :]
    distance = 1 / (below + 14)
    x, z = (columns - CAMERA.width / 2) * distance, 900 * distance
    swell = fractal(x * 2.2, z * 2.6 + 0.2 * x, 3)
    ripple = fractal(x * 7 + 9, z * 8, 5)
    breeze = step(0.1, 0.8, fractal(x * 0.35 + 4, z * 0.22, 4))
    bend = (swell * 0.05 + ripple * (0.02 + 0.08 * breeze)) * (below + 14)
    rows = np.clip(SHORE - 1 - below * 1.12 - bend, 0, SHORE - 1)
    first = rows.astype(np.int32)
    shift = np.clip(columns + ripple * 0.02 * below, 0, CAMERA.width - 1).astype(np.int32)
    mirror = mix(picture[first, shift], picture[np.maximum(first - 1, 0), shift], first + 1 - rows)
    depth = step(0, 1.3, below / len(below) + 0 * columns)
    glass = mix(mirror * 0.9, rgb("16343c"), 0.12 + 0.6 * depth)
    glint = step(0.55, 1.3, ripple + 0.4 * swell) * breeze * step(0.95, 0.0, columns / CAMERA.width)
    return mix(glass, rgb("dfe6e4"), (0.05 + 0.25 * breeze) * step(0.0, 1.2, ripple) + 0.35 * glint)


def foreground(picture: Pixels, random: np.random.RandomState) -> None:
    """A dark bank with grass and stones, and tall trees that frame the view."""
    rows = np.arange(CAMERA.height, dtype=np.float32)[:, None]
    columns = np.arange(CAMERA.width, dtype=np.float32)[None, :]
    edge = 2060 - 150 * step(900, 0, columns) - 230 * step(2050, 3200, columns)
    edge = edge + 26 * fractal(columns / 260, columns * 0 + 0.7, 7)
    texture = fractal(columns / 60, rows / 34, 7)
    soil = mix(rgb("20241a"), rgb("5e6138"), step(-0.5, 1.2, texture + 0.3 * step(60, 0, rows - edge)))
    picture[:] = mix(picture, soil, step(-1.5, 1.5, rows - edge))
    grass(picture, edge[0], random)
    for x, foot, size in FRAME:
        conifer(picture, x, foot, size, rgb("262f20"), random)


def grass(picture: Pixels, edge: Pixels, random: np.random.RandomState) -> None:
    """Blades, each a thin line that leans and tapers, drawn a row at a time."""
    for _ in range(9000):
        x, length, lean = random.uniform(0, CAMERA.width - 1), random.uniform(14, 62), random.normal(0, 0.35)
        foot = edge[int(x)] + random.uniform(-2, 110)
        colour = mix(rgb("39451f"), rgb("b3a55c"), np.array(random.beta(1.3, 2.6), np.float32))
        for up in range(int(length)):
            row, column = int(foot - up), int(x + lean * up * up / length)
            if 0 <= row < CAMERA.height and 0 <= column < CAMERA.width:
                picture[row, column] += (colour - picture[row, column]) * np.float32(0.85 - 0.5 * up / length)
