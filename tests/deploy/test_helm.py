"""The chart fits the program: what Helm makes of it names ports, paths and commands that exist.

deploy/helm/rendered.yaml is for those who have no Helm. No cluster is needed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from origin.ops.cdn.queue import LAST_WORDS
from origin.server.listener import GRACE
from tests.support.chart import OTHER_VALUES
from tests.support.chart import RENDERED
from tests.support.chart import helm
from tests.support.chart import render
from tests.support.chart import values_of_the_page
from tests.support.commands import command_named
from tests.support.deployed import PATHS
from tests.support.deployed import ROOT
from tests.support.deployed import load
from tests.support.documents import page


def of_kind(kind: str) -> dict[str, Any]:
    return next(each for each in RENDERED if each["kind"] == kind)


def test_the_configuration_of_the_chart_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(json.loads(of_kind("ConfigMap")["data"]["config.json"]), monkeypatch)
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": config.http_port, "admin": config.admin.port}
    command, *arguments = container["args"]
    context = command_named(command).make_context(command, list(arguments))
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert Path(context.params["config_path"]).parent == Path(mounts["config"])
    assert config.cache.path.is_relative_to(mounts["cache"])
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("readiness", "liveness", "startup")]
    assert {probe["path"] for probe in probes} <= PATHS
    assert {probe["port"] for probe in probes} == {"http"}


def test_a_pod_drains_for_longer_than_its_probe_takes_to_fail_and_ends_in_its_time() -> None:
    config = json.loads(of_kind("ConfigMap")["data"]["config.json"])
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    probe = pod["containers"][0]["readinessProbe"]
    assert config["drain"] >= 2 * probe["periodSeconds"] * probe["failureThreshold"]
    assert pod["terminationGracePeriodSeconds"] >= config["drain"] + GRACE + LAST_WORDS + 10


def test_pods_run_without_privileges_and_with_the_runtimes_seccomp() -> None:
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    inside = pod["containers"][0]["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert inside["readOnlyRootFilesystem"] is True
    assert inside["allowPrivilegeEscalation"] is False
    assert inside["capabilities"] == {"drop": ["ALL"]}
    user = re.search(r"USER (\d+):(\d+)", (ROOT / "Dockerfile").read_text())
    assert user is not None
    assert str(pod["securityContext"]["runAsUser"]) == user[1]


def test_helm_renders_what_is_checked_here() -> None:
    assert render() == RENDERED
    helm("lint", "image-origin", "--strict")


@pytest.mark.parametrize("values", OTHER_VALUES.values(), ids=OTHER_VALUES)
def test_other_values_make_a_configuration_too(values: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = [each["data"]["config.json"] for each in render(*values) if each["kind"] == "ConfigMap"]
    load(json.loads(text), monkeypatch)


def test_without_an_adapter_the_cpu_alone_counts() -> None:
    """Of a metric that nobody can read Kubernetes makes that no pod is ever taken away."""
    documents = render("--set", "autoscaling.renderQueue=null")
    (scaler,) = [each for each in documents if each["kind"] == "HorizontalPodAutoscaler"]
    assert [metric["type"] for metric in scaler["spec"]["metrics"]] == ["Resource"]


def test_the_values_of_the_page_make_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations = page("docs/operations.md")
    documents = render(*values_of_the_page(tmp_path))
    (text,) = [each["data"]["config.json"] for each in documents if each["kind"] == "ConfigMap"]
    config = json.loads(text)
    load(config, monkeypatch)
    assert [handler["source"]["bucket"] for handler in config["handlers"]] == ["my-photos"]
    assert config["shared"]["results"]["bucket"] == "my-results"
    secret = operations.block("sh", "kubectl create secret")
    assert set(re.findall(r"env:(\w+)", text)) <= set(re.findall(r"--from-literal=(\w+)=", secret))
    (pod,) = [each["spec"]["template"]["spec"] for each in documents if each["kind"] == "Deployment"]
    assert f"docker push {pod['containers'][0]['image']}" in secret
    (rule,) = yaml.safe_load(operations.block("yaml", "seriesQuery"))["rules"]
    (scaler,) = [each for each in documents if each["kind"] == "HorizontalPodAutoscaler"]
    asked = scaler["spec"]["metrics"][0]["pods"]["metric"]["name"]
    assert asked == rule["name"]["as"] == rule["seriesQuery"].partition("{")[0]
