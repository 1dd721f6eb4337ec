"""Where AWS's other services are, and the keys for them. The clients are in `aws_client`."""

from __future__ import annotations

from dataclasses import dataclass

from origin.sources.settings import Secret


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """Where a service is, and the keys for it. Without keys, the usual AWS credential chain is asked."""

    region: str | None = None
    endpoint_url: str | None = None
    access_key: Secret | None = None
    secret_key: Secret | None = None
