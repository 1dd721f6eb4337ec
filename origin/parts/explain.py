"""What this origin understands of a URL and would do with it, without doing it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import SplitResult
from urllib.parse import urlsplit

from origin.config.handler import Handler
from origin.config.model import Config
from origin.delivery.reading import RESERVED
from origin.delivery.settings import passes_through
from origin.errors import BadRequest
from origin.errors import Forbidden
from origin.errors import OriginError
from origin.parts.dialects import make_reader
from origin.parts.dialects import make_translate
from origin.parts.explain_hints import describe_ignored
from origin.parts.explain_hints import hint_at_address
from origin.parts.explain_hints import hint_at_options
from origin.parts.explain_hints import show
from origin.parts.explain_hints import suggest_mount
from origin.parts.explain_result import explain_options
from origin.parts.explain_result import explain_outcome
from origin.parts.explain_result import explain_passthrough
from origin.parts.explain_result import spell
from origin.parts.explain_signature import describe_foreign_signature
from origin.parts.explain_signature import describe_signature
from origin.parts.other_paths import explain_other_path
from origin.signing import Pair
from origin.signing import decode_query
from origin.urls.dialects import SIGNING
from origin.urls.dialects import signs_in_path
from origin.urls.dialects.dialect import Translation
from origin.urls.options import BY_NAME
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.path import decode_path
from origin.urls.path import find_mount
from origin.urls.presets import NamedPreset


def explain_url(config: Config, url: str, now: float) -> tuple[list[str], bool]:
    """Lines for people, and whether the request would go on to the picture."""
    try:
        parts = urlsplit(url)
        raw_path = parts.path.encode("utf-8", "surrogateescape")
        path = decode_path(raw_path)
        other = explain_other_path(config, raw_path)
    except (ValueError, BadRequest) as error:
        answer = "answer: 404, plain text, or the fallback image, class bad-request"
        return [f"refused: {error}", answer], False
    if other is not None:
        return other
    mounts = {handler.prefix: handler for handler in config.handlers}
    mount = find_mount(path, mounts)
    if path in mounts and mounts[path].transform is not None:
        mount = mounts[path], ""
    if mount is None:
        prefixes = ", ".join(handler.path_above for handler in config.handlers)
        meant = suggest_mount(path, mounts)
        return [f"no handler is mounted there; there are {prefixes}{meant}", "answer: 404, plain text"], False
    handler, key = mount
    defaults = config.option_defaults(handler)
    lines = [f"handler: {handler.name}, mounted at {handler.path_above}"]
    if handler.transform is not None and not (key and handler.has_source):
        pairs = decode_query(parts.query.encode("utf-8", "surrogateescape"))
        return _explain_posted(handler, key, pairs, defaults, lines)
    pairs = decode_query(parts.query.encode("utf-8", "surrogateescape"))
    translation = make_translate(handler)(key, pairs, raw_path)
    # In a dialect the key may begin with a signature, which is not shown.
    shown = translation.key if signs_in_path(handler.dialect) else key
    lines += [f"key: {shown}", *hint_at_address(parts.fragment, shown)]
    if handler.write is not None and key.startswith(RESERVED):
        reserved = BadRequest(f"keys below {RESERVED} are reserved")
        return [*lines, f"refused: {reserved}", _describe_failure(handler, reserved)], False
    explained, passes = _explain_signed(config, handler, key, parts, translation, now)
    return [*lines, *explained], passes


def _explain_signed(
    config: Config, handler: Handler, key: str, parts: SplitResult, translation: Translation, now: float
) -> tuple[list[str], bool]:
    """What a URL says in the handler's own words, whether its token admits it, and what becomes of it."""
    raw_path = parts.path.encode("utf-8", "surrogateescape")
    raw_query = parts.query.encode("utf-8", "surrogateescape")
    defaults = config.option_defaults(handler)
    lines: list[str] = []
    if handler.dialect is not None:
        shown = translation.key if signs_in_path(handler.dialect) else key
        lines += _describe_translation(handler.dialect, shown, translation)
    if handler.dialect is not None and handler.dialect in SIGNING:
        signature, accepted = describe_foreign_signature(handler, handler.dialect, raw_path, raw_query, now)
    else:
        base = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
        signature, accepted = describe_signature(config, handler, key, decode_query(raw_query), now, base)
    lines += describe_ignored(list(translation.pairs), defaults)
    lines += signature
    if not accepted:
        return [*lines, _describe_failure(handler, Forbidden())], False
    try:
        return [*lines, *_explain_picture(handler, translation, raw_path, defaults)], True
    except OriginError as error:
        return [*lines, f"refused: {error}", _describe_failure(handler, error)], False


def _explain_picture(
    handler: Handler, translation: Translation, raw_path: bytes, defaults: OptionDefaults
) -> list[str]:
    """What is made of a URL that may be answered. Raises OriginError."""
    if translation.mistakes:
        raise BadRequest("; ".join(translation.mistakes))
    key, pairs = translation.key, list(translation.pairs)
    source_key = make_reader(handler, signed=handler.signing is not None)(key, pairs, raw_path)
    named = defaults.preset_names.read(key) if source_key == key else None
    passes = passes_through(handler.passthrough, pairs, defaults, translation.beyond)
    is_derived = named is not None and named.is_derived
    if passes and (named is None or (handler.passthrough == "always" and not is_derived)):
        return list(explain_passthrough(handler, source_key))
    options = parse_options(pairs, defaults, named, translation.beyond)
    lines: list[str] = []
    if named is not None:
        own = parse_options(pairs, defaults, None, translation.beyond)
        alone = "as it is" if passes else f"with {spell(own, defaults)}"
        lines += _describe_name(key, named, alone)
        source_key = named.originals[0] if named.originals else key
    lines += hint_at_options(pairs, options)
    return [*lines, *explain_outcome(handler, source_key, options, defaults)]


def _explain_posted(
    handler: Handler, key: str, pairs: list[Pair], defaults: OptionDefaults, lines: list[str]
) -> tuple[list[str], bool]:
    """What becomes of a picture that is posted there."""
    name = key.partition("/")[0].replace("rescale", "resize") or "render"
    if name not in (handler.transform or ()):
        return [*lines, f"refused: transform does not have {name}", "answer: 404, JSON"], False
    lines.append(f"posted pictures: {name}; " + ("anyone" if _is_open(handler) else "who auth lets in"))
    if key:
        return [*lines, "answer: JSON; nothing is kept"], True
    lines += describe_ignored(pairs, defaults)
    try:
        options = parse_options(pairs, defaults)
    except BadRequest as error:
        return [*lines, f"refused: {error}", "answer: 400, JSON, class bad-request"], False
    return [*lines, *explain_options(handler, options, defaults), "next: rendered; nothing is kept"], True


def _is_open(handler: Handler) -> bool:
    return handler.auth is None or handler.auth.is_open


def _describe_name(key: str, named: NamedPreset, alone: str) -> Iterator[str]:
    """What a file name with a preset in it means, and what it means where the source has a file so named."""
    yield f"file name: preset {named.names} as {named.format}, of the first of these that is there"
    yield f"  {', '.join(named.originals)}"
    if named.is_derived:
        yield "  derive stores the same under this name, with the original"
        yield f"  but where another system has left {key} itself, that one, {alone}"
        return
    yield f"  but where the source has {key} itself, that one, {alone}"


def _describe_translation(dialect: str, key: str, translation: Translation) -> Iterator[str]:
    """What a URL is in our words, and what of it is not."""
    if translation.key != key:
        yield f"key of the original: {translation.key}"
    yield f"dialect: {dialect}; in our words: " + ("&".join(_spell_pairs(translation)) or "no option")
    for name in translation.unknown:
        nor = "no option of {}" if signs_in_path(dialect) else "neither an option of {} nor p"
        yield f"ignored: {show(name)}: {nor.format(dialect)}"
    for name in translation.without_effect:
        yield f"ignored: {name}: changes no pixel that anybody asked for"


def _spell_pairs(translation: Translation) -> Iterator[str]:
    for name, text in translation.pairs:
        if (option := BY_NAME.get(name)) and option.of_token:
            continue
        yield f"{name.decode('latin-1')}={show(text.decode('utf-8', 'replace'))}"


def _describe_failure(handler: Handler, error: OriginError) -> str:
    own = handler.error_status
    named = own.get(error.kind) if isinstance(own, dict) else None
    status = error.status if own == "exact" else named or 404
    on_error = handler.on_error
    if on_error is not None and on_error.redirect is not None and named is None:
        return f"answer: 302 to {on_error.redirect}, class {error.kind}"
    body = "the fallback image"
    if on_error is not None and on_error.image is None:
        body = "JSON" if on_error.json_ else "a line of text"
    return f"answer: {status}, {body}, class {error.kind}"
