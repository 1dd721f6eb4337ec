"""`origin explain URL`: what this origin understands of a URL and would do with it, without doing it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from origin.config.model import Config
from origin.config.model import Handler
from origin.errors import BadRequest
from origin.signing import Pair
from origin.signing import Verifier
from origin.signing import decode_query
from origin.urls.options import OptionDefaults
from origin.urls.options import Options
from origin.urls.options import parse
from origin.urls.path import check_key
from origin.urls.path import decode_path
from origin.urls.path import find_mount


def explain(config: Config, url: str, now: float) -> tuple[list[str], bool]:
    """Lines for people, and whether the request would go on to the picture."""
    lines: list[str] = []
    try:
        parts = urlsplit(url)
        path = decode_path(parts.path.encode("utf-8", "surrogateescape"))
    except (ValueError, BadRequest) as error:
        return [
            f"refused: {error}",
            "answer: 404, plain text, or the fallback image, class bad-request",
        ], False
    try:
        found = find_mount(path, {handler.prefix: handler for handler in config.handlers})
        if found is None:
            prefixes = ", ".join(f"/{handler.prefix}/" for handler in config.handlers)
            return [f"no handler is mounted there; there are {prefixes}", "answer: 404, plain text"], False
        handler, key = found
        lines += [f"handler: {handler.name}, mounted at /{handler.prefix}/", f"key: {key}"]
        pairs = decode_query(parts.query.encode("utf-8", "surrogateescape"))
        signature, accepted = _signature(handler, key, pairs, now)
        lines += signature
        if not accepted:
            return [*lines, _failure(handler, 403, "forbidden")], False
        check_key(key)
        options = parse(pairs, _rules(config, handler))
    except BadRequest as error:
        return [*lines, f"refused: {error}", _failure(handler, 400, "bad-request")], False
    return [*lines, *_what_happens(handler, key, options)], True


def _rules(config: Config, handler: Handler) -> OptionDefaults:
    limits = config.limits.within(handler.limits)
    widths = tuple(sorted(handler.widths or ()))
    return OptionDefaults(handler.output_format, handler.crop, limits.max_dimension, widths, handler.quality)


def _signature(handler: Handler, key: str, pairs: list[Pair], now: float) -> tuple[list[str], bool]:
    if handler.signing is None:
        return ["signature: not needed here"], True
    keys = [secret.get_secret_value() for secret in handler.signing.keys]
    verifier = Verifier(handler.prefix, keys, handler.signing.required)
    lines = [f"  {line}" for line in verifier.describe(key, pairs, now)]
    return ["signature:", *lines], verifier.verify(key, pairs, now).accepted


def _failure(handler: Handler, exact: int, kind: str) -> str:
    status = exact if handler.error_status == "exact" else 404
    return f"answer: {status}, the fallback image, class {kind}"


def _what_happens(handler: Handler, key: str, options: Options) -> Iterator[str]:
    yield f"options: {options.canonical()}"
    yield f"size: {_size(options)}"
    formats = {
        "auto": "settled from Accept: avif, webp, or the original's own",
        "original": "the original's own",
    }
    yield f"format: {formats.get(options.format, options.format)}"
    yield f"original: {handler.source.locate(key)}"
    kept = f"kept {handler.cache_time} s, then checked against the source" if handler.caches else "not kept"
    yield f"result: {kept}"


def _size(options: Options) -> str:
    if options.width and options.height:
        how = "filled, the rest cut at the centre" if options.crop else "fitted inside"
        return f"{options.width}x{options.height}, {how}, never enlarged"
    if options.width or options.height:
        side = f"{options.width} wide" if options.width else f"{options.height} high"
        return f"{side}, in proportion, never enlarged"
    return "the original's"
