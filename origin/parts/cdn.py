"""The queues of the CDN, from the configuration."""

from __future__ import annotations

from collections.abc import Iterator

from origin.config.aws import AwsPart
from origin.config.cdn import CloudflareCdn
from origin.config.cdn import CloudFrontCdn
from origin.config.cdn import FastlyCdn
from origin.config.cdn import HttpCdn
from origin.config.cdn import VarnishCdn
from origin.config.model import Config
from origin.ops.cdn.purge import CdnTarget
from origin.ops.cdn.queue import CdnPurger
from origin.ops.cdn.queue import CdnQueue
from origin.ops.cdn.targets import CLOUDFLARE
from origin.ops.cdn.targets import FASTLY
from origin.ops.cdn.targets import Cloudflare
from origin.ops.cdn.targets import CloudFront
from origin.ops.cdn.targets import Fastly
from origin.ops.cdn.targets import PlainHttp
from origin.ops.cdn.targets import Varnish
from origin.ops.outgoing import OutgoingHttp
from origin.sources.aws import AwsAccess
from origin.sources.settings import Secret

REGION = "us-east-1"  # CloudFront is a global service, whose requests are signed for this region


def make_cdn(config: Config, http: OutgoingHttp) -> CdnPurger:
    """What tells the CDN of purges; nobody, where the configuration has none."""
    return CdnPurger([CdnQueue(target) for target in _targets(config, http)])


def aws_access(part: AwsPart, region: str | None = None) -> AwsAccess:
    """`region` is the one where the configuration names none."""
    access, secret = part.access_key, part.secret_key
    return AwsAccess(
        part.region or region,
        part.endpoint_url,
        Secret(access.get_secret_value()) if access else None,
        Secret(secret.get_secret_value()) if secret else None,
    )


def _targets(config: Config, http: OutgoingHttp) -> Iterator[CdnTarget]:
    cdn = config.cdn
    if isinstance(cdn, CloudflareCdn):
        api = (cdn.api or CLOUDFLARE).rstrip("/")
        yield Cloudflare(http, cdn.zone, cdn.token.get_secret_value(), cdn.hosts, api)
    elif isinstance(cdn, FastlyCdn):
        api = (cdn.api or FASTLY).rstrip("/")
        yield Fastly(http, cdn.service, cdn.token.get_secret_value(), cdn.soft, api)
    elif isinstance(cdn, VarnishCdn):
        yield from (Varnish(http, url, cdn.soft) for url in dict.fromkeys(cdn.urls))
    elif isinstance(cdn, HttpCdn):
        headers = {name: value.get_secret_value() for name, value in cdn.headers.items()}
        yield PlainHttp(http, cdn.url, headers)
    elif isinstance(cdn, CloudFrontCdn):
        from origin.sources.cloudfront import Distribution  # it takes 0.4 s to import

        distribution = Distribution(cdn.distribution, aws_access(cdn, REGION))
        yield CloudFront(distribution, by_tags=cdn.by == "tags")
