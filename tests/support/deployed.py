"""The files of deploy/, and their configurations as an origin reads them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from origin.config.load import build_config
from origin.config.model import Config
from tests.support.operated import Operated

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PATHS = {route.path for route in Operated().routes}


def load(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Config:
    """The configuration, with something in every variable that it names."""
    text = json.dumps(config)
    for name in re.findall(r'"env:(\w+)"', text):
        value = "redis://valkey:6379/0" if name.endswith("_URL") else "0123456789abcdef0123456789abcdef"
        monkeypatch.setenv(name, value)
    return build_config(config)
