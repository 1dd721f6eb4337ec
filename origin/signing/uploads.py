"""Upload grants: what one holds, how one is written, and whether a token is one.

A browser that has one may put pictures below a prefix, or under one key, and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from origin.formats import Format
from origin.signing.tokens import MAX_GRANT
from origin.signing.tokens import check_secrets
from origin.signing.tokens import is_signature
from origin.signing.tokens import make_upload_grant
from origin.signing.tokens import read_payload
from origin.signing.tokens import signed_by
from origin.signing.tokens import upload_signer
from origin.signing.verifier import LEEWAY
from origin.urls.path import find_key_violation

_FIELDS = {"k", "e", "b", "f", "r"}
_MAX_EXPIRY = 10**11  # Unix seconds; what is larger is in milliseconds


@dataclass(frozen=True)
class UploadGrant:
    """The fields of an upload grant."""

    key: str  # or a prefix of keys, which ends in "/*"
    expires: int  # Unix seconds
    max_bytes: int | None = None  # of the request's body
    formats: tuple[str, ...] | None = None  # names of formats; None: all that the handler accepts
    may_replace: bool = False

    @classmethod
    def read(cls, payload: bytes) -> UploadGrant:
        """Raises ValueError for anything but exactly the fields of a grant."""
        fields = read_payload(payload)
        if not isinstance(fields, dict) or not {"k", "e"} <= fields.keys() <= _FIELDS:
            raise ValueError("other fields than k, e, b, f and r, or no k or e")
        key, expires, may_replace = fields["k"], fields["e"], fields.get("r", False)
        if (type(key), type(expires), type(may_replace)) != (str, int, bool):
            raise ValueError("a field of another type")
        check_scope(key)
        if not 0 < expires < _MAX_EXPIRY:
            raise ValueError("an expiry that no clock reaches")
        max_bytes = fields.get("b")
        if max_bytes is not None and (type(max_bytes) is not int or max_bytes < 1):
            raise ValueError("b is no number of bytes")
        return cls(key, expires, max_bytes, read_formats(fields.get("f")), may_replace)

    @property
    def prefix(self) -> str | None:
        """The beginning of the keys that it is for; None where it is for one key."""
        return self.key[:-1] if self.key.endswith("/*") else None

    def covers(self, key: str) -> bool:
        """Whether it is for this decoded key."""
        return key == self.key if self.prefix is None else key.startswith(self.prefix)


class UploadRefused(Exception):
    """A token that permits no upload. The message is for the log."""


class UploadVerifier:
    """Checks upload grants. `keys` are secrets of 32 characters or more, oldest first.

    Raises ValueError where there is no key, or a shorter one.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        check_secrets(keys)
        self._signers = [upload_signer([secret]) for secret in keys]

    def verify(self, token: bytes, now: float) -> UploadGrant:
        """The grant that the token holds, at this Unix second. Raises UploadRefused."""
        payload, dot, signature = token.rpartition(b".")
        if len(token) > MAX_GRANT or not dot or not is_signature(signature):
            raise UploadRefused("malformed: not an upload grant")
        if signed_by(self._signers, payload, signature) is None:
            raise UploadRefused("wrong: no key made this upload grant")
        try:
            grant = UploadGrant.read(payload)
        except ValueError as exc:
            raise UploadRefused(f"malformed: an upload grant with {exc}") from exc
        if now > grant.expires + LEEWAY:
            raise UploadRefused(f"expired: {now - grant.expires:.0f} s ago")
        return grant


def write_upload_grant(
    secrets: Sequence[str],
    key: str,
    expires: int,
    max_bytes: int | None,
    formats: Collection[str] | None,
    may_replace: bool,
) -> str:
    """The token. Raises ValueError for what the origin would refuse."""
    fields: dict[str, Any] = {"k": key, "e": expires}
    if max_bytes is not None:
        fields["b"] = max_bytes
    if formats is not None:
        fields["f"] = [Format.named(name).name for name in formats]
    if may_replace:
        fields["r"] = True
    token = make_upload_grant(secrets, fields)
    UploadGrant.read(token.rpartition(".")[0].encode())
    if len(token) > MAX_GRANT:
        raise ValueError(f"a grant has at most {MAX_GRANT} characters")
    return token


def check_scope(key: str) -> None:
    """Raises ValueError for a key or prefix that no upload can have."""
    if violation := find_key_violation(key):
        raise ValueError(f"{violation}: {key!r}")
    check_star(key)
    if key.startswith("-/"):
        raise ValueError("keys below -/ are reserved")


def check_star(key: str) -> None:
    """Raises ValueError for a key with a * that means nothing."""
    if key == "*":
        raise ValueError("no grant is for all keys of a handler; name what is before /*, as in users/*")
    if "*" in key.removesuffix("/*"):
        raise ValueError("a grant is for a key, or for a prefix that ends in /*; no other * means anything")


def read_formats(names: object) -> tuple[str, ...] | None:
    """Raises ValueError."""
    if names is None:
        return None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError("f is no list of formats")
    return tuple(Format.named(name).name for name in names)
