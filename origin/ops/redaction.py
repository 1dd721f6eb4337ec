"""What no log, trace or answer shows of a URL: tokens, and signatures of other systems."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from origin.urls.dialects import SIGNING
from origin.urls.options import TOKEN

MAX_TEXT = 2000  # characters of a path or reason that are shown

# A token has 43 characters, a grant ends in as many behind a dot. Atomic, so that a long run without a token
# is read once: with backtracking, a URL of 8 kB would stop the event loop for seconds.
_TOKEN_RUN = re.compile(rb"(?>[A-Za-z0-9_.-]{43,})")
_SIGNATURE_LENGTH = 43
_TOKEN_NAMES = tuple(name.encode() for name in TOKEN.names)
_IN_QUERY = [each for each in SIGNING.values() if each.signature_name]
# By the name of a pair of the query, what its value is where it is hidden.
_HIDDEN = {
    **{each.signature_name.encode(): each.signature_form for each in _IN_QUERY},
    **dict.fromkeys(_TOKEN_NAMES, re.compile(rb".+", re.DOTALL)),
}
# A query without any of these has none of those names: the end of each, or an escape, which may spell one.
_ENDS_OF_NAMES = (b"%", *{name[-1:] + b"=" for name in _HIDDEN})
# Signatures that are a segment of a path, wherever that stands.
_SIGNED_SEGMENTS = tuple(each.signature_form for each in SIGNING.values() if each.signs_in_path)
# Tokens where they should not be, in URLs that were put together wrongly: `;t=`, `%3Ft=`, `T=`, `&amp;t=`.
_MISPLACED = re.compile(rb"(?i)((?:[;&?+]|%%3f|%%26|%%3b)(?:%b)(?:=|%%3d))[^;&?]*" % b"|".join(_TOKEN_NAMES))
# Signatures in the same places, by their form: the names are short, and pages of other systems have them too.
_MISPLACED_SIGNATURES = re.compile(
    rb"(?i)((?:[;&?+]|%%3f|%%26|%%3b)(?:%b)(?:=|%%3d))(?:%b)"
    % (
        b"|".join(each.signature_name.encode() for each in _IN_QUERY),
        b"|".join(each.signature_form.pattern for each in _IN_QUERY),
    )
)

_SHORT_SIGNATURE = re.compile(rb"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{27}=")  # too short for `_TOKEN_RUN`
_SHORTEST_SIGNATURE = 28  # characters of one that has a form
_SLASHES = re.compile(rb"(/|%2[Ff])")
_NO_SIGNATURES = (b"unsafe", b"insecure", b"_")  # which stand in place of one


def redact_path(raw_path: bytes, prefix: str | None) -> bytes:
    """A path as it came, where handlers have signatures in theirs: without the first segment behind
    `prefix`, where that is the prefix of such a handler, and without whatever looks like a signature."""
    pieces = _SLASHES.split(raw_path)  # segments, with what separates them in between
    first = -1
    if prefix is not None:
        behind = 2 * (prefix.count("/") + 1 + bool(prefix))
        first = next((at for at in range(behind, len(pieces), 2) if pieces[at]), -1)
    for at in range(0, len(pieces), 2):
        if at != first and len(pieces[at]) < _SHORTEST_SIGNATURE:
            continue
        segment = unquote_to_bytes(pieces[at])
        if (at == first and segment not in _NO_SIGNATURES) or any(
            form.fullmatch(segment) for form in _SIGNED_SEGMENTS
        ):
            pieces[at] = b"[signature]"
    return b"".join(pieces)


def redact_url(raw_path: bytes, query: bytes) -> str:
    """Path and query as they came, without the value of a token under any spelling of its name."""
    text = _MISPLACED.sub(rb"\1[token]", raw_path) if b"=" in raw_path or b"%" in raw_path else raw_path
    if query:
        for end in _ENDS_OF_NAMES:
            if end in query:
                query = b"&".join(map(_redact_pair, query.split(b"&")))
                break
        text += b"?" + _TOKEN_RUN.sub(_redact_run, query)
    if b"=" in text or b"%" in text:
        text = _MISPLACED_SIGNATURES.sub(rb"\1[token]", text)
    return text[:MAX_TEXT].decode("latin-1")


def redact_text(text: str) -> str:
    """Text without anything that could be a token or a signature of a path."""
    encoded = text.encode("utf-8", "backslashreplace")
    if b"=" in encoded:
        encoded = _SHORT_SIGNATURE.sub(b"[signature]", encoded)
    return (_TOKEN_RUN.sub(_redact_run, encoded) if len(encoded) >= _SIGNATURE_LENGTH else encoded).decode()


def _redact_pair(pair: bytes) -> bytes:
    name, equals, value = pair.partition(b"=")
    form = _HIDDEN.get(unquote_to_bytes(name))
    return pair if form is None or form.fullmatch(value) is None else name + equals + b"[token]"


def _redact_run(match: re.Match[bytes]) -> bytes:
    """A run of a token's characters, hidden up to the last signature in it. A signature has no dot."""
    pieces = match[0].split(b".")
    for last in range(len(pieces) - 1, -1, -1):
        if len(pieces[last]) >= _SIGNATURE_LENGTH:
            return b".".join([b"[token]", *pieces[last + 1 :]])
    return match[0]
