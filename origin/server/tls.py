"""The certificate of the TLS listener: loaded, loaded anew, and when it ends."""

from __future__ import annotations

import calendar
import re
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

from origin.config.certificate import certificate_fault
from origin.errors import ConfigError

# The two times of a certificate's validity (RFC 5280, section 4.1.2.5), as DER writes them: UTCTime with a
# year of two digits, or GeneralizedTime.
_TIME = rb"(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)"
_VALIDITY = re.compile(rb"\x30." + _TIME + _TIME, re.DOTALL)


class Certificate:
    """A certificate and its key, as a TLS context that takes renewed files while it is in use."""

    def __init__(self, cert: Path, key: Path) -> None:
        """Raises ConfigError."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(["http/1.1"])
        self.load(cert, key)

    def load(self, cert: Path, key: Path) -> None:
        """Read the files; connections from now on get this certificate. Raises ConfigError, and then the old
        one stays."""
        check_certificate(cert, key)
        self.context.load_cert_chain(cert, key)
        self.expires = certificate_end(cert)

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        """Name, help and value of each number for the metrics."""
        if self.expires is not None:
            yield "origin_certificate_end_seconds", "Unix second at which the certificate ends.", self.expires


def check_certificate(cert: Path, key: Path) -> None:
    """Raises ConfigError where the files cannot be served."""
    fault = certificate_fault(cert, key)
    if fault is not None:
        raise ConfigError(fault)


def certificate_end(cert: Path) -> float | None:
    """The Unix second at which the first certificate of a PEM file ends; None where that cannot be read."""
    try:
        pem = cert.read_text("ascii", "ignore")
        start = pem.index("-----BEGIN CERTIFICATE-----")
        end = pem.index("-----END CERTIFICATE-----", start) + len("-----END CERTIFICATE-----")
        match = _VALIDITY.search(ssl.PEM_cert_to_DER_cert(pem[start:end]))
        if match is None:
            return None
        short, long = match[3], match[4]
        if short is not None:  # RFC 5280: 50 to 99 are years of the last century
            long = (b"19" if short[:2] >= b"50" else b"20") + short
        return float(calendar.timegm(time.strptime(long.decode(), "%Y%m%d%H%M%S")))
    except (OSError, ValueError):
        return None
