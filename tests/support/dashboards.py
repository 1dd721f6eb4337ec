"""What deploy/ asks of Prometheus: the rules of the alerts and the panels of the dashboard."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.support.deployed import DEPLOY

ALERTS = DEPLOY / "prometheus" / "alerts.yml"
RULES: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
PANEL_QUERIES = [
    target["expr"].replace("$__rate_interval", "5m") for panel in PANELS for target in panel["targets"]
]
