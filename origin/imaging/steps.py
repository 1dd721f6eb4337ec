"""What happens to the pixels, in order: STEPS. And the steps that change colours and edges, such as blur.

To add an effect, write a function `(image, options, frame) -> image` that returns the image itself where
the options do not ask for it, and give it a row in STEPS with what it costs.

Effects act on sRGB as it is encoded, like the filters of CSS. Tone leaves transparency as it is; blur mixes
colours by how much of them is seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from origin.formats.writers import FREE
from origin.formats.writers import Price
from origin.imaging.colour import to_srgb
from origin.imaging.cost import Charge
from origin.imaging.cost import Step
from origin.imaging.frame import Frame
from origin.imaging.geometry import is_askew
from origin.imaging.resize import enlarge
from origin.imaging.resize import resize
from origin.imaging.shape import cut
from origin.imaging.shape import place
from origin.imaging.shape import select
from origin.imaging.shape import turn
from origin.imaging.shape import turn_upright
from origin.imaging.surround import make_opaque
from origin.imaging.surround import surround
from origin.imaging.vendor import pyvips
from origin.imaging.watermark import lay_watermark
from origin.urls.options import Options

# Filter Effects Module Level 1: what `grayscale` and `saturate` are equal to.
_GRAY = (0.2126, 0.7152, 0.0722)
_SATURATE = (0.213, 0.715, 0.072)

_FINE_SIGMA = 2.5  # px: what a larger sigma leaves can be told from a smaller picture
_TAIL = 0.01  # of the peak: where the blur's bell is cut
_REACH = 3.1  # sigmas, where that is

# Strength 1 is close to what libvips takes for screens. Lightness alone changes, so no edge gets a fringe;
# flat areas stay, so no noise is raised.
_SHARPEN_SIGMA = 0.7  # px
_FLAT = 2.0  # steps of lightness that are taken for noise
_SEEN = 128  # of 255: alpha from which the colour of a pixel counts
_SLOPE, _BRIGHTEST, _DARKEST = 2.0, 10.0, 20.0  # for strength 1


def tone(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Brightness, contrast, then saturation or grey; each clips what the one before it gave."""
    if options.brightness != 1 or options.lift or options.contrast != 1:
        image = image.maplut(_levels(options, image.bands, bool(image.hasalpha())))
    if not (options.gray or options.saturation != 1) or image.bands < 3:
        return image  # as it is, or grey already
    if options.gray:
        return _recombine(image, [_GRAY]).copy(interpretation="b-w")
    return _recombine(image, list(_saturated(options.saturation)))


def blur(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """A Gaussian blur; what is beyond the edge is as the edge, so that an opaque picture stays opaque."""
    if not options.blur:
        return image
    return _blur(image, options.blur)


def sharpen(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Sharpen lightness; the strength multiplies what is added to it."""
    strength = options.sharpen
    if not strength:
        return image
    visible = _continued(image) if image.hasalpha() else image
    return visible.sharpen(
        sigma=_SHARPEN_SIGMA,
        x1=_FLAT,
        m1=0,
        m2=_SLOPE * strength,
        y2=_BRIGHTEST * strength,
        y3=_DARKEST * strength,
    )


def round_corners(image: pyvips.Image, options: Options, frame: Frame) -> pyvips.Image:
    """Make the corners transparent outside a quarter of a circle, with smooth edges."""
    if not options.radius:
        return image
    longest = min(image.width, image.height) / 2
    radius = longest if isinstance(options.radius, str) else min(options.radius, longest)
    mask = _rounded(image.width, image.height, radius)
    if not image.hasalpha():
        rounded = image.bandjoin(mask)
        return make_opaque(rounded, options, frame) if options.opaque_corners else rounded
    opaque = [255] * (image.bands - 1)
    masks = (mask.new_from_image(opaque).bandjoin(mask)).cast("uchar")
    rounded = _to_bytes((image * masks).linear(1 / 255, 0)).copy(interpretation=image.interpretation)
    return make_opaque(rounded, options, frame) if options.opaque_corners else rounded


# fmt: off
STEPS: tuple[Step[pyvips.Image], ...] = (
    #    function       option that costs               opaque               with alpha
    Step(select, (
        Charge("trim",                                   Price(0.014),        Price(0.020),    of="decoded"),
    )),
    Step(resize, (
        Charge("enlarge",                                Price(0.050),        Price(0.075)),
    )),
    Step(cut, (
        Charge("g",                                      Price(0.010, 4),     Price(0.045, 4), of="resized",
               when=lambda options: options.crop and isinstance(options.gravity, str)),
    )),
    Step(to_srgb),
    Step(turn_upright),
    Step(place, (  # in the box of `contain`
        Charge("fit",                                    Price(0.005),        Price(0.005),
               when=lambda options: options.fit == "contain"),
    )),
    Step(turn, (
        Charge("rotate",                                 Price(0.010, 4),     Price(0.010, 4)),
        Charge("rotate",                                 Price(0.060),        Price(0.060),
               when=lambda options: is_askew(options.rotate)),
        Charge("flip",                                   Price(0.010, 4),     Price(0.010, 4)),
    )),
    Step(tone, (
        Charge("brightness",                             Price(0.004),        Price(0.004),
               when=lambda options: options.brightness != 1 or options.lift != 0),
        Charge("contrast",                               Price(0.004),        Price(0.004)),
        Charge("saturation",                             Price(0.012),        Price(0.015)),
        Charge("gray",                                   Price(0.006),        Price(0.008)),
    )),
    Step(blur, (
        Charge("blur",                                   Price(0.120),        Price(0.230)),
    )),
    Step(sharpen, (
        Charge("sharpen",                                Price(0.065),        Price(0.215, 4)),
    )),
    Step(surround, (
        Charge("pad",                                    Price(0.003),        Price(0.003)),
        Charge("bg",                                     FREE,                Price(0.007)),
    )),
    Step(round_corners, (
        Charge("radius",                                 Price(0.010),        Price(0.010)),
    )),
    Step(lay_watermark, (
        Charge("wm",                                     Price(0.025, 4),     Price(0.025, 4)),
    )),
)
# fmt: on
"""What happens to the pixels, in this order; to each page of an animation alone.

To users the picture is upright from the beginning. It is turned where few pixels are left: a `Geometry` tells
the steps before of the picture as it lies in its file. What they cost is measured by benchmarks/costs.py.
"""
CHARGES = tuple(charge for step in STEPS for charge in step.charges)


def _levels(options: Options, bands: int, alpha: bool) -> pyvips.Image:
    """The table of brightness and contrast for each level of each band; alpha stays."""
    table = bytearray()
    for level in range(256):
        bright = min(max(level * options.brightness + options.lift, 0.0), 255.0)
        changed = (bright - 127.5) * options.contrast + 127.5
        table += bytes([round(min(max(changed, 0.0), 255.0))] * (bands - alpha) + [level] * alpha)
    return pyvips.Image.new_from_memory(bytes(table), 256, 1, bands, "uchar")


def _saturated(amount: float) -> Iterator[tuple[float, ...]]:
    """The rows of the matrix of `saturate`."""
    for row in range(3):
        yield tuple(grey + amount * ((row == column) - grey) for column, grey in enumerate(_SATURATE))


def _recombine(image: pyvips.Image, rows: list[tuple[float, ...]]) -> pyvips.Image:
    """Each colour by its row of a matrix; alpha stays."""
    matrix = [list(row) for row in rows]
    if image.hasalpha():
        matrix = [[*row, 0.0] for row in matrix] + [[0.0, 0.0, 0.0, 1.0]]
    return _to_bytes(image.recomb(pyvips.Image.new_from_array(matrix)))


def _blur(image: pyvips.Image, sigma: float) -> pyvips.Image:
    if image.hasalpha():
        return _to_bytes(_blur_bands(image.premultiply(), sigma).unpremultiply())
    return _to_bytes(_blur_bands(image.cast("float"), sigma))  # in bytes each step would cut fractions off


def _blur_bands(image: pyvips.Image, sigma: float) -> pyvips.Image:
    """Blur each band alone. A wide blur is one of a smaller picture, so that it costs no more than a narrow.

    Where the small picture would end, the large one is continued before, or its edge would be one of blocks.
    """
    step = int(sigma / _FINE_SIGMA)
    if step < 2:
        return image.gaussblur(sigma, min_ampl=_TAIL, precision="float")
    margin = math.ceil(_REACH * sigma / step) * step
    width, height = (-(-(side + 2 * margin) // step) * step for side in (image.width, image.height))
    wide = image.embed(margin, margin, width, height, extend="copy")
    small = wide.shrink(step, step).copy_memory()
    # Taking means of blocks has blurred it already, by the variance of a block.
    rest = math.sqrt(sigma**2 - (step**2 - 1) / 12) / step
    blurred = small.gaussblur(rest, min_ampl=_TAIL, precision="float")
    return enlarge(blurred, width, height).crop(margin, margin, image.width, image.height)


def _continued(image: pyvips.Image) -> pyvips.Image:
    """The image with new colours under pixels that are hardly seen: those of the pixels around them. Nobody
    has chosen the old ones, and beside the visible ones they would be an edge."""
    image = image.copy_memory()  # used three times
    around = _blur(image, 2 * _SHARPEN_SIGMA)
    colours = image.bands - 1
    hidden = image.extract_band(colours) < _SEEN
    filled = hidden.ifthenelse(around.extract_band(0, n=colours), image.extract_band(0, n=colours))
    return filled.bandjoin(image.extract_band(colours)).copy(interpretation=image.interpretation)


def _rounded(width: int, height: int, radius: float) -> pyvips.Image:
    """A mask of a rectangle with round corners: 255 inside, 0 outside, between them on the edge."""
    side = math.ceil(radius)
    from_centre = (pyvips.Image.xyz(side, side) + 0.5 - radius) ** 2
    away = (from_centre[0] + from_centre[1]) ** 0.5
    corner = _to_bytes((radius + 0.5 - away) * 255).copy_memory()
    mask = (pyvips.Image.black(width, height) + 255).cast("uchar")
    for right in (False, True):
        for bottom in (False, True):
            turned = corner.fliphor() if right else corner
            turned = turned.flipver() if bottom else turned
            mask = mask.insert(turned, right * (width - side), bottom * (height - side))
    return mask.copy(interpretation="b-w")


def _to_bytes(image: pyvips.Image) -> pyvips.Image:
    """Rounded to eight bits, since a cast cuts the fraction off."""
    return (image + 0.5).cast("uchar")
