"""How tokens are signed: the only file that knows the scheme of itsdangerous, whose defaults we never use.

A secret is a signing key of the configuration. Lists of them run from the oldest to the newest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from itsdangerous import BadData
from itsdangerous import Signer
from itsdangerous import URLSafeSerializer
from itsdangerous import base64_decode
from itsdangerous import base64_encode

MIN_SECRET = 32  # characters
MAX_GRANT = 2048  # characters of a token; deflate cannot blow that up to more than 1.6 MB
SIGNATURE = 43  # characters: 32 bytes in unpadded base64url
_SALT = b"origin/v1"
_GRANT_SALT = b"origin/v1/grant"
_UPLOAD_SALT = b"origin/v1/upload"
# The defaults of itsdangerous are SHA-1 and "django-concat".
_SCHEME: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}


def check_secrets(secrets: Sequence[str]) -> None:
    """Raise ValueError where there is no secret, or one that is too short; no error repeats one."""
    if isinstance(secrets, str) or not secrets:
        raise ValueError("signing needs a list of at least one key")
    if not all(isinstance(secret, str | bytes) for secret in secrets):
        raise ValueError("a signing key is no text: is its environment variable set?")
    if any(len(secret) < MIN_SECRET for secret in secrets):
        raise ValueError(f"a signing key has fewer than {MIN_SECRET} characters")


def exact_signer(secrets: Sequence[str]) -> Signer:
    """Signs messages with the newest secret, and verifies with all."""
    return Signer(secrets, salt=_SALT, **_SCHEME)


def grant_signer(secrets: Sequence[str]) -> Signer:
    """Signs the payloads of grants. Its salt is its own, so that no exact token passes for a grant."""
    return Signer(secrets, salt=_GRANT_SALT, **_SCHEME)


def upload_signer(secrets: Sequence[str]) -> Signer:
    """Signs the payloads of upload grants, under a salt of its own."""
    return Signer(secrets, salt=_UPLOAD_SALT, **_SCHEME)


def make_upload_grant(secrets: Sequence[str], fields: dict[str, Any]) -> str:
    """The token of an upload grant with these fields, signed with the newest secret."""
    return _sign_payload(upload_signer(secrets), fields)


def make_grant(secrets: Sequence[str], fields: dict[str, Any]) -> str:
    """The token of a grant with these fields, signed with the newest secret."""
    return _sign_payload(grant_signer(secrets), fields)


def _sign_payload(signer: Signer, fields: dict[str, Any]) -> str:
    """As `URLSafeSerializer.dumps`, but never compressed: what deflate makes depends on the library, and
    signers in other languages write the same token."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return signer.sign(base64_encode(text)).decode()


def is_signature(text: bytes) -> bool:
    """Whether this is the one accepted spelling of some signature.

    itsdangerous decodes leniently: a padded text, or one with another last character, gives the same bytes.
    """
    try:
        return len(text) == SIGNATURE and base64_encode(base64_decode(text)) == text
    except BadData:
        return False


def signed_by(signers: Sequence[Signer], text: bytes, signature: bytes) -> int | None:
    """The index of the signer that made the signature, or None. All are tried, so that the time it takes
    does not depend on which one matches."""
    matches = [signer.verify_signature(text, signature) for signer in signers]
    return matches.index(True) if True in matches else None


def read_payload(payload: bytes) -> Any:
    """The JSON of a grant whose signature has been checked. Raises ValueError where there is none."""
    try:
        return _PAYLOADS.load_payload(payload)
    except BadData as exc:
        raise ValueError("no JSON in it") from exc


def _read_object(fields: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object. Raises ValueError for a name that comes twice, which readers take in different ways."""
    if len({name for name, _ in fields}) < len(fields):
        raise ValueError("a name comes twice")
    return dict(fields)


class _StrictJSON:
    """JSON with one reading: numbers are not rounded, and no name comes twice."""

    dumps = staticmethod(json.dumps)

    @staticmethod
    def loads(text: str) -> Any:
        return json.loads(text, object_pairs_hook=_read_object, parse_float=Decimal)


_PAYLOADS = URLSafeSerializer("", serializer=_StrictJSON)  # only reads: its key is never used
