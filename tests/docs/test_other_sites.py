"""docs/other-sites.md: its URLs are read as it says, and its numbers are the program's."""

from __future__ import annotations

import hashlib
import hmac
import json
import shlex
from pathlib import Path
from urllib.parse import unquote
from urllib.parse import urlsplit

import pytest

from origin.delivery.admission import SERVERS
from origin.delivery.admission import FetchAdmission
from origin.ops.routes import ACTIONS
from origin.sources import watched_registry
from origin.sources.http import HttpSettings
from origin.sources.http import key_reader
from origin.sources.http_source import RETRY_NETWORK
from origin.sources.redis_registry import LATEST
from origin.sources.settings import Secret
from origin.urls.query import decode_query
from tests.support.commands import invoke
from tests.support.documents import code
from tests.support.documents import page

OTHER_SITES = page("docs/other-sites.md")
URL = "https://example.com/a.jpg"
SECRET = "secret"
EXAMPLES = [
    (code(row[0])[0], example) for row in OTHER_SITES.table("With `keys`") for example in code(row[1])
]


@pytest.mark.parametrize(("keys", "example"), [pair for pair in EXAMPLES if pair[1].startswith("/img/")])
def test_each_spelling_of_a_url_is_read(keys: str, example: str) -> None:
    digest = hmac.digest(SECRET.encode(), URL.encode(), hashlib.sha1).hex()
    parts = urlsplit(example.replace("{digest}", digest))
    camo_key = Secret(SECRET) if keys == "camo" else None
    settings = HttpSettings(keys=keys, camo_key=camo_key, hosts=("example.com",))  # type: ignore[arg-type]
    for signed in (False, True):
        key = unquote(parts.path).removeprefix("/img/")
        read = key_reader(settings, signed)
        assert read(key, decode_query(parts.query.encode()), parts.path.encode()) == URL


def test_the_numbers_are_the_programs() -> None:
    text = OTHER_SITES.line
    fetches = FetchAdmission().max_fetches
    assert f"holds {fetches // SERVERS} of the {fetches} fetches that a handler makes at once" in text
    assert f"waits {watched_registry.CACHED_SECONDS:g} seconds at most" in text
    assert f"is asked again after {RETRY_NETWORK:.0f} seconds" in text
    assert watched_registry.PAUSE_SECONDS == 1
    assert "is asked again a second later" in text
    assert f"waits {watched_registry.FETCH_SECONDS:g} seconds for it" in text
    assert f"the last {LATEST} URLs" in text


def test_the_commands_of_the_registry_are_understood(tmp_path: Path) -> None:
    config = json.loads(OTHER_SITES.block("json", "ORIGIN_ADMIN_TOKEN"))
    (tmp_path / "config.json").write_text(json.dumps(config))
    lines = OTHER_SITES.block("sh", "origin registry").replace("\\\n", " ").splitlines()
    *commands, curl = lines
    answers = {}
    for line in commands:
        program, *words = shlex.split(line.replace("config.json", str(tmp_path / "config.json")))
        done = invoke(*words, ORIGIN_ADMIN_TOKEN="0123456789abcdef")
        assert (program, done.exit_code) == (".venv/bin/origin", 0), done.stderr
        answers[words[1]] = done.stdout
    assert "https://example.com/a.jpg" in answers["list"]
    words = shlex.split(curl)
    wanted = json.loads(words[words.index("-d") + 1])
    assert wanted.keys() == {"handler", "action", "url"}
    assert wanted["action"] in ACTIONS
    assert wanted["handler"] == config["handlers"][0]["name"]
