"""What a request says of its own body: `Content-Digest` and `Repr-Digest` (RFC 9530), which are one where no
coding and no part is sent, and `Content-MD5` (RFC 1864) as S3's clients send it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from collections.abc import Mapping

from origin.http.message import header_value

_FIELDS = (b"content-digest", b"repr-digest")
_ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512"}  # those of RFC 9530 that are not deprecated
# A member of a dictionary (RFC 9651 section 3.2): name, bytes, and parameters, which say nothing of a digest.
_PARAMETERS = r"""(?:; *[a-z*][^;," \t]*)*"""
_MEMBER = re.compile(rf"[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):{_PARAMETERS}[ \t]*(?:,|$)")


class BodyDigests:
    """Told each piece of a body, it knows at the end whether the body is what its head has announced."""

    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        """Raises ValueError for a digest that cannot be read. Other algorithms do not count."""
        # One of each algorithm in a field, and each once: a thousand fit into a head, and each would hash the
        # whole body.
        self._expected = [
            (hashlib.new(name, usedforsecurity=False), digest)
            for name, digest in dict.fromkeys(_announced(headers))
        ]

    def update(self, piece: bytes) -> None:
        for hasher, _ in self._expected:
            hasher.update(piece)

    def match(self) -> bool:
        """Whether every digest is that of what has come; true where none was announced."""
        return all(hmac.compare_digest(hasher.digest(), digest) for hasher, digest in self._expected)


def _announced(headers: Mapping[bytes, bytes]) -> Iterator[tuple[str, bytes]]:
    md5 = header_value(headers, b"content-md5")
    if md5 is not None:
        yield "md5", _decode(md5.strip())
    for name in _FIELDS:
        yield from _read_members(header_value(headers, name) or "").items()


def _read_members(text: str) -> dict[str, bytes]:
    """The digests of one field by their algorithm. Of members with one name the last counts (RFC 9651 section
    3.2)."""
    digests: dict[str, bytes] = {}
    at = 0
    while at < len(text):
        member = _MEMBER.match(text, at)
        if member is None:
            raise ValueError(f"no digest: {text}")
        if member[1] in _ALGORITHMS:
            digests[_ALGORITHMS[member[1]]] = _decode(member[2])
        at = member.end()
    return digests


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError(f"no digest: {text}") from None
