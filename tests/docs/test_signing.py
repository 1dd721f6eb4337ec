"""docs/signing.md and its examples: programs in six languages make the tokens of the vectors."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from itsdangerous import URLSafeSerializer

from origin.cli.main import main
from origin.signing import UrlSigner
from origin.signing import Verifier
from origin.signing import decode_query
from tests.support import pictures
from tests.support.documents import EXAMPLES
from tests.support.documents import ROOT
from tests.support.documents import SECRET
from tests.support.documents import code
from tests.support.documents import need
from tests.support.documents import page
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import settings

SIGNING = page("docs/signing.md")
VECTORS = json.loads((ROOT / "tests/vectors/signing.json").read_text())
ROWS = VECTORS["exact"] + VECTORS["grants"]
# Where each takes a process, only some are looked at while one works.
SOME_SLOW = [
    pytest.param(row, id=row["name"], marks=[pytest.mark.slow] if number % 8 else [])
    for number, row in enumerate(ROWS)
]
KEY = "correct-horse-battery-staple-0123456789"


def arguments_of(row: dict[str, Any]) -> list[str]:
    pairs = itertools.chain(*row.get("pairs", []))
    return [row["payload"]] if "payload" in row else [row["prefix"], row["key"], *pairs]


def run(program: list[str], row: dict[str, Any]) -> str:
    environment = {"PATH": os.environ["PATH"], "ORIGIN_KEY": row["secret"]}
    command = [*program, *arguments_of(row)]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


# Runs the program for each row of its input, as if it were started for it.
FOR_EACH = """
const program = process.argv[1];
for (const { arguments, key } of JSON.parse(require("fs").readFileSync(0))) {
  process.argv = ["node", program, ...arguments];
  process.env.ORIGIN_KEY = key;
  delete require.cache[program];
  require(program);
}
"""


# The same: what the program declares is declared once, and what follows is run for each row.
FOR_EACH_IN_PHP = """
[, $program] = $argv;
$rows = json_decode(stream_get_contents(STDIN), true);
foreach ($rows as $number => $row) {
    $argv = [$program, ...$row["arguments"]];
    $argc = count($argv);
    putenv("ORIGIN_KEY=$row[key]");
    if ($number == 0) include $program;
    else eval(strstr(file_get_contents($program), '$pairs = array_chunk('));
}
"""


def run_for_each(*command: str) -> list[str]:
    """What a program prints that reads all rows."""
    rows = json.dumps([{"arguments": arguments_of(row), "key": row["secret"]} for row in ROWS])
    done = subprocess.run(command, input=rows, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def test_the_javascript_makes_the_tokens() -> None:
    need("node", "nodejs")
    printed = run_for_each("node", "-e", FOR_EACH, str(EXAMPLES / "sign.js"))
    assert printed == [row["token"] for row in ROWS]


def test_the_javascript_is_a_program() -> None:
    need("node", "nodejs")
    assert run(["node", str(EXAMPLES / "sign.js")], ROWS[0]) == ROWS[0]["token"] + "\n"


@pytest.mark.parametrize("row", SOME_SLOW)
def test_the_shell_makes_the_tokens(row: dict[str, Any]) -> None:
    need("openssl", "openssl")
    assert run(["sh", str(EXAMPLES / "sign.sh")], row) == row["token"] + "\n"


def test_the_php_makes_the_tokens() -> None:
    need("php", "php-cli")
    printed = run_for_each("php", "-r", FOR_EACH_IN_PHP, str(EXAMPLES / "sign.php"))
    assert printed == [row["token"] for row in ROWS]


def test_the_php_is_a_program() -> None:
    need("php", "php-cli")
    for row in (VECTORS["exact"][0], VECTORS["grants"][0]):
        assert run(["php", str(EXAMPLES / "sign.php")], row) == row["token"] + "\n"


@pytest.mark.parametrize(
    ("arguments", "key"), [(["photos", "cat.jpg", "w"], KEY), ([], KEY), (["photos", "cat.jpg"], "")]
)
def test_the_php_prints_no_token_where_something_is_missing(arguments: list[str], key: str) -> None:
    """A shell would take what it prints for the token."""
    need("php", "php-cli")
    command = ["php", str(EXAMPLES / "sign.php"), *arguments]
    done = subprocess.run(command, env={**os.environ, "ORIGIN_KEY": key}, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert len(done.stderr.splitlines()) == 1


# The same again: ARGV and ENV are what the program reads.
FOR_EACH_IN_RUBY = """
require "json"
JSON.parse($stdin.read).each do |row|
  ARGV.replace(row["arguments"])
  ENV["ORIGIN_KEY"] = row["key"]
  load "%s"
end
"""


def test_the_ruby_makes_the_tokens() -> None:
    need("ruby", "ruby")
    printed = run_for_each("ruby", "-e", FOR_EACH_IN_RUBY % (EXAMPLES / "sign.rb"))
    assert printed == [row["token"] for row in ROWS]


@pytest.mark.slow
def test_the_go_makes_the_tokens(tmp_path: Path) -> None:
    need("go", "golang-go")
    program = tmp_path / "sign"
    subprocess.run(["go", "build", "-o", program, EXAMPLES / "sign.go"], check=True)
    for row in ROWS:
        assert run([str(program)], row) == row["token"] + "\n"


def test_the_python_writes_urls_that_are_accepted() -> None:
    environment = {**os.environ, "ORIGIN_KEY": KEY, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, str(EXAMPLES / "sign.py")]
    done = subprocess.run(program, check=True, capture_output=True, text=True, env=environment)
    urls = re.findall(r"https://img\.example\.com(\S+)", done.stdout)
    assert [verdict_on(url) for url in urls] == ["signed"] * 4 + ["granted"]


def test_the_python_of_the_page_is_that_of_the_example() -> None:
    example = (EXAMPLES / "sign.py").read_text(encoding="utf-8")
    assert SIGNING.block("python", "UrlSigner(") == example.partition('"""\n\n')[2]


def test_every_language_of_the_page_has_its_example() -> None:
    files = {path.name for path in EXAMPLES.glob("sign.*")} - {"sign.py"}
    rows = SIGNING.table("| language |")
    assert {link.rpartition("/")[2] for row in rows for link in re.findall(r"\((.*?)\)", row[1])} == files
    assert {code(row[2])[0].removeprefix("go run").split()[-7] for row in rows} == files


def test_the_commands_of_the_page_write_what_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = {"name": "photos", "source": {"type": "s3", "bucket": "b"}, "signing": {"keys": [KEY]}}
    (tmp_path / "config.json").write_text(json.dumps({"handlers": [handler]}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORIGIN_SIGNING_KEYS", KEY)
    commands = [words for words in SIGNING.commands() if words[0] == "sign"]
    assert {words[1] for words in commands} == {"url", "srcset", "grant"}
    for words in commands:
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        verdicts = [verdict_on(url) for url in re.findall(r"/photos/\S+", done.output)]
        assert set(verdicts) == ({"signed"} if words[1] != "grant" else set())


def verdict_on(url: str) -> str:
    parts = urlsplit(url)
    key = unquote(parts.path.removeprefix("/photos/"))
    return Verifier("photos", [KEY]).verify(key, decode_query(parts.query.encode()), 0).reason.value


def test_the_worked_example_is_the_first_vector() -> None:
    row = VECTORS["exact"][0]
    assert f"```text\n{row['message']}\n```" in SIGNING.text
    assert f"`{row['secret']}` the token is\n\n```text\n{row['token']}\n```" in SIGNING.text


def test_the_grant_of_the_page_is_one() -> None:
    fields = json.loads(SIGNING.block("json", '"o"'))
    signer = UrlSigner("", "photos", [KEY], bucket=1)
    token = signer.grant(fields["k"], expires_at=fields["e"], now=0, **fields["o"])
    derivation = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    assert URLSafeSerializer(KEY, "origin/v1/grant", signer_kwargs=derivation).loads(token) == fields
    assert {code(row[0])[0] for row in SIGNING.table("| field |")} == fields.keys()


def test_the_upload_grant_of_the_page_is_one() -> None:
    fields = json.loads(SIGNING.block("json", '"b"'))
    signer = UrlSigner("", "photos", [KEY], bucket=1)
    key, formats, size = fields["k"], fields["f"], fields["b"]
    url = signer.upload(key, expires_at=fields["e"], now=0, max_bytes=size, formats=formats)
    derivation = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    read = URLSafeSerializer(KEY, "origin/v1/upload", signer_kwargs=derivation).loads(url.partition("?t=")[2])
    assert {**read, "r": False} == fields
    rows = SIGNING.text[SIGNING.text.index("## Upload grants") : SIGNING.text.index("## Expiry")]
    assert set(re.findall(r"^\| `(\w)` \|", rows, re.MULTILINE)) == fields.keys()


def test_the_shortest_signing_key_is_as_long_as_the_page_says() -> None:
    (length,) = re.findall(r"has (\d+) characters or more", SIGNING.text)
    UrlSigner("", "photos", ["k" * int(length)])
    with pytest.raises(ValueError, match=length):
        UrlSigner("", "photos", ["k" * (int(length) - 1)])


@pytest.fixture
def verifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the example, beside a configuration."""
    (tmp_path / "config.json").write_text(json.dumps(settings(tmp_path, tmp_path / "cache")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JWT_KEY", SECRET)
    found = importlib.util.spec_from_file_location("verify_example", EXAMPLES / "verify.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_example_with_pyjwt(verifier: Any, tmp_path: Path) -> None:
    import jwt  # which takes long, in every process that shares the tests

    claims = {"path": "/h/land.jpg", "exp": 4_000_000_000}
    good = jwt.encode(claims, SECRET, "HS256")
    shelf = Shelf(**{"land.jpg": pictures.land()})
    config = settings(tmp_path, tmp_path / "cache")
    with Running(config, source=shelf, verify=verifier.verify) as origin:
        answer = origin.get(f"/h/land.jpg?w=30&t={good}")
        assert answer.status == 200
        assert answer.headers["Cache-Control"].startswith("public, max-age=86400")
        for bad in (
            jwt.encode(claims | {"exp": 1}, SECRET, "HS256"),
            jwt.encode(claims | {"path": "/h/x.jpg"}, SECRET, "HS256"),
            jwt.encode(claims, SECRET[::-1], "HS256"),
            jwt.encode(claims, "", "none"),
            jwt.encode(claims, SECRET + SECRET, "HS512"),
        ):
            assert origin.get(f"/h/land.jpg?w=30&t={bad}").kind == "forbidden"


def test_the_example_with_pyjwt_makes_an_app(verifier: Any) -> None:
    assert [handler.name for handler in verifier.app.origin.handlers.values()] == ["h"]
