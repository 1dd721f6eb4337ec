"""Each alert fires when it should, and not otherwise, as Prometheus' own promtool computes it."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.dashboards import ALERTS
from tests.support.dashboards import RULES
from tests.support.proxies import need

PHOTOS = {"handler": "photos"}
ONE = {"instance": "a:9090"}
HIT = 'origin_requests_total{handler="photos",cache="hit"}'
MISS = 'origin_requests_total{handler="photos",cache="miss"}'
WITHIN_1_S = 'origin_request_seconds_bucket{cache="miss",le="1"}'
IN_ALL = 'origin_request_seconds_bucket{cache="miss",le="+Inf"}'


def failures(kind: str) -> str:
    return f'origin_requests_total{{handler="photos",error="{kind}"}}'


def of_one(name: str) -> str:
    return f'{name}{{instance="a:9090"}}'


@dataclass(frozen=True)
class Case:
    """Series with a value a minute, in promtool's notation (`0+6x60`: from 0, 6 more 60 times): those with
    which the alert fires, with its labels, and those with which it does not."""

    fires: dict[str, str]
    quiet: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)


CASES = {
    "OriginNoneAnswers": Case({"up": "0x60"}, {of_one("origin_build_info"): "1x60"}),
    "OriginSourceUnavailable": Case(
        {failures("source-unavailable"): "0+12x60"}, {failures("source-unavailable"): "0+3x60"}, PHOTOS
    ),
    "OriginManyNotFound": Case(
        {failures("not-found"): "0+30x60", HIT: "0+100x60"},
        {failures("not-found"): "0+10x60", HIT: "0+100x60"},
        PHOTOS,
    ),
    "OriginOverloaded": Case({failures("overloaded"): "0+1x60"}, {failures("overloaded"): "7x60"}),
    "OriginRenderFailed": Case(
        {failures("render-failed"): "0+6x60"}, {failures("render-failed"): "0+1x60"}, PHOTOS
    ),
    "OriginRenderersDie": Case(
        {of_one("origin_renderer_restarts_total"): "0+2x60"},
        {of_one("origin_renderer_restarts_total"): "0+0.5x60"},
        ONE,
    ),
    "OriginCacheFails": Case(
        {of_one("origin_cache_failures_total"): "0+1x60"},
        {of_one("origin_cache_failures_total"): "0x10 1x50"},
        ONE,
    ),
    "OriginRenderQueueIsLong": Case(
        {of_one("origin_render_queue"): "40x60"}, {of_one("origin_render_queue"): "32x60"}, ONE
    ),
    "OriginHitRatioIsLow": Case({HIT: "0+1x60", MISS: "0+9x60"}, {HIT: "0+4x60", MISS: "0+6x60"}),
    "OriginMissesAreSlow": Case(
        {
            WITHIN_1_S: "0+90x60",
            WITHIN_1_S.replace('"1"', '"10"'): "0+100x60",
            IN_ALL: "0+100x60",
        },
        {WITHIN_1_S: "0+100x60", IN_ALL: "0+100x60"},
    ),
    "OriginCertificateEnds": Case(
        {of_one("origin_certificate_end_seconds"): f"{86400 * 6}x60"},
        {of_one("origin_certificate_end_seconds"): f"{86400 * 8}x60"},
        ONE,
    ),
    "OriginCdnPurgesAreLost": Case(
        {of_one("origin_cdn_lost_purges_total"): "0x50 1x10"},
        {of_one("origin_cdn_lost_purges_total"): "1x60"},
        ONE,
    ),
    "OriginEventsAreNotHeard": Case(
        {of_one("origin_event_queue_failures_total"): "0+1x60"},
        {of_one("origin_event_queue_failures_total"): "0x58 1x2"},
        ONE,
    ),
    "OriginDoesNotHearOfPurges": Case(
        {of_one("origin_shared_marks_age_seconds"): "0+60x60"},
        {of_one("origin_shared_marks_age_seconds"): "1x60"},
        ONE,
    ),
    "OriginSharedResultsFail": Case(
        {of_one("origin_shared_failures_total"): "0+3x60"},
        {of_one("origin_shared_failures_total"): "0+0.5x60"},
        ONE,
    ),
    "OriginValkeyIsAway": Case(
        {of_one("origin_valkey_up"): "0x60"}, {of_one("origin_valkey_up"): "1x57 0x3"}, ONE
    ),
}


def test_every_alert_is_tried() -> None:
    assert CASES.keys() == {rule["alert"] for rule in RULES}


@pytest.mark.slow
def test_alerts_fire_when_they_should_and_only_then(tmp_path: Path) -> None:
    """Each alert with a file of rules that has it alone: promtool works out all of a file, in each case."""
    program = need("promtool", "Debian: prometheus")
    paths = []
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    for rule in group["rules"]:
        case = CASES[rule["alert"]]
        labels = {**rule["labels"], **case.labels}
        told = {"exp_labels": labels, "exp_annotations": filled_in(rule["annotations"], labels)}
        tests = [one_test(rule["alert"], case.fires, [told]), one_test(rule["alert"], case.quiet, [])]
        rules, path = (tmp_path / f"{rule['alert']}{end}.yml" for end in (".rules", ""))  # JSON is YAML
        rules.write_text(json.dumps({"groups": [{**group, "rules": [rule]}]}))
        path.write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}))
        paths.append(path)
    done = subprocess.run([program, "test", "rules", *paths], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == len(CASES)


def filled_in(annotations: dict[str, str], labels: dict[str, str]) -> dict[str, str]:
    return {
        name: re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: labels[match[1]], text)
        for name, text in annotations.items()
    }


def one_test(alert: str, series: dict[str, str], expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": alert,
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": "1h", "alertname": alert, "exp_alerts": expected}],
    }


def test_who_is_woken_is_told_what_it_means_and_what_to_do() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"].keys() == {"summary", "description"}
