"""Certificates: what is wrong with them, when they end, and new ones without a restart."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

import pytest

from origin.errors import ConfigError
from origin.server.tls import Certificate
from origin.server.tls import certificate_end
from tests.support.origin_process import certificate


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    cert, key = certificate(tmp_path)
    return Path(cert), Path(key)


def test_the_end_is_the_one_that_openssl_reads(pair: tuple[Path, Path]) -> None:
    program = ["openssl", "x509", "-enddate", "-noout", "-in", str(pair[0])]
    try:
        text = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
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


def test_each_mistake_names_its_file(pair: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = pair
    other = tmp_path / "other"
    other.mkdir()
    other_key = Path(certificate(other)[1])
    text = tmp_path / "text.pem"
    text.write_text("no certificate at all")
    encrypted = tmp_path / "encrypted.pem"
    done = subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", key, "-out", encrypted, "-passout", "pass:secret"], check=False
    )
    for wrong, message in (
        (
            (tmp_path / "nowhere", key),
            f"https_cert: {tmp_path}/nowhere cannot be read: No such file or directory",
        ),
        ((text, key), f"https_cert: {text} holds no CERTIFICATE in PEM form"),
        ((cert, text), f"https_key: {text} holds no PRIVATE KEY in PEM form"),
        ((cert, cert), f"https_key: {cert} holds no PRIVATE KEY in PEM form"),
        ((cert, other_key), f"https_key: {other_key} is not the key of the certificate in {cert}"),
        ((cert, encrypted), f"https_key: {encrypted} is encrypted; take the password off"),
    ):
        if wrong[1] is encrypted and done.returncode:
            continue
        with pytest.raises(ConfigError) as refused:
            Certificate(*wrong)
        assert str(refused.value) == message


def test_a_wrong_new_certificate_leaves_the_old_one(pair: tuple[Path, Path]) -> None:
    loaded = Certificate(*pair)
    before = loaded.expires
    pair[0].write_text("cut")
    with pytest.raises(ConfigError):
        loaded.reload()
    assert loaded.expires == before
