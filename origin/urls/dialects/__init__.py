"""The words of other systems for what we call options, one file or folder each."""

from __future__ import annotations

from collections.abc import Mapping

from origin.urls.dialects.camo import Camo
from origin.urls.dialects.cloudflare.dialect import Cloudflare
from origin.urls.dialects.dialect import Dialect
from origin.urls.dialects.dialect import SigningDialect
from origin.urls.dialects.imgix.dialect import Imgix
from origin.urls.dialects.thumbor.dialect import Thumbor

SIGNING: Mapping[str, SigningDialect] = {dialect.name: dialect for dialect in (Imgix(), Thumbor())}
"""Those of systems that sign URLs, by name."""
_UNSIGNED: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (Cloudflare(), Camo())}
DIALECTS: Mapping[str, Dialect] = {**SIGNING, **_UNSIGNED}
"""By what stands under `dialect` in a handler."""


def signs_in_path(dialect: str | None) -> bool:
    """Whether the first segment behind the prefix of a handler with that dialect is a signature."""
    return dialect in SIGNING and SIGNING[str(dialect)].signs_in_path
