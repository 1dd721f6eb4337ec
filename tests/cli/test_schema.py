"""`origin schema` prints the schema of the configuration."""

from __future__ import annotations

import json

from tests.support.commands import invoke


def test_schema_is_json_on_stdout() -> None:
    done = invoke("schema")

    assert (done.exit_code, done.stderr) == (0, "")
    schema = json.loads(done.stdout)
    assert schema["properties"].keys() >= {"handlers", "http_port", "cache", "limits", "admin", "log"}
