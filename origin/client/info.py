"""What an original is, as `f=json` tells it: given by the application, or fetched from the origin."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FETCH = "fetch"
MAX_BYTES = 65_536  # of an answer; the origin's are a few hundred
PATIENCE = 2.0  # seconds that a page waits for one answer
KEPT = 3600.0  # seconds for which an answer is used again
KEPT_FAILURE = 10.0  # seconds after a failure before the origin is asked again
_MOST = 10_000  # answers that are kept

_log = logging.getLogger("origin.client")
# Both stand in a `style` attribute, so nothing but these shapes gets there.
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_LQIP = re.compile(r"data:image/webp;base64,[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True, slots=True)
class Info:
    """What a tag needs to know of an original."""

    width: int  # px, upright
    height: int
    frames: int = 1
    alpha: bool = False
    dominant: str | None = None  # "#a1b2c3"
    lqip: str | None = None  # a `data:` URL

    @classmethod
    def read(cls, given: Mapping[str, Any] | str | bytes) -> Info:
        """From the object, or its text. Raises ValueError."""
        try:
            facts = json.loads(given) if isinstance(given, str | bytes) else given
        except ValueError:
            raise ValueError("info: expected the object that f=json answers, as JSON") from None
        if not isinstance(facts, Mapping):
            raise ValueError("info: expected the object that f=json answers")
        width, height, frames = (facts.get(name, 1) for name in ("width", "height", "frames"))
        sides = [side for side in (facts.get("width"), facts.get("height")) if type(side) is int and side > 0]
        if len(sides) != 2 or type(frames) is not int:
            raise ValueError("info: expected what f=json answers, with width and height in pixels")
        return cls(
            width,
            height,
            frames,
            facts.get("alpha") is True,
            _matching(_COLOUR, facts, "dominant"),
            _matching(_LQIP, facts, "lqip"),
        )


def _matching(pattern: re.Pattern[str], facts: Mapping[str, Any], name: str) -> str | None:
    text = facts.get(name)
    if text is not None and not (isinstance(text, str) and pattern.fullmatch(text)):
        raise ValueError(f"info: {name} is not what f=json answers")
    return text


class InfoFetcher:
    """Fetches, and keeps what it got. No page fails for it: without an answer in time it goes without."""

    def __init__(self, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Info | None]] = OrderedDict()
        self._lock = threading.Lock()

    def fetch(self, url: str) -> Info | None:
        """What the URL answers; None, and a warning in the log, where it fails."""
        with self._lock:
            until, info = self._kept.get(url, (0.0, None))
        if self._clock() < until:
            return info
        try:
            info = Info.read(fetch_text(url, self._patience))
        except (OSError, ValueError) as error:
            info = None
            _log.warning("no info of a picture, so its tag has no placeholder: %s: %s", _shown(url), error)
        with self._lock:
            self._kept[url] = (self._clock() + (KEPT_FAILURE if info is None else KEPT), info)
            self._kept.move_to_end(url)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return info


def fetch_text(url: str, patience: float) -> bytes:
    """The body, within these seconds in all. Raises OSError, or ValueError for an answer that is too long.

    A thread asks, since the time limit of a socket counts each wait alone, and no other ends a name server's.
    """
    outcome: list[bytes | Exception] = []
    thread = threading.Thread(target=_ask, args=(url, patience, outcome), daemon=True)
    thread.start()
    thread.join(patience)
    if not outcome:
        raise TimeoutError(f"no answer within {patience:g} s")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _ask(url: str, patience: float, outcome: list[bytes | Exception]) -> None:
    from http.client import HTTPException  # here, so that what writes URLs alone imports no HTTP
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler
    from urllib.request import Request
    from urllib.request import build_opener

    class _NoRedirects(HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None  # the answer then counts as a failure

    end = time.monotonic() + patience
    try:
        request = Request(url, headers={"Accept": "application/json"})
        with build_opener(_NoRedirects).open(request, timeout=patience) as answer:
            body = b""
            while part := answer.read1(MAX_BYTES):
                body += part
                if len(body) > MAX_BYTES:
                    raise ValueError(f"more than {MAX_BYTES} bytes")
                if time.monotonic() > end:
                    raise TimeoutError("the answer takes too long")
        outcome.append(body)
    except HTTPError as error:
        error.close()
        outcome.append(OSError(f"the origin answers {error.code}"))
    except (OSError, ValueError) as error:
        outcome.append(error)
    except HTTPException as error:
        outcome.append(OSError(f"not HTTP: {error!r}"))


def _shown(url: str) -> str:
    return url.partition("?")[0]  # a token is a secret
