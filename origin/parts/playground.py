"""The playground, from the configuration."""

from __future__ import annotations

from collections.abc import Mapping

from origin.config.handler import Handler
from origin.config.model import Config
from origin.formats import Format
from origin.pages.playground import PlayedHandler
from origin.pages.playground import Playground
from origin.parts.explain import explain_url
from origin.parts.listing import list_keys
from origin.sources.types import is_store
from origin.urls.dialects.camo import Camo
from origin.urls.options import OPTIONS
from origin.urls.presets import Preset
from origin.urls.values import spell

_NO_PICTURES: Mapping[str, tuple[str, ...]] = {}


def make_playground(
    config: Config,
    now: float,
    pictures: Mapping[str, tuple[str, ...]] = _NO_PICTURES,
    *,
    is_open: bool = False,
) -> Playground | None:
    """None where the configuration has none. `pictures` are keys that are offered, by the handler's name."""
    if not config.admin.playground:
        return None
    return Playground(
        handlers={
            own.name: _played(config, own, pictures.get(own.name, ()))
            for own in config.handlers
            if _has_our_options(own)
        },
        presets={name: _spelled(preset.to_values()) for name, preset in config.presets.items()},
        watermarks=tuple(config.watermarks),
        explain=lambda url: explain_url(config, url, now)[0],
        list_keys=lambda name, prefix: list_keys(
            next(own for own in config.handlers if own.name == name), prefix
        ),
        public_url=f"https://{config.hosts[0]}" if config.hosts else None,
        public_port=config.http_port,
        now=now,
        is_open=is_open,
    )


def _has_our_options(own: Handler) -> bool:
    """Whether what the page writes is a URL of a picture. In a dialect the same names mean something else."""
    return own.has_source and own.dialect in (None, Camo.name)


def _spelled(preset: Preset) -> dict[str, str]:
    return {option.name: spell(value) for option, value in preset.values.items()}


def _played(config: Config, own: Handler, pictures: tuple[str, ...]) -> PlayedHandler:
    defaults = config.option_defaults(own)
    signing = own.signing
    return PlayedHandler(
        own.name,
        own.prefix,
        tuple(option.name for option in OPTIONS if defaults.takes(option)),
        defaults.max_dimension,
        "none" if signing is None else "required" if signing.required else "optional",
        {"c": spell(defaults.crop), "f": defaults.format},
        {name: _on_scale(name, quality) for name, quality in defaults.quality.items()},
        defaults.preset or "",
        None if signing is None else tuple(key.get_secret_value() for key in signing.keys),
        is_listed=is_store(own.source),
        pictures=pictures,
    )


def _on_scale(format: str, quality: int) -> int:
    """The `q` that comes nearest to an encoder's own number, the highest of several."""
    row = Format.named(format)
    return min(range(1, 101), key=lambda q: (abs(row.encoder_quality(q) - quality), -q))
