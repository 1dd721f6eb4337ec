"""Where originals come from and go to: an S3 bucket, a folder of this machine, other web servers.

A source returns the bytes exactly as they are stored, or raises one of our errors within its deadline.
It never returns part of an original and never leaves its folder. Only `http` follows redirects, and checks
each like the first URL.
"""

from __future__ import annotations

from origin.sources.base import EXPECTED_BYTES
from origin.sources.base import Original
from origin.sources.base import ReserveMemory
from origin.sources.base import Source
from origin.sources.base import Store
from origin.sources.types import SOURCES
from origin.sources.types import make_key_reader
from origin.sources.types import make_server_of
from origin.sources.types import make_source
from origin.sources.types import make_store

__all__ = [
    "EXPECTED_BYTES",
    "SOURCES",
    "Original",
    "ReserveMemory",
    "Source",
    "Store",
    "make_key_reader",
    "make_server_of",
    "make_source",
    "make_store",
]
