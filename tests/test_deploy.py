"""deploy/ fits the program: its files have the shape their readers want, and name commands, ports, paths,
variables, keys and metrics that exist. No container engine and no cluster is needed to know that much.

Compose: the parser of the compose-spec package. Kubernetes: kubernetes-validate's copies of its schemas, over
what Helm rendered (deploy/helm/rendered.yaml); where `helm` is installed, it renders anew and lints. Queries:
promql-parser.
"""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import compose_spec
import json5
import kubernetes_validate
import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from origin.cli.main import main
from origin.config.load import build_config
from origin.config.model import Config
from origin.ops.cdn.queue import LAST_WORDS
from origin.server.listener import GRACE
from tests.support.documents import code
from tests.support.documents import page
from tests.support.operated import Operated
from tests.support.proxies import need
from tests.support.running import Running
from tests.support.running import settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
KUBERNETES = "1.34"
PATHS = {route.path for route in Operated().routes}


def interpolated() -> dict[str, Any]:
    """compose.yaml with the variables of example.env, as Compose puts them in."""
    values = dict(
        line.split("=", 1)
        for line in (DEPLOY / "compose" / "example.env").read_text().splitlines()
        if line and not line.startswith("#")
    )

    def put(match: re.Match[str]) -> str:
        name, default, needed = match["name"], match["default"], match["needed"]
        assert default is not None or (needed and name in values), f"{name} is not in example.env"
        return str(values.get(name, default))

    variable = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(:-(?P<default>[^}]*)|:\?(?P<needed>[^}]*))\}")
    text = variable.sub(put, (DEPLOY / "compose.yaml").read_text()).replace("$$", "$")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


COMPOSE = interpolated()
SERVICES: dict[str, Any] = COMPOSE["services"]
RENDERED: list[dict[str, Any]] = [
    each for each in yaml.safe_load_all((DEPLOY / "helm" / "rendered.yaml").read_text()) if each
]


def load(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Config:
    """The configuration, with something in every variable that it names."""
    text = json.dumps(config)
    for name in re.findall(r'"env:(\w+)"', text):
        monkeypatch.setenv(name, "0123456789abcdef0123456789abcdef")
    return build_config(config)


# --- Compose ---------------------------------------------------------------------------------------


def test_compose_understands_the_file() -> None:
    parsed = compose_spec.PyCompose.from_json(json.dumps(COMPOSE))
    parsed.validate()
    assert {"origin1", "origin2", "seaweedfs", "valkey", "nginx", "prometheus", "grafana"} <= set(
        parsed.service_names()
    )


def test_what_compose_mounts_is_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            if isinstance(volume, str):
                source = volume.split(":")[0]
            elif volume["type"] == "bind":
                source = volume["source"]
            else:
                continue
            if source.startswith("."):
                assert (DEPLOY / source).is_file(), source
            else:
                assert source in COMPOSE["volumes"]


def test_both_origins_are_alike_and_stop_in_their_time() -> None:
    assert SERVICES["origin1"] == SERVICES["origin2"]
    config = json5.loads((DEPLOY / "compose" / "config.json").read_text())
    drain = config.get("drain", Config.model_fields["drain"].default)
    assert SERVICES["origin1"]["stop_grace_period"] == "60s"
    assert drain + GRACE + LAST_WORDS <= 60


def test_the_configuration_of_compose_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    config = json5.loads((DEPLOY / "compose" / "config.json").read_text())
    loaded = load(config, monkeypatch)
    given = SERVICES["origin1"]["environment"].keys()
    assert set(re.findall(r'"env:(\w+)"', json.dumps(config))) <= given
    assert loaded.cache.path.is_relative_to("/var/cache/origin")
    hosts = set(re.findall(r"(?:http|redis)://(\w+):\d+", json.dumps(config)))
    assert hosts <= SERVICES.keys()
    made = set(re.findall(r"-name (\w+)", SERVICES["buckets"]["entrypoint"][-1]))
    assert set(re.findall(r'"bucket": "(\w+)"', json.dumps(config))) == made


def test_nginx_and_prometheus_ask_ports_that_the_origins_have(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(json5.loads((DEPLOY / "compose" / "config.json").read_text()), monkeypatch)
    nginx = (DEPLOY / "compose" / "nginx.conf").read_text()
    assert set(re.findall(r"server (origin\d:\d+)", nginx)) == {
        f"origin1:{config.http_port}",
        f"origin2:{config.http_port}",
    }
    assert re.search(r"listen (\d+);", nginx)[1] == SERVICES["nginx"]["ports"][0].split(":")[1]  # type: ignore[index]
    prometheus = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text())
    (job,) = prometheus["scrape_configs"]
    assert job["metrics_path"] in PATHS
    assert job["static_configs"][0]["targets"] == [f"origin{n}:{config.admin.port}" for n in (1, 2)]
    mounted = {volume.split(":")[1] for volume in SERVICES["prometheus"]["volumes"]}
    assert set(prometheus["rule_files"]) <= mounted


def test_nginx_takes_its_file(tmp_path: Path) -> None:
    program = need("nginx")
    text = (DEPLOY / "compose" / "nginx.conf").read_text()
    text = re.sub(r"origin(\d):", r"127.0.0.\1:", text)  # names that Compose alone resolves
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error; events {{}} http {{ access_log off; {text} }}"
    )
    done = subprocess.run(
        [program, "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


# --- Kubernetes ------------------------------------------------------------------------------------


def of_kind(kind: str) -> dict[str, Any]:
    return next(each for each in RENDERED if each["kind"] == kind)


@pytest.mark.parametrize("document", RENDERED, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_each_object_has_the_shape_that_kubernetes_wants(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_the_configuration_of_the_chart_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(json.loads(of_kind("ConfigMap")["data"]["config.json"]), monkeypatch)
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": config.http_port, "admin": config.admin.port}
    command, *arguments = container["args"]
    context = main.commands[command].make_context(command, list(arguments))
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
    "pinned": ["--set", f"image.digest=sha256:{'0' * 64}"],
}


def helm(*arguments: str) -> str:
    program = shutil.which("helm")
    if program is None:
        pytest.skip("helm is not installed; what it rendered is checked all the same")
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
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    (text,) = [each["data"]["config.json"] for each in documents if each["kind"] == "ConfigMap"]
    load(json.loads(text), monkeypatch)


# --- Metrics ---------------------------------------------------------------------------------------


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
RULES = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
PANELS = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())["panels"]
QUERIES = [rule["expr"] for rule in RULES] + [
    target["expr"].replace("$__rate_interval", "5m") for panel in PANELS for target in panel["targets"]
]


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


# --- systemd ---------------------------------------------------------------------------------------


def unit(name: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None, comment_prefixes="#", strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string((DEPLOY / "systemd" / name).read_text())
    return parsed


def test_systemd_takes_both_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed (Debian: systemd)")
    for name in ("image-origin.service", "image-origin.socket"):
        text = (DEPLOY / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/image-origin/bin/origin", "/bin/true"))
    files = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run([program, "verify", *files], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_filter_of_the_unit_lets_the_sandbox_lock_itself_in() -> None:
    """@system-service has neither seccomp nor Landlock in it."""
    allowed = unit("image-origin.service")["Service"]["SystemCallFilter"].split()
    landlock = {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"}
    assert {"@system-service", "seccomp", *landlock} <= set(allowed)


def test_the_ports_of_the_socket_are_those_of_the_pages_configuration() -> None:
    config = json5.loads((ROOT / "docs" / "examples" / "production.json").read_text())
    ports = re.findall(
        r"^ListenStream=.*:(\d+)$", (DEPLOY / "systemd" / "image-origin.socket").read_text(), re.M
    )
    assert list(map(int, ports)) == [config["http_port"], config["admin"]["port"]]
