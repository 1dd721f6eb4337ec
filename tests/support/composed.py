"""deploy/compose.yaml without a container engine: each service is the same program of this machine, in a
network namespace of its own, with the name, ports, variables and health check that Compose gives it.

    python -m tests.support.composed FOLDER < SCRIPT

It starts all services in the caller's namespace (`unshare`, as root) and runs the shell script from stdin
beside them. They end with the namespace. What they write is in FOLDER. Published ports are not forwarded:
127.0.0.1 with such a port becomes the service's name in the script.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
PATIENCE = 60.0
_VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(:-(?P<default>[^}]*)|:\?(?P<needed>[^}]*))\}")


def interpolated() -> dict[str, Any]:
    """compose.yaml with the variables of example.env, as Compose puts them in."""
    values = example_environment()

    def put(match: re.Match[str]) -> str:
        name, default, needed = match["name"], match["default"], match["needed"]
        assert default is not None or (needed and name in values), f"{name} is not in example.env"
        return str(values.get(name, default))

    text = _VARIABLE.sub(put, (DEPLOY / "compose.yaml").read_text()).replace("$$", "$")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def example_environment() -> dict[str, str]:
    lines = (DEPLOY / "compose" / "example.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def health_check_of_the_image() -> list[str]:
    text = re.sub(r"\\\n\s*", "", (DEPLOY.parent / "Dockerfile").read_text())
    (command,) = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", text, re.MULTILINE)
    told: list[str] = json.loads(command)
    return [sys.executable, *told[1:]]


@dataclass
class Composed:
    folder: Path
    services: Mapping[str, Any] = field(default_factory=lambda: interpolated()["services"])
    _started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        """Every service that has a program here, in the order of `depends_on`."""
        _run("ip", "link", "set", "lo", "up")
        _run("mount", "-t", "tmpfs", "none", "/run")  # where `ip netns` keeps its names
        _run("ip", "link", "add", "bridge0", "type", "bridge")
        _run("ip", "addr", "add", "10.77.0.1/24", "dev", "bridge0")
        _run("ip", "link", "set", "bridge0", "up")
        names = [name for name in self.services if name != "grafana"]  # which no registry of packages has
        lines = [f"10.77.0.{number} {name}" for number, name in enumerate(names, 2)]
        hosts = self.folder / "hosts"
        hosts.write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
        _run("mount", "--bind", str(hosts), "/etc/hosts")
        for line in lines:
            _make_namespace(*line.split())
        for name in names:
            self._start_after_what_it_needs(name)
        for name in names:
            self._wait_until_healthy(name)

    def run(self, script: str) -> int:
        """The script as typed on the machine that runs Compose."""
        for name, service in self.services.items():
            for port in service.get("ports", ()):
                script = script.replace(f"127.0.0.1:{port.split(':')[-2]}", f"{name}:{port.split(':')[-1]}")
        script = re.sub(r"docker compose -f \S+ exec (\w+) origin", self._exec, script)
        return subprocess.run(["bash", "-eu", "-c", script], cwd=self.folder, check=False).returncode

    def _exec(self, match: re.Match[str]) -> str:
        """`docker compose exec SERVICE origin COMMAND`, in the folder where its configuration is."""
        own = self.services[match[1]]["environment"].items()
        variables = [f"{name}={value}" for name, value in own]
        there = ["env", "-C", str(DEPLOY / "compose"), *variables, "ip", "netns", "exec", match[1]]
        return shlex.join([*there, sys.executable, "-m", "origin"])

    def _start_after_what_it_needs(self, name: str) -> None:
        if name in self._started:
            return
        for needed in self.services[name].get("depends_on", ()):
            self._start_after_what_it_needs(needed)
            self._wait_until_healthy(needed)
        command = ["ip", "netns", "exec", name, *self._command(name)]
        with (self.folder / name).open("wb") as log:
            self._started[name] = subprocess.Popen(
                command, env=self._environment(name), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _environment(self, name: str) -> dict[str, str]:
        own = self.services[name].get("environment", {})
        return {**os.environ, **{variable: str(value) for variable, value in own.items()}}

    def _wait_until_healthy(self, name: str) -> None:
        """Or, where it is one that ends, until it has ended well."""
        process = self._started[name]
        if self.services[name].get("restart") == "no":
            assert process.wait(PATIENCE) == 0, self._log(name)
            return
        deadline = time.monotonic() + PATIENCE
        while not self._is_healthy(name):
            assert process.poll() is None, self._log(name)
            assert time.monotonic() < deadline, f"{name} does not become healthy: {self._log(name)}"
            time.sleep(0.3)  # each look is a program that starts

    def _log(self, name: str) -> str:
        return (self.folder / name).read_text(errors="replace")[-3000:]

    def _command(self, name: str) -> list[str]:
        service = self.services[name]
        image = service["image"].split(":")[0].rpartition("/")[2]
        if image == "image-origin":
            config = DEPLOY / "compose" / "config.json"
            own = 'mount -t tmpfs none /var/cache && mkdir /var/cache/origin && exec "$@"'
            return ["sh", "-c", own, "sh", sys.executable, "-m", "origin", "serve", "-c", str(config)]
        if image == "nginx":
            return [_program("nginx"), "-c", str(self._nginx()), "-e", "stderr"]
        if image == "prometheus":
            return [
                _program("prometheus"),
                f"--config.file={self._prometheus()}",
                f"--storage.tsdb.path={self.folder}/tsdb",
            ]
        if image == "valkey":
            return [_program("redis-server"), *service["command"][1:]]
        (self.folder / "data").mkdir(exist_ok=True)
        shell, flag, script = service["entrypoint"]
        # /tmp of its own, as in a container: SeaweedFS has sockets there, by the numbers of its ports.
        program = Path(_program("weed"))
        bin, folder = shlex.quote(str(program.parent)), shlex.quote(str(self.folder))
        mounts = f"mount --bind {bin} /media && mount --bind {folder} /mnt"
        script = script.replace("/data", "/mnt/data").replace("weed ", f"/media/{program.name} ")
        return [shell, flag, f"{mounts} && mount -t tmpfs none /tmp && {script}"]

    def _is_healthy(self, name: str) -> bool:
        service, environment = self.services[name], self._environment(name)
        if service["image"].startswith("image-origin:"):
            check = health_check_of_the_image()
            environment["ORIGIN_READY_URL"] = "http://127.0.0.1:8080/-/ready"
        elif "healthcheck" in service:
            kind, *check = service["healthcheck"]["test"]
            check = ["sh", "-c", *check] if kind == "CMD-SHELL" else check
            check = [_program("redis-cli"), *check[1:]] if check[0] == "valkey-cli" else check
        else:
            return True
        command = ["ip", "netns", "exec", name, *check]
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0

    def _nginx(self) -> Path:
        path = self.folder / "nginx.conf"
        text = (DEPLOY / "compose" / "nginx.conf").read_text()
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in kinds)
        path.write_text(
            f"user root;\ndaemon off;\npid {self.folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}\n{text}\n}}\n"
        )
        return path

    def _prometheus(self) -> Path:
        """Its file, but for how often it asks: a test does not wait for half a minute."""
        path = self.folder / "prometheus.yml"
        text = (DEPLOY / "compose" / "prometheus.yml").read_text()
        for volume in self.services["prometheus"]["volumes"]:
            source, there, *_ = volume.split(":")
            if source.startswith("."):
                text = text.replace(there, str((DEPLOY / source).resolve()))
        path.write_text(
            text.replace("scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s")
        )
        return path


def _make_namespace(address: str, name: str) -> None:
    _run("ip", "netns", "add", name)
    _run("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
    _run("ip", "link", "set", f"to-{name}", "master", "bridge0", "up")
    for command in (f"addr add {address}/24 dev eth0", "link set eth0 up", "link set lo up"):
        _run("ip", "-n", name, *command.split())


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}:/usr/sbin")
    assert found is not None, f"{name} is not installed"
    return found


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    composed = Composed(Path(sys.argv[1]))
    text = sys.stdin.read()
    composed.start()
    sys.exit(composed.run(text))
