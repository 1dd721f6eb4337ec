"""Under which host names this origin answers, and whether by https alone."""

from __future__ import annotations

from origin.http.message import Request
from origin.http.message import Response
from origin.http.message import text_response


class Hosts:
    """The host names of this origin."""

    def __init__(self, names: tuple[str, ...], https_port: int | None = None) -> None:
        """`names`: one at least. With `https_port`, every plain request is redirected there."""
        self._names = tuple(name.lower() for name in names)
        self._https_port = https_port

    def refuse(self, request: Request) -> Response | None:
        """The answer to a request that came by another way; None to the others."""
        if is_probe(request.raw_path):
            return None  # load balancers ask by address
        name = _name(request.header(b"host") or "")
        if self._https_port is not None and request.scope.get("scheme") == "http":
            return self._redirect_to_https(name if name in self._names else self._names[0], request)
        if name not in self._names:
            return text_response(421, "misdirected request")
        return None

    def _redirect_to_https(self, host: str, request: Request) -> Response:
        """301 to the same URL; the host is always one of the configured ones."""
        port = "" if self._https_port == 443 else f":{self._https_port}"
        query = b"?" + request.query if request.query else b""
        # A second slash at the front would make the path a host name.
        location = f"https://{host}{port}".encode() + b"/" + request.raw_path.lstrip(b"/") + query
        return text_response(301, "moved to https", (b"location", location))


def _name(host: str) -> str:
    """The name in a Host header (RFC 9110 section 7.2), without its port and the dot of the root of DNS."""
    name, colon, port = host.lower().rpartition(":")
    if not colon or not (port.isdigit() or not port):
        name = host.lower()
    return name.removesuffix(".")


def is_probe(raw_path: bytes) -> bool:
    """Whether a load balancer or an operator's program asks."""
    return raw_path == b"/status" or raw_path.startswith(b"/-/")
