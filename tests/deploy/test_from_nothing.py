"""A stranger's way from nothing to graphs, as docs/operations.md tells it: the services of compose.yaml, all
but Grafana, run as programs of this machine, and what the page says to type is typed.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.support.composed import DEPLOY
from tests.support.dashboards import PANEL_QUERIES
from tests.support.dashboards import RULES
from tests.support.documents import page
from tests.support.proxies import absent
from tests.support.proxies import need
from tests.support.s3_servers import NEEDS_WEED

PROMETHEUS = "http://127.0.0.1:9090/api/v1"
NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")

BOTH_TOLD_TWICE = 'count(rate(origin_requests_total{cache="hit"}[5m])) > 1 and count(origin_valkey_up) > 1'
OF_A_SOURCE_THAT_REFUSES = {"sum(increase(origin_source_refusals_total[5m]))"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), NEEDS_WEED]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What was printed, by step; with the answers of Prometheus as JSON."""
    for program in ("nginx", "redis-server", "prometheus", "ip", "unshare", "curl", "wget"):
        need(program, "Debian: nginx-light, redis-server, prometheus, iproute2, curl, wget")
    if os.geteuid():
        pytest.skip("only root can make network namespaces")
    if subprocess.run([*NAMESPACES, "true"], check=False).returncode:
        absent("what network namespaces need", "a kernel and a container that let root make them")
    folder = tmp_path_factory.mktemp("nothing")
    (folder / "deploy").mkdir()
    shutil.copy(DEPLOY / "compose" / "example.env", folder / "deploy" / ".env")
    (folder / "origin").symlink_to(DEPLOY.parent / "origin")
    operations = page("docs/operations.md")
    first = operations.block("sh", "--aws-sigv4")
    steps = {
        "first": first,
        "again": first.splitlines()[-1],
        "other": "curl -fsSo cat.webp -D - 'http://origin1:8080/photos/cat.jpg?w=300&f=webp'\n"
        "curl -fsSo cat.webp -D - 'http://origin2:8080/photos/cat.jpg?w=300&f=webp'\n"
        "curl -sSo none http://127.0.0.1:8080/photos/none.jpg",
        "told": operations.block("sh", "exec origin1 origin purge"),
        "rules": f"until {_query(BOTH_TOLD_TWICE)} | grep -q value; do sleep 0.2; done\n"
        f"curl -fsS {PROMETHEUS}/rules",
        **{query: _query(query) for query in PANEL_QUERIES},
    }
    script = "\n".join(f"{{\n{text}\n}} > {number} 2>&1" for number, text in enumerate(steps.values()))
    done = subprocess.run(
        [*NAMESPACES, sys.executable, "-m", "tests.support.composed", str(folder)],
        input=script,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    printed = {name: folder / str(number) for number, name in enumerate(steps)}
    texts = {name: path.read_text() for name, path in printed.items() if path.exists()}
    assert done.returncode == 0, (done.stderr[-3000:], list(texts.items())[-1:])
    return texts


def _query(expression: str) -> str:
    return f"curl -fsS --data-urlencode query={shlex.quote(expression)} {PROMETHEUS}/query"


def test_the_picture_is_made_once_for_both_origins(walked: dict[str, str]) -> None:
    assert "cache-status: origin; fwd=uri-miss; fwd-status=200; stored" in walked["first"]
    assert "cache-status: origin; hit; " in walked["again"]
    assert walked["other"].count("cache-status: origin; hit; ") == 2
    assert walked["other"].count("detail=shared") == 1


def test_both_forget_it_and_all_parts_are_found_to_work(walked: dict[str, str]) -> None:
    assert '{"purged":' in walked["told"]
    assert "FAILED" not in walked["told"]
    assert "warning" not in walked["told"]
    assert walked["told"].count(": ok: ") == 4  # the bucket, the picture, the shared bucket, Valkey


def test_prometheus_has_the_rules_and_none_of_them_fails(walked: dict[str, str]) -> None:
    (group,) = json.loads(walked["rules"])["data"]["groups"]
    assert {rule["name"] for rule in group["rules"]} == {rule["alert"] for rule in RULES}
    assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}
    assert not [rule["name"] for rule in group["rules"] if rule["state"] == "firing"]


def test_every_panel_has_something_to_draw(walked: dict[str, str]) -> None:
    answers = {query: json.loads(walked[query]) for query in PANEL_QUERIES}
    empty = {query for query, answer in answers.items() if not answer["data"]["result"]}
    assert empty == OF_A_SOURCE_THAT_REFUSES
