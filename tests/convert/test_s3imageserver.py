"""The settings of s3imageserver in our words. What the old program did is in docs/migrating.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from origin.config.load import build_config
from origin.convert.conversion import CannotConvert
from origin.convert.s3imageserver import convert
from tests.support.commands import invoke

AWS: dict[str, Any] = {"bucket_name": "b", "file_path": "large", "aws_access": "id", "aws_secret": "key"}
HANDLER: dict[str, Any] = {"name": "h", "aws": AWS}


def converted(handler: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    return convert({"handlers": [HANDLER | (handler or {})], **top}).config


def notes(handler: dict[str, Any] | None = None, **top: Any) -> str:
    return "\n".join(convert({"handlers": [HANDLER | (handler or {})], **top}).notes)


def test_a_handler_keeps_its_bucket_its_names_and_what_the_old_program_did_without_being_asked() -> None:
    config = build_config(converted({"prefix": "p", "allowed_formats": [".jpg", ".jpeg"], "cache_time": -1}))
    (handler,) = config.handlers
    assert (config.http_port, config.limits.max_dimension) == (80, 3064)
    assert (handler.name, handler.prefix, handler.output_format) == ("h", "p", "webp")
    assert (handler.cache_time, {format.name for format in handler.allowed_formats}) == (-1, {"jpg"})
    assert handler.source.locate("cat.jpg") == "s3://b/large/cat.jpg"
    assert converted()["handlers"][0]["quality"] == {"jpg": 75, "webp": 75}


@pytest.mark.parametrize("handlers", [1, 2])
def test_the_printed_file_can_be_served(tmp_path: Path, handlers: int) -> None:
    own = [{**HANDLER, "Name": f"h{i}", "cache_path": str(tmp_path)} for i in range(handlers)]
    file = tmp_path / "old.json"
    file.write_text("// as its README has it\n" + json.dumps({"handlers": own, "http_port": 0})[:-1] + ",}")
    done = invoke("convert", "s3imageserver", f"-c={file}")
    assert done.exit_code == 0, done.stderr
    assert len(build_config(json.loads(done.stdout)).handlers) == handlers
    assert all(line.startswith("note: ") for line in done.stderr.splitlines())
    assert ("all had those of the last one" in done.stderr) == (handlers > 1)


def test_what_differs_is_told() -> None:
    assert "large/cat.jpg is asked for; before, largecat.jpg" in notes()
    assert "largecat" not in notes({"aws": AWS | {"file_path": "large/"}})
    assert "output_format: png counts now" in notes({"output_format": "png"})
    assert "cache_enabled: false counts now" in notes({"cache_enabled": False})
    assert "frob is left out" in notes({"frob": 1})
    assert "https_enabled is left out" in notes(https_enabled=True, https_port=443)


def test_the_hosts_are_kept_without_https_too() -> None:
    hosts = ["img.example.com"]  # no key of the old program: somebody has written it for this one
    assert converted(hosts=hosts)["hosts"] == hosts
    assert "hosts" not in converted()


def test_https_starts_where_it_did() -> None:
    tls: dict[str, Any] = {"https_enabled": True, "https_cert": "c.pem", "https_key": "k.pem"}
    assert converted(**tls, https_port=443)["https_port"] == 443
    assert "https_enabled" not in converted(**tls)
    assert "https_enabled" not in converted(**tls, https_port=8080, http_port=8080)
    with pytest.raises(CannotConvert, match="hosts"):
        converted(**tls, https_port=443, https_strict=True)
    strict = converted(**tls, https_port=443, https_strict=True, hosts=["img.example.com"])
    assert (strict["https_strict"], strict["hosts"]) == (True, ["img.example.com"])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([], "expected an object"),
        ({"handlers": []}, "handlers: expected a list"),
        ({"handlers": [{"aws": AWS}]}, r"handlers\[0\]: expected a name or a prefix"),
        ({"handlers": [{"name": "h"}]}, r"handlers\[0\].aws: missing, so this is no file of s3i"),
        ({"handlers": [HANDLER | {"aws": AWS | {"bucket_name": ""}}]}, "drop this handler"),
        ({"handlers": [HANDLER | {"aws": AWS | {"aws_secret": ""}}]}, "together"),
        ({"handlers": [HANDLER | {"cache_time": 0}]}, 'cache_time: 0 meant "for ever"'),
    ],
)
def test_what_cannot_be_kept_is_an_error(data: Any, told: str) -> None:
    with pytest.raises(CannotConvert, match=told):
        convert(data)


def test_a_file_that_cannot_be_read_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    for name, told in (("broken.json", "not JSON"), ("none.json", "No such file or directory")):
        done = invoke("convert", "s3imageserver", "-c", str(tmp_path / name))
        assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
        assert told in done.stderr
