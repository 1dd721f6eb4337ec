"""What the routes for operators look at and act on, as a test sets it."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from origin.errors import OriginError
from origin.ops.events import S3Events
from origin.ops.metrics import Metrics
from origin.ops.routes import on_http_error
from origin.ops.routes import private_routes
from origin.ops.routes import public_routes
from origin.ops.s3_events import ObjectChange
from origin.sources.url_registry import RegistryAction

TOKEN = "0123456789abcdef"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:photos"


class FakeHandler:
    """Notes what is purged."""

    def __init__(self) -> None:
        self.purged: list[tuple[str | None, str | None]] = []
        self.moderated: list[tuple[str, str]] = []
        self.forgotten: list[str] = []
        self.failure: Exception | None = None  # of a moderation

    async def purge(self, key: str | None, prefix: str | None) -> int:
        self.purged.append((key, prefix))
        return 7

    async def moderate(self, action: RegistryAction, url: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.moderated.append((action, url))

    async def forget_blocked(self, url: str) -> None:
        self.forgotten.append(url)


class Operated:
    """An origin of two handlers, `photos` and `more photos`."""

    def __init__(self, token: str | None = TOKEN) -> None:
        self.is_ready = True
        self.admin_token = token
        self.metrics = Metrics()
        self.photos, self.more = FakeHandler(), FakeHandler()
        self.handlers_by_name = {"photos": self.photos, "more photos": self.more}
        self.mistake: str | None = None  # in the configuration that is read again
        self.reloads = 0
        self.told_to_cdn: list[tuple[str, str]] = []
        self.changes: list[tuple[str, str]] = []
        self.visited: list[str] = []
        self.purge_failure: OriginError | None = None
        self.events = S3Events(self.purge_change, self.visit, (TOPIC,))
        exception_handlers = {HTTPException: on_http_error}
        self.app = Starlette(routes=self.routes, exception_handlers=exception_handlers)

    @property
    def routes(self) -> list[Route]:
        return public_routes(self) + private_routes(self)

    async def purge(self, handler: str, key: str | None, prefix: str | None) -> int:
        return await self.handlers_by_name[handler].purge(key, prefix)

    def tell_cdn(self, handler: str, key: str) -> None:
        self.told_to_cdn.append((handler, key))

    async def purge_change(self, change: ObjectChange) -> int:
        if self.purge_failure is not None:
            raise self.purge_failure
        self.changes.append((change.bucket, change.key))
        return 3

    async def visit(self, url: str) -> None:
        self.visited.append(url)

    async def reload_configuration(self) -> str | None:
        self.reloads += 1
        return self.mistake
