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
    │   ├── OriginalUnavailable source-unavailable  502   this original cannot be had now; others can
    │   │   └── HostUnavailable source-unavailable  502   one of the many servers that a source asks
    │   │       └── HostTimeout source-unavailable  504
    │   └── RegistryDown        source-unavailable  503   nobody can say whether a URL may be fetched
    ├── RenderFailed            render-failed       500   the renderer died
    │   ├── EncodingFailed      render-failed       500   the renderer could not write that result
    │   └── RenderTimeout       render-failed       504   the renderer was killed at its deadline
    │       └── RenderStarved   render-failed       504   it hardly had a core: the machine is too busy
    ├── Overloaded              overloaded          503   no room in the queue
    └── WriteRefused            a picture that does not come in; its message is for the client
        ├── Malformed           bad-request         400   a request that cannot be read
        │   └── TooSlow         bad-request         408   its body does not arrive
        ├── NothingSent         nothing-sent        400   no picture in it
        ├── Unauthorized        unauthorized        401   no token, and one is needed
        ├── WriteForbidden      forbidden           403   a token that is wrong, or does not permit this
        ├── NoPicture           not-found           404   no such picture to publish
        ├── Exists              exists              412   the key is taken
        ├── PreconditionMissed  precondition-failed 412   not the version that `If-Match` names
        ├── TooLarge            too-large           413   the body has too many bytes
        ├── Unsupported         unsupported         415   no picture that is accepted here
        ├── StoreUnavailable    source-unavailable  503   the store is down or refuses us
        └── StoreFilled         store-full          507   the store has no space left

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


class OriginalUnavailable(SourceUnavailable):
    """One original cannot be had now. The source is not down for that."""


class HostUnavailable(OriginalUnavailable):
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


class RenderStarved(RenderTimeout):
    """The renderer hardly had a core until its deadline. It says nothing of the picture."""


class Overloaded(OriginError):
    kind = "overloaded"
    status = 503


class WriteRefused(OriginError):
    """A picture that does not come in. The message holds nothing that a client may not see."""

    kind = "bad-request"
    status = 400


class Malformed(WriteRefused):
    pass


class TooSlow(Malformed):
    status = 408


class NothingSent(WriteRefused):
    kind = "nothing-sent"


class Unauthorized(WriteRefused):
    kind = "unauthorized"
    status = 401


class WriteForbidden(WriteRefused):
    kind = "forbidden"
    status = 403


class NoPicture(WriteRefused):
    kind = "not-found"
    status = 404


class Exists(WriteRefused):
    kind = "exists"
    status = 412


class PreconditionMissed(WriteRefused):
    kind = "precondition-failed"
    status = 412


class TooLarge(WriteRefused):
    kind = "too-large"
    status = 413


class Unsupported(WriteRefused):
    kind = "unsupported"
    status = 415


class StoreUnavailable(WriteRefused):
    kind = "source-unavailable"
    status = 503


class StoreFilled(WriteRefused):
    kind = "store-full"
    status = 507


class ConfigError(Exception):
    """The configuration cannot be used. The message is one line that names the place."""
