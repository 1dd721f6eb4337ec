"""The parts of a handler that takes pictures in, put together from its configuration."""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass

from origin.config.authentication import AuthMethod
from origin.config.handler import Handler as HandlerConfig
from origin.config.limits import Limits
from origin.config.write import ACTIONS
from origin.config.write import StagePart
from origin.config.write import Write
from origin.delivery.admission import FetchAdmission
from origin.delivery.cors import Cors
from origin.delivery.handler import Handler
from origin.delivery.mounts import Mount
from origin.delivery.mounts import Route
from origin.delivery.reading import RESERVED
from origin.delivery.settings import RenderSettings
from origin.errors import ConfigError
from origin.imaging.protocol import Normalisation
from origin.ingest.actions import Actions
from origin.ingest.auth import Bearer
from origin.ingest.auth import FormSecret
from origin.ingest.auth import Open
from origin.ingest.auth import Signed
from origin.ingest.auth import WriteAuthorizer
from origin.ingest.checker import PictureChecker
from origin.ingest.derive import Deriver
from origin.ingest.deriving_store import DerivingStore
from origin.ingest.endpoints import endpoints
from origin.ingest.locks import HoldName
from origin.ingest.locks import Locks
from origin.ingest.names import NameTemplate
from origin.ingest.reply import Reply
from origin.ingest.settings import CheckLimits
from origin.ingest.settings import WriteSettings
from origin.ingest.stage import Stage
from origin.ingest.store import PictureStore
from origin.ingest.store import Purge
from origin.ingest.upload import Uploads
from origin.ingest.upload import path_of
from origin.parts.dialects import make_verifier
from origin.render.pool import RenderPool
from origin.signing import UrlSigner
from origin.signing.uploads import UploadVerifier
from origin.sources import Store
from origin.sources import make_store
from origin.sources.base import ObjectSettings
from origin.urls.dialects import SIGNING
from origin.urls.parsing import OptionDefaults
from origin.urls.path import ROOT

log = logging.getLogger(__name__)

# An extra, for the render processes: not every Python has wheels for it.
MAKES_SVG_SAFE = importlib.util.find_spec("py_svg_hush") is not None
_REPLIES = {
    "post": Reply(),
    "publish": Reply(200),
    "recrop": Reply(200),
    "delete": Reply(200, {"deleted": True}),
}
LINK_SECONDS = 3600  # for which the URL in an answer may be read, where reading needs a token


@dataclass(frozen=True)
class Writer:
    """What takes pictures in at one prefix."""

    mount: Mount
    routes: Mapping[str, Route]  # other paths for the same requests
    published: PictureStore
    stage: Stage | None

    @property
    def parts(self) -> tuple[PictureStore | Stage, ...]:
        """What is opened after the handler, and closed before it."""
        return (self.published,) if self.stage is None else (self.published, self.stage)


@dataclass(frozen=True)
class Common:
    """What all handlers of one origin write with. `hold` locks a name for the whole fleet; `clock` gives Unix
    seconds."""

    pool: RenderPool
    admission: FetchAdmission
    hold: HoldName | None
    clock: Callable[[], float] = time.time


def make_writer(
    handler: Handler,
    config: HandlerConfig,
    common: Common,
    *,
    limits: Limits,
    defaults: OptionDefaults,
    store: Store,
    purge: Purge,
) -> Writer:
    """The handler with what is written to it. `limits` and `defaults` are its own over those of the top.

    Raises ConfigError where it takes SVG, and what disarms that is not installed.
    """
    write = config.write
    assert write is not None
    _check_svg(config, write)
    settings = _settings(write, config.error_status, limits)
    published = make_picture_store(
        config, common, store, purge, settings=handler.renditions.settings, defaults=defaults
    )
    checker = PictureChecker(config.name, common.pool, common.admission, settings)
    stage, actions = None, None
    if write.stage is not None:
        stage = _make_stage(config, write.stage, common, published, checker, settings, limits)
        actions = _make_actions(config, write, stage, settings, common.clock)
    uploads = Uploads(
        config.name,
        store=published,
        checker=checker,
        settings=settings,
        authorizers=_authorizers(config, write, write.open_methods, common.clock),
        write_url=_write_url(config, common.clock),
        stage=stage,
        actions=actions,
        clock=common.clock,
    )
    methods = {*write.open_methods, *(["POST"] if actions is not None and actions.names else [])}
    mount = Mount(handler, endpoints(uploads, methods), _cors(write))
    return Writer(mount, _routes(write, mount), published, stage)


def _check_svg(config: HandlerConfig, write: Write) -> None:
    """Raises ConfigError where SVG is taken, and what makes it safe is not installed."""
    if "svg" in write.accept and not MAKES_SVG_SAFE:
        raise ConfigError(
            f"handler {config.name}: write.accept: svg needs pip install 'image-origin[server,svg]'"
        )


def _make_stage(
    config: HandlerConfig,
    own: StagePart,
    common: Common,
    published: PictureStore,
    checker: PictureChecker,
    settings: WriteSettings,
    limits: Limits,
) -> Stage:
    """Where uploads wait until they are published."""
    waiting = make_store(own.source, max_bytes=limits.max_original_bytes, timeout=limits.source_timeout)
    return Stage(
        config.name,
        waiting,
        published,
        common.admission,
        settings.object,
        measure=checker.measure,
        expire=own.expire,
        locks=Locks(f"stage {own.source.place()}", common.hold),
        clock=common.clock,
    )


def _make_actions(
    config: HandlerConfig, write: Write, stage: Stage, settings: WriteSettings, clock: Callable[[], float]
) -> Actions:
    return Actions(
        config.name,
        stage,
        authorizers=_authorizers(config, write, ACTIONS, clock),
        replies={name: _reply(write, name) for name in ACTIONS},
        statuses=settings.statuses,
        write_url=_write_url(config, clock),
        template=NameTemplate(settings.name),
        clock=clock,
    )


def make_picture_store(
    config: HandlerConfig,
    common: Common,
    store: Store,
    purge: Purge,
    *,
    settings: RenderSettings,
    defaults: OptionDefaults,
) -> PictureStore:
    """Where the pictures of a handler go. `settings` and `defaults` are those by which it renders."""
    write = config.write
    assert write is not None
    locks = Locks(config.source.place(), common.hold)
    if not write.derive:
        return PictureStore(store, purge, locks)
    deriver = Deriver(
        config.name,
        write.derive,
        defaults=defaults,
        settings=settings,
        accepted=write.accept,
        pool=common.pool,
    )
    return DerivingStore(config.name, store, purge, deriver, common.admission, _object_settings(write), locks)


def _routes(write: Write, mount: Mount) -> Mapping[str, Route]:
    keys = {"upload": "", **{name: f"{RESERVED}{name}" for name in ACTIONS}}
    return {
        path.removeprefix("/"): Route(mount, "POST", keys[name])
        for name, path in write.routes
        if path is not None and "POST" in mount.endpoints
    }


def warn_of_open_writes(config: HandlerConfig) -> None:
    """Tell where strangers may write."""
    opened = config.write.list_open() if config.write is not None else []
    if opened:
        log.warning(
            "handler %s: anyone who can reach the server may send %s, since write.auth is open",
            config.name,
            " and ".join(opened),
        )


def _settings(write: Write, error_status: object, limits: Limits) -> WriteSettings:
    normalise = write.normalise
    return WriteSettings(
        accept=write.accept,
        max_bytes=write.max_bytes,
        field_name=write.field,
        data_uri=write.data_uri,
        name=write.name,
        extensions=write.extensions,
        normalisation=Normalisation(
            normalise.orient, normalise.strip, tuple(normalise.convert.items()), normalise.max_dimension
        ),
        object=_object_settings(write),
        reply=_reply(write, "post"),
        statuses=error_status if isinstance(error_status, Mapping) else {},
        limits=CheckLimits(
            limits.max_original_pixels, limits.max_frames, limits.render_timeout, limits.max_original_bytes
        ),
    )


def _object_settings(write: Write) -> ObjectSettings:
    own = write.object
    return ObjectSettings(cache_control=own.cache_control, acl=own.acl, metadata=own.metadata)


def _reply(write: Write, name: str) -> Reply:
    """The template for a POST or an action."""
    own, default = write.reply.get(name, {}), _REPLIES[name]
    return Reply(own.get("status", default.status), own.get("json", default.json))


def _authorizers(
    config: HandlerConfig, write: Write, names: Iterable[str], clock: Callable[[], float]
) -> Mapping[str, WriteAuthorizer]:
    """By the names of methods or actions, as far as somebody may send them."""
    auths = {name: write.auth.of(name) for name in names}
    return {name: make_authorizer(auth, config, clock) for name, auth in auths.items() if auth is not None}


def make_authorizer(auth: AuthMethod, config: HandlerConfig, clock: Callable[[], float]) -> WriteAuthorizer:
    if auth.bearer is not None:
        return Bearer(auth.bearer.get_secret_value())
    if auth.form is not None:
        return FormSecret(auth.form.field, auth.form.value.get_secret_value())
    if auth.signed:
        return Signed(UploadVerifier(_keys(config)), clock)
    return Open()


def _write_url(config: HandlerConfig, clock: Callable[[], float]) -> Callable[[str], str]:
    if config.dialect is not None and config.dialect in SIGNING:
        return _write_foreign_url(config, config.dialect, clock)
    if config.signing is None or not config.signing.required:
        return lambda key: path_of(config.prefix, key)
    signer = UrlSigner("", config.prefix, _keys(config), bucket=1)
    return lambda key: signer.url(key, expires_in=LINK_SECONDS, now=clock())


def _write_foreign_url(config: HandlerConfig, name: str, clock: Callable[[], float]) -> Callable[[str], str]:
    """URLs as the other system signs them."""
    signing, (_, behind) = config.signing, make_verifier(config, name)
    secret = signing.secrets(name)[0] if signing is not None and signing.required else None
    above = path_of(behind, "").removesuffix("/")
    signed = ROOT if behind else config.prefix

    def write_url(key: str) -> str:
        expires = int(clock()) + LINK_SECONDS
        return above + SIGNING[name].write_url(secret, path_of(signed, key), expires)

    return write_url


def _keys(config: HandlerConfig) -> list[str]:
    return [key.get_secret_value() for key in config.signing.keys] if config.signing is not None else []


def _cors(write: Write) -> Cors | None:
    if write.cors is None:
        return None
    return Cors(write.cors.origins, write.cors.methods, write.cors.headers, write.cors.max_age)
