"""Invalidations of a CloudFront distribution."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from origin.sources.aws import AwsAccess
from origin.sources.aws_client import aws_client
from origin.sources.s3_errors import library_errors_become_ours
from origin.sources.s3_errors import parsed


class Distribution:
    def __init__(self, distribution: str, access: AwsAccess) -> None:
        self._distribution = distribution
        self._access = access

    async def invalidate(self, items: Sequence[str]) -> None:
        """`items` are paths, which may end in `*`, or tags that begin with `#`.

        Raises SourceUnavailable, SourceTimeout.
        """
        batch = {
            "Paths": {"Quantity": len(items), "Items": list(items)},
            "CallerReference": str(uuid.uuid4()),
        }
        with library_errors_become_ours(f"cloudfront {self._distribution}"):
            async with aws_client("cloudfront", self._access, read_timeout=10) as client:
                call = client.create_invalidation(DistributionId=self._distribution, InvalidationBatch=batch)
                await parsed(call)
