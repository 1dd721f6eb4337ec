"""A registry of URLs: which originals of other sites may be fetched, and which are blocked.

The words of its records are those of img-LinuxFr.org, whose registry is in Redis: an application that writes
there goes on as it is. `redis_registry` and `sqlite_registry` keep them; `watched_registry` bounds the time
that a request waits for them.
"""

from __future__ import annotations

import enum
import importlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from typing import Literal
from typing import Protocol
from urllib.parse import urlsplit

from origin.sources.settings import Secret
from origin.sources.settings import Setting

BLOCKED = "Blocked"  # the text under `status`

RegistryAction = Literal["add", "block", "unblock"]
"""What an application or an operator does to a URL: the names of methods of a registry."""


class NoRegistry(Exception):
    """The handler has no registry of URLs."""


@dataclass(frozen=True, slots=True)
class SqliteRegistrySettings:
    """A registry in a file of this machine"""

    type: Annotated[Literal["sqlite"], Setting('"sqlite"')]
    path: Annotated[Path, Setting("path of the file; made when missing")]


@dataclass(frozen=True, slots=True)
class RedisRegistrySettings:
    """A registry in Redis or Valkey, in img-LinuxFr.org's keys and fields"""

    type: Annotated[Literal["redis"], Setting('"redis"')]
    url: Annotated[Secret, Setting("`redis://host:port/db`, or `rediss://` for TLS")]

    def __post_init__(self) -> None:
        if not is_url_of_redis(self.url.reveal()):
            raise ValueError("a URL such as redis://host:6379/0, rediss://host:6379/0 or unix:///path")


RegistrySettings = SqliteRegistrySettings | RedisRegistrySettings


def is_url_of_redis(text: str) -> bool:
    """Whether the client reads the URL as it was meant: it takes a database that is no number for 0."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme == "unix":
        return bool(parts.path)
    database = parts.path.removeprefix("/")
    is_number = not database or (database.isascii() and database.isdigit())
    return parts.scheme in ("redis", "rediss") and bool(parts.hostname) and port != 0 and is_number


class Refusal(enum.Enum):
    """Why what a server answered is not taken, in the words of the record."""

    STATUS = "unexpected status code"
    SIZE = "exceeded max size"
    TYPE = "invalid content-type"


@dataclass(frozen=True, slots=True)
class UrlState:
    """What a registry knows of one URL.

    `refusal` is why the last answer of its server was not taken, as long as that is remembered.
    """

    is_registered: bool = False
    is_blocked: bool = False
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class FetchedRecord:
    """What is noted of an answer: type without `image/`, SHA-1 of the bytes in hex, ETag, Unix seconds."""

    type: str
    checksum: str
    etag: str | None
    modified: float


@dataclass(frozen=True, slots=True)
class RegisteredUrl:
    """A line of a listing. `created_at` is in Unix seconds, None where the record has none."""

    url: str
    created_at: int | None
    is_blocked: bool


class UrlRegistry(Protocol):
    """Which URLs may be fetched. Every method raises RegistryDown."""

    async def close(self) -> None: ...

    async def state(self, url: str) -> UrlState: ...

    async def add(self, url: str) -> bool:
        """Register a URL; whether it is new. A refusal that was remembered is forgotten."""

    async def block(self, url: str) -> None:
        """Refuse a URL from now on, registered or not."""

    async def unblock(self, url: str) -> None: ...

    def urls(self) -> AsyncIterator[RegisteredUrl]:
        """All of them, in no order."""

    async def note_fetched(self, url: str, record: FetchedRecord, seconds: int) -> None:
        """An answer was taken, which is fresh for so many seconds."""

    async def note_unchanged(self, url: str, modified: float, seconds: int) -> None:
        """The server says that what was taken last is still right."""

    async def note_refused(self, url: str, refusal: Refusal, seconds: int) -> None:
        """An answer was not taken; for so many seconds the server is not asked again."""

    def mistakes(self) -> AsyncIterator[str]:
        """What is wrong with the records, a line each."""


def make_registry(settings: RegistrySettings) -> UrlRegistry:
    """The registry of these settings. Raises ConfigError where its client is not installed."""
    kind = settings.type
    module = importlib.import_module(f"origin.sources.{kind}_registry")
    registry: UrlRegistry = module.make(settings)
    return registry
