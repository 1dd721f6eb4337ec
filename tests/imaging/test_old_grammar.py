"""URLs with the options of the first version give the bytes that they gave."""

from __future__ import annotations

import json

import pytest

from origin.imaging.binding import load_libvips
from tests.support.old_grammar import VECTORS
from tests.support.old_grammar import cases
from tests.support.old_grammar import digest

_STORED = json.loads(VECTORS.read_text())


@pytest.mark.slow
def test_all_are_byte_for_byte_what_they_were() -> None:
    if load_libvips() != _STORED["libvips"]:
        pytest.skip(f"the digests are those of libvips {_STORED['libvips']}")
    made = {f"{name}?{query}": digest(original, query) for name, original, query in cases()}
    assert made == {name: _STORED["digests"][name] for name in made}
