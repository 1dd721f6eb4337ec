"""What a render is likely to cost, told from the header and the job before a pixel is decoded.

Each row of STEPS and each row of FORMATS has its `Price`, which `benchmarks/costs.py` measures. All that a
render does is added up: decoding, the steps that the options ask for, encoding; pixels of all pages. What
exceeds the time or the memory that a render has is lowered, in this order: the encoder does with less effort;
another format is taken, where the job leaves the choice; the result is made smaller. Where the options alone
are too much, they are refused by name.

The sum is one of what is likely: noise takes two to three times as long as photographs. So a render may plan
with a part of its time only, and the deadline that kills its process stands behind it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Generic
from typing import Literal
from typing import TypeVar

from origin.errors import BadRequest
from origin.errors import Unprocessable
from origin.formats import Format
from origin.formats.writers import Price
from origin.imaging import search
from origin.imaging.auto_quality import MEASURING
from origin.imaging.auto_quality import count_encodings
from origin.imaging.frame import Frame
from origin.imaging.geometry import is_askew
from origin.urls.options import OPTIONS
from origin.urls.options import Options

_SHARE_OF_TIME = 0.7  # of a render's deadline: renderers share cores, and pictures differ
_SHARE_OF_MEMORY = 0.85  # of a renderer's: the rest has other uses, or lies in small pieces behind jobs
_SMALL = 0.1  # of time and memory: what a result may take, whatever decoding takes
_LEAST = 3  # steps down to the least effort that any encoder has
_SHRINKS_AGAIN = 2_000_000  # pixels of a result from which on memory may be what its encoder lacked
_RESIZING = 0.003, 0.012  # seconds for a million pixels that are decoded, opaque and with alpha
_COPY = 4  # bytes of a pixel that is in memory once more
_FINEST = 90  # of `q`: from there on encoders take twice as long
_TIMES_FINEST = 2.0

Image = TypeVar("Image")
Basis = Literal["decoded", "resized", "result"]
"""Of which picture the pixels count, in all of its pages."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What an option adds to the cost of a render."""

    option: str
    opaque: Price
    alpha: Price  # of a picture with an alpha channel
    of: Basis = "result"
    when: Callable[[Options], object] | None = None  # it counts; None: where the option is not neutral

    def applies(self, options: Options) -> bool:
        if self.when is not None:
            return bool(self.when(options))
        field = _FIELDS[self.option]
        return bool(getattr(options, field) != _NEUTRAL[field])


@dataclass(frozen=True, slots=True)
class Step(Generic[Image]):
    """One row of STEPS."""

    run: Callable[[Image, Options, Frame], Image]  # returns the image itself where no option asks for it
    charges: tuple[Charge, ...] = ()


_FIELDS = {option.name: option.field for option in OPTIONS if option.field}
_NEUTRAL = {field: getattr(Options(), field) for field in _FIELDS.values()}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one render may take. None: as much as it likes."""

    seconds: float | None  # of one core
    memory: int | None  # bytes

    @staticmethod
    def of(timeout: float | None, memory: int | None, original: bytes) -> Bounds:
        """The bounds of a render with that deadline, in seconds, in a process with that memory."""
        return Bounds(
            None if timeout is None else timeout * _SHARE_OF_TIME,
            None
            if memory is None
            else int(max(memory * _SHARE_OF_MEMORY - 2 * len(original), memory * _SMALL)),
        )

    def without(self, memory: int) -> Bounds:
        """What is left of them beside so many bytes."""
        if self.memory is None:
            return self
        return replace(self, memory=int(max(self.memory - memory, self.memory * _SMALL)))


@dataclass(frozen=True, slots=True)
class _Cost:
    seconds: float = 0.0
    memory: float = 0.0  # bytes

    def __add__(self, other: _Cost) -> _Cost:
        return _Cost(self.seconds + other.seconds, self.memory + other.memory)


@dataclass(frozen=True, slots=True)
class _Bill:
    """What a render costs, by what it is for."""

    decoding: _Cost
    options: Mapping[str, _Cost]  # by name; the encoder's, too, as far as an option makes it dearer
    encoding: _Cost  # as it is without them

    @property
    def asked(self) -> _Cost:
        return sum(self.options.values(), _Cost())

    @property
    def total(self) -> _Cost:
        return self.asked + self.encoding


def afford(
    frames: Sequence[Frame],
    options: Options,
    charges: Sequence[Charge],
    bounds: Bounds,
    *,
    whole: bool = False,
) -> tuple[Frame, ...]:
    """Of these frames, the best first, those that can be afforded, or else the last one, made smaller.

    `charges`: of all steps. `whole`: the result may not be made smaller.
    Raises BadRequest, which names the option, where options ask for too much, and Unprocessable.
    """
    able = [fitting for frame in frames if (fitting := _fitting(frame, options, charges, bounds))]
    if able:
        return tuple(able)
    last = replace(frames[-1], lowered=_LEAST)
    bill = _add_up(last, options, charges)
    left = _left(bill, bounds)
    _check_options(bill, left, last)
    if whole:
        cost = bill.total
        raise Unprocessable(
            f"{last.format.name} of {_pixels(last)} pixels: takes {cost.seconds:.1f} s and "
            f"{cost.memory / 1e6:.0f} MB to encode, more than there are"
        )
    share = min(left.seconds / bill.total.seconds, left.memory / max(bill.total.memory, 1))
    return (last.within(max(1, int(last.upright.longest * math.sqrt(share)))),)


def without_memory(frame: Frame) -> tuple[Frame, ...]:
    """What to try where an encoder failed or its file is too large: half as many pixels, where there are so
    many that memory may be the reason. How much there is cannot be known: what jobs before have left of it
    may be in small pieces."""
    if _pixels(frame) < _SHRINKS_AGAIN:
        return ()
    return (frame.within(int(frame.upright.longest * math.sqrt(0.5))),)


def _fitting(frame: Frame, options: Options, charges: Sequence[Charge], bounds: Bounds) -> Frame | None:
    """The frame with the most effort that can be afforded, if there is any."""
    for lowered in range(_LEAST + 1):
        bill = _add_up(replace(frame, lowered=lowered), options, charges)
        left = _left(bill, bounds)
        if bill.total.seconds <= left.seconds and bill.total.memory <= left.memory:
            return replace(frame, lowered=lowered)
    return None


def _left(bill: _Bill, bounds: Bounds) -> _Cost:
    """What decoding leaves for the result. A small result is made of any original that may be decoded."""
    seconds = math.inf if bounds.seconds is None else bounds.seconds
    memory = math.inf if bounds.memory is None else bounds.memory
    return _Cost(
        max(seconds - bill.decoding.seconds, seconds * _SMALL),
        max(memory - bill.decoding.memory, memory * _SMALL),
    )


def _check_options(bill: _Bill, left: _Cost, frame: Frame) -> None:
    asked = bill.asked
    if asked.seconds <= left.seconds and asked.memory <= left.memory:
        return
    by_time = asked.seconds > left.seconds

    def dearness(name: str) -> float:
        cost = bill.options[name]
        return cost.seconds if by_time else cost.memory

    first, *others = sorted(filter(dearness, bill.options), key=dearness, reverse=True)
    together = f" with {' and '.join(others)}" if others else ""
    need = f"{asked.seconds:.1f} s" if by_time else f"{asked.memory / 1e6:.0f} MB"
    most = f"{left.seconds:.1f} s" if by_time else f"{left.memory / 1e6:.0f} MB"
    raise BadRequest(
        f"option {first}: takes {need}{together}, and may take {most}; the result has {_pixels(frame)} pixels"
    )


def _add_up(frame: Frame, options: Options, charges: Iterable[Charge]) -> _Bill:
    header = frame.original
    pages = frame.pages
    original = header.width * header.height * pages
    resized = frame.geometry.width * frame.geometry.height * pages
    pixels: dict[Basis, int] = {
        "decoded": original // frame.shrink**2,
        "resized": resized,
        "result": _pixels(frame),
    }
    alpha = header.alpha or _makes_transparent(frame, options)
    asked: dict[str, _Cost] = {}
    for charge in charges:
        if charge.applies(options):
            cost = _cost(charge.alpha if alpha else charge.opaque, pixels[charge.of])
            asked[charge.option] = asked.get(charge.option, _Cost()) + cost
    decoding = _Cost(original / 1e6 * header.format.decoding, header.decoding)
    if resized < pixels["decoded"]:
        decoding += _Cost(pixels["decoded"] / 1e6 * _RESIZING[alpha])
    if _is_copied(frame, asked):
        return _Bill(decoding, asked, _Cost())
    shows = alpha and not (_is_opaque(options.background) and not options.radius)
    encoding, dearer = _encoding(frame, options, shows)
    return _Bill(decoding, asked | dearer, encoding)


def _encoding(frame: Frame, options: Options, alpha: bool) -> tuple[_Cost, dict[str, _Cost]]:
    """What encoding costs as it is, and what options add to it."""
    format = frame.format_if_transparent if alpha else frame.format
    assert format.writer is not None, f"{format.name} is never written"
    pixels = _pixels(frame)
    lossless = options.lossless and format.holds_lossless
    # All tries of a search together take as long as one of a picture that is so much larger.
    tried = pixels * (1 if options.max_bytes is None else search.MAX_TRIES)
    level = frame.effort_of(format)
    effort = format.writer.effort(level, tried, lowered=frame.lowered, lossless=lossless)
    plain = _cost(effort.alpha if alpha else effort.opaque, pixels)
    if frame.original.orientation > 1 or format is not frame.format:
        plain += _Cost(0.0, pixels * _COPY)
    if lossless or format.default_quality is None:
        return plain, {}
    dearer: dict[str, _Cost] = {}
    times = _TIMES_FINEST if _is_finest(options, format, pixels) else 1.0
    if options.max_bytes is not None:
        more_tries = plain.seconds * (search.MAX_TRIES * times - 1)
        dearer["bytes"] = _Cost(more_tries, pixels * _COPY)
    elif options.quality == "auto":
        encodings = count_encodings(pixels, frame.pages, hurried=frame.lowered > 0)
        if encodings > 1:
            look = _cost(MEASURING, pixels)
            dearer["q"] = _Cost(plain.seconds * (encodings - 1) + look.seconds * (encodings + 1), look.memory)
    elif times > 1:
        dearer["q"] = _Cost(plain.seconds * (times - 1))
    return plain, dearer


def _is_finest(options: Options, format: Format, pixels: int) -> bool:
    """Whether the quality is likely to be one of those for which encoders take longer."""
    highest = options.quality if isinstance(options.quality, int) else search.HIGHEST
    if options.max_bytes is None:
        return isinstance(options.quality, int) and highest >= _FINEST
    return highest >= _FINEST and options.max_bytes >= pixels * search.typical_bytes(format, _FINEST)


def _cost(price: Price, pixels: int) -> _Cost:
    return _Cost(price.seconds * pixels / 1e6, price.memory * pixels)


def _pixels(frame: Frame) -> int:
    """Of the result, in all of its pages."""
    width, height = frame.upright.size
    return width * height * frame.pages


def _makes_transparent(frame: Frame, options: Options) -> bool:
    """Whether the options give the result an alpha channel."""
    return bool(
        is_askew(options.rotate)
        or options.radius
        or (frame.geometry.canvas is not None)
        or (any(options.padding) and not _is_opaque(options.background))
    )


def _is_opaque(colour: str | None) -> bool:
    return colour is not None and len(colour) == len("rrggbb")


def _is_copied(frame: Frame, asked: Mapping[str, _Cost]) -> bool:
    """Whether the frames of a GIF are likely to be taken as they are, which costs nothing beside."""
    header, gif = frame.original, frame.original.gif
    return (
        not asked
        and gif is not None
        and frame.format is Format.GIF
        and not gif.uncovered
        and header.page is None
        and frame.upright.size == (gif.width, gif.height)
    )
