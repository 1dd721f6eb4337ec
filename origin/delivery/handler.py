"""One mounted prefix: the life of a request, top to bottom.

1  read       the URL: key and options, or what is wrong with them (`reading`)
2  authorize  before anything costs
3  look up    the cache; a hit in memory needs no step before it once its URL is authorized (`try_cached`)
4  make       once for all who ask: original, render, keep (`renditions`)
5  answer     200, 304, 206 or 416; any OriginError ends in the fallback image
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import suppress

from origin.cache.records import name_purged
from origin.delivery.authorize import Authorizer
from origin.delivery.authorize import allow_all
from origin.delivery.fallback import Fallback
from origin.delivery.fallback import failure_text
from origin.delivery.found_names import FoundNames
from origin.delivery.later import AVIF
from origin.delivery.later import LaterAvif
from origin.delivery.reading import UrlReader
from origin.delivery.renditions import Renditions
from origin.delivery.request import AS_IT_IS
from origin.delivery.request import ImageRequest
from origin.delivery.request import Outcome
from origin.delivery.request import job_format
from origin.delivery.responses import ResponseBuilder
from origin.delivery.settings import Passthrough
from origin.errors import BadRequest
from origin.errors import Forbidden
from origin.errors import NotFound
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.formats import find_description
from origin.http.message import Request
from origin.http.message import Response
from origin.http.message import header_value
from origin.http.via import has_passed
from origin.http.via import note_passed
from origin.ops.purge import FleetPurges
from origin.ops.purge import PurgeNotSpread
from origin.sources.object_metadata import is_derived
from origin.sources.remote_url import parse_url
from origin.sources.url_registry import NoRegistry
from origin.sources.url_registry import RegistryAction
from origin.sources.watched_registry import WatchedRegistry
from origin.urls.dialects.dialect import Translate
from origin.urls.dialects.dialect import keep_words
from origin.urls.parsing import OptionDefaults
from origin.urls.url_keys import ReadKey
from origin.urls.url_keys import read_plain_key


class Handler:
    """One mounted prefix, bound to one source. Times are Unix seconds of `clock`.

    `source_id` tells the source from any other one in the names of the cache. `read_key` turns the key of a
    URL into the one that the source is asked for; `translate` turns its words into ours, where they are those
    of another system. With `signs_in_path` the first segment behind the prefix is a signature, which no log
    shows. With `later`, AVIFs for `f=auto` are made in idle time. With a `registry` each request asks whether
    the original is blocked. `refuses_loops` is for sources that may lead back here. With a `fleet`, purges
    reach all its origins.
    """

    methods = ("GET", "HEAD")

    def __init__(
        self,
        *,
        name: str,
        source_id: str,
        renditions: Renditions,
        responses: ResponseBuilder,
        fallback: Fallback,
        defaults: OptionDefaults,
        authorizer: Authorizer = allow_all,
        translate: Translate = keep_words,
        signs_in_path: bool = False,
        read_key: ReadKey = read_plain_key,
        registry: WatchedRegistry | None = None,
        later: LaterAvif | None = None,
        passthrough: Passthrough = "never",
        refuses_loops: bool = False,
        fleet: FleetPurges | None = None,
        debug: bool = False,
        is_written: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.signs_in_path = signs_in_path  # so that no log has that segment
        self.source_id = source_id  # what tells its source from others in the names of the cache
        self.renditions = renditions
        self._kept = renditions.kept
        self.fallback = fallback
        self._responses = responses
        self._reader = UrlReader(
            name,
            source_id,
            defaults,
            translate=translate,
            read_key=read_key,
            passthrough=passthrough,
            is_written=is_written,
            debug=debug,
        )
        self._found = FoundNames(renditions.originals.cache_time, clock)
        self._authorizer = authorizer
        self._registry = registry
        self._later = later
        self._refuses_loops = refuses_loops
        self._fleet = fleet
        self._awake = None if fleet is None else fleet.awake
        self._clock = clock

    async def open(self) -> None:
        """Get ready, once the pool has started. Raises SourceUnavailable where the source does not work."""
        if self._responses.needs_fallback:
            await self.fallback.open()
        await self.renditions.open()

    async def close(self) -> None:
        if self._later is not None:
            await self._later.close()
        await self.renditions.close()
        await self.fallback.close()

    def source_key(self, key: str) -> str:
        """The key that the source is asked for, of a key as URLs have it, or of itself."""
        return self._reader.source_key(key)

    # 1  Read

    def read(
        self, key: str, query: bytes, error: BadRequest | None = None, raw_path: bytes = b""
    ) -> ImageRequest:
        """What a decoded key and a raw query ask for. `error` is what is wrong with the path already."""
        return self._reader.read(key, query, error, raw_path)

    async def respond(self, image: ImageRequest, request: Request) -> Response:
        """The answer to a GET or HEAD: steps 2 to 5. Raises ClientGone."""
        if not self._authorizer.lasts:
            image = image.for_one_client()
        meant = image.otherwise[0] if image.otherwise else image
        try:
            if self._refuses_loops:
                via = request.header(b"via")
                if has_passed(via):
                    raise Forbidden("the request has passed this origin already")
                note_passed(via)
            if image.authorized_until <= self._clock():
                await self._authorize(image, request)
            if image.error is not None:
                raise image.error
            if self._awake is not None:
                await self._awake.catch_up()
            cached = self.try_cached(image, request.headers)
            if cached is not None:
                return cached
            outcome, meant = await self._get(image, request)
        except OriginError as error:
            return await self.fail(error, meant, request.headers)
        return self._succeed(outcome, meant, request)

    # 2  Authorize

    async def _authorize(self, image: ImageRequest, request: Request) -> None:
        """Raises Forbidden."""
        expires = self._authorizer.authorize(image.key, image.pairs, request)
        expires = await expires if isinstance(expires, Awaitable) else expires
        for each in image.choices:
            each.expires = expires
            if self._authorizer.lasts and self._registry is None:
                each.authorized_until = math.inf if expires is None else expires
        if self._registry is not None and image.error is None:  # which may change its mind at any time
            await self._registry.check_cached(image.source_key)

    # 3  Look up. Step 4, and what the disk has, is in `renditions`

    def try_cached(self, image: ImageRequest, headers: Mapping[bytes, bytes]) -> Response | None:
        """The answer to an authorized hit in memory; None where it takes more.

        Nothing is awaited, so that a listener can ask before it starts a task. `headers` are the request's.
        """
        now = self._clock()
        if image.error is not None or image.authorized_until <= now:
            return None
        if self._awake is not None and self._awake.until <= now:
            return None
        if self._refuses_loops and has_passed(header_value(headers, b"via")):
            return None
        if image.otherwise:
            found = self._found.fresh(image.key)
            if found is None:
                return None
            image = image.choices[found]
        format = _format(image, headers)
        variant, variant_headers = image.variants.get(format), image.headers.get(format)
        if variant is None or variant_headers is None:
            return None
        hit = self._kept.fresh_in_memory(variant, now)
        if hit is None or not variant_headers.fit(hit.result, hit.version):
            return None
        if image.otherwise and is_derived(hit.version):
            return None
        expires_in = None if image.expires is None else int(image.expires - now)
        return self._responses.cached(hit, variant_headers, expires_in, headers)

    # 4  Make

    async def _get(self, image: ImageRequest, request: Request) -> tuple[Outcome, ImageRequest]:
        """The result, and what the URL turned out to mean: the first of its choices that the source has.

        Raises OriginError and ClientGone.
        """
        if not image.otherwise:
            return await self._get_one(image, request), image

        async def get(choice: ImageRequest) -> Outcome:
            return await self._get_one(choice, request)

        return await self._found.first(image, get)

    async def _get_one(self, image: ImageRequest, request: Request) -> Outcome:
        """The result of one choice. Raises OriginError and ClientGone.

        A file that was made of an original (`derive`) is not looked at: what the name means is made of the
        original itself, which is replaced in one step.
        """
        format = _format(image, request.headers)
        variant = self.renditions.variant(image, format)
        if image.otherwise and is_derived(await self.renditions.version(variant)):
            raise NotFound("a file that `derive` has stored; it is made of its original instead")
        if self._later is not None and format == AVIF:
            outcome = await self._later.get(image, request)
        else:
            outcome = await self.renditions.get(variant, request)
        if image.otherwise and is_derived(outcome.version):
            raise NotFound("a file that `derive` has stored meanwhile; it is made of its original instead")
        return outcome

    # 5  Answer

    def _succeed(self, outcome: Outcome, image: ImageRequest, request: Request) -> Response:
        format = _format(image, request.headers)
        headers = image.headers.get(format)
        if headers is None or not headers.fit(outcome.result, outcome.version):
            headers = self._responses.variant_headers(outcome, image)
            image.headers[format] = headers
        return self._responses.picture(outcome, headers, self._expires_in(image), request)

    def tell_reason(self, response: Response) -> None:
        """Under `debug`, put why it failed into an answer to what is posted here."""
        self._responses.tell_reason(response)

    async def fail(self, error: OriginError, image: ImageRequest, headers: Mapping[bytes, bytes]) -> Response:
        """The fallback image, as far as the request can be understood, or what stands in its place; for a
        description the class alone."""
        format = _format(image, headers)
        description = find_description(format)
        if description is None and not self._responses.needs_fallback:
            return self._responses.without_picture(error, image, self._expires_in(image))
        if format == AS_IT_IS:
            format = "original"
        if description is not None:
            result = failure_text(description, error.kind)
        elif isinstance(error, Overloaded):
            result = self.fallback.prepared(format)
        else:
            result = await self.fallback.get(image.options, format, forbidden=isinstance(error, Forbidden))
        return self._responses.fallback(error, result, image, self._expires_in(image))

    def _expires_in(self, image: ImageRequest) -> int | None:
        """Seconds until the permission ends; None where it has no end."""
        return None if image.expires is None else int(image.expires - self._clock())

    # Beside that life: what is forgotten, and what the registry says

    async def purge(self, key: str | None, prefix: str | None, *, counts: bool = True) -> int:
        """Forget results and originals of one key, of all keys that start with `prefix`, or of all keys.

        Returns how many there were. What is under way is not kept, and a request that comes now starts anew.
        With a fleet, on every origin, or PurgeNotSpread is raised. Without `counts`, what the bucket has is
        not waited for.
        """
        key = None if key is None else self.source_key(key)
        if self._fleet is not None:
            return await self._fleet.purge(self.name, key, prefix, counts=counts)
        return await self._purge_here(key, prefix)

    async def _purge_here(self, key: str | None, prefix: str | None) -> int:
        self.forget(key, prefix)
        return await self.renditions.purge(name_purged(self.name, self.source_id, key, prefix))

    def forget(self, key: str | None, prefix: str | None) -> None:
        """Let no request that comes now join work for these originals. `key` is that of the source."""
        name = name_purged(self.name, self.source_id, key, prefix)
        self._found.forget()
        if self._later is not None:
            self._later.purge(name)
        self.renditions.forget(name)

    async def moderate(self, action: RegistryAction, url: str) -> None:
        """Add, block or unblock a URL in the registry.

        Raises NoRegistry, RegistryDown; BadRequest and Forbidden for what is no URL of a picture.
        """
        if self._registry is None:
            raise NoRegistry
        parse_url(url)
        await self._registry.moderate(action, url)

    async def forget_blocked(self, url: str) -> None:
        """Forget the picture of a URL that a registry blocks, which may be that of this handler too."""
        if self._registry is None:
            return
        if self._fleet is None:
            await self._purge_here(url, None)
            return
        with suppress(PurgeNotSpread):  # every origin asks the registry before it serves what it has
            await self._fleet.purge(self.name, url, None, counts=False)


def _format(image: ImageRequest, headers: Mapping[bytes, bytes]) -> str:
    """The format of the variant that is asked for. `headers` are the request's."""
    return AS_IT_IS if image.is_passed_through else job_format(image.options, headers)
