"""The usual mistakes of signers: what makes a wrong token right, and how tokens are misspelled."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from collections.abc import Sequence
from urllib.parse import quote
from urllib.parse import quote_plus
from urllib.parse import unquote

from origin.signing.message import drop_token
from origin.signing.message import message
from origin.urls.options import ALIASES
from origin.urls.options import BY_NAME
from origin.urls.options import EXPIRES
from origin.urls.query import Pair
from origin.urls.query import escape_pairs
from origin.urls.query import join_pairs

_HTML = b"amp;"  # before a name: the URL was escaped for HTML, and is used elsewhere
_SHORT = {name: alias for alias, name in ALIASES.items()}


def list_mistaken_messages(
    prefix: str, key: str, pairs: Sequence[Pair], base: str = ""
) -> Iterator[tuple[str, bytes]]:
    """Messages that signers write by mistake for this request, and what is wrong with each.

    `base` is the scheme and host of the URL, where they are known.
    """
    right = message(prefix, key, pairs)
    seen = {right}
    for mistake, text in _list_all(prefix, key, pairs, base, right):
        if text not in seen:
            seen.add(text)
            yield mistake, text


def _list_all(
    prefix: str, key: str, pairs: Sequence[Pair], base: str, right: bytes
) -> Iterator[tuple[str, bytes]]:
    yield "the message ends with a newline; take it off", right + b"\n"
    yield "its lines end with \\r\\n; join them with \\n", right.replace(b"\n", b"\r\n")
    if right.endswith(b"\n"):
        yield "the empty third line is left out; two newlines belong into every message", right[:-1]
    yield from _list_other_keys(prefix, key, pairs)
    yield from _list_other_pairs(prefix, key, drop_token(pairs))
    for query, spelled in _list_spellings(drop_token(pairs)):
        yield f"the query is {spelled}", f"{prefix}\n{key}\n{query}".encode()
    queries = [query for query, _ in _list_spellings(drop_token(pairs))]
    for query in (right.decode().rpartition("\n")[2], *queries):
        for place in _list_places(prefix, key, base):
            for text in (f"{place}?{query}" if query else place, f"{place}\n{query}"):
                yield "the URL or its path is signed; sign three lines: prefix, key, query", text.encode()


def _list_other_keys(prefix: str, key: str, pairs: Sequence[Pair]) -> Iterator[tuple[str, bytes]]:
    """Another prefix or key than those of the request."""
    yield "the key is percent-encoded; sign it decoded", message(prefix, quote(key), pairs)
    if "\n" not in (decoded := unquote(key)):
        yield "the URL is percent-encoded twice; encode the key once", message(prefix, decoded, pairs)
    yield "the key begins with a slash; take it off", message(prefix, "/" + key, pairs)
    yield "the key holds the prefix; it has a line of its own", message(prefix, f"{prefix}/{key}", pairs)
    yield "the URL has a slash too many before or behind the key", message(prefix, key.strip("/"), pairs)
    yield "the prefix is written with slashes; take them off", message(f"/{prefix}/", key, pairs)
    for form in ("NFC", "NFD"):
        normal = unicodedata.normalize(form, key)
        yield f"the key is normalised to {form}; sign it as it is in the URL", message(prefix, normal, pairs)
    yield "the key is in lower case; sign it as it is in the URL", message(prefix, key.lower(), pairs)


def _list_other_pairs(prefix: str, key: str, signed: Sequence[Pair]) -> Iterator[tuple[str, bytes]]:
    """Another query than that of the request."""
    yield "the query is left out; sign all of it but the token", message(prefix, key, [])
    for left_out in signed:
        yield (
            _describe_left_out(left_out),
            message(prefix, key, [pair for pair in signed if pair != left_out]),
        )
    known = [pair for pair in signed if pair[0] in BY_NAME]
    yield "names that are no options are left out of the query; they are signed", message(prefix, key, known)
    filled = [pair for pair in signed if pair[1]]
    yield "names without a value are left out of the query; they are signed", message(prefix, key, filled)
    for names in (ALIASES, _SHORT):
        renamed = [(names.get(name.decode("latin-1"), "").encode() or name, text) for name, text in signed]
        yield (
            "an option has its other name in the URL; sign the name that is there",
            message(prefix, key, renamed),
        )
    plain = [(name.removeprefix(_HTML), text) for name, text in signed]
    yield "the URL was escaped for HTML and used elsewhere; write & for &amp;", message(prefix, key, plain)


def _describe_left_out(pair: Pair) -> str:
    if BY_NAME.get(pair[0]) is EXPIRES:
        return "the expiry is left out of the query; sign it too"
    name = pair[0].decode("utf-8", "replace")
    return f"{name!r} is left out of the query, or was added afterwards; sign all of it"


def _list_spellings(signed: Sequence[Pair]) -> Iterator[tuple[str, str]]:
    """Queries that say the same and are written in another way, and what is wrong with that."""
    unsorted = list(escape_pairs(signed))
    right = join_pairs(sorted(unsorted))
    texts = sorted((name.decode("latin-1"), text.decode("utf-8", "replace")) for name, text in signed)
    ways = [
        (join_pairs(unsorted), "not sorted; sort it by name and value"),
        (right.replace("%20", "+"), "written with + for spaces; write %20"),
        (right.replace("%20", "%2B"), "signed with a plus, and in a URL + is a space; write %2B there"),
        (
            re.sub("%..", lambda escape: escape[0].lower(), right),
            "escaped in lower-case hex; write upper case",
        ),
        (join_pairs(texts), "not percent-encoded; encode each name and value"),
        (
            "&".join(f"{name}={quote_plus(text, safe=',:/')}" for name, text in texts),
            "percent-encoded in part; encode all but A-Z a-z 0-9 - . _ ~",
        ),
        (f"?{right}", "signed with its ?; leave that out"),
    ]
    yield from ways


def _list_places(prefix: str, key: str, base: str) -> Iterator[str]:
    path = f"{prefix}/{key}".removeprefix("/")
    for spelled in {path, quote(path)}:
        yield spelled
        yield f"/{spelled}"
        if base:
            yield f"{base}/{spelled}"


def describe_misspelling(signature: bytes, length: int) -> str:
    """What is wrong with a text that is no signature of so many characters of base64url."""
    if re.fullmatch(rb"[0-9a-fA-F]{64}", signature):
        return "this is hex; encode the 32 bytes themselves"
    if signature.endswith(b"="):
        return "this has padding; take the = off"
    if re.search(rb"[+/ ]", signature):
        return "this is plain base64; write - for + and _ for /"
    if len(signature) == 27:
        return "this has 27, as an HMAC with SHA-1; use SHA-256"
    if len(signature) == length:
        return "the last character of this ends in bits that stand for nothing"
    return f"this has {len(signature)}"
