"""Signatures of GETs and HEADs, as AWS asks for them: "Authenticating Requests: Using the Authorization
Header (AWS Signature Version 4)" in the API reference of S3.

botocore signs any request of any service; for a GET of one object that takes ten times as long.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Protocol

_EMPTY = hashlib.sha256(b"").hexdigest()  # of the body that neither has
_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(Protocol):
    """Who signs. botocore's own frozen credentials are such."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


class GetSigner:
    """Signs GETs and HEADs to one host in one region. `clock` gives Unix seconds."""

    def __init__(self, host: str, region: str, clock: Callable[[], float] = time.time) -> None:
        """`host` as the Host header has it, with a port that is not the scheme's own."""
        self._host = host
        self._region = region
        self._clock = clock
        self._key: tuple[str, str, bytes] = ("", "", b"")  # secret, day, what both come to

    def headers(self, method: str, path: str, credentials: Credentials) -> dict[str, str]:
        """The headers that sign a request for this path, which is percent-encoded and has no query."""
        now = time.gmtime(self._clock())
        moment, day = time.strftime("%Y%m%dT%H%M%SZ", now), time.strftime("%Y%m%d", now)
        headers = {"host": self._host, "x-amz-content-sha256": _EMPTY, "x-amz-date": moment}
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        names = ";".join(headers)  # in order, as the rule asks
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = f"{method}\n{path}\n\n{lines}\n{names}\n{_EMPTY}"
        scope = f"{day}/{self._region}/s3/aws4_request"
        text = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key(credentials.secret_key, day), text.encode(), "sha256").hex()
        del headers["host"]  # the client writes it
        headers["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return headers

    def _signing_key(self, secret: str, day: str) -> bytes:
        """The key of one day, for which the last one is kept."""
        kept_secret, kept_day, key = self._key
        if (secret, day) != (kept_secret, kept_day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = secret, day, key
        return key
