"""Until when a folder of the cache is known to be without what was purged, across restarts."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

FILE = "purges-seen.json"


class Seen(NamedTuple):
    """Until when every purge has been made, in Unix seconds, and whether that was with today's handlers.

    None where nobody knows. Results of other handlers and sources may not have been purged.
    """

    until: float | None = None
    is_of_these_handlers: bool = False


def read_seen(folders: Iterable[Path], handlers: str) -> Seen:
    """The earliest of what the folders say; nothing is known where one of them says nothing.

    `handlers` tells today's handlers and their sources from others.
    """
    untils, is_of_these = [], True
    for folder in folders:
        try:
            told = json.loads((folder / FILE).read_text())
            untils.append(float(told["until"]))
            is_of_these = is_of_these and told["handlers"] == handlers
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return Seen()
    return Seen(min(untils), is_of_these) if untils else Seen()


def write_seen(folders: Iterable[Path], handlers: str, until: float) -> None:
    """Where that fails, the next start makes more purges than it had to."""
    for folder in folders:
        try:
            new = folder / f"{FILE}.new"
            new.write_text(json.dumps({"until": until, "handlers": handlers}))
            os.replace(new, folder / FILE)
        except OSError as error:
            log.debug("what was purged in %s is not written down: %s", folder, error)
