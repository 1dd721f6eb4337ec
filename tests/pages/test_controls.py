"""The controls of the playground are those of the options, with their bounds and choices."""

from __future__ import annotations

import json

import pytest

from origin.pages.controls import SHAPE
from origin.pages.controls import list_controls
from origin.urls.options import NAMES
from origin.urls.options import OPTIONS
from origin.urls.options import find_option
from origin.urls.values import spell

CONTROLS = {control["name"]: control for control in list_controls()}


def test_every_option_of_a_picture_has_one_control_named_as_it_is_and_plain_json() -> None:
    assert list(CONTROLS) == [option.name for option in OPTIONS if option.name not in ("e", "t")]
    assert json.loads(json.dumps(CONTROLS)) == CONTROLS
    assert {name: control["alias"] for name, control in CONTROLS.items() if control["alias"]} == {
        option.name: option.alias for option in OPTIONS if option.alias and option.name in CONTROLS
    }
    assert NAMES >= SHAPE


@pytest.mark.parametrize(
    ("name", "control"),
    [
        ("w", {"control": "slider", "min": 1, "max": None, "step": 1, "rest": None}),
        (
            "q",
            {"control": "slider", "min": 1, "max": 100, "step": 1, "rest": None, "suggestions": ["auto"]},
        ),
        ("blur", {"control": "slider", "min": 0.3, "max": 100, "step": 0.1, "rest": None}),
        ("trim", {"control": "slider", "min": 1, "max": 100, "step": 1, "rest": None}),
        ("gray", {"control": "choice", "choices": ["true", "false"], "rest": "false"}),
        ("anim", {"control": "choice", "choices": ["true", "false"], "rest": "true"}),
        ("saturation", {"control": "slider", "min": 0, "max": 3, "rest": 1}),
        ("rotate", {"control": "slider", "min": -360, "max": 360}),
        ("dpr", {"control": "slider", "min": 0.5, "max": 5, "rest": 1}),
        ("c", {"control": "choice", "choices": ["true", "false"]}),
        ("fit", {"control": "choice", "choices": ["cover", "inside", "contain", "outside", "fill"]}),
        ("bg", {"control": "colour"}),
        ("g", {"control": "text", "rest": "center"}),
        ("p", {"control": "text", "suggestions_of": "presets"}),
        ("wm", {"control": "text", "suggestions_of": "watermarks"}),
        ("bytes", {"control": "text"}),
        ("rect", {"control": "text"}),
    ],
)
def test_a_control_suits_its_option(name: str, control: dict[str, object]) -> None:
    assert CONTROLS[name].items() >= control.items()


def test_no_control_offers_what_the_origin_refuses() -> None:
    """Each choice, suggestion and end of a slider is a value of its option."""
    offered = {
        (name, str(value))
        for name, control in CONTROLS.items()
        for value in (
            *control.get("choices", ()),
            *control.get("suggestions", ()),
            *(spell(control[end]) for end in ("min", "max", "rest") if control.get(end) is not None),
        )
    }
    assert len(offered) > 60
    assert ("f", "json") in offered
    assert ("f", "jpeg") not in offered  # a spelling of jpg
    for name, text in offered:
        option = find_option(name)
        assert option is not None
        option.kind.parse(text.encode())
