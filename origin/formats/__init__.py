"""FORMATS, one row for each image format, and what is derived from it. Standard library only: the origin, the
renderers and the URL helpers all read it."""

from __future__ import annotations

from origin.formats.results import DESCRIPTION_NAMES
from origin.formats.results import DESCRIPTIONS
from origin.formats.results import Description
from origin.formats.results import ResultFormat
from origin.formats.results import find_description
from origin.formats.results import named_result
from origin.formats.sniffing import describe
from origin.formats.sniffing import refusal
from origin.formats.sniffing import sniff
from origin.formats.table import ACCEPT_CLASSES
from origin.formats.table import DEFAULT_ORIGINALS
from origin.formats.table import FORMATS
from origin.formats.table import JPEG_FULL_COLOUR
from origin.formats.table import JPEG_SCALE
from origin.formats.table import MAX_SIDE
from origin.formats.table import OPTIONAL
from origin.formats.table import OUTPUTS
from origin.formats.table import PLAIN
from origin.formats.table import QUALITY
from origin.formats.table import Format
from origin.formats.table import Light

__all__ = [
    "ACCEPT_CLASSES",
    "DEFAULT_ORIGINALS",
    "DESCRIPTIONS",
    "DESCRIPTION_NAMES",
    "FORMATS",
    "JPEG_FULL_COLOUR",
    "JPEG_SCALE",
    "MAX_SIDE",
    "OPTIONAL",
    "OUTPUTS",
    "PLAIN",
    "QUALITY",
    "Description",
    "Format",
    "Light",
    "ResultFormat",
    "describe",
    "find_description",
    "named_result",
    "refusal",
    "sniff",
]
