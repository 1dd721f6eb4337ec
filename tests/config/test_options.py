"""What a handler's configuration says of the options in its URLs."""

from __future__ import annotations

from typing import Any

import pytest

from origin.config.load import build_config
from origin.config.model import Config
from origin.config.schema import json_schema
from origin.errors import ConfigError
from origin.urls.options import ALIASES
from origin.urls.options import NAMES
from origin.urls.parsing import OptionDefaults


def build(**handler: Any) -> Config:
    return build_config(
        {"handlers": [{"name": "h", "source": {"type": "local", "root": "."}, **handler}]}, name="config.json"
    )


def defaults(config: Config) -> OptionDefaults:
    return config.option_defaults(config.handlers[0])


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (None, None),
        ([], frozenset()),
        (["w", "f"], frozenset({"w", "f"})),
        (["width", "format", "w"], frozenset({"w", "f"})),
        (["expires"], frozenset({"e"})),
    ],
)
def test_the_options_that_urls_may_use_are_named_in_either_spelling(given: Any, names: Any) -> None:
    assert defaults(build(options=given)).names == names


@pytest.mark.parametrize("name", ["W", "frobnicate", "", 5])
def test_a_name_that_no_option_has_stops_the_start(name: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"^config\.json: handlers\[0\]\.options\[1\]: expected the name of"
    ):
        build(options=["w", name])


def test_the_schema_lists_every_name() -> None:
    items = json_schema()["$defs"]["Handler"]["properties"]["options"]["anyOf"][0]["items"]
    (names,) = [each["enum"] for each in items["anyOf"] if "enum" in each]
    assert set(names) == NAMES | ALIASES.keys()


def test_the_defaults_are_those_of_the_handler_and_its_limits() -> None:
    config = build(
        output_format="auto", crop=False, widths=[800, 200], quality=50, limits={"max_dimension": 1000}
    )
    assert defaults(config) == OptionDefaults(
        format="auto",
        crop=False,
        max_dimension=1000,
        widths=(200, 800),
        quality={"jpg": 50, "webp": 50, "avif": 50},
    )
