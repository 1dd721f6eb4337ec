"""What Helm makes of the chart has the shape that Kubernetes wants, by the schemas of kubernetes-validate.

They are 17,000 files, so this is for those who have them: `.ci/run` does, with the extra `lint`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.chart import KUBERNETES
from tests.support.chart import OTHER_VALUES
from tests.support.chart import RENDERED
from tests.support.chart import render
from tests.support.chart import values_of_the_page

kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="the extra lint is not installed")
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("document", RENDERED, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_each_object_has_it(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("values", OTHER_VALUES.values(), ids=OTHER_VALUES)
def test_each_has_it_with_other_values(values: list[str]) -> None:
    for document in render(*values):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_each_has_it_with_the_values_of_the_page(tmp_path: Path) -> None:
    for document in render(*values_of_the_page(tmp_path)):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
