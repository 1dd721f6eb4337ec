"""The JSON Schema and the rows of the documents' tables."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from origin.config.load import build_config
from origin.config.model import Config
from origin.config.schema import REQUIRED
from origin.config.schema import documented_keys
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
        conforms(each, known[name]) if name in known else conforms_other(each, others)
        for name, each in value.items()
    )


def conforms_other(value: Any, schema: bool | dict[str, Any]) -> bool:
    return schema if isinstance(schema, bool) else conforms(value, schema)


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


def test_the_schema_may_be_named_in_every_object() -> None:
    own = {"$schema": "x"}
    top = {**own, "sources": own, "presets": own, "watermarks": own, "cache": own, "limits": own}
    given = config(
        {**top, "answers": {**own, "/a": {**own, "json": {**own, "b": [own]}}}},
        **{"quality": {**own, "jpg": 80}, "error_status": {**own, "not-found": 410}, "effort": own},
        **{"preset_names": own, "on_error": {**own, "text": True}},
    )
    built = build_config(given)
    assert conforms(given, SCHEMA)
    assert built.handlers[0].error_status == {"not-found": 410}
    assert (built.presets, built.sources, set(built.answers)) == ({}, {}, {"/a"})
    assert built.answers["/a"].json_ == {**own, "b": [own]}  # which is answered as it stands
    assert not conforms(config(effort={"$schema": 1}), SCHEMA)


def test_references_conform_to_the_schema_where_numbers_flags_and_secrets_stand() -> None:
    top = {"http_port": "env:PORT", "admin": {"token": "env:T"}, "cache": {"max_size": "env:S"}}
    assert conforms(config(top, signing={"keys": ["file:k"]}, max_age="env:A", debug="env:D"), SCHEMA)
    assert not conforms(config(debug="true"), SCHEMA)
    assert not conforms(config({"http_port": "80"}), SCHEMA)


def test_every_default_in_the_schema_conforms_to_it() -> None:
    for part in [SCHEMA, *SCHEMA["$defs"].values()]:
        for name, schema in part.get("properties", {}).items():
            assert "default" not in schema or conforms(schema["default"], schema), name


def test_the_schema_is_of_a_known_draft_and_knows_every_key() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(SCHEMA["properties"]) == set(Config.model_fields) | {"$schema"}
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def objects() -> list[dict[str, Any]]:
    return [SCHEMA, *SCHEMA["$defs"].values()]


def test_every_key_has_its_meaning_in_the_schema() -> None:
    for part in objects():
        for name, schema in part["properties"].items():
            assert len(schema.get("description", "")) > 3, (part["title"], name)
            assert "\n" not in schema["description"]


def test_every_key_that_may_be_absent_has_its_default_in_the_schema() -> None:
    for part in objects():
        absent = part["properties"].keys() - set(part.get("required", ()))
        absent -= {"$schema", "source", "prefix"}  # that of a handler is its name
        assert [name for name in absent if "default" not in part["properties"][name]] == []


EVERYWHERE = {
    "$schema": "./schema.json",
    "handlers": [
        {
            "$schema": "x",
            "name": "a",
            "source": {"$schema": "x", "type": "s3", "bucket": "b"},
            "signing": {"$schema": "x", "keys": ["0123456789abcdef0123456789abcdef"]},
            "limits": {"$schema": "x"},
        },
        {"name": "b", "source": {"$schema": "x", "type": "local", "root": "."}},
        {"name": "c", "aws": {"$schema": "x"}},
        {"name": "d", "source": "named", "on_error": {"$schema": "x", "text": True}},
        {
            "name": "e",
            "source": {
                "$schema": "x",
                "type": "http",
                "keys": "hex",
                "registry": {"$schema": "x", "type": "sqlite", "path": "urls.db"},
            },
        },
    ],
    "answers": {"/ping": "Pong!", "POST /x": {"$schema": "x", "json": [1, None]}},
    "sources": {"named": {"$schema": "x", "type": "local", "root": "."}},
    "limits": {"$schema": "x"},
    "cache": {"$schema": "x"},
    "admin": {"$schema": "x"},
    "log": {"$schema": "x"},
}


def without_the_key(data: Any) -> Any:
    if isinstance(data, list):
        return [without_the_key(entry) for entry in data]
    if not isinstance(data, dict):
        return data
    return {key: without_the_key(value) for key, value in data.items() if key != "$schema"}


def test_the_schema_may_be_named_in_every_object_and_means_nothing() -> None:
    assert conforms(EVERYWHERE, SCHEMA)
    assert build_config(EVERYWHERE) == build_config(without_the_key(EVERYWHERE))
    assert all("$schema" in part["properties"] for part in objects())


@pytest.mark.parametrize(
    ("key", "value", "conform"),
    [
        ("error_status", 404, True),
        ("error_status", "exact", True),
        ("error_status", {"forbidden": 403}, True),
        ("error_status", {"forbiden": 403}, False),
        ("error_status", {"forbidden": 200}, False),
        ("source", "photos", True),
        ("source", {"type": "gcs"}, False),
        ("source", {"type": "http", "base_url": "https://a.example", "headers": {"X-A": "env:A"}}, True),
        ("source", {"type": "http", "keys": "hex", "registry": {"type": "redis", "url": "env:REDIS"}}, True),
        ("source", {"type": "http", "keys": "rot13"}, False),
        ("source", {"type": "http", "keys": "hex", "registry": {"type": "mysql"}}, False),
        ("passthrough", "plain", True),
        ("passthrough", True, False),
        ("on_error", {"redirect": "//a.example/x.svg"}, True),
        ("on_error", {"redirect": "javascript:alert(1)"}, False),
        ("debug", True, True),
        ("debug", "yes", False),
    ],
)
def test_what_may_stand_under_a_key_of_a_handler(key: str, value: Any, conform: bool) -> None:
    assert conforms(config(**{key: value}), SCHEMA) is conform


@pytest.mark.parametrize(
    ("top", "conform"),
    [
        ({"sources": {"a": SOURCE}}, True),
        ({"sources": {"a": {"type": "s3"}}}, False),
        ({"drain": 0}, True),
        ({"drain": -1}, False),
        ({"log": {"level": "warning", "probes": True}}, True),
        ({"log": {"level": "warn"}}, False),
        ({"admin": {"host": "127.0.0.1", "port": 8081}}, True),
    ],
)
def test_what_may_stand_at_the_top(top: dict[str, Any], conform: bool) -> None:
    assert conforms(config(top), SCHEMA) is conform


# The rows of the documents' tables


def test_the_rows_are_all_keys_with_default_and_meaning() -> None:
    rows = {(row.place, row.key): row for row in documented_keys()}
    assert rows["", "drain"].default == 15
    assert rows["handlers[]", "name"].default == REQUIRED
    assert rows["handlers[]", "quality"].default == {"jpg": 80, "webp": 78, "avif": 60}
    assert rows["handlers[].signing", "keys"].default == []
    assert rows["handlers[].limits", "max_frames"].default is None
    assert rows["limits", "max_frames"].default == 100
    assert rows["admin", "host"].description.startswith("address of the listener")
    assert rows["source s3", "bucket"].description == "name of the bucket"
    assert rows["source local", "root"].default == REQUIRED
    assert len(rows) == sum(len(part["properties"].keys() - {"$schema"}) for part in objects())


def test_every_default_of_a_row_is_what_an_absent_key_means() -> None:
    full: dict[str, Any] = {"cache": {}, "admin": {}, "log": {}, "limits": {}}
    beyond = ("source", "cdn", "events.", "shared")  # objects that need more than one key
    for row in documented_keys():
        if row.default in (REQUIRED, None) or "[]" in row.place or row.place.startswith(beyond):
            continue
        part = full | {row.key: row.default} if not row.place else {**full, row.place: {row.key: row.default}}
        assert build_config(config(part)) == build_config(config())
