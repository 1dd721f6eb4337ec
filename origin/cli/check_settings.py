"""What `origin check` finds in the configuration itself: what is open, futile or forgotten."""

from __future__ import annotations

from origin.cli.common import Finding
from origin.config.cdn import TAG_HEADERS
from origin.config.cdn import CloudFrontCdn
from origin.config.handler import Handler
from origin.config.model import Config
from origin.config.write import Write
from origin.parts.dialects import begins_with_key
from origin.sources.http import HttpSettings


def list_variables(config: Config) -> list[Finding]:
    """What comes from variables of the environment."""
    return [(f"{place}: from {variable}", True) for place, variable in config.from_environment.items()]


def check_keys(config: Config) -> list[Finding]:
    """Handlers with the same signing key: a grant names no prefix, so it opens all of them."""
    holders: dict[str, str] = {}
    findings = []
    for handler in config.handlers:
        for secret in handler.signing.keys if handler.signing else ():
            other = holders.setdefault(secret.get_secret_value(), handler.name)
            if other != handler.name:
                line = f"handler {handler.name}: has a signing key of handler {other}; grants hold for both"
                findings.append((line, True))
    return findings


def check_root(config: Config) -> list[Finding]:
    """Which handler has every path that nothing else has, since an empty text is easily left over."""
    return [
        (
            f'handler {handler.name}: ok: prefix "" is the root: every path that nothing else has is a key',
            True,
        )
        for handler in config.handlers
        if not handler.prefix
    ]


def check_variants(config: Config) -> list[Finding]:
    """Handlers where strangers can take the places of the page's own sizes."""
    return [
        (
            f"handler {handler.name}: warning: `variants` without `widths` or `signing`: anyone can ask for "
            "odd sizes until there is no place for those of the pages",
            True,
        )
        for handler in config.handlers
        if handler.variants and not handler.widths and not (handler.signing and handler.signing.required)
    ]


def check_open(config: Config) -> list[Finding]:
    """Handlers through which anybody can fetch what he likes."""
    return [
        (f"handler {handler.name}: warning: open: anybody can fetch any public URL through this origin", True)
        for handler in config.handlers
        if isinstance(handler.source, HttpSettings) and handler.source.open and not handler.signing
    ]


def check_writing(handler: Handler, write: Write) -> list[Finding]:
    """Whether strangers may write, what nobody can send, and what is taken in and not served."""
    warnings = []
    if write.list_open():
        what = " and ".join(write.list_open())
        warnings.append(f"write.auth is open: anybody may send {what}")
    if write.list_futile():
        what = " and ".join(write.list_futile())
        warnings.append(f"nobody may send {what}: upload grants permit none")
    if write.list_off():
        what = " and ".join(write.list_off())
        warnings.append(f"{what} is off: write.auth says who may send it, write.methods does not name it")
    served = [format.name for format in handler.allowed_formats]
    unread = [name for name in write.accept if name not in served]
    if unread:
        what = " and ".join(unread)
        warnings.append(f"pictures in {what} are taken in and not served: see allowed_formats")
    findings = [(f"handler {handler.name}: warning: {warning}", True) for warning in warnings]
    if write.derive:
        files = ", ".join(f"{suffix} ({names})" for suffix, names in write.derive.items())
        findings.append((f"handler {handler.name}: ok: derive stores with each original: {files}", True))
    return findings


def check_cdn(config: Config) -> list[Finding]:
    """Handlers whose pictures carry no tag that the CDN looks for, or no path that it could be told."""
    if config.cdn is None:
        return []
    wanted = TAG_HEADERS.get(config.cdn.type)
    by_path = isinstance(config.cdn, CloudFrontCdn) and config.cdn.by == "paths"
    if by_path:
        return [
            (
                f"handler {handler.name}: warning: its URLs do not begin with the key: cdn cloudfront "
                'purges all of it for each key, or with "by": "tags" that key alone',
                True,
            )
            for handler in config.handlers
            if not begins_with_key(handler)
        ]
    return [
        (
            f"handler {handler.name}: warning: cdn {config.cdn.type} purges by tag; set tag_header"
            + (f" to {wanted}" if wanted else ""),
            True,
        )
        for handler in config.handlers
        if config.cdn.type != "http"
        and (handler.tag_header is None or (wanted and handler.tag_header.lower() != wanted.lower()))
    ]
