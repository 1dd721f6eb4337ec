"""s3imageserver's configuration: what differs from ours in it, in one place."""

from __future__ import annotations

from typing import Annotated
from typing import Any

from pydantic import SecretStr

from origin.config.part import Part
from origin.config.part import meaning
from origin.config.types import AnyText
from origin.config.types import SecretText
from origin.config.types import expected
from origin.sources.s3 import S3Settings
from origin.sources.settings import Secret


class Aws(Part):
    """s3imageserver's form of an S3 source."""

    bucket_name: Annotated[AnyText, meaning("name of the bucket")] = ""
    file_path: Annotated[AnyText, meaning("keys are looked up below it")] = ""
    aws_access: Annotated[
        SecretText, meaning("access key; without one, the usual AWS credential chain is asked")
    ] = SecretStr("")
    aws_secret: Annotated[SecretText, meaning("secret key that belongs to `aws_access`")] = SecretStr("")

    def as_source(self) -> S3Settings:
        """s3imageserver starts without a bucket, and so does this source."""
        access, secret = self.aws_access.get_secret_value(), self.aws_secret.get_secret_value()
        if bool(access) != bool(secret):
            raise expected("aws_access and aws_secret together", key="aws", got="")
        try:
            return S3Settings(
                bucket=self.bucket_name,
                folder=self.file_path,
                access_key=Secret(access) if access else None,
                secret_key=Secret(secret) if secret else None,
            )
        except ValueError as exc:
            raise expected(str(exc), key="aws", got="") from None


# What stands under `source` until `aws` has been read.
_PLACEHOLDER = {"type": "s3", "bucket": "from aws"}


def read_handler(data: Any) -> Any:
    """A handler with `aws` in our form, apart from the source itself: WebP unless told otherwise."""
    if not isinstance(data, dict) or "aws" not in data:
        return data
    data = _drop_empty(data)
    if "source" in data:
        raise expected("either `source` or `aws`, not both", got="")
    return {"output_format": "webp", "aws": {}, **data, "source": _PLACEHOLDER}


def read_top(data: Any) -> Any:
    """The whole file: a port of 0 and an empty path are as absent."""
    handlers = data.get("handlers") if isinstance(data, dict) else None
    if not isinstance(handlers, list) or not any("aws" in h for h in handlers if isinstance(h, dict)):
        return data
    return _drop_empty(data, ports=("http_port", "https_port"))


def _drop_empty(data: dict[str, Any], ports: tuple[str, ...] = ()) -> dict[str, Any]:
    """Without what Go has for absent: null, empty text, an empty list, and 0 for a port."""
    return {
        key: value
        for key, value in data.items()
        if value not in ("", None, []) and (value or key not in ports)
    }
