"""The parts of a handler that takes pictures in, put together from its configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Mapping

from origin.config.model import Handler as HandlerConfig
from origin.config.model import Limits
from origin.config.write import Way
from origin.config.write import Write
from origin.delivery.admission import FetchAdmission
from origin.delivery.cors import Cors
from origin.delivery.handler import Handler
from origin.delivery.router import Mount
from origin.delivery.router import Route
from origin.imaging.protocol import Intake
from origin.ingest.auth import Bearer
from origin.ingest.auth import FormSecret
from origin.ingest.auth import Open
from origin.ingest.auth import Signed
from origin.ingest.auth import WriteAuthorizer
from origin.ingest.checker import PictureChecker
from origin.ingest.endpoints import endpoints
from origin.ingest.reply import DEFAULT_JSON
from origin.ingest.reply import Reply
from origin.ingest.settings import CheckLimits
from origin.ingest.settings import WriteSettings
from origin.ingest.store import PictureStore
from origin.ingest.store import Purge
from origin.ingest.upload import Uploads
from origin.ingest.upload import path_of
from origin.render.pool import RenderPool
from origin.signing import UrlSigner
from origin.signing.uploads import UploadVerifier
from origin.sources import Store
from origin.sources.base import ObjectSettings

log = logging.getLogger(__name__)

LINK_SECONDS = 3600  # for which the URL in an answer may be read, where reading needs a token


def write_mount(
    handler: Handler,
    config: HandlerConfig,
    *,
    limits: Limits,
    store: Store,
    purge: Purge,
    pool: RenderPool,
    admission: FetchAdmission,
    clock: Callable[[], float],
) -> Mount:
    """The handler with what is written to it. `limits` are its own over those of the top."""
    write = config.write
    assert write is not None
    settings = _settings(write, config.error_status, limits)
    uploads = Uploads(
        config.name,
        store=PictureStore(store, purge),
        checker=PictureChecker(config.name, pool, admission, settings),
        settings=settings,
        authorizers=_authorizers(config, write, clock),
        write_url=_write_url(config, clock),
        clock=clock,
    )
    return Mount(handler, endpoints(uploads, write.open_methods), _cors(write))


def write_routes(config: HandlerConfig, mount: Mount) -> Mapping[str, Route]:
    """Other paths for the same requests."""
    path = config.write.routes.upload if config.write is not None else None
    if path is None or "POST" not in mount.endpoints:
        return {}
    return {path.removeprefix("/"): Route(mount, "POST", "")}


def warn_of_open_doors(config: HandlerConfig) -> None:
    """Tell where strangers may write."""
    if config.write is None:
        return
    ways = {method: config.write.auth.of(method) for method in config.write.open_methods}
    opened = [method for method, way in ways.items() if way is not None and way.is_open]
    if opened:
        log.warning(
            "handler %s: everyone may send %s, since write.auth is open", config.name, " and ".join(opened)
        )


def _settings(write: Write, error_status: object, limits: Limits) -> WriteSettings:
    reply = write.reply.get("post", {})
    normalise = write.normalise
    return WriteSettings(
        accept=write.accept,
        max_bytes=write.max_bytes,
        field_name=write.field,
        data_uri=write.data_uri,
        name=write.name,
        extensions=write.extensions,
        intake=Intake(
            normalise.orient, normalise.strip, tuple(normalise.convert.items()), normalise.max_dimension
        ),
        object=ObjectSettings(
            cache_control=write.object.cache_control,
            acl=write.object.acl,
            metadata=write.object.metadata,
        ),
        reply=Reply(reply.get("status", 201), reply.get("json", DEFAULT_JSON)),
        statuses=error_status if isinstance(error_status, Mapping) else {},
        limits=CheckLimits(
            limits.max_original_pixels, limits.max_frames, limits.render_timeout, limits.max_original_bytes
        ),
    )


def _authorizers(
    config: HandlerConfig, write: Write, clock: Callable[[], float]
) -> Mapping[str, WriteAuthorizer]:
    ways = {method: write.auth.of(method) for method in write.open_methods}
    return {method: make_authorizer(way, config, clock) for method, way in ways.items() if way is not None}


def make_authorizer(way: Way, config: HandlerConfig, clock: Callable[[], float]) -> WriteAuthorizer:
    if way.bearer is not None:
        return Bearer(way.bearer.get_secret_value())
    if way.form is not None:
        return FormSecret(way.form.field, way.form.value.get_secret_value())
    if way.signed:
        return Signed(UploadVerifier(_keys(config)), clock)
    return Open()


def _write_url(config: HandlerConfig, clock: Callable[[], float]) -> Callable[[str], str]:
    if config.signing is None or not config.signing.required:
        return lambda key: path_of(config.prefix, key)
    signer = UrlSigner("", config.prefix, _keys(config), bucket=1)
    return lambda key: signer.url(key, expires_in=LINK_SECONDS, now=clock())


def _keys(config: HandlerConfig) -> list[str]:
    return [key.get_secret_value() for key in config.signing.keys] if config.signing is not None else []


def _cors(write: Write) -> Cors | None:
    if write.cors is None:
        return None
    return Cors(write.cors.origins, write.cors.methods, write.cors.headers, write.cors.max_age)
