"""Keys of AWS's services that are no source."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic import model_validator

from origin.config.part import Part
from origin.config.part import meaning
from origin.config.types import SecretText
from origin.config.types import Text
from origin.config.types import expected
from origin.config.types import expects

WebUrl = Annotated[
    str,
    Field(pattern=r"^https?://[^/?#@\s]+(/[\x21-\x7e]*)?$"),
    expects("an http or https URL without a user"),
]


class AwsPart(Part):
    """What every service of AWS has."""

    region: Annotated[Text | None, meaning("region; without it, that of the usual AWS settings")] = None
    endpoint_url: Annotated[WebUrl | None, meaning("another server than AWS's")] = None
    access_key: Annotated[
        SecretText | None, meaning("access key; without one, the usual AWS credential chain is asked")
    ] = None
    secret_key: Annotated[SecretText | None, meaning("secret key that belongs to `access_key`")] = None

    @model_validator(mode="after")
    def _check_keys(self) -> AwsPart:
        if (self.access_key is None) != (self.secret_key is None):
            raise expected("access_key and secret_key together", got="")
        return self
