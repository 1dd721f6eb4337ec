"""What is mounted for a handler that takes pictures in: methods, bounds of bodies, other paths, CORS."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping

from origin.delivery.mounts import BodyLimit
from origin.delivery.mounts import Endpoint
from origin.ingest.arrival import seconds_for
from origin.ingest.upload import Uploads

_EMPTY_BODY = 16_384  # bytes, of a method that needs none


def endpoints(uploads: Uploads, methods: Collection[str]) -> Mapping[str, Endpoint]:
    """What answers each of these methods."""
    size = uploads.settings.max_bytes
    body, nothing = BodyLimit(size, seconds_for(size)), BodyLimit(_EMPTY_BODY, 5.0)
    every = {
        "POST": Endpoint(uploads.post, body, uploads.refuse_path),
        "PUT": Endpoint(uploads.put, body, uploads.refuse_path),
        "DELETE": Endpoint(uploads.delete, nothing, uploads.refuse_path),
    }
    return {method: endpoint for method, endpoint in every.items() if method in methods}
