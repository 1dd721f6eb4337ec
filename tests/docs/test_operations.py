"""docs/operations.md: commands, paths, metrics, alerts, times and zeros are those of the program."""

from __future__ import annotations

import configparser
import http.server
import json
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from origin.app import create_app
from origin.cache.write_queue import MAX_UNWRITTEN
from origin.cli.main import COMMANDS
from origin.config.handler import Handler
from origin.config.limits import Limits
from origin.config.load import build_config
from origin.config.model import Cache
from origin.config.model import Config
from origin.config.part import Part
from origin.config.sources import SOURCE_PARTS
from origin.errors import ConfigError
from origin.pages.playground import PATH as PLAYGROUND
from origin.render.shared_memory import KEPT
from origin.server.listener import BOUNDS
from origin.server.listener import GRACE
from origin.server.run import FIXED
from origin.sources.reused_memory import MOST_BYTES
from tests.support import pictures
from tests.support.commands import command_named
from tests.support.documents import PICTURES
from tests.support.documents import ROOT
from tests.support.documents import code
from tests.support.documents import options_of
from tests.support.documents import origin_commands
from tests.support.documents import page
from tests.support.documents import parse_command
from tests.support.operated import Operated
from tests.support.running import Answer
from tests.support.running import Running
from tests.support.running import settings

OPERATIONS = page("docs/operations.md")
SHARED = {
    "handlers": [{"name": "h", "source": {"type": "local", "root": "."}}],
    "shared": {"results": {"type": "s3", "bucket": "results"}, "url": "redis://127.0.0.1"},
}


def section(heading: str) -> str:
    """The text below a heading, in one line."""
    start = OPERATIONS.text.index(f"\n## {heading}\n") + 1
    end = OPERATIONS.text.find("\n## ", start)
    return " ".join(OPERATIONS.text[start : end if end > 0 else None].split())


def test_the_keys_that_take_a_restart_are_those_of_the_program() -> None:
    text = section("Changing the configuration")
    (sentence,) = [part for part in text.split(". ") if "take a restart" in part]
    assert code(sentence.partition("take a restart")[0]) == list(FIXED)


# --- Commands and paths ----------------------------------------------------------------------------


def test_the_commands_are_those_of_the_program() -> None:
    rows = {code(row[0])[0].split()[1]: " ".join(row) for row in OPERATIONS.table("| command |")}
    assert rows.keys() == set(COMMANDS)
    for name, text in rows.items():
        assert set(re.findall(r"--[a-z-]+", text)) <= options_of(command_named(name))


def test_every_way_of_signing_is_named() -> None:
    sign = command_named("sign")
    assert isinstance(sign, click.Group)
    assert {words[1] for words in OPERATIONS.commands() if words[0] == "sign"} == sign.commands.keys()


def test_the_paths_for_operators_are_those_that_are_routed() -> None:
    routes = Operated().routes
    assert [code(row[0])[0] for row in OPERATIONS.table("| path | answer |")] == [
        *(route.path for route in routes),
        PLAYGROUND,
    ]


# --- Log and metrics -------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_line_of_the_log_has_the_fields_of_the_page(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "origin.access")
    with Running(settings(PICTURES, tmp_path / "cache")) as origin:
        origin.get("/h/logo.png?w=30")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "origin.access"]
    shown = OPERATIONS.block("text", "cache=miss").split(" info ")[1]
    assert re.findall(r" (\w+)=", shown) == re.findall(r" (\w+)=", line)


@pytest.fixture
def exposition(answers: list[Answer]) -> str:
    """The metrics of an origin that has given every kind of answer."""
    (text,) = [answer.body.decode() for answer in answers if b"# TYPE" in answer.body]
    return text


@pytest.mark.slow
def test_the_metrics_are_those_that_are_counted(exposition: str) -> None:
    counted = set(re.findall(r"^# TYPE (\w+) ", exposition, re.MULTILINE))
    counted.add("origin_certificate_end_seconds")  # of an origin with TLS, see tests/server/test_reload.py
    counted |= {name for name, _, _ in create_app(SHARED).origin.fleet_numbers()}
    assert {code(row[0])[0] for row in OPERATIONS.table("| metric |")} == {
        name
        for name in counted
        if not name.startswith("process_")  # those of the client library
    }


@pytest.mark.slow
def test_the_stages_are_those_that_are_timed(exposition: str) -> None:
    (text,) = [row[1] for row in OPERATIONS.table("| metric |") if "origin_stage_seconds" in row[0]]
    (help_text,) = re.findall(r"^# HELP origin_stage_seconds (.*)$", exposition, re.MULTILINE)
    assert set(re.findall(r"\w+", text.partition(":")[2])) == set(
        re.findall(r"\w+", help_text.partition(":")[2])
    ) - {"or"}


@pytest.mark.slow
def test_the_queries_ask_for_metrics_and_labels_that_exist(exposition: str) -> None:
    """Those of the page; tests/deploy has the rules and the dashboard."""
    queries = "".join(OPERATIONS.blocks("promql"))
    counted = set(re.findall(r"^(\w+?)(?:\{| )", exposition, re.MULTILINE))
    assert set(re.findall(r"\borigin_\w+", queries)) <= counted
    labels = set(re.findall(r'[{,](\w+)="', exposition))
    assert set(re.findall(r'[{,](\w+)(?:=|!=|=~)"', queries)) <= labels
    assert set(re.findall(r"by \((\w+)\)", queries)) <= labels


DRAIN = Config.model_fields["drain"].default

# --- Start and stop --------------------------------------------------------------------------------


def test_the_times_of_a_stop_are_the_programs() -> None:
    text = section("Signals and stopping")
    assert f"`drain` ({DRAIN:.0f} seconds by default)" in text
    assert f"have {GRACE} more seconds" in text
    assert f"has {BOUNDS.last_call:.0f} second to come" in text
    assert f"takes {DRAIN + GRACE:.0f} seconds at most" in text
    assert f"({MAX_UNWRITTEN // 10**6} MB at most)" in text


def test_the_memory_that_stays_is_the_programs() -> None:
    text = section("How much memory and CPU")
    assert f"{KEPT >> 20} MB for each render process, {MOST_BYTES >> 20} MB for all sources" in text


def test_the_systemd_unit_runs_a_command_and_waits_for_the_stop() -> None:
    unit = configparser.ConfigParser(interpolation=None, comment_prefixes="#", strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((ROOT / "deploy" / "systemd" / "image-origin.service").read_text(encoding="utf-8"))
    (words,) = origin_commands(unit["Service"]["ExecStart"])
    parse_command(words)
    assert words[0] == "serve"
    assert int(unit["Service"]["TimeoutStopSec"]) >= DRAIN + GRACE + 5
    assert unit["Service"]["KillMode"] == "mixed"
    assert f"{unit['Service']['TimeoutStopSec']} seconds" in section("Signals and stopping")


def test_the_messages_of_a_failed_start_are_the_programs() -> None:
    program = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "origin").rglob("*.py"))
    messages = [code(row[0])[0] for row in OPERATIONS.table("| message |")][1:]
    assert len(messages) >= 3
    assert [message for message in messages if message not in program] == []


def test_the_reasons_of_failures_are_the_programs() -> None:
    program = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "origin").rglob("*.py"))
    rows = OPERATIONS.table("| `reason` has |")
    reasons = [reason for row in rows for reason in code(row[0])]
    assert [reason for reason in reasons if reason not in program] == []
    kinds = {name for row in rows for name in code(row[1])}
    assert kinds <= {code(row[0])[0] for row in page("docs/http.md").table("| class | when |")}


def test_pip_is_told_the_versions_of_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    for requirement in re.findall(r"'(pyvips\S+)'", section("When it does not start")):
        assert f'"{requirement}"' in project


# --- Zero in the configuration ---------------------------------------------------------------------

ZEROS = {name: row[1] for row in OPERATIONS.table("| key | 0 means |") for name in code(row[0])}


def numbers() -> Iterator[str]:
    """Every key of the configuration whose default is a number."""
    places: dict[str, type[Part]] = {"": Config, "cache.": Cache, "limits.": Limits}
    places |= {"handler.": Handler, "source.": SOURCE_PARTS["s3"], "web.": SOURCE_PARTS["http"]}
    for place, model in places.items():
        for name, field in model.model_fields.items():
            default = field.get_default(call_default_factory=True)
            if isinstance(default, int | float) and not isinstance(default, bool):
                yield f"{place}{name}"


def with_zero(key: str) -> dict[str, Any]:
    """A configuration in which this key is 0."""
    place, _, name = key.rpartition(".")
    zero = {name: 0}
    source: dict[str, Any] = {"type": "s3", "bucket": "b"}
    handler: dict[str, Any] = {"name": "h", "source": source}
    if place == "source":
        source |= zero
    elif place == "web":
        handler["source"] = {"type": "http", "base_url": "http://a.example", **zero}
    elif place == "handler":
        handler |= zero
    top: dict[str, Any] = zero if not place else {place: zero} if place in ("cache", "limits") else {}
    return {"handlers": [handler], **top}


@pytest.mark.parametrize("key", [*numbers(), "handler.cdn_max_age"])
def test_zero_is_refused_unless_the_page_says_what_it_means(key: str) -> None:
    meaning = ZEROS.get(key.removeprefix("handler.").removeprefix("web."), "refused")
    if meaning.startswith("refused") or key.endswith("error_status"):
        with pytest.raises(ConfigError):
            build_config(with_zero(key))
    else:
        build_config(with_zero(key))


@pytest.mark.slow
def test_zero_bytes_on_the_disk_leave_the_memory_and_the_other_way_round(tmp_path: Path) -> None:
    details = []
    for name in ("max_size", "memory"):
        config = settings(PICTURES, tmp_path / name)
        config["cache"][name] = 0
        with Running(config) as origin:
            origin.get("/h/logo.png?w=30")
            details.append(origin.get("/h/logo.png?w=30").headers["Cache-Status"].rpartition("=")[2])
    assert details == ["memory", "disk"]


# --- Sources ---------------------------------------------------------------------------------------


def test_the_policy_allows_what_the_source_calls() -> None:
    policy = json.loads(OPERATIONS.block("json", "Statement"))
    allowed = {statement["Action"] for statement in policy["Statement"]}
    files = (ROOT / "origin" / "sources" / name for name in ("s3_source.py", "s3_get.py"))
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    assert set(re.findall(r"client\.(\w+)\(", source)) == {"get_object", "list_objects_v2", "head_object"}
    assert allowed == {"s3:GetObject", "s3:ListBucket"}


class _Recorder(http.server.BaseHTTPRequestHandler):
    """Answers every GET with a picture, and remembers what was asked."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = pictures.small()
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def recorder() -> Iterator[tuple[str, list[str]]]:
    """The URL of a server that stands for an endpoint or a proxy, and what it was asked."""
    asked: list[str] = []
    handler = type("Handler", (_Recorder,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "source", "asked"),
    [
        ("AWS_ENDPOINT_URL", {}, "/b/cat.jpg"),
        ("AWS_ENDPOINT_URL_S3", {}, "/b/cat.jpg"),
        ("HTTP_PROXY", {"endpoint_url": "http://s3.invalid:9000"}, "http://s3.invalid:9000/b/cat.jpg"),
        ("http_proxy", {"endpoint_url": "http://s3.invalid:9000"}, "http://s3.invalid:9000/b/cat.jpg"),
    ],
)
def test_the_variables_of_the_page_reach_the_source(
    variable: str,
    source: dict[str, str],
    asked: str,
    recorder: tuple[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert variable.upper() in code(section("Credentials and proxies"))
    url, paths = recorder
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv(variable, url)
    config = settings(tmp_path, tmp_path / "cache", source={"type": "s3", "bucket": "b", **source})
    with Running(config) as origin:
        assert origin.get("/h/cat.jpg?w=30").status == 200
    assert paths == [asked]
