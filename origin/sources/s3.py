"""The keys of an S3 source. Its client is in `s3_source`, which takes 0.4 s to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from typing import Literal
from urllib.parse import urlsplit

from origin.sources.settings import Secret
from origin.sources.settings import Setting
from origin.sources.settings import identity_digest


@dataclass(frozen=True, slots=True)
class S3Settings:
    """`"type": "s3"`, for S3 and servers that speak its protocol"""

    bucket: Annotated[str, Setting("name of the bucket")]
    folder: Annotated[
        str, Setting("keys are looked up below it; none leads out of it", may_be_empty=True)
    ] = ""
    region: Annotated[
        str | None, Setting("region of the bucket; without it, that of the usual AWS settings")
    ] = None
    endpoint_url: Annotated[
        str | None,
        Setting(
            "server of MinIO, R2, SeaweedFS and others, without the bucket; without it, AWS",
            pattern="^https?://[^/?#@]+(/|$)",
            expects="an http or https URL without a user",
        ),
    ] = None
    addressing_style: Annotated[
        Literal["auto", "path", "virtual"] | None,
        Setting("where the bucket stands in URLs; without it, `path` if there is an `endpoint_url`"),
    ] = None
    access_key: Annotated[
        Secret | None, Setting("access key; without one, the usual AWS credential chain is asked")
    ] = None
    secret_key: Annotated[Secret | None, Setting("secret key that belongs to `access_key`")] = None
    session_token: Annotated[Secret | None, Setting("token of temporary credentials")] = None
    anonymous: Annotated[bool, Setting("true for a public bucket, asked without a signature")] = False
    connect_timeout: Annotated[float, Setting("seconds to connect", unit="seconds")] = 2.0
    timeout: Annotated[
        float | None,
        Setting("seconds for one fetch in all; without it, `limits.source_timeout`", unit="seconds"),
    ] = None

    def __post_init__(self) -> None:
        if not {".", ".."}.isdisjoint(self.folder.split("/")):
            raise ValueError(f"a folder without . and .. segments, got {self.folder!r}")
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key together")
        if self.endpoint_url and self.bucket:
            url = urlsplit(self.endpoint_url)
            above, _, last = url.path.strip("/").rpartition("/")
            if last == self.bucket:
                mended = f"{url.scheme}://{url.netloc}{'/' * bool(above)}{above}"
                raise ValueError(f"endpoint_url without the bucket, which is added to it: {mended}")

    def describe(self) -> str:
        return self.locate("")

    def locate(self, key: str) -> str:
        return "/".join(["s3:/", self.bucket, *filter(None, [self.folder.strip("/")]), key])

    def place(self) -> str:
        return self.describe()

    def server(self) -> str:
        """Host and port; empty for AWS, where a name of a bucket is that of one bucket."""
        url = urlsplit(self.endpoint_url or "")
        host = url.hostname or ""
        port = url.port or {"http": 80, "https": 443}.get(url.scheme)
        return "" if not host or host.endswith(".amazonaws.com") else f"{host}:{port}"

    def identity(self) -> str:
        # Without the type: caches have been named so from the start.
        return identity_digest(self.endpoint_url, self.bucket, self.folder.strip("/"))
