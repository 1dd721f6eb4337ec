"""The first step of a request's life: from the key and the query of a URL to what they ask for."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from contextlib import suppress
from itertools import chain
from typing import Any
from typing import NamedTuple

from origin.cache.memory import Lru
from origin.cache.records import name_original
from origin.delivery.asked_before import AskedBefore
from origin.delivery.authorize import Pairs
from origin.delivery.request import ImageRequest
from origin.delivery.settings import Passthrough
from origin.delivery.settings import passes_through
from origin.errors import BadRequest
from origin.errors import OriginError
from origin.urls.box import NOTHING
from origin.urls.dialects.dialect import Translate
from origin.urls.dialects.dialect import Translation
from origin.urls.dialects.dialect import keep_words
from origin.urls.options import BY_NAME
from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import find_ignored
from origin.urls.parsing import parse_options
from origin.urls.parsing import parse_options_leniently
from origin.urls.query import MAX_PAIRS
from origin.urls.query import Pair
from origin.urls.query import decode_query
from origin.urls.url_keys import ReadKey

MAX_PARSED = 512  # queries, of which is remembered what they ask for, with their tokens and without them
MAX_PARSED_QUERY = 256  # bytes
_LATELY_ASKED = 1 << 11  # queries of which is told whether they come again
RESERVED = "-/"  # the keys below it, where pictures come in, are actions and no pictures


class _Query(NamedTuple):
    """What a query asks for, whatever the key."""

    pairs: Pairs
    options: Options
    passes: bool
    is_plain: bool
    ignored: tuple[str, ...]


class UrlReader:
    """Reads the URLs of one handler."""

    def __init__(
        self,
        handler: str,
        source_id: str,
        defaults: OptionDefaults,
        *,
        translate: Translate,
        read_key: ReadKey,
        passthrough: Passthrough,
        is_written: bool,
        debug: bool,
    ) -> None:
        """As of a `Handler`. With `is_written`, pictures come in here, so that their versions are told; with
        `debug`, the names of ignored options are."""
        self._handler = handler
        self._source_id = source_id
        self._defaults = defaults
        self._translate = translate
        self._read_key = read_key
        self._passthrough = passthrough
        self._is_written = is_written
        self._debug = debug
        # By the pairs that options are read from, without tokens: a site has many originals and few queries.
        self._parsed: Lru[tuple[Pair, ...], Options] = Lru(MAX_PARSED, lambda _: 1)
        # By the whole query, once it has come twice. That saves as much again as `_parsed`.
        self._known: Lru[bytes, _Query] = Lru(MAX_PARSED, lambda _: 1)
        self._asked = AskedBefore(_LATELY_ASKED)

    def read(
        self, key: str, query: bytes, error: BadRequest | None = None, raw_path: bytes = b""
    ) -> ImageRequest:
        """What a decoded key and a raw query ask for. `error` is what is wrong with the path already."""
        known = self._known.get(query) if error is None else None
        if known is not None:
            with suppress(OriginError):  # what is wrong is told below, with options for the fallback image
                return self._read_known(key, known, raw_path)
        many = query.count(b"&") > MAX_PAIRS
        pairs = [] if many else decode_query(query)
        translation = self._translate(key, pairs, raw_path)
        source_key, passes, failure = translation.key, False, None
        parse: Callable[..., Options] = parse_options
        try:
            if many:
                raise BadRequest(f"the query has more than {MAX_PAIRS} pairs")
            if translation.mistakes:
                raise BadRequest("; ".join(translation.mistakes))
            source_key = self._read_key(translation.key, translation.pairs, raw_path)
            self._check_reserved(key)
            self._check_reserved(translation.key)
            passes = passes_through(self._passthrough, translation.pairs, self._defaults, translation.beyond)
            options = Options() if passes else self._parse(translation, len(query) <= MAX_PARSED_QUERY)
        except OriginError as exc:
            failure = error or exc
            parse = parse_options_leniently  # for the fallback image
            options = parse(translation.pairs, self._defaults, None, translation.beyond)
        image = ImageRequest(
            translation.key,
            translation.pairs,
            options,
            self._name(source_key),
            error or failure,
            ignored=self._list_ignored(translation) if self._debug else (),
            source_key=source_key,
            is_passed_through=passes,
        )
        image.is_plain = self._is_written and options.format != "auto" and not _has_options(translation.pairs)
        image.otherwise = self._read_name(image, translation.pairs, translation.beyond, parse)
        self._remember(query, image)
        return image

    def _remember(self, query: bytes, image: ImageRequest) -> None:
        """Remember what the query asks for, where that depends on it alone and it has come before."""
        is_usual = image.error is None and self._translate is keep_words and len(query) <= MAX_PARSED_QUERY
        if is_usual and self._asked.again(query):
            known = _Query(image.pairs, image.options, image.is_passed_through, image.is_plain, image.ignored)
            self._known.put(query, known)

    def _read_known(self, key: str, known: _Query, raw_path: bytes) -> ImageRequest:
        """What a key asks for with a query that is known. Raises OriginError."""
        source_key = self._read_key(key, known.pairs, raw_path)
        self._check_reserved(key)
        image = ImageRequest(
            key,
            known.pairs,
            known.options,
            self._name(source_key),
            is_plain=known.is_plain,
            ignored=known.ignored,
            source_key=source_key,
            is_passed_through=known.passes,
        )
        image.otherwise = self._read_name(image, known.pairs, NOTHING, parse_options)
        return image

    def _check_reserved(self, key: str) -> None:
        """Raises BadRequest."""
        if self._is_written and key.startswith(RESERVED):
            raise BadRequest(f"keys below {RESERVED} are reserved")

    def _parse(self, translation: Translation, is_short: bool) -> Options:
        """Raises BadRequest."""
        if translation.beyond or not is_short:
            return parse_options(translation.pairs, self._defaults, None, translation.beyond)
        parsed = self._defaults.by_name
        pairs = tuple([pair for pair in translation.pairs if pair[0] in parsed])
        options = self._parsed.get(pairs)
        if options is None:
            options = parse_options(pairs, self._defaults)
            self._parsed.put(pairs, options)
        return options

    def _list_ignored(self, translation: Translation) -> tuple[str, ...]:
        """The names in a query that change nothing."""
        names = [
            *translation.unknown,
            *translation.without_effect,
            *chain(*find_ignored(translation.pairs, self._defaults)),
        ]
        if self._passthrough == "always" and not self._defaults.preset_names.derived:
            names += [name.decode() for name, _ in translation.pairs if _is_of_picture(name)]
        return tuple(dict.fromkeys(names))

    def _read_name(
        self,
        image: ImageRequest,
        pairs: Pairs,
        beyond: Mapping[str, Any],
        parse: Callable[..., Options],
    ) -> tuple[ImageRequest, ...]:
        """What the key means where the source has no such key: presets of other originals."""
        named = self._defaults.preset_names.read(image.key)
        if named is None or image.source_key != image.key:
            return ()
        if self._passthrough == "always" and not named.is_derived:
            return ()
        options = parse(pairs, self._defaults, named, beyond)
        return tuple(
            ImageRequest(
                original,
                image.pairs,
                options,
                self._name(original),
                image.error,
                ignored=image.ignored,
                source_key=original,
                saved_as=image.key,
            )
            for original in named.originals
        )

    def _name(self, source_key: str) -> str:
        """The name of an original in the cache."""
        return name_original(self._handler, self._source_id, source_key)

    def source_key(self, key: str) -> str:
        """The key that the source is asked for, of a key as URLs have it, or of itself."""
        try:
            return self._read_key(key, (), b"")
        except OriginError:
            return key


def _is_of_picture(name: bytes) -> bool:
    """Whether an option has this name that is not one of the token."""
    option = BY_NAME.get(name)
    return option is not None and not option.of_token


def _has_options(pairs: Pairs) -> bool:
    """Whether a query says what the picture is to look like."""
    return any((option := BY_NAME.get(name)) is not None and option.is_set(value) for name, value in pairs)
