"""The chart fits the program: what Helm makes of it has the shape that Kubernetes wants, by the schemas of
kubernetes-validate, and names ports, paths and commands that exist. deploy/helm/rendered.yaml is for those
who have no Helm. No cluster is needed.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from origin.ops.cdn.queue import LAST_WORDS
from origin.server.listener import GRACE
from tests.support.commands import command_named
from tests.support.deployed import DEPLOY
from tests.support.deployed import PATHS
from tests.support.deployed import ROOT
from tests.support.deployed import load
from tests.support.documents import page
from tests.support.proxies import need

KUBERNETES = "1.34"
RENDERED: list[dict[str, Any]] = [
    each for each in yaml.safe_load_all((DEPLOY / "helm" / "rendered.yaml").read_text()) if each
]


def of_kind(kind: str) -> dict[str, Any]:
    return next(each for each in RENDERED if each["kind"] == kind)


def check_shape(document: dict[str, Any]) -> None:
    """Raise unless Kubernetes would take the object. The schemas take long to import, and every process that
    shares the tests would."""
    import kubernetes_validate

    kubernetes_validate.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("document", RENDERED, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_each_object_has_the_shape_that_kubernetes_wants(document: dict[str, Any]) -> None:
    check_shape(document)


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


OTHER_VALUES = {
    "alone": ["--set", "shared.enabled=false,autoscaling.enabled=false,replicas=3"],
    "public": ["--set", "ingress.enabled=true,ingress.className=nginx,ingress.tlsSecret=tls"],
    "observed": ["--set", "environment.OTEL_EXPORTER_OTLP_ENDPOINT=http://otel:4318"],
    "with files": [
        "--set",
        "volumes[0].name=ca,volumes[0].secret.secretName=ca,volumeMounts[0].name=ca,volumeMounts[0].mountPath=/ca",
    ],
    "pinned": ["--set", f"image.digest=sha256:{'0' * 64}"],
}


def helm(*arguments: str) -> str:
    program = need("helm", "`.ci/helm` brings it into .venv/bin")
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, cwd=DEPLOY / "helm", timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


TEMPLATE = ("template", "photos", "image-origin", "--namespace", "images", "--kube-version", "1.34.0")


def test_helm_renders_what_is_checked_here() -> None:
    assert list(filter(None, yaml.safe_load_all(helm(*TEMPLATE)))) == RENDERED
    helm("lint", "image-origin", "--strict")


@pytest.mark.parametrize("values", OTHER_VALUES.values(), ids=OTHER_VALUES)
def test_other_values_make_what_kubernetes_takes_too(
    values: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = list(filter(None, yaml.safe_load_all(helm(*TEMPLATE, *values))))
    for document in documents:
        check_shape(document)
    (text,) = [each["data"]["config.json"] for each in documents if each["kind"] == "ConfigMap"]
    load(json.loads(text), monkeypatch)


def test_without_an_adapter_the_cpu_alone_counts() -> None:
    """Of a metric that nobody can read Kubernetes makes that no pod is ever taken away."""
    documents = yaml.safe_load_all(helm(*TEMPLATE, "--set", "autoscaling.renderQueue=null"))
    (scaler,) = [each for each in documents if each and each["kind"] == "HorizontalPodAutoscaler"]
    assert [metric["type"] for metric in scaler["spec"]["metrics"]] == ["Resource"]


def test_the_values_of_the_page_make_what_kubernetes_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations = page("docs/operations.md")
    (tmp_path / "my-values.yaml").write_text(operations.block("yaml", "repository:"))
    documents = list(
        filter(None, yaml.safe_load_all(helm(*TEMPLATE, "-f", str(tmp_path / "my-values.yaml"))))
    )
    for document in documents:
        check_shape(document)
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
