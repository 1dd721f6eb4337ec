"""Keys that are the URL of the original, as pages write them: hex, base64url, percent-encoded, or Camo's.

Behind such a key one more segment may follow, a file name, which changes nothing. The readers return the text
of the URL; `origin.sources` decides whether it may be asked for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from origin.errors import BadRequest
from origin.errors import Forbidden
from origin.errors import NotFound
from origin.urls.path import check_key
from origin.urls.query import Pair

ReadKey = Callable[[str, Sequence[Pair], bytes], str]
"""Reads the decoded key, the query and the raw path of a URL; returns the key that the source is asked for.

Raises BadRequest, Forbidden, and NotFound for a path that no page writes.
"""

_DIGEST = re.compile("[0-9a-f]{40}")  # HMAC-SHA1
_SHORT_DIGEST = re.compile("[A-Za-z0-9_-]{27}")  # the same in base64url
_BASE64URL = re.compile("[A-Za-z0-9_-]+")
_HEX = re.compile("(?:[0-9A-Fa-f]{2})+")
_ENCODED_URL = re.compile("https?%3a", re.IGNORECASE)


def read_plain_key(key: str, pairs: Sequence[Pair], raw_path: bytes) -> str:
    """The key as it stands."""
    check_key(key)
    return key


def read_hex_key(key: str, pairs: Sequence[Pair], raw_path: bytes) -> str:
    """`{hex of the URL}` in either case."""
    return _decode_hex(_without_name(key, 1)[0])


def read_base64url_key(key: str, pairs: Sequence[Pair], raw_path: bytes) -> str:
    """`{base64url of the URL}` (RFC 4648 section 5), without padding."""
    return _decode_base64url(_without_name(key, 1)[0])


def read_encoded_key(key: str, pairs: Sequence[Pair], raw_path: bytes) -> str:
    """The URL itself, percent-encoded once or twice.

    Encoded once, it is told from a file name behind it by the raw path: the name stands behind a slash that
    is not encoded.
    """
    if _ENCODED_URL.match(key):
        (text,) = _without_name(key, 1)
        return _text(unquote_to_bytes(text))
    last = raw_path.rpartition(b"/")[2]
    above = raw_path[: -len(last) - 1].rpartition(b"/")[2]
    url, slash, name = key.rpartition("/")
    if slash and unquote_to_bytes(above) == url.encode() and unquote_to_bytes(last) == name.encode():
        _check_name(name)
        return url
    return key


def read_signed_encoded_key(key: str, pairs: Sequence[Pair], raw_path: bytes) -> str:
    """The URL in a percent-encoded key, where a token signs the decoded key. What tells a name from the end
    of the URL is nothing that such a token covers, so behind a URL that is encoded once there is none."""
    return read_encoded_key(key, pairs, b"")


def camo_key_reader(secret: bytes) -> ReadKey:
    """Reads Camo's URLs: `{hmac}/{hex of the URL}`, or `{hmac}?url={URL}`. The first part is the HMAC-SHA1 of
    the URL in hex. go-camo also writes both parts of the first form in base64url, without padding."""

    def read(key: str, pairs: Sequence[Pair], raw_path: bytes) -> str:
        urls = [value for name, value in pairs if name == b"url"]
        parts = _without_name(key, 1 if urls else 2)
        is_short = not urls and _SHORT_DIGEST.fullmatch(parts[0]) is not None
        is_digest = is_short or _DIGEST.fullmatch(parts[0]) is not None
        if len(urls) > 1 or not is_digest or (not urls and len(parts) < 2):
            raise BadRequest("the key is not a digest with one URL")
        decode = _decode_base64url if is_short else _decode_hex
        url = _text(urls[0]) if urls else decode(parts[1])
        digest = hmac.digest(secret, url.encode(), hashlib.sha1)
        right = base64.urlsafe_b64encode(digest).decode().rstrip("=") if is_short else digest.hex()
        if not hmac.compare_digest(right, parts[0]):
            raise Forbidden("the digest is not that of the URL")
        return url

    return read


def _without_name(key: str, count: int) -> list[str]:
    """The first `count` segments of a key, which one name may follow."""
    parts = key.split("/")
    if len(parts) > count + 1 or "" in parts:
        raise NotFound("the path is not a key, with one name behind it at most")
    _check_name(parts[-1])
    return parts[:count]


def _check_name(name: str) -> None:
    """What the rule for keys says of all segments (`find_key_violation`) holds for the name behind one."""
    if name in (".", ".."):
        raise BadRequest("a key has no . or .. segment")


def _decode_hex(text: str) -> str:
    if not _HEX.fullmatch(text):
        raise BadRequest("the key is not hex")
    return _text(binascii.unhexlify(text))


def _decode_base64url(text: str) -> str:
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise BadRequest("the key is not base64url without padding")
    return _text(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _text(url: bytes) -> str:
    try:
        return url.decode()
    except UnicodeDecodeError:
        raise BadRequest("the URL in the key is not UTF-8") from None
