"""The parts of a handler that answers posted pictures, put together from its configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Mapping

from origin.config.authentication import AuthMethod
from origin.config.handler import Handler as HandlerConfig
from origin.delivery.admission import FetchAdmission
from origin.delivery.handler import Handler
from origin.delivery.mounts import Mount
from origin.ingest.posted import PostedPictures
from origin.ingest.transform import Transform
from origin.parts.write import make_authorizer
from origin.render.pool import RenderPool
from origin.urls.parsing import OptionDefaults

log = logging.getLogger(__name__)


def transform_mount(
    handler: Handler,
    config: HandlerConfig,
    *,
    max_bytes: int,
    defaults: OptionDefaults,
    pool: RenderPool,
    admission: FetchAdmission,
    clock: Callable[[], float],
) -> Mount:
    """The handler with what is posted to it. `max_bytes` bounds a picture."""
    assert config.transform is not None
    auth = config.auth or AuthMethod()
    if auth.is_open:
        log.warning(
            "handler %s: anyone who can reach the server may post pictures to /%s; `auth` restricts that",
            config.name,
            config.prefix,
        )
    authorizer = make_authorizer(auth, config, clock)
    settings = handler.renditions.settings
    posted = PostedPictures(config.name, pool, admission, settings, authorizer, max_bytes)
    statuses = config.error_status if isinstance(config.error_status, Mapping) else {}
    transform = Transform(config.name, config.transform, posted, defaults, statuses, debug=config.debug)
    endpoints = transform.endpoints(is_all=not config.has_source)
    return Mount(handler, endpoints, serves=config.has_source)
