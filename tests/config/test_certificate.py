"""Which of the two TLS files is wrong, and how."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from origin.config.certificate import certificate_fault
from tests.support import certificates


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def pair(folder: Path) -> tuple[Path, Path]:
    return certificates.self_signed(folder)


def file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file.pem"
    path.write_bytes(content)
    return path


def test_a_certificate_and_its_key_have_no_fault(pair: tuple[Path, Path]) -> None:
    assert certificate_fault(*pair) is None


def test_one_file_may_hold_both(pair: tuple[Path, Path], tmp_path: Path) -> None:
    both = file(tmp_path, pair[0].read_bytes() + pair[1].read_bytes())
    assert certificate_fault(both, both) is None


def test_a_file_that_is_not_there_is_named(pair: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = pair
    gone = tmp_path / "gone.pem"
    assert certificate_fault(gone, key) == f"https_cert: {gone} cannot be read: No such file or directory"
    assert certificate_fault(cert, gone) == f"https_key: {gone} cannot be read: No such file or directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_key_that_this_user_may_not_read_is_named(pair: tuple[Path, Path], tmp_path: Path) -> None:
    key = file(tmp_path, b"")
    key.chmod(0)
    assert certificate_fault(pair[0], key) == f"https_key: {key} cannot be read: Permission denied"


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x30\x82\x03\x00"], ids=["empty", "text", "DER"])
def test_what_is_no_pem_is_named(pair: tuple[Path, Path], tmp_path: Path, content: bytes) -> None:
    cert, key = pair
    other = file(tmp_path, content)
    assert certificate_fault(other, key) == (
        f"https_cert: {other} is not PEM: it has no -----BEGIN CERTIFICATE----- in it"
    )
    assert certificate_fault(cert, other) == (
        f"https_key: {other} is not PEM: it has no -----BEGIN PRIVATE KEY----- in it"
    )


def test_files_that_are_exchanged_are_seen(pair: tuple[Path, Path]) -> None:
    cert, key = pair
    assert certificate_fault(key, cert) == (
        f"https_cert: {key} holds a private key and no certificate; are https_cert and https_key exchanged?"
    )
    assert certificate_fault(cert, cert) == (
        f"https_key: {cert} holds a certificate and no private key; are https_cert and https_key exchanged?"
    )


def test_the_key_of_another_certificate_is_seen(pair: tuple[Path, Path], folder: Path) -> None:
    _, other = certificates.self_signed(folder, "other.example")
    assert certificate_fault(pair[0], other) == (
        f"https_key: {other} is not the key of the certificate in https_cert, {pair[0]}"
    )


def test_a_damaged_file_is_named(pair: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = pair
    lines = cert.read_bytes().splitlines(keepends=True)
    damaged = file(tmp_path, b"".join(lines[:3] + lines[6:]))
    assert certificate_fault(damaged, key) == f"https_cert: {damaged} has a damaged certificate in it"
    lines = key.read_bytes().splitlines(keepends=True)
    damaged = file(tmp_path, b"".join(lines[:3] + lines[6:]))
    assert certificate_fault(cert, damaged) == f"https_key: {damaged} has a damaged key in it"


def test_an_encrypted_key_is_refused_without_asking_for_its_passphrase(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, key = pair
    locked = tmp_path / "locked.pem"
    command = ["openssl", "pkey", "-aes256", "-in", str(key), "-out", str(locked), "-passout", "pass:secret"]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    assert certificate_fault(cert, locked) == (
        f"https_key: {locked} is encrypted; store it without a passphrase"
    )
