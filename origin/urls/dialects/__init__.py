"""The words of other systems for what we call options, one file or folder each."""

from __future__ import annotations

from collections.abc import Mapping

from origin.urls.dialects.dialect import Dialect
from origin.urls.dialects.imgix.dialect import Imgix
from origin.urls.dialects.thumbor.dialect import Thumbor

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (Imgix(), Thumbor())}
"""By what stands under `dialect` in a handler."""
