"""Certificates: what is wrong with them, when they end, and new ones without a restart."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

import pytest

from origin.errors import ConfigError
from origin.server.tls import Certificate
from origin.server.tls import certificate_end
from tests.support.documents import need
from tests.support.origin_process import certificate


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    cert, key = certificate(tmp_path)
    return Path(cert), Path(key)


def test_the_end_is_the_one_that_openssl_reads(pair: tuple[Path, Path]) -> None:
    need("openssl", "openssl")
    program = ["openssl", "x509", "-enddate", "-noout", "-in", str(pair[0])]
    text = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    date = datetime.datetime.strptime(text.strip().removeprefix("notAfter="), "%b %d %H:%M:%S %Y GMT")
    assert certificate_end(pair[0]) == date.replace(tzinfo=datetime.UTC).timestamp()
    assert Certificate(*pair).expires == certificate_end(pair[0])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN CERTIFICATE-----\n",
        "nonsense",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ],
)
def test_an_end_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "cert.pem").write_text(text)
    assert certificate_end(tmp_path / "cert.pem") is None
    assert certificate_end(tmp_path / "nowhere.pem") is None


def test_a_wrong_new_certificate_leaves_the_old_one(pair: tuple[Path, Path]) -> None:
    loaded = Certificate(*pair)
    before = loaded.expires
    pair[0].write_text("cut")
    with pytest.raises(ConfigError):
        loaded.load(*pair)
    assert loaded.expires == before
