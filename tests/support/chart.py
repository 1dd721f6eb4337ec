"""The chart of deploy/helm, and what Helm makes of it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.support.deployed import DEPLOY
from tests.support.documents import page
from tests.support.proxies import need

KUBERNETES = "1.34"
RENDERED: list[dict[str, Any]] = [
    each for each in yaml.safe_load_all((DEPLOY / "helm" / "rendered.yaml").read_text()) if each
]
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


def render(*arguments: str) -> list[dict[str, Any]]:
    """The objects that the chart makes with these arguments of `helm template`."""
    release = ("photos", "image-origin", "--namespace", "images", "--kube-version", f"{KUBERNETES}.0")
    return [each for each in yaml.safe_load_all(helm("template", *release, *arguments)) if each]


def values_of_the_page(folder: Path) -> list[str]:
    """The arguments with the values that docs/operations.md shows, in a file in `folder`."""
    file = folder / "my-values.yaml"
    file.write_text(page("docs/operations.md").block("yaml", "repository:"))
    return ["-f", str(file)]
