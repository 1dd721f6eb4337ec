"""What an error of the client of Valkey and Redis means to the person who reads the log or `origin check`."""

from __future__ import annotations

import os
import re

LONGEST = 160  # characters of what the server itself says; some of its answers are essays

# What its text has in it, in lower case, and what that means. The first one that fits counts.
_MEANINGS = (
    ("protected mode", "it has no password and so answers its own machine alone: set one (requirepass)"),
    ("hello must be called", "it wants a password: redis://:PASSWORD@HOST:PORT/0"),
    ("authentication required", "it wants a password: redis://:PASSWORD@HOST:PORT/0"),
    (
        "invalid username-password",
        "the URL has a wrong user or password; %-escape special characters",
    ),
    ("no permissions", "the user in the URL may not do all that is needed, see docs/scaling.md"),
    ("wrong_version_number", "it speaks no TLS; write redis:// and not rediss://"),
    ("out of range", "it has no database of this number; 0 is always there"),
    ("read only replica", "it is a replica, which takes no writes; name the primary"),
    ("maxmemory", "its memory is full; raise maxmemory, or give it an eviction policy"),
)
_CERTIFICATE = re.compile(r"certificate verify failed: ([^(]+?) *\(")
_CONNECTING = re.compile(r"Error (-?\d+) connecting to (\S+)\. (.*)\.", re.DOTALL)


def fault_of(error: BaseException, url: str, seconds: float) -> str:
    """One line. `url` is what was asked, of which only the scheme is told, and `seconds` how long."""
    text, has_tls = str(error), url.startswith("rediss:")
    for mark, meaning in _MEANINGS:
        if mark in text.lower():
            return meaning
    if (distrusted := _CERTIFICATE.search(text)) is not None:
        return f"its certificate is not trusted: {distrusted[1]}; ?ssl_ca_certs=FILE in the URL names its CA"
    if type(error).__name__ == "MovedError":
        return "it is part of a cluster, which is not understood here; name a server that stands alone"
    if not text and isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s" + ("; one without TLS wants redis://" if has_tls else "")
    if "Connection reset by peer" in text and not has_tls:
        return f"{_short(text)}; one with TLS wants rediss://"
    if (refused := _CONNECTING.match(text)) is not None:
        number = int(refused[1])
        return f"cannot connect to {refused[2]}: {os.strerror(number) if number > 1 else _short(refused[3])}"
    return f"{type(error).__name__}: {_short(text)}" if text else type(error).__name__


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
