"""Renderers are what these tests are about: they start as they do in the program."""

from __future__ import annotations

import pytest

from origin.render.pool import RenderPool
from origin.render.template import make_template


@pytest.fixture(autouse=True)
def _own_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RenderPool, "make_template", staticmethod(make_template))
