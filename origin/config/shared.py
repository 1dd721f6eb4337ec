"""What stands under `shared`: what many origins have together."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator
from pydantic import Field
from pydantic import SecretStr

from origin.config.part import Part
from origin.config.part import meaning
from origin.config.sources import AnySource
from origin.config.types import Count
from origin.config.types import SecretText
from origin.config.types import expected
from origin.sources.url_registry import is_url_of_redis

URL_OF_VALKEY = (
    "a URL such as redis://host:6379/0, rediss://host:6379/0 or unix:///path, with special characters of a "
    "password %-escaped (@ is %40, / is %2F)"
)


def _check_url(url: SecretStr) -> SecretStr:
    if not is_url_of_redis(url.get_secret_value()):
        raise expected(URL_OF_VALKEY, got="")
    return url


class Shared(Part):
    """What many origins share."""

    results: Annotated[
        AnySource, meaning("bucket of results and of purges, of this fleet alone; as `source`")
    ]
    url: Annotated[
        Annotated[SecretText, AfterValidator(_check_url)] | None,
        meaning(
            "Valkey or Redis: `redis://host:port/db`, or `rediss://` for TLS; without it, no leases and locks"
        ),
    ] = None
    days: Annotated[
        Annotated[Count, Field(le=3650)],
        meaning(
            "days for which results in the bucket are used; its lifecycle rule keeps `marks/` for 2 more"
        ),
    ] = 30
