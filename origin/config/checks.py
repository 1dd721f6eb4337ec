"""What only the whole file can get wrong: keys that need or exclude each other, and missing files."""

from __future__ import annotations

from collections.abc import Iterator

from origin.config.model import Config
from origin.sources.http import HttpSettings

_EVERY_ADDRESS = {"0.0.0.0", "::"}


def check_together(config: Config) -> Iterator[str]:
    """Each mistake as `{place}: expected ...`."""
    yield from _shared_names(config)
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
    if not config.legacy:  # s3imageserver starts without these files
        yield from _missing_files(config)


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


def _missing_files(config: Config) -> Iterator[str]:
    files = {f"handlers[{i}].error_image": handler.error_image for i, handler in enumerate(config.handlers)}
    if config.https_enabled:
        files = {"https_cert": config.https_cert, "https_key": config.https_key} | files
    for place, path in files.items():
        if path is not None and not path.is_file():
            yield f'{place}: expected a file, got "{path}", which is not there'
