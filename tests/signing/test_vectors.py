"""Messages, tokens and verdicts are those of the vectors, which the standard library alone has written."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from origin.client import Images
from origin.signing import UrlSigner
from origin.signing import Verifier
from origin.signing import decode_query
from origin.signing import message
from tests.support.cases import check_each
from tests.support.signing import OLD
from tests.support.signing import REQUESTS
from tests.support.signing import ROOT
from tests.support.signing import ROWS
from tests.support.signing import VECTORS
from tests.support.signing import verify


def test_the_vectors_are_what_their_script_writes() -> None:
    script = ROOT / "tests/vectors/make_signing.py"
    written = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout
    assert json.loads(written) == VECTORS


def test_a_message_is_that_of_the_vectors() -> None:
    def check(row: dict[str, Any]) -> None:
        pairs = decode_query(row["query"].encode())
        assert pairs == [(name.encode(), value.encode()) for name, value in row["pairs"]]
        assert message(row["prefix"], row["key"], pairs) == row["message"].encode()

    check_each(ROWS, check)


def test_an_exact_token_is_that_of_the_vectors() -> None:
    def check(row: dict[str, Any]) -> None:
        by = UrlSigner("", row["prefix"], [OLD, row["secret"]])
        assert by.token(row["key"], decode_query(row["query"].encode())) == row["token"]

    check_each(ROWS, check)


def test_an_exact_token_gets_the_verdict_of_the_vectors() -> None:
    def check(row: dict[str, Any]) -> None:
        by = Verifier(row["prefix"], row["keys"])
        found = verify(row["key"], row["query"], row["token"], row["now"], by)
        assert found.reason.value == row["verdict"]
        if found.accepted:
            assert row["keys"][found.key_index] == row["secret"]

    check_each(ROWS, check)


def test_a_grant_gets_the_verdict_of_the_vectors() -> None:
    def check(case: tuple[dict[str, Any], dict[str, str]]) -> None:
        row, request = case
        by = Verifier(row["prefix"], row["keys"])
        found = verify(request["key"], request["query"], row["token"], row["now"], by)
        assert found.reason.value == request["verdict"]

    check_each(REQUESTS, check)


def test_signing_imports_the_standard_library_and_itsdangerous_alone() -> None:
    program = "import sys; old = set(sys.modules); import origin.signing; print(*(set(sys.modules) - old))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    )
    modules = {name.split(".")[0] for name in done.stdout.split()} - sys.stdlib_module_names
    ours = {name.split(".")[1] for name in done.stdout.split() if name.startswith("origin.")}
    assert modules == {"origin", "itsdangerous"}
    assert ours == {"signing", "urls", "errors", "formats"}


@pytest.mark.parametrize("row", VECTORS["urls"], ids=lambda row: row["name"])
def test_a_url_is_that_of_the_vectors(row: dict[str, Any]) -> None:
    images = Images(row["base_url"], row["prefix"], row["keys"])
    ends = {"expires_at": row["expires"], "now": row["now"]}
    assert images.url(row["key"], **ends, **row["options"]) == row["url"]


@pytest.mark.parametrize("row", VECTORS["made_grants"], ids=lambda row: row["name"])
def test_a_grant_is_that_of_the_vectors(row: dict[str, Any]) -> None:
    signer = UrlSigner("", "photos", row["keys"])
    ends = {"expires_at": row["expires"], "now": row["now"]}
    assert signer.grant(row["key"], **ends, **row["bounds"]) == row["token"]


@pytest.mark.parametrize("row", VECTORS["made_uploads"], ids=lambda row: row["name"])
def test_an_upload_grant_is_that_of_the_vectors(row: dict[str, Any]) -> None:
    signer = UrlSigner("", "photos", row["keys"])
    ends = {"expires_at": row["expires"], "now": row["now"]}
    url = signer.upload(row["key"], **ends, **row["arguments"])
    assert url.partition("?t=")[2] == row["token"]
