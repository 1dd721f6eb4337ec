"""deploy/compose.yaml fits the program: it has the shape that Compose wants (the parser of the
compose-spec package), and names ports, paths, variables and keys that exist. No container engine is needed.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import json5
import pytest
import yaml

from origin.config.model import Config
from origin.ops.cdn.queue import LAST_WORDS
from origin.server.listener import GRACE
from tests.support.composed import interpolated
from tests.support.deployed import DEPLOY
from tests.support.deployed import PATHS
from tests.support.deployed import load
from tests.support.proxies import need

COMPOSE = interpolated()
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_compose_understands_the_file() -> None:
    import compose_spec  # which takes long, in every process that shares the tests

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


def test_the_base_of_the_image_can_be_pinned_and_is_else_that_of_the_dockerfile() -> None:
    lines = (DEPLOY.parent / "Dockerfile").read_text().splitlines()
    (base,) = [line.removeprefix("ARG PYTHON=") for line in lines if line.startswith("ARG PYTHON=")]
    arguments = SERVICES["origin1"]["build"]["args"]
    assert arguments["PYTHON"] == base
    assert arguments.keys() == {
        line.removeprefix("ARG ").partition("=")[0] for line in lines if "ARG " in line[:4]
    }


def test_the_configuration_of_compose_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    config = json5.loads((DEPLOY / "compose" / "config.json").read_text())
    loaded = load(config, monkeypatch)
    given = SERVICES["origin1"]["environment"].keys()
    assert set(re.findall(r'"env:(\w+)"', json.dumps(config))) <= given
    assert loaded.cache.path.is_relative_to("/var/cache/origin")
    hosts = set(re.findall(r"(?:http|redis)://(\w+):\d+", json.dumps(config)))
    assert hosts <= SERVICES.keys()
    (made,) = re.findall(r"for bucket in ([\w ]+);", SERVICES["buckets"]["entrypoint"][-1])
    assert set(re.findall(r'"bucket": "(\w+)"', json.dumps(config))) == set(made.split())


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
