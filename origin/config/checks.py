"""What only the whole file can get wrong: keys that need or exclude each other, and missing files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import replace

from origin.config.handler import Handler
from origin.config.model import Config
from origin.config.pictures import MAX_FILE
from origin.config.pictures import Preset
from origin.config.types import one_of
from origin.config.write import Write
from origin.errors import BadRequest
from origin.formats import DESCRIPTION_NAMES
from origin.formats import OUTPUTS
from origin.formats import sniff
from origin.sources.base import SourceSettings
from origin.sources.http import HttpSettings
from origin.sources.s3 import S3Settings
from origin.sources.types import SOURCES
from origin.sources.types import type_name
from origin.urls.dialects.camo import Camo
from origin.urls.dialects.cloudflare.dialect import Cloudflare
from origin.urls.parsing import parse_options
from origin.urls.path import ROOT
from origin.urls.path import find_mount
from origin.urls.templates import REPLY_PARTS
from origin.urls.templates import find_name_mistake
from origin.urls.templates import find_reply_mistake

_STORES = one_of([name for name, row in SOURCES.items() if row.store is not None])
_EVERY_ADDRESS = {"0.0.0.0", "::"}


def check_together(config: Config) -> Iterator[str]:
    """Each mistake as `{place}: expected ...`."""
    yield from _shared_names(config)
    for i, handler in enumerate(config.handlers):
        if handler.write is not None:
            yield from _unwritable(f"handlers[{i}]", handler, handler.write)
        if handler.avif == "later" and not (
            handler.caches and (config.cache.max_size or config.cache.memory)
        ):
            yield f"handlers[{i}].avif: expected a cache, which keeps what is made in idle time"
    yield from _impossible_files(config)
    yield from _visible_stages(config)
    yield from _caches_within_reach(config)
    yield from _mixed_buckets(config)
    yield from _claimed_paths(config)
    if config.https_enabled and not (config.https_cert and config.https_key):
        yield "https_enabled: expected https_cert and https_key beside it"
    if config.https_strict and not config.https_enabled and not config.legacy:
        yield "https_strict: expected https_enabled beside it"
    if config.https_enabled and config.https_strict and not config.hosts:
        yield "https_strict: expected the host name to redirect to in hosts"
    if config.admin.host is not None and config.admin.port is None:
        yield "admin.host: expected admin.port beside it"
    yield from _shared_ports(config)
    yield from _open_proxies(config)
    yield from _names_of_no_files(config)
    yield from _dialects(config)
    yield from _unknown_names(config)
    yield from _watermark_files(config)
    yield from _impossible_presets(config)
    if not config.legacy:  # s3imageserver starts without these files
        yield from _missing_files(config)


def _mixed_buckets(config: Config) -> Iterator[str]:
    """A bucket of results that cannot be written to, or in which a handler has its originals."""
    if config.shared is None:
        return
    results = config.shared.results
    if SOURCES[type_name(results)].store is None:
        yield f"shared.results: expected a source that can be written to, of type {_STORES}"
        return
    own = results.place()
    for i, handler in enumerate(config.handlers):
        sources = [
            handler.source,
            *([handler.write.stage.source] if handler.write and handler.write.stage else []),
        ]
        if any(source.place().startswith(own) or own.startswith(source.place()) for source in sources):
            yield f"shared.results: expected a bucket or folder apart from that of handlers[{i}]"


def _shared_names(config: Config) -> Iterator[str]:
    for key in ("name", "prefix"):
        seen: dict[str, int] = {}
        for i, handler in enumerate(config.handlers):
            value = getattr(handler, key)
            if value in seen:
                yield (
                    f'handlers[{i}].{key}: expected a {key} of its own, got "{value}", '
                    f"which handlers[{seen[value]}] has"
                )
            seen.setdefault(value, i)


def _unwritable(place: str, handler: Handler, write: Write) -> Iterator[str]:
    """What `write` needs beside itself."""
    if SOURCES[type_name(handler.source)].store is None:
        yield f"{place}.write: expected a source that can be written to, of type {_STORES}"
    if any(auth.signed for _, auth in write.auths()) and not (handler.signing and handler.signing.keys):
        yield f"{place}.write.auth: expected signing.keys in the handler, with which upload grants are made"
    if mistake := find_name_mistake(write.name):
        yield f"{place}.write.name: expected a template such as {{yyyy}}/{{mm}}/{{uuid}}; {mistake}"
    if mistake := find_reply_mistake(write.reply.get("delete"), ()):
        yield f"{place}.write.reply.delete: expected no placeholder, since keys may be many, got {mistake}"
    if mistake := find_reply_mistake(write.reply):
        yield f"{place}.write.reply: expected placeholders of {', '.join(REPLY_PARTS)}, got {mistake}"


def _impossible_files(config: Config) -> Iterator[str]:
    """Files made of originals whose names or presets contradict others."""
    for i, handler in enumerate(config.handlers):
        derive = {} if handler.write is None else handler.write.derive
        for suffix, names in derive.items():
            place = f"handlers[{i}].write.derive.{suffix}"
            presets = [config.presets[name] for name in names.split(",") if name in config.presets]
            for other in derive:
                if other != suffix and other.endswith(suffix):
                    yield f"{place}: expected a suffix in which no other ends, got the end of {other}"
            if handler.preset_names.get(suffix, names) != names:
                other = handler.preset_names[suffix]
                yield f"{place}: expected what preset_names has there, {other}, got {names}"
            if any(_format_of(preset) in DESCRIPTION_NAMES for preset in presets):
                yield f"{place}: expected a preset that makes a picture, got {names}"
            try:
                parse_options([(b"p", names.encode())], replace(config.option_defaults(handler), names=None))
            except BadRequest as exc:
                if all(name in config.presets for name in names.split(",")):
                    yield f"{place}: expected presets that go together, got: {exc}"
            kept = handler.write is not None and handler.write.normalise.strip == "none"
            if kept and any(preset.only is not None for preset in presets):
                yield (
                    f"{place}: expected a preset without only beside normalise.strip none, got {names}: it "
                    "would copy where pictures were taken"
                )


def _format_of(preset: Preset) -> object:
    """The format that a preset names."""
    return next((value for option, value in preset.to_values().values.items() if option.name == "f"), None)


def _visible_stages(config: Config) -> Iterator[str]:
    """Stages that a handler would serve from."""
    for i, handler in enumerate(config.handlers):
        if handler.write is None or handler.write.stage is None:
            continue
        stage, place = handler.write.stage.source, f"handlers[{i}].write.stage.source"
        if SOURCES[type_name(stage)].store is None:
            yield f"{place}: expected a source that can be written to, of type {_STORES}"
        for other in config.handlers:
            places = (other.source.place(), stage.place())
            if _are_apart(stage, other.source):
                continue
            if places[0].startswith(places[1]) or places[1].startswith(places[0]):
                yield f"{place}: expected a place that no handler reads, got one that {other.name} reads"


def _caches_within_reach(config: Config) -> Iterator[str]:
    """Folders that pictures are written to, with a cache in them: a key would lead to its files."""
    folders = {config.cache.path, *(handler.cache_path for handler in config.handlers)} - {None}
    caches = [os.path.join(os.path.realpath(str(folder)), "") for folder in folders]
    for i, handler in enumerate(config.handlers):
        if handler.write is not None:
            stage = handler.write.stage
            places = [source.place() for source in (handler.source, *([stage.source] if stage else []))]
            if any(cache.startswith(place) for cache in caches for place in places):
                yield f"handlers[{i}].write: expected a folder without a cache in it"


def _are_apart(one: SourceSettings, other: SourceSettings) -> bool:
    """Whether they are buckets of two servers, which may have one name."""
    return isinstance(one, S3Settings) and isinstance(other, S3Settings) and one.server() != other.server()


def _claimed_paths(config: Config) -> Iterator[str]:
    """Other paths that something else has already."""
    claimed: dict[str, str] = {"status": "the status page"}
    for i, handler in enumerate(config.handlers):
        if handler.write is None:
            continue
        # What is at the root has what nothing else claims.
        others = {other.prefix: True for other in config.handlers if other is not handler and other.prefix}
        for name, route in handler.write.routes:
            if route is None:
                continue
            place, path = f"handlers[{i}].write.routes.{name}", route.removeprefix("/")
            if path in claimed or path in others or find_mount(path, others) or path.startswith("-/"):
                yield f'{place}: expected a path of its own, got "/{path}", which something else has'
            claimed[path] = place
            if name != "upload" and handler.write.stage is None:
                yield f"{place}: expected stage beside it"
        publishes = handler.write.stage is not None and handler.write.auth.publish is not None
        if publishes and handler.prefix == ROOT and handler.write.routes.publish is None:
            yield (
                f"handlers[{i}].write.routes.publish: expected a path such as /publish, since at the root "
                "/-/publish is for operators"
            )


def _shared_ports(config: Config) -> Iterator[str]:
    listeners = [("http_port", config.http_host, config.http_port)]
    if config.admin.port is not None:
        listeners.append(("admin.port", config.admin.host or config.http_host, config.admin.port))
    if config.https_enabled:
        listeners.append(("https_port", config.http_host, config.https_port))
    for number, (place, host, port) in enumerate(listeners):
        for other, other_host, other_port in listeners[:number]:
            if port == other_port and (host == other_host or {host, other_host} & _EVERY_ADDRESS):
                yield f"{place}: expected a port of its own, got {port}, as {other}"


def _open_proxies(config: Config) -> Iterator[str]:
    """Handlers by which anybody could fetch anything."""
    for i, handler in enumerate(config.handlers):
        source = handler.source
        signed = handler.signing is not None and handler.signing.required
        if isinstance(source, HttpSettings) and not source.is_guarded and not signed:
            yield (
                f"handlers[{i}].source: expected hosts, registry, signing of the handler, "
                'or "open": true to let anybody fetch any URL through this origin'
            )


def _dialects(config: Config) -> Iterator[str]:
    """Handlers whose dialect needs or excludes other keys."""
    for i, handler in enumerate(config.handlers):
        place, source = f"handlers[{i}].dialect", handler.source
        if handler.dialect == Camo.name and not (isinstance(source, HttpSettings) and source.keys == "camo"):
            there = type_name(source) if handler.has_source else "none"
            if isinstance(source, HttpSettings):
                there += " with " + ("base_url" if source.keys is None else f'"keys": "{source.keys}"')
            yield f"{place}: expected a source of type http with camo_key beside camo, got {there}"
        if handler.dialect == Cloudflare.name and handler.write is not None:
            yield (
                f"{place}: expected another handler for write, since URLs of cloudflare begin with options, "
                "and those of what is stored do not"
            )


def _names_of_no_files(config: Config) -> Iterator[str]:
    """Presets in file names, where keys are URLs of originals: the registry knows the URL as it stands."""
    for i, handler in enumerate(config.handlers):
        if handler.preset_names and isinstance(handler.source, HttpSettings) and handler.source.keys:
            yield f'handlers[{i}].preset_names: expected none with "keys": "{handler.source.keys}" in source'


def _unknown_names(config: Config) -> Iterator[str]:
    """Presets and watermarks that are named, and not there."""
    used: dict[str, str] = {}
    for i, handler in enumerate(config.handlers):
        if handler.preset is not None:
            used[f"handlers[{i}].preset"] = handler.preset
        used |= {
            f"handlers[{i}].preset_names.{suffix}": name for suffix, name in handler.preset_names.items()
        }
        if handler.write is not None:
            derive = handler.write.derive.items()
            used |= {f"handlers[{i}].write.derive.{suffix}": name for suffix, name in derive}
    for place, names in used.items():
        for name in names.split(","):
            if name not in config.presets:
                yield _not_a_name(place, "presets", config.presets, name)
    for preset_name, preset in config.presets.items():
        for option, value in preset.to_values().values.items():
            if option.name == "wm" and value not in config.watermarks:
                yield _not_a_name(f"presets.{preset_name}.wm", "watermarks", config.watermarks, str(value))


def _not_a_name(place: str, of: str, known: Iterable[str], name: str) -> str:
    names = one_of(list(known)) or f"and {of} is empty"
    return f'{place}: expected a name of {of}, {names}, got "{name}"'


def _watermark_files(config: Config) -> Iterator[str]:
    for name, watermark in config.watermarks.items():
        place, path = f"watermarks.{name}.picture", watermark.picture
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                format = sniff(file.read(4096))
        except OSError as exc:
            yield f'{place}: expected a file, got "{path}", which cannot be read: {exc.strerror}'
            continue
        if format not in OUTPUTS:
            formats = one_of([format.name for format in OUTPUTS])
            yield f'{place}: expected a picture in {formats}, got "{path}", which is none'
        if size > MAX_FILE:
            yield f'{place}: expected a file of at most {MAX_FILE} bytes, got "{path}" of {size}'


def _impossible_presets(config: Config) -> Iterator[str]:
    """Presets whose options contradict each other, or a handler's limits."""
    for handler in config.handlers:
        defaults = config.option_defaults(handler)
        for name in config.presets:
            try:
                parse_options([(b"p", name.encode())], replace(defaults, names=None))
            except BadRequest as exc:
                yield f"presets.{name}: expected what handler {handler.name} can make, got: {exc}"


def _missing_files(config: Config) -> Iterator[str]:
    files = {f"handlers[{i}].error_image": handler.error_image for i, handler in enumerate(config.handlers)}
    if config.https_enabled:
        files = {"https_cert": config.https_cert, "https_key": config.https_key} | files
    for place, path in files.items():
        if path is not None and not path.is_file():
            yield f'{place}: expected a file, got "{path}", which is not there'
