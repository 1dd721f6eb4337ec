"""The key of a posted picture, from the template that a handler has for it."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import uuid
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from typing import TypeVar

from origin.delivery.reading import RESERVED
from origin.errors import Exists
from origin.errors import Malformed
from origin.urls.path import find_key_violation
from origin.urls.templates import PLACEHOLDER

NAME_TRIES = 3  # for a name that is taken and has a random part
_UNSAFE = re.compile(r"[^\w.-]+")
_MAX_STEM = 100  # characters of a client's file name

T = TypeVar("T")


def check_upload_key(key: str) -> None:
    """Raises Malformed for a key that no picture can have."""
    if violation := find_key_violation(key):
        raise Malformed(violation)
    if key.startswith(RESERVED):
        raise Malformed(f"keys below {RESERVED} are reserved")


@dataclass(frozen=True, slots=True)
class Moment:
    """What names are made of: when, the bytes, and what the client calls them."""

    now: float  # Unix seconds
    body: bytes  # as they are stored
    file_name: str


def stem_of(file_name: str) -> str:
    """A client's file name without folders and extension, as far as it is safe in a key and in a URL."""
    base = file_name.replace("\\", "/").rpartition("/")[2]
    stem = base.rpartition(".")[0] or base
    return _UNSAFE.sub("-", stem).strip("-.")[:_MAX_STEM].strip("-.") or "picture"


# By the names of `NAME_PARTS`.
_PARTS: Mapping[str, Callable[[Moment], str]] = {
    "yyyy": lambda moment: f"{_utc(moment):%Y}",
    "mm": lambda moment: f"{_utc(moment):%m}",
    "uuid": lambda moment: str(uuid.uuid4()),
    "year": lambda moment: str(_utc(moment).year),
    "month": lambda moment: str(_utc(moment).month),
    "epoch": lambda moment: str(int(moment.now)),
    "rand31": lambda moment: str(secrets.randbits(31)),
    "sha256": lambda moment: hashlib.sha256(moment.body).hexdigest(),
    "stem": lambda moment: stem_of(moment.file_name),
}
_RANDOM = frozenset({"uuid", "rand31"})


class NameTemplate:
    """Makes names. `template` has passed `find_name_mistake`."""

    def __init__(self, template: str) -> None:
        self._template = template
        names = set(PLACEHOLDER.findall(template))
        self.is_random = bool(names & _RANDOM)  # another try gives another name
        self.is_of_content = "sha256" in names  # what has the name already has the same bytes

    async def store(
        self,
        moment: Callable[[], Moment],
        prefix: str,
        extension: str,
        put: Callable[[str], Awaitable[T]],
    ) -> T:
        """What `put` gives for a name that is free. Raises Exists where none is, and what `put` raises."""
        for _ in range(NAME_TRIES - 1 if self.is_random else 0):
            with contextlib.suppress(Exists, Malformed):
                return await put(self.name(moment(), prefix, extension))
        return await put(self.name(moment(), prefix, extension))

    def name(self, moment: Moment, prefix: str, extension: str) -> str:
        """A key below `prefix`, which is empty or ends in a slash. Raises Malformed."""
        name = PLACEHOLDER.sub(lambda match: _PARTS[match[1]](moment), self._template)
        key = f"{prefix}{name}.{extension}"
        check_upload_key(key)
        return key


def _utc(moment: Moment) -> datetime:
    return datetime.fromtimestamp(moment.now, UTC)
