"""The playground, from the configuration."""

from __future__ import annotations

from origin.config.handler import Handler
from origin.config.model import Config
from origin.pages.playground import PlayedHandler
from origin.pages.playground import Playground
from origin.parts.explain import explain_url
from origin.parts.listing import list_keys
from origin.sources.types import is_store
from origin.urls.options import OPTIONS


def make_playground(
    config: Config, now: float, pictures: tuple[str, ...] = (), *, is_open: bool = False
) -> Playground | None:
    """None where the configuration has none. The rest is as in `Playground`."""
    if not config.admin.playground:
        return None
    return Playground(
        handlers={own.name: _played(config, own) for own in config.handlers if _has_our_options(own)},
        names={"presets": tuple(config.presets), "watermarks": tuple(config.watermarks)},
        explain=lambda url: explain_url(config, url, now)[0],
        list_keys=lambda name, prefix: list_keys(
            next(own for own in config.handlers if own.name == name), prefix
        ),
        public_url=f"https://{config.hosts[0]}" if config.hosts else None,
        public_port=config.http_port,
        now=now,
        pictures=pictures,
        is_open=is_open,
    )


def _has_our_options(own: Handler) -> bool:
    """Whether what the page writes is a URL of a picture. In a dialect the same names mean something else."""
    return own.has_source and own.dialect is None


def _played(config: Config, own: Handler) -> PlayedHandler:
    defaults = config.option_defaults(own)
    signing = own.signing
    return PlayedHandler(
        own.name,
        own.prefix,
        tuple(option.name for option in OPTIONS if defaults.takes(option)),
        defaults.max_dimension,
        "none" if signing is None else "required" if signing.required else "optional",
        None if signing is None else tuple(key.get_secret_value() for key in signing.keys),
        is_listed=is_store(own.source),
    )
