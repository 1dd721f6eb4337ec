"""Where originals come from: an S3 bucket, or a local folder.

A source returns the bytes exactly as they are stored, or raises one of our errors within its deadline.
It never returns part of an original, never leaves its folder and never follows a redirect.
"""

from __future__ import annotations

from origin.source.local import LocalSource
from origin.source.original import EXPECTED
from origin.source.original import Original
from origin.source.original import Room
from origin.source.original import Source
from origin.source.s3 import S3Source

__all__ = ["EXPECTED", "LocalSource", "Original", "Room", "S3Source", "Source"]
