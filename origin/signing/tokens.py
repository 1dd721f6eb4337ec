"""How tokens are made: the one home of itsdangerous, whose own defaults are SHA-1 and "django-concat"."""

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
_SCHEME: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}


def check_secrets(keys: Sequence[str]) -> None:
    if isinstance(keys, str) or not keys:
        raise ValueError("signing needs a list of at least one key")
    if any(len(key) < MIN_SECRET for key in keys):
        raise ValueError(f"a signing key has fewer than {MIN_SECRET} characters")


def exact_signer(keys: Sequence[str]) -> Signer:
    """Signs messages with the last of the keys."""
    return Signer(keys, salt=_SALT, **_SCHEME)


def grant_signer(keys: Sequence[str]) -> Signer:
    return Signer(keys, salt=_GRANT_SALT, **_SCHEME)


def make_grant(keys: Sequence[str], fields: dict[str, Any]) -> str:
    return URLSafeSerializer(keys, salt=_GRANT_SALT, signer_kwargs=_SCHEME).dumps(fields)


def is_signature(text: bytes) -> bool:
    """Whether this is the one spelling of some signature.

    Decoding is lenient: a padded text, or one with another last character, has the same bytes.
    """
    try:
        return len(text) == SIGNATURE and base64_encode(base64_decode(text)) == text
    except BadData:
        return False


def signed_by(signers: Sequence[Signer], text: bytes, signature: bytes) -> int | None:
    """The index of the signer that made the signature. All of them are tried, whichever matches."""
    matches = [signer.verify_signature(text, signature) for signer in signers]
    return matches.index(True) if True in matches else None


def read_payload(payload: bytes) -> Any:
    """The JSON of a grant whose signature has been checked. Raises ValueError where there is none."""
    try:
        return _PAYLOADS.load_payload(payload)
    except BadData as exc:
        raise ValueError("no JSON in it") from exc


def _once(fields: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in fields}) < len(fields):
        raise ValueError("a name is repeated")
    return dict(fields)


class _StrictJSON:
    """JSON without rounding and with one reading: a name never comes twice."""

    dumps = staticmethod(json.dumps)

    @staticmethod
    def loads(text: str) -> Any:
        return json.loads(text, object_pairs_hook=_once, parse_float=Decimal)


_PAYLOADS = URLSafeSerializer("", serializer=_StrictJSON)  # only reads: its key is never used
