"""Which pages of other sites may write here from a script (Fetch standard, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from origin.http.message import Request
from origin.http.message import Response

ALLOW_ORIGIN = b"access-control-allow-origin"
_EXPOSED = b"ETag, Location, Retry-After, X-Origin-Error"


@dataclass(frozen=True, slots=True)
class Cors:
    """What a handler that takes pictures in tells browsers."""

    origins: tuple[str, ...]  # such as "https://www.example.com"; "*" stands for all
    methods: tuple[str, ...] = ()  # none: those that the handler has
    headers: tuple[str, ...] = ()  # none: those that the script asks for
    max_age: int = 86_400  # seconds for which a browser need not ask again

    def origin_for(self, request: Request) -> bytes | None:
        """The value of Access-Control-Allow-Origin; None where the page is not admitted."""
        if "*" in self.origins:
            return b"*"
        origin = request.headers.get(b"origin", b"")
        return origin if origin.decode("latin-1") in self.origins else None

    def admits(self, request: Request, method: str | None) -> bool:
        """Whether what is said here is for the page that asks and for this method."""
        return self.origin_for(request) is not None and (not self.methods or method in self.methods)

    def apply(self, request: Request, response: Response) -> None:
        """Put what the browser needs into the answer to a write."""
        response.headers = [pair for pair in response.headers if pair[0] != ALLOW_ORIGIN]
        allowed = self.origin_for(request)
        if allowed is not None:
            response.headers.append((ALLOW_ORIGIN, allowed))
            response.headers.append((b"access-control-expose-headers", _EXPOSED))
        if allowed != b"*":
            response.headers.append((b"vary", b"Origin"))

    def preflight_headers(self, request: Request, methods: Sequence[str]) -> list[tuple[bytes, bytes]]:
        """What a preflight asks for. `methods`: those of the mount."""
        wanted = request.headers.get(b"access-control-request-headers", b"*")
        headers = ", ".join(self.headers).encode() if self.headers else wanted
        return [
            (b"access-control-allow-methods", ", ".join(self.methods or methods).encode()),
            (b"access-control-allow-headers", headers),
            (b"access-control-max-age", b"%d" % self.max_age),
        ]
