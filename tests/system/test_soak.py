"""The soak in its quick form: everything happens to an origin under load, in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import soak
from benchmarks import soak_pictures
from benchmarks.client import Reply
from benchmarks.soak_pictures import Judge
from benchmarks.soak_pictures import Rendering
from tests.support import pictures
from tests.support import warm_origins
from tests.support.s3_servers import NEEDS_WEED


@NEEDS_WEED
@pytest.mark.timeout(300)  # more than a soak is patient
def test_an_origin_to_which_everything_happens_serves_no_wrong_picture(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status = soak.main(["--quick", "--into", str(tmp_path)], warm_origins.serve)
    said, complaints = capfd.readouterr()
    assert status == 0, complaints
    found = json.loads((tmp_path / "soak.json").read_text())
    assert (found["wrong"], found["lost"], found["failures"]) == ([], [], [])
    requests = found["requests"]
    assert requests["hit"] + requests["made"] > 10  # on a machine with ten times its load; else hundreds
    assert requests["missing"] > 0
    assert requests["bad-request"] > 0
    assert requests["source-unavailable"] > 0  # S3 did stop
    assert found["kills"] >= 4
    assert found["stops"] >= 1
    assert {"S3 is back", "cache removed", "faults end", "healed"} <= {what for _, what in found["marks"]}
    assert "| outcome | requests |" in said


@pytest.mark.parametrize(
    ("number", "kind", "width", "complaint"),
    [
        (5, "jpg", 520, ""),
        (6, "jpg", 520, "shows"),  # another picture
        (5, "png", 520, "is image/jpeg"),
        (5, "jpg", 320, "is 520x"),
    ],
)
def test_the_soak_sees_a_wrong_picture(number: int, kind: str, width: int, complaint: str) -> None:
    body = soak_pictures.original(5)
    rendering = Rendering(number, "", "plain", kind, width, pictures.opened(body).height)
    said = Judge().complaint(rendering, Reply(200, {"content-type": "image/jpeg"}, body))
    assert said.startswith(complaint)
    assert bool(said) == bool(complaint)
