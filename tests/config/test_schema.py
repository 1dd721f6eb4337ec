"""The JSON Schema and the rows of the documents' tables."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from origin.config.load import build_config
from origin.config.model import Config
from origin.config.schema import json_schema
from origin.errors import ConfigError
from tests.support.configurations import OLD
from tests.support.configurations import SOURCE
from tests.support.configurations import config

EXAMPLE = Path(__file__).parents[2] / "config.example.json"
SCHEMA = json_schema()


def conforms(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is as the schema says: as much of JSON Schema as ours uses."""
    if "$ref" in schema:
        return conforms(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    kinds = schema.get("type", [])
    return (
        (not kinds or any(is_a(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)))
        and ("anyOf" not in schema or any(conforms(value, each) for each in schema["anyOf"]))
        and ("oneOf" not in schema or sum(conforms(value, each) for each in schema["oneOf"]) == 1)
        and ("enum" not in schema or value in schema["enum"])
        and ("const" not in schema or value == schema["const"])
        and (not isinstance(value, str) or conforms_text(value, schema))
        and (not isinstance(value, int | float) or value >= schema.get("minimum", value))
        and (not isinstance(value, int | float) or value <= schema.get("maximum", value))
        and (not isinstance(value, list) or all(conforms(each, schema.get("items", {})) for each in value))
        and (not isinstance(value, dict) or conforms_object(value, schema))
    )


def is_a(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):
        return isinstance(value, int if kind == "integer" else int | float) and not isinstance(value, bool)
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return isinstance(value, kinds[kind])


def conforms_text(value: str, schema: dict[str, Any]) -> bool:
    return len(value) >= schema.get("minLength", 0) and bool(re.search(schema.get("pattern", ""), value))


def conforms_object(value: dict[str, Any], schema: dict[str, Any]) -> bool:
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    return set(schema.get("required", ())) <= value.keys() and all(
        conforms(each, known[name]) if name in known else others is not False for name, each in value.items()
    )


def test_the_example_and_the_old_form_conform_to_the_schema() -> None:
    import json5

    assert conforms(json5.loads(EXAMPLE.read_text()), SCHEMA)
    assert conforms(json5.loads(OLD.replace('"http_port": 0,', "")), SCHEMA)
    assert conforms(config(), SCHEMA)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"handlers": 1},
        config({"unknown": 1}),
        config(unknown=1),
        config(crop="yes"),
        config(max_age=-1),
        config(error_status=500),
        config({"http_port": 70000}),
        config({"http_port": True}),
        config(source={"type": "s3"}),
        config(source={"type": "ftp", "bucket": "x"}),
        config(aws={}),
        {"handlers": [{"source": SOURCE}]},
    ],
)
def test_what_the_program_refuses_the_schema_refuses(data: Any) -> None:
    assert not conforms(data, SCHEMA)
    with pytest.raises(ConfigError):
        build_config(data)


def test_references_conform_to_the_schema_where_numbers_and_secrets_stand() -> None:
    top = {"http_port": "env:PORT", "admin": {"token": "env:T"}, "cache": {"max_size": "env:S"}}
    assert conforms(config(top, signing={"keys": ["file:k"]}, max_age="env:A"), SCHEMA)
    assert not conforms(config({"http_port": "80"}), SCHEMA)


def test_every_default_in_the_schema_conforms_to_it() -> None:
    for part in [SCHEMA, *SCHEMA["$defs"].values()]:
        for name, schema in part.get("properties", {}).items():
            assert "default" not in schema or conforms(schema["default"], schema), name


def test_the_schema_is_of_a_known_draft_and_knows_every_key() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(SCHEMA["properties"]) == set(Config.model_fields) | {"$schema"}
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
