"""Certificates and keys for tests, made by the openssl program."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.documents import need


def self_signed(folder: Path, name: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate and its key."""
    need("openssl", "openssl")
    cert, key = folder / f"{name}-cert.pem", folder / f"{name}-key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}", "-out", str(cert), "-keyout", str(key)]
    kind = "IP" if name.replace(".", "").isdigit() else "DNS"
    command += ["-addext", f"subjectAltName={kind}:{name}"]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return cert, key
