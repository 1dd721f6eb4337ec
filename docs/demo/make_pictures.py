"""Makes every picture of the demo, and the built-in fallback image, from nothing but numbers.

Run `python -m docs.demo.make_pictures`; it takes about a minute. The same versions of numpy and
Pillow make the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import ExifTags
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFilter

from docs.demo.landscape import landscape
from docs.demo.portrait import portrait
from docs.demo.scenery import rgb
from docs.demo.scenery import to_bytes

ORIGIN = Path(__file__).parents[2] / "origin"
HERE = ORIGIN / "pages" / "pictures"
FINE = 4  # shapes are drawn this much larger, so that shrinking gives them smooth edges
FRAMES, FRAME_TIME = 24, 50  # milliseconds: GIF counts hundredths of a second


def main() -> None:
    save_landscape(HERE / "landscape.jpg")
    save_portrait(HERE / "portrait.jpg")
    logo(800).save(HERE / "logo.png", optimize=True)
    logo(64).save(HERE / "icon.png", optimize=True)
    save_spinner(HERE / "spinner.gif")
    placeholder(800, 600).save(ORIGIN / "delivery" / "placeholder.png", optimize=True)


def save_landscape(path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "A mountain lake that exists nowhere"
    Image.fromarray(to_bytes(landscape())).save(path, quality=90, optimize=True, exif=exif)


def save_portrait(path: Path) -> None:
    """Stored lying on its side, as cameras do, with the place it claims to be taken at."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "Balloons over dunes that exist nowhere"
    exif[ExifTags.Base.Orientation] = 6  # to be turned a quarter clockwise
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {
            ExifTags.GPS.GPSVersionID: b"\x02\x03\x00\x00",
            ExifTags.GPS.GPSLatitudeRef: "N",
            ExifTags.GPS.GPSLatitude: (31.0, 4.0, 48.0),
            ExifTags.GPS.GPSLongitudeRef: "W",
            ExifTags.GPS.GPSLongitude: (4.0, 0.0, 36.0),
        }
    )
    lying = Image.fromarray(to_bytes(portrait())).transpose(Image.Transpose.ROTATE_90)
    lying.save(path, quality=88, optimize=True, exif=exif)


def mountains(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], fill: str | int) -> None:
    """The sign for a picture: two peaks and a sun."""
    left, top, right, bottom = box

    def at(x: float, y: float) -> tuple[float, float]:
        return left + (right - left) * x, top + (bottom - top) * y

    draw.polygon([at(0.0, 1.0), at(0.36, 0.3), at(0.6, 0.78), at(0.72, 0.58), at(1.0, 1.0)], fill=fill)
    draw.circle(at(0.78, 0.16), (right - left) * 0.1, fill=fill)


def logo(side: int) -> Image.Image:
    """A lens with a picture in it: soft shadow, a ring that shows half of what is behind, clear outside."""
    large = side * FINE
    shadow = disc(large, 0.5, 0.54, 0.4).filter(ImageFilter.GaussianBlur(large * 0.03))
    layers = Image.new("RGBA", (large, large))
    layers.paste((16, 24, 48, 255), (0, 0), shadow.point([value * 2 // 5 for value in range(256)]))
    ring = Image.new("RGBA", (large, large), (94, 129, 244, 128))
    layers = Image.alpha_composite(layers, cut(ring, disc(large, 0.5, 0.48, 0.42)))
    layers = Image.alpha_composite(layers, cut(slope(large), disc(large, 0.5, 0.48, 0.345)))
    white = Image.new("RGBA", (large, large))
    mountains(ImageDraw.Draw(white), (large * 0.26, large * 0.25, large * 0.74, large * 0.66), "white")
    return Image.alpha_composite(layers, white).resize((side, side), Image.Resampling.LANCZOS)


def disc(size: int, x: float, y: float, radius: float) -> Image.Image:
    mask = Image.new("L", (size, size))
    ImageDraw.Draw(mask).circle((size * x, size * y), size * radius, fill=255)
    return mask


def cut(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """The part of the picture within the mask; the mask multiplies its own transparency."""
    alpha = np.asarray(picture.getchannel("A"), np.uint16) * np.asarray(mask, np.uint16) // 255
    result = picture.copy()
    result.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return result


def slope(size: int) -> Image.Image:
    """Colours from the top left to the bottom right."""
    place = np.linspace(0, 1, size, dtype=np.float32)
    share = ((place[:, None] + place[None, :]) / 2)[..., None]
    first, last = 255 * rgb("2ec4ce"), 255 * rgb("5c40d6")
    return Image.fromarray((first + (last - first) * share).astype(np.uint8)).convert("RGBA")


def save_spinner(path: Path) -> None:
    frames = [spinner_frame(240, number / FRAMES) for number in range(FRAMES)]
    palette = frames[0].quantize(64)
    first, *others = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    first.save(path, save_all=True, append_images=others, duration=FRAME_TIME, loop=0, optimize=False)


def spinner_frame(side: int, turn: float) -> Image.Image:
    """A comet on a ring at this part of its turn, white at its head and blue along its tail."""
    place = (np.arange(side * FINE, dtype=np.float32) + 0.5) / (side * FINE) - 0.5
    x, y = place[None, :], place[:, None]
    behind = (turn - np.arctan2(y, x) / (2 * np.pi)) % 1
    width = 0.052 * (1 - 0.75 * behind)
    tail = np.clip((width - np.abs(np.hypot(x, y) - 0.33)) * side, 0, 1) * (1 - behind) ** 1.3
    head = 2 * np.pi * turn
    tail = np.maximum(tail, np.hypot(x - 0.33 * np.cos(head), y - 0.33 * np.sin(head)) < 0.052)
    track = (np.abs(np.hypot(x, y) - 0.33) < 0.012) * 0.12
    light = np.maximum(tail, track)[..., None]
    glow = rgb("6ebeff") + light**3 * (1 - rgb("6ebeff"))
    colour = 255 * (rgb("181c34") * (1 - light) + glow * light)
    return Image.fromarray(colour.astype(np.uint8)).resize((side, side), Image.Resampling.LANCZOS)


def placeholder(width: int, height: int) -> Image.Image:
    """The fallback image: neutral on any page, and told at a glance from a picture."""
    large = Image.new("L", (width * FINE, height * FINE), 236)
    draw = ImageDraw.Draw(large)
    middle_x, middle_y, unit = width * FINE / 2, height * FINE / 2, height * FINE / 100
    frame = (middle_x - 17 * unit, middle_y - 13 * unit, middle_x + 17 * unit, middle_y + 13 * unit)
    draw.rounded_rectangle(frame, radius=3 * unit, outline=196, width=round(1.6 * unit))
    inside = (middle_x - 12.5 * unit, middle_y - 9 * unit, middle_x + 12.5 * unit, middle_y + 8.5 * unit)
    mountains(draw, inside, 196)
    small = large.resize((width, height), Image.Resampling.BOX)
    return small.convert("RGB").quantize(16)


if __name__ == "__main__":
    main()
