"""What each kind of CDN is told, after its own documentation, and what its answers mean.

- Cloudflare: `POST /client/v4/zones/{zone}/purge_cache` with `tags` or `prefixes`, at most 100 of them.
- Fastly: `POST /service/{service}/purge` with `surrogate_keys`, at most 256, softly by `Fastly-Soft-Purge`.
- Varnish: `PURGE` with the tags in `Surrogate-Key`, which docs/varnish.vcl gives to the vmod xkey.
- http: one JSON for anything else.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Protocol

from origin.errors import OriginError
from origin.ops.cdn.purge import CdnFailed
from origin.ops.cdn.purge import CdnPurge
from origin.ops.outgoing import OutgoingAnswer

CLOUDFLARE = "https://api.cloudflare.com/client/v4"
FASTLY = "https://api.fastly.com"
_JSON = {"content-type": "application/json", "accept": "application/json"}
_MAY_PASS = frozenset({408, 409, 425, 429})  # and what is 500 and above
_OF_CONTENT = frozenset({400, 413, 422})  # what was sent is malformed, too large, or makes no sense


class Http(Protocol):
    def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Awaitable[OutgoingAnswer]: ...


class Cloudflare:
    """A zone. With `hosts` a prefix is purged as one; without, or where URLs do not begin with the key, it
    takes the whole handler."""

    name, batch = "cloudflare", 100

    def __init__(self, http: Http, zone: str, token: str, hosts: tuple[str, ...], api: str) -> None:
        self._http = http
        self._url = f"{api}/zones/{zone}/purge_cache"
        self._headers = {**_JSON, "authorization": f"Bearer {token}"}
        self._hosts = hosts

    async def purge(self, purges: Sequence[CdnPurge]) -> None:
        by_prefix = [
            purge for purge in purges if self._hosts and purge.prefix is not None and purge.begins_with_key
        ]
        prefixes = [f"{host}{purge.path}" for purge in by_prefix for host in self._hosts]
        await self._send("tags", _tags(purge for purge in purges if purge not in by_prefix))
        for start in range(0, len(prefixes), self.batch):
            await self._send("prefixes", prefixes[start : start + self.batch])

    async def _send(self, name: str, values: list[str]) -> None:
        if not values:
            return
        answer = await _ask(self._http, "POST", self._url, self._headers, {name: values})
        try:
            succeeded = json.loads(answer.text).get("success") is True
        except (ValueError, AttributeError, RecursionError):
            succeeded = False
        if not succeeded:
            raise CdnFailed(f"answered {answer.status}: {answer.text[:300]}", passes=False, of_content=True)


class Fastly:
    name, batch = "fastly", 256

    def __init__(self, http: Http, service: str, token: str, soft: bool, api: str) -> None:
        self._http = http
        self._url = f"{api}/service/{service}/purge"
        self._headers = {**_JSON, "fastly-key": token} | ({"fastly-soft-purge": "1"} if soft else {})

    async def purge(self, purges: Sequence[CdnPurge]) -> None:
        await _ask(self._http, "POST", self._url, self._headers, {"surrogate_keys": _tags(purges)})


class Varnish:
    """One Varnish, at its address."""

    batch = 100  # tags in a header: under 2 kB

    def __init__(self, http: Http, url: str, soft: bool) -> None:
        self.name = f"varnish at {url}"
        self._http = http
        self._url = url
        self._headers = {"soft-purge": "1"} if soft else {}

    async def purge(self, purges: Sequence[CdnPurge]) -> None:
        headers = {**self._headers, "surrogate-key": " ".join(_tags(purges))}
        await _ask(self._http, "PURGE", self._url, headers)


class PlainHttp:
    """Any other server: `{"purges": [{"handler", "tag", "path", "prefix"}]}`."""

    name, batch = "http", 100

    def __init__(self, http: Http, url: str, headers: Mapping[str, str]) -> None:
        self._http = http
        self._url = url
        self._headers = {**_JSON, **headers}

    async def purge(self, purges: Sequence[CdnPurge]) -> None:
        told = [
            {"handler": purge.handler, "tag": purge.tag, "path": purge.path, "prefix": purge.is_many}
            for purge in purges
        ]
        await _ask(self._http, "POST", self._url, self._headers, {"purges": told})


class Invalidates(Protocol):
    def invalidate(self, items: Sequence[str]) -> Awaitable[None]:
        """Raises OriginError."""


class CloudFront:
    """A distribution, by paths or by the tags of its `CacheTagConfig`."""

    name = "cloudfront"

    def __init__(self, distribution: Invalidates, *, by_tags: bool) -> None:
        # At most 15 paths with a * may be under way (developer guide, "Concurrent invalidation request
        # maximum").
        self.batch = 100 if by_tags else 15
        self._distribution = distribution
        self._by_tags = by_tags

    async def purge(self, purges: Sequence[CdnPurge]) -> None:
        if self._by_tags:
            items = [f"#{tag}" for tag in _tags(purges)]
        else:  # the * stands for the query, which is part of what CloudFront keeps
            items = list(dict.fromkeys(f"{purge.path}*" for purge in purges))
        try:
            await self._distribution.invalidate(items)
        except OriginError as error:
            raise CdnFailed(str(error), passes=True) from error


async def _ask(
    http: Http, method: str, url: str, headers: Mapping[str, str], content: Any = None
) -> OutgoingAnswer:
    """The answer of a CDN that says yes. Raises CdnFailed."""
    body = None if content is None else json.dumps(content).encode()
    try:
        answer = await http.send(method, url, headers, body)
    except OriginError as error:
        raise CdnFailed(str(error), passes=True) from error
    if not 200 <= answer.status < 300:
        passes = answer.status in _MAY_PASS or answer.status >= 500
        text = f"answered {answer.status}: {answer.text[:300]}"
        of_content = answer.status in _OF_CONTENT
        raise CdnFailed(text, passes=passes, retry_after=answer.retry_after, of_content=of_content)
    return answer


def _tags(purges: Iterable[CdnPurge]) -> list[str]:
    return list(dict.fromkeys(purge.tag for purge in purges))
