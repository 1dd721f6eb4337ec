"""docs/imgix.md: its sizes, names and scales are those of answers and of the translation."""

from __future__ import annotations

import re

from origin.urls.dialects.imgix.dialect import Imgix
from origin.urls.dialects.imgix.names import LOOKED_AT
from origin.urls.dialects.imgix.names import REFUSED
from origin.urls.dialects.imgix.names import WITHOUT_EFFECT
from tests.delivery.test_imgix import SIZES
from tests.support.documents import code
from tests.support.documents import page

PAGE = page("docs/imgix.md")
ROWS = [(code(names), here) for names, here in PAGE.table("| imgix | here |")]


def translate(name: str, value: str) -> dict[str, str]:
    said = Imgix().translate("cat.jpg", [(name.encode(), value.encode())])
    assert not said.mistakes
    return {name.decode(): value.decode() for name, value in said.pairs}


def test_the_sizes_of_the_table_are_those_of_answers() -> None:
    for fit, small, large, _ in PAGE.table("| `fit` | 300 x 300"):
        for name in code(fit):
            for side, shown in ((300, small), (2000, large)):
                size = tuple(map(int, shown.split(" x ")))
                assert SIZES[f"w={side}&h={side}&fit={name}"] == size, (name, side)


def test_the_names_are_those_that_are_looked_at() -> None:
    named = {name for names, _ in ROWS for name in names}
    assert named <= LOOKED_AT
    beside = set(
        re.findall(r"`([\w-]+)", " ".join(here for _, here in ROWS))
    )  # such as `trim-tol` for `trim`
    helpers = {"fp-debug", "fill-max", "mask-bg", "max-h", "max-w", "min-h", "min-w", "trim-pad", "trim-sd"}
    assert LOOKED_AT - named - beside <= helpers | {"trim-color"}  # decide whether the rest can be done


def test_the_scales_are_those_of_the_translation() -> None:
    shown = [
        (name, *found)
        for names, here in ROWS
        for name in names
        for found in re.findall(r"(-?\d+) is `(\w+)=(\d+)`", here)
    ]
    assert {name for name, *_ in shown} >= {"blur", "sharp", "q"}
    for name, theirs, option, ours in shown:
        if name in ("lossless", "dl"):  # in the row of `q`
            continue
        assert translate(name, theirs) == {option: ours}
    (tones,) = [(names, here) for names, here in ROWS if "bri" in names]
    for theirs, ours in re.findall(r"(-?\d+) is (\d+)", tones[1]):
        for name, option in zip(tones[0], code(tones[1]), strict=True):
            assert float(translate(name, theirs)[option]) == int(ours)


def test_what_is_ignored_and_refused_is_said_so() -> None:
    (ignored,) = re.findall(r"`ixlib`.*?change no pixel", PAGE.line)
    assert set(code(ignored)) <= WITHOUT_EFFECT
    (refused,) = re.findall(r"the log names all of it: (.*?), video", PAGE.line)
    assert {name for name in code(refused) if "=" not in name} <= REFUSED.keys()
