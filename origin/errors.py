"""Every way a request can fail. One tree, drawn here, raised where the fact is known.

    OriginError
    ├── BadRequest              bad-request         400   the URL is not one we understand
    ├── Forbidden               forbidden           403   the token is missing, wrong or expired
    ├── NotFound                not-found           404   the source has no such original
    │   └── KeyRefused          not-found           404   the source refuses this key
    ├── Unprocessable           unprocessable       422   a picture we cannot or will not render
    │   └── UnsupportedFormat   unprocessable       415   not a picture, or a format not allowed here
    ├── SourceUnavailable       source-unavailable  502   the source is down or refuses us
    │   ├── SourceTimeout       source-unavailable  504
    │   ├── HostUnavailable     source-unavailable  502   one of the many servers that a source asks
    │   │   └── HostTimeout     source-unavailable  504
    │   └── RegistryDown        source-unavailable  503   nobody can say whether a URL may be fetched
    ├── RenderFailed            render-failed       500   the renderer died
    │   ├── EncodingFailed      render-failed       500   the renderer could not write that result
    │   └── RenderTimeout       render-failed       504   the renderer was killed at its deadline
    └── Overloaded              overloaded          503   no room in the queue

An error's message is for the log and may hold keys, buckets and library text. The client only ever
sees `kind` (in `X-Origin-Error`) and the fallback image.
"""

from __future__ import annotations

from typing import ClassVar


class OriginError(Exception):
    """A request that ends in the fallback image.

    `kind` is the class in `X-Origin-Error`; `status` the answer's code where a handler asks for
    `"error_status": "exact"`; `remembered` is true where the same request would fail again for
    reasons in the original itself, so that we and the CDN may remember the failure for a while. `case`
    is a part of the class that `error_status` may name by itself.

    `remember_for` is how long this origin does not try again, in seconds, where the one who raises it
    knows better than the handler.
    """

    kind: ClassVar[str] = "render-failed"
    case: ClassVar[str] = ""
    status: ClassVar[int] = 500
    remembered: ClassVar[bool] = False

    def __init__(self, message: str = "", *, remember_for: float | None = None) -> None:
        super().__init__(message)
        self.remember_for = remember_for


class BadRequest(OriginError):
    kind = "bad-request"
    status = 400


class Forbidden(OriginError):
    kind = "forbidden"
    status = 403


class NotFound(OriginError):
    kind = "not-found"
    status = 404
    remembered = True


class KeyRefused(NotFound):
    """S3 gives the same refusal for a missing key where listing is not allowed, so the client sees
    `not-found`. A class of its own, because a broken bucket policy makes all keys refused."""


class Unprocessable(OriginError):
    kind = "unprocessable"
    status = 422
    remembered = True


class UnsupportedFormat(Unprocessable):
    status = 415


class SourceUnavailable(OriginError):
    kind = "source-unavailable"
    status = 502


class SourceTimeout(SourceUnavailable):
    status = 504


class HostUnavailable(SourceUnavailable):
    """One server among many failed. It says nothing of the others."""


class HostTimeout(HostUnavailable):
    status = 504


class RegistryDown(SourceUnavailable):
    """The registry of URLs does not answer, so nothing new is fetched. What is cached is served."""

    case = "registry-down"
    status = 503


class RenderFailed(OriginError):
    kind = "render-failed"
    status = 500


class EncodingFailed(RenderFailed):
    """The picture decodes; the encoder failed, mostly for want of memory. The renderer is well."""


class RenderTimeout(RenderFailed):
    status = 504


class Overloaded(OriginError):
    kind = "overloaded"
    status = 503


class ConfigError(Exception):
    """The configuration cannot be used. The message is one line that names the place."""
