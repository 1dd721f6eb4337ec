"""The alert rules and the dashboard ask for series and labels that an origin has."""

from __future__ import annotations

import re

import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.dashboards import DASHBOARD
from tests.support.dashboards import PANEL_QUERIES
from tests.support.dashboards import PANELS
from tests.support.dashboards import RULES
from tests.support.documents import code
from tests.support.documents import page
from tests.support.running import Running
from tests.support.running import settings


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The labels of every series that an origin has which gave a picture, a failure and a fallback."""
    folder = tmp_path_factory.mktemp("series")
    (folder / "cat.txt").write_text("no picture")
    with Running(settings(folder, folder / "cache")) as origin:
        origin.get("/h/none.jpg")
        origin.get("/h/cat.txt?w=5")
        text = origin.get("/-/metrics").body.decode()
    # Of an origin with TLS, and of a source that refuses.
    found: dict[str, set[str]] = {
        "origin_certificate_end_seconds": set(),
        "origin_source_refusals_total": {"handler"},
    }
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    for name in ("origin_stage_seconds_sum", "origin_stage_seconds_count"):  # of a miss
        found.setdefault(name, {"stage"})
    for row in page("docs/operations.md").table("| metric |"):  # those of a fleet have no labels
        found.setdefault(code(row[0])[0], set())
    return found


ADDED = {"instance", "job"}  # by Prometheus
QUERIES = [rule["expr"] for rule in RULES] + PANEL_QUERIES


@pytest.mark.slow
@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_series_and_labels_that_exist(query: str, series: dict[str, set[str]]) -> None:
    promql_parser.parse(query)
    selectors = re.findall(r"\b((?:origin|process)_\w+)(?:\{([^}]*)\})?", query)
    assert selectors
    known = set(ADDED)
    for name, matchers in selectors:
        assert name in series
        known |= series[name]
        assert set(re.findall(r"(\w+)(?:=~|!=|=|!~)\"", matchers)) <= series[name] | ADDED
    for grouped in re.findall(r"by \(([^)]*)\)", query):
        assert {label.strip() for label in grouped.split(",")} <= known


def test_the_dashboard_asks_the_data_source_that_is_chosen_in_it() -> None:
    """No Grafana but that of Compose has one whose id is `prometheus`."""
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    for asking in [*PANELS, *(target for panel in PANELS for target in panel["targets"])]:
        assert asking["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_alerts_say_what_is_wrong_by_name_once() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)


def test_the_panels_lie_side_by_side_and_name_what_they_draw() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS]
    assert len(set(places)) == len(PANELS)
    for panel in PANELS:
        for target in panel["targets"]:
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert label in target["expr"] or label in ADDED
