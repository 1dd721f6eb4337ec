"""`signing` of a handler: who may see its pictures, by our tokens or by the signatures of another system."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Literal

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import Field
from pydantic import SecretStr
from pydantic import model_validator

from origin.config.part import Part
from origin.config.part import meaning
from origin.config.types import Flag
from origin.config.types import Strict
from origin.config.types import expected
from origin.config.types import expects
from origin.config.types import parse_number
from origin.signing.foreign import MIN_SECRET
from origin.signing.foreign import ForeignVerifier
from origin.urls.dialects import SIGNING
from origin.urls.dialects.imgproxy.dialect import DIGEST_SIZE
from origin.urls.dialects.imgproxy.dialect import join_secret

MIN_KEY = 32  # characters of a signing key
# By dialect, the keys of the configuration that hold the secrets with which that system signs.
FOREIGN_SECRETS: Mapping[str, tuple[str, ...]] = {
    "imgix": ("imgix_token",),
    "thumbor": ("thumbor_key",),
    "imgproxy": ("imgproxy_key", "imgproxy_salt"),
}
_FOREIGN_KEYS = tuple(key for keys in FOREIGN_SECRETS.values() for key in keys)
_WITH_SIGNED_PATH = "imgix"
LEAST_DIGEST = 8  # bytes of one in a URL
_HEX = re.compile("(?:[0-9A-Fa-f]{2})+")


def _check_salts(secret: SecretStr) -> SecretStr:
    """Each of a list with commas, as imgproxy has it."""
    if not all(map(_HEX.fullmatch, secret.get_secret_value().split(","))):
        raise ValueError("not hex")
    return secret


def _check_keys_of_imgproxy(secret: SecretStr) -> SecretStr:
    if any(len(key) < MIN_SECRET for key in secret.get_secret_value().split(",")):
        raise ValueError("too short")
    return _check_salts(secret)


_Keys = Annotated[
    SecretStr,
    AfterValidator(_check_keys_of_imgproxy),
    expects(f"{MIN_SECRET} hexadecimal digits or more, in pairs, and commas between several keys"),
]
_Salts = Annotated[
    SecretStr,
    AfterValidator(_check_salts),
    expects("hexadecimal digits, in pairs, and commas between several salts"),
]
"""However short: it is beside the key, and it is the key that has to be hard to guess."""


class Signing(Part):
    """Signed URLs of one handler."""

    keys: Annotated[
        tuple[
            Annotated[
                SecretStr, Field(min_length=MIN_KEY), expects(f"a key of {MIN_KEY} characters or more")
            ],
            ...,
        ],
        meaning(f"signing keys of {MIN_KEY} characters or more, oldest to newest; the newest signs"),
    ] = ()
    required: Annotated[Flag, meaning("false lets requests without a token pass")] = True
    imgix_token: Annotated[
        Annotated[
            SecretStr, Field(min_length=MIN_SECRET), expects(f"a token of {MIN_SECRET} characters or more")
        ]
        | None,
        meaning("with `dialect` `imgix`: the secure URL token of the imgix source, with which pages sign"),
    ] = None
    thumbor_key: Annotated[
        Annotated[
            SecretStr, Field(min_length=MIN_SECRET), expects(f"a key of {MIN_SECRET} characters or more")
        ]
        | None,
        meaning("with `dialect` `thumbor`: the security key of thumbor, with which pages sign"),
    ] = None
    imgproxy_key: Annotated[
        _Keys | None,
        meaning("with `dialect` `imgproxy`: its key, in hex; several have commas between them"),
    ] = None
    imgproxy_salt: Annotated[
        _Salts | None, meaning("with `dialect` `imgproxy`: its salt, in hex; one for each key")
    ] = None
    imgproxy_signature_size: Annotated[
        int,
        Strict,
        Field(ge=LEAST_DIGEST, le=DIGEST_SIZE),
        BeforeValidator(parse_number),
        expects(f"a whole number from {LEAST_DIGEST} to {DIGEST_SIZE}"),
        meaning("with `dialect` `imgproxy`: bytes of the digest that stand in a URL"),
    ] = DIGEST_SIZE
    signed_path: Annotated[
        Literal["full", "key"],
        expects("full or key"),
        meaning("the path that pages sign: `full`, or `key`, where the CDN puts the prefix before it"),
    ] = "full"

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, data: Any) -> Any:
        is_foreign = isinstance(data, dict) and any(data.get(key) is not None for key in _FOREIGN_KEYS)
        if isinstance(data, dict) and not is_foreign and data.get("keys", []) == []:
            raise expected("at least one key in `keys`; without one nothing is signed", got="")
        keys = data.get("keys") if isinstance(data, dict) else None
        for number, key in enumerate(keys if isinstance(keys, list) else []):
            if isinstance(key, str) and key != key.strip():
                raise expected("a key without white space at its ends", key=f"keys[{number}]", got="")
        return data

    def check_dialect(self, dialect: str | None) -> None:
        """Raise what is wrong with these secrets in a handler with that dialect."""
        for owner, keys in FOREIGN_SECRETS.items():
            for key in keys:
                if owner != dialect and getattr(self, key) is not None:
                    raise expected(f'"dialect": "{owner}" beside signing', key=f"signing.{key}", got="")
        if dialect != _WITH_SIGNED_PATH and self.signed_path != "full":
            wanted = f'"dialect": "{_WITH_SIGNED_PATH}" beside signing'
            raise expected(wanted, key="signing.signed_path", got="")
        counts = {len(texts) for texts in self._listed(FOREIGN_SECRETS.get(dialect or "", ()))}
        if len(counts) > 1:
            raise expected("one for each key", key="signing.imgproxy_salt", got="")
        if dialect is not None and dialect in SIGNING and not self.secrets(dialect):
            keys = FOREIGN_SECRETS[dialect]
            raise expected(f"{' and '.join(keys)}, with which {dialect} signs", key="signing", got="")

    def secrets(self, dialect: str) -> tuple[str, ...]:
        """The secrets with which that system signs: its own keys of the configuration."""
        lists = self._listed(FOREIGN_SECRETS.get(dialect, ()))
        if len(lists) == 1:
            return tuple(lists[0])
        pairs = zip(*lists, strict=True)
        return tuple(join_secret(key, salt, self.imgproxy_signature_size) for key, salt in pairs)

    def _listed(self, keys: tuple[str, ...]) -> list[list[str]]:
        """The secrets under each of these keys; none where one of them is missing."""
        given: list[SecretStr | None] = [getattr(self, key) for key in keys]
        texts = [secret.get_secret_value() for secret in given if secret is not None]
        if len(texts) < len(given):
            return []
        return [texts] if len(texts) == 1 else [text.split(",") for text in texts]


def foreign_verifier(signing: Signing | None, dialect: str) -> ForeignVerifier:
    """What judges the URLs of a handler with that dialect, whose system signs."""
    secrets = () if signing is None else signing.secrets(dialect)
    return ForeignVerifier(SIGNING[dialect], secrets, signing is not None and signing.required)
