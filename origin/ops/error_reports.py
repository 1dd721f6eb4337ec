"""Errors sent to Sentry by its SDK (the extra `sentry`), switched on by `SENTRY_DSN` alone.

What is sent: errors of the log with their tracebacks. What never leaves: queries, tokens, signatures, bodies,
headers, the values of variables.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from origin import __version__
from origin.ops.redaction import redact_text

log = logging.getLogger(__name__)

NEEDED = "pip install 'image-origin[server,sentry]'"
_QUERY = re.compile(r"\?[^\s'\"<>]*")


def start_reports(environment: Mapping[str, str]) -> bool:
    """Send errors from now on, where `SENTRY_DSN` says to whom."""
    if not environment.get("SENTRY_DSN"):
        return False
    try:
        import sentry_sdk
        from sentry_sdk.integrations.excepthook import ExcepthookIntegration
        from sentry_sdk.integrations.logging import LoggingIntegration
    except ImportError:
        log.error("reports to Sentry are asked for and are off: %s", NEEDED)
        return False
    sentry_sdk.init(
        release=environment.get("SENTRY_RELEASE", f"image-origin@{__version__}"),
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR), ExcepthookIntegration()],
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=True,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=lambda event, hint: scrub(event),
    )
    log.info("errors are reported to Sentry")
    return True


def end_reports() -> None:
    """Send what was not sent yet, for two seconds at most."""
    import sentry_sdk

    sentry_sdk.flush(2)


def scrub(value: Any) -> Any:
    """An event without queries and without anything that could be a token, however deep it lies."""
    if isinstance(value, str):
        return redact_text(_QUERY.sub("?[query]", value))
    if isinstance(value, Mapping):
        return {name: scrub(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(inner) for inner in value]
    return value
