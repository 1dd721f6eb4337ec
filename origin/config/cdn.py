"""`cdn`: the CDN that is told what was purged."""

from __future__ import annotations

from typing import Annotated
from typing import Literal

from pydantic import Field

from origin.config.aws import AwsPart
from origin.config.aws import WebUrl
from origin.config.part import Part
from origin.config.part import meaning
from origin.config.types import Flag
from origin.config.types import HostName
from origin.config.types import SecretText
from origin.config.types import expects

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$"), expects("letters, digits, - and _, 64 at most")]
_SOFT = "true lets the CDN serve the old picture once more while it fetches the new one"
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), expects("the name of a header")]


class CloudflareCdn(Part):
    """`"type": "cloudflare"`: a zone, purged by `Cache-Tag`"""

    type: Annotated[Literal["cloudflare"], meaning('"cloudflare"')]
    zone: Annotated[Id, meaning("ID of the zone")]
    token: Annotated[SecretText, meaning("API token that may purge the zone (`Zone.Cache Purge`)")]
    hosts: Annotated[
        tuple[HostName, ...],
        meaning(
            "host names of the pictures' URLs: a prefix is purged as one; without them, the whole handler"
        ),
    ] = ()
    api: Annotated[WebUrl | None, meaning("another server than Cloudflare's, for tests")] = None


class FastlyCdn(Part):
    """`"type": "fastly"`: a service, purged by `Surrogate-Key`"""

    type: Annotated[Literal["fastly"], meaning('"fastly"')]
    service: Annotated[Id, meaning("ID of the service")]
    token: Annotated[SecretText, meaning("API token with the scope `purge_select`")]
    soft: Annotated[Flag, meaning(_SOFT)] = False
    api: Annotated[WebUrl | None, meaning("another server than Fastly's, for tests")] = None


class CloudFrontCdn(AwsPart):
    """`"type": "cloudfront"`: a distribution, purged by path or by tag"""

    type: Annotated[Literal["cloudfront"], meaning('"cloudfront"')]
    distribution: Annotated[Id, meaning("ID of the distribution")]
    by: Annotated[
        Literal["paths", "tags"],
        expects("paths or tags"),
        meaning("`paths`; or `tags`, where the distribution has a `CacheTagConfig`"),
    ] = "paths"


class VarnishCdn(Part):
    """`"type": "varnish"`: one or more Varnish with docs/varnish.vcl, purged by tag"""

    type: Annotated[Literal["varnish"], meaning('"varnish"')]
    urls: Annotated[
        tuple[WebUrl, ...], Field(min_length=1), meaning("each Varnish, such as `http://10.0.0.5:80/`")
    ]
    soft: Annotated[Flag, meaning(_SOFT)] = False


class HttpCdn(Part):
    """`"type": "http"`: any server that takes a POST"""

    type: Annotated[Literal["http"], meaning('"http"')]
    url: Annotated[WebUrl, meaning('gets a POST with `{"purges": [{"handler", "tag", "path", "prefix"}]}`')]
    headers: Annotated[
        dict[HeaderName, SecretText], meaning("headers of the request, such as `Authorization`")
    ] = Field(default={})


Cdn = Annotated[CloudflareCdn | FastlyCdn | CloudFrontCdn | VarnishCdn | HttpCdn, Field(discriminator="type")]
# The header that must carry the tags, for CDNs that look at one alone.
TAG_HEADERS = {"cloudflare": "Cache-Tag", "fastly": "Surrogate-Key", "varnish": "Surrogate-Key"}
