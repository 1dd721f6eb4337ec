"""`origin schema` prints the schema of the configuration."""

from __future__ import annotations

import json

import pytest

from tests.support.running import command


@pytest.mark.slow
def test_schema_is_json_on_stdout() -> None:
    done = command("schema")

    assert (done.returncode, done.stderr) == (0, "")
    schema = json.loads(done.stdout)
    assert schema["properties"].keys() >= {"handlers", "http_port", "cache", "limits", "admin", "log"}
