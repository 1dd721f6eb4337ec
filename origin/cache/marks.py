"""Marks: which purges there were, so that no result that was begun before one is used after it.

No clock decides what came first: clocks differ. Each result in the bucket says which marks its origin knew
when it was begun, its stamp. A reader takes it where the stamp has every mark for that original that the
reader knows. So a result of an origin that had not heard of a purge is refused by all that have.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

MAX_TEXT = 500  # bytes of a mark, all of which is in the name of its object
MAX_REPLACED = 4  # marks that a new one replaces; others stay beside it
_ID = re.compile(r"[0-9]{13}-[0-9a-f]{16}")
_WRITTEN = re.compile(r"[0-9]{13}")
_REQUIRED, _OPTIONAL = ("id", "handler"), ("key", "prefix", "replaces")  # fields of a mark, as they are told
_PART = 200  # characters of one segment of a name: file systems below a bucket take 255


@dataclass(frozen=True, slots=True)
class Mark:
    """One purge: of one key, of all keys that start with `prefix`, or of all keys of a handler.

    `key` is what the source is asked for. `id` begins with the time of the origin that was asked.
    """

    id: str
    handler: str
    key: str | None = None
    prefix: str | None = None
    replaces: tuple[str, ...] = ()  # older marks for the same, which the writer knew

    @property
    def target(self) -> tuple[str, str | None, str | None]:
        return self.handler, self.key, self.prefix

    @property
    def time(self) -> float:
        """Unix seconds."""
        return int(self.id.partition("-")[0]) / 1000

    def to_text(self) -> str:
        """For the name of an object and for a message."""
        told = {name: getattr(self, name) for name in _REQUIRED}
        told |= {name: value for name in _OPTIONAL if (value := getattr(self, name))}
        return json.dumps(told, ensure_ascii=False)


def make_mark(
    now: float, handler: str, key: str | None, prefix: str | None, replaces: Iterable[str] = ()
) -> Mark:
    """A new mark. A key that is too long for a name becomes a prefix: more is purged, never less."""
    mark = Mark(f"{int(now * 1000):013d}-{os.urandom(8).hex()}", handler, key, prefix, tuple(replaces))
    while len(mark.to_text().encode()) > MAX_TEXT and (longest := mark.key or mark.prefix):
        if mark.replaces:
            mark = replace(mark, replaces=mark.replaces[1:])
        else:
            mark = replace(mark, key=None, prefix=longest[: len(longest) * 9 // 10])
    return mark


def read_mark(text: str) -> Mark:
    """The mark that `to_text` made. Raises ValueError for anything else."""
    if len(text.encode()) > 2 * MAX_TEXT:
        raise ValueError("longer than the name of an object may be")
    try:
        told = json.loads(text)
    except RecursionError:
        raise ValueError("JSON with too many levels") from None
    if not isinstance(told, dict) or not {*_REQUIRED} <= told.keys() <= {*_REQUIRED, *_OPTIONAL}:
        raise ValueError("not an object with the keys of a mark")
    replaces = told.pop("replaces", [])
    if not isinstance(replaces, list):
        raise ValueError("`replaces` is not a list")
    if not all(isinstance(value, str) and value for value in told.values()) or len(told) > 3:
        raise ValueError("a value that is not text, or both key and prefix")
    if not all(isinstance(id, str) and _ID.fullmatch(id) for id in (told["id"], *replaces)):
        raise ValueError("an id of another form")
    mark = Mark(**told, replaces=tuple(replaces))
    mark.to_text().encode()  # half a surrogate pair cannot be encoded: UnicodeEncodeError is a ValueError
    return mark


# As names of objects, which are listed in the order of their times


def in_parts(text: str) -> str:
    """Text as segments of a name. What two texts start with alike, their segments do too."""
    return "/".join(text[at : at + _PART] for at in range(0, len(text), _PART))


def object_name(mark: Mark, written: float) -> str:
    """The name of a mark that is written down now, which may be long after the purge."""
    text = base64.urlsafe_b64encode(mark.to_text().encode()).decode().rstrip("=")
    return in_parts(f"{first_name(written)}!{text}")


def mark_of_object(name: str) -> tuple[float, Mark]:
    """When a mark was written down, in Unix seconds, and the mark. Raises ValueError for another name."""
    written, _, text = name.replace("/", "").partition("!")
    if not _WRITTEN.fullmatch(written):
        raise ValueError("a time of another form")
    decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    return int(written) / 1000, read_mark(decoded.decode())


def first_name(time: float) -> str:
    """What the names of all marks that are written from this time on come after."""
    return f"{max(0, int(time * 1000)):013d}"


@dataclass(slots=True)
class _OfHandler:
    keys: dict[str, list[str]] = field(default_factory=dict)  # ids, by key
    prefixes: dict[str, list[str]] = field(default_factory=dict)  # by prefix; all keys start with ""

    def ids(self, mark: Mark) -> list[str] | None:
        return self.prefixes.get(mark.prefix or "") if mark.key is None else self.keys.get(mark.key)

    def set(self, mark: Mark, ids: list[str]) -> None:
        if mark.key is None:
            self.prefixes[mark.prefix or ""] = ids
        else:
            self.keys[mark.key] = ids


class Marks:
    """The marks that this origin knows. Each takes about 300 bytes."""

    def __init__(self) -> None:
        self._by_handler: dict[str, _OfHandler] = {}
        self._known: dict[str, Mark | None] = {}  # None: replaced by a newer one

    def __len__(self) -> int:
        return sum(mark is not None for mark in self._known.values())

    def __contains__(self, id: str) -> bool:
        return id in self._known

    def add(self, mark: Mark) -> bool:
        """Whether it is new, so that the caller has to remove what it covers, before it awaits anything."""
        if mark.id in self._known:
            return False
        own = self._by_handler.setdefault(mark.handler, _OfHandler())
        own.set(mark, [*(id for id in own.ids(mark) or () if id not in mark.replaces), mark.id])
        self._known |= dict.fromkeys(mark.replaces)
        self._known[mark.id] = mark
        return True

    def replaced_by(self, handler: str, key: str | None, prefix: str | None) -> list[str]:
        """The marks that a new one for the same makes needless."""
        own = self._by_handler.get(handler)
        ids = own.ids(Mark("", handler, key, prefix)) if own is not None else None
        return (ids or [])[-MAX_REPLACED:]

    def stamp(self, name: str) -> frozenset[str]:
        """The marks for the original that a record of the cache belongs to, by the name of either."""
        handler, _, rest = name.partition("\0")
        own = self._by_handler.get(handler)
        if own is None:
            return frozenset()
        key = rest.partition("\0")[2].partition("\0")[0]
        # There may be many thousands of prefixes, of which a key has few.
        beginnings = (key[:length] for length in range(len(key) + 1)) if own.prefixes else ()
        ids = [id for beginning in beginnings for id in own.prefixes.get(beginning, ())]
        return frozenset([*ids, *own.keys.get(key, ())])

    def all(self) -> list[Mark]:
        return [mark for mark in self._known.values() if mark is not None]

    def forget(self, before: float) -> None:
        """Drop the marks of before this time, Unix seconds."""
        for id, mark in list(self._known.items()):
            if int(id.partition("-")[0]) / 1000 >= before:  # replaced ones have a time too
                continue
            del self._known[id]
            if mark is not None:
                own = self._by_handler[mark.handler]
                own.set(mark, [other for other in own.ids(mark) or () if other != id])
                if not own.ids(mark):
                    (own.prefixes if mark.key is None else own.keys).pop(mark.key or mark.prefix or "")
