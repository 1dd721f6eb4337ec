"""Which of the two TLS files is wrong, and how: OpenSSL's own errors name neither."""

from __future__ import annotations

from pathlib import Path

_BEGIN_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_PRIVATE_KEY = b" PRIVATE KEY-----"
_ENCRYPTED = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")


def certificate_fault(cert: Path, key: Path) -> str | None:
    """A line that names the key of the configuration, the file and what is wrong; None if both are good."""
    import ssl  # 10 ms, and most configurations have no use for it

    for place, path in (("https_cert", cert), ("https_key", key)):
        try:
            content = path.read_bytes()
        except OSError as exc:
            return f"{place}: {path} cannot be read: {exc.strerror}"
        if fault := (_cert_fault if place == "https_cert" else _key_fault)(content):
            return f"{place}: {path} {fault}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_verify_locations(cert)
    except ssl.SSLError:
        return f"https_cert: {cert} has a damaged certificate in it"
    try:
        context.load_cert_chain(cert, key, password=lambda: "")  # without a password it would ask for one
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            return f"https_key: {key} is not the key of the certificate in https_cert, {cert}"
        if exc.reason in ("EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"):
            return f"https_cert: {cert} is too weak for OpenSSL: {exc.reason}"
        return f"https_key: {key} has a damaged key in it"
    return None


def _cert_fault(content: bytes) -> str | None:
    if _BEGIN_CERTIFICATE in content:
        return None
    if _PRIVATE_KEY in content:
        return "holds a private key and no certificate; are https_cert and https_key exchanged?"
    return "is not PEM: it has no -----BEGIN CERTIFICATE----- in it"


def _key_fault(content: bytes) -> str | None:
    if any(mark in content for mark in _ENCRYPTED):
        return "is encrypted; store it without a passphrase"
    if _PRIVATE_KEY in content:
        return None
    if _BEGIN_CERTIFICATE in content:
        return "holds a certificate and no private key; are https_cert and https_key exchanged?"
    return "is not PEM: it has no -----BEGIN PRIVATE KEY----- in it"
