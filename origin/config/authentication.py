"""`auth` of what is posted to a handler: who may send which request."""

from __future__ import annotations

from typing import Annotated
from typing import Any

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import GetJsonSchemaHandler
from pydantic import SecretStr
from pydantic_core import CoreSchema

from origin.config.part import Part
from origin.config.part import meaning
from origin.config.types import Flag
from origin.config.types import Text
from origin.config.types import expected
from origin.config.types import expects

_MIN_TOKEN = 16  # characters


class FormSecret(Part):
    """A secret in a field of the form."""

    field: Annotated[Text, meaning("name of the field")]
    value: Annotated[
        Annotated[SecretStr, Field(min_length=1), expects("text")], meaning("what it has to hold")
    ]


class AuthMethod(Part):
    """One kind of authentication for writes; without a key in it, none is needed."""

    bearer: Annotated[
        Annotated[
            SecretStr, Field(min_length=_MIN_TOKEN), expects(f"a token of {_MIN_TOKEN} characters or more")
        ]
        | None,
        meaning(f"token of `Authorization: Bearer`, {_MIN_TOKEN} characters or more"),
    ] = None
    signed: Annotated[
        Flag | None, meaning("true for upload grants in `t`, made with the keys of `signing`")
    ] = None
    form: Annotated[
        FormSecret | None, meaning("a secret in a field of the form; for POST and the actions")
    ] = None

    @property
    def is_open(self) -> bool:
        return self.bearer is None and self.signed is None and self.form is None


class AuthMethodField:
    """`"open"` or the object of one method of authentication."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return {"anyOf": [{"const": "open"}, handler(schema)]}


def _read_auth_method(value: Any) -> Any:
    if value == "open" or isinstance(value, AuthMethod):
        return AuthMethod()
    if isinstance(value, dict) and len(value) == 1 and value.get("signed") is not False:
        return value
    raise expected('"open", or an object with one of bearer, signed and form', got="")


AuthMethodOrOpen = Annotated[AuthMethod, BeforeValidator(_read_auth_method), AuthMethodField()]


class AuthByRequest(Part):
    """Who may send which request. A request that is not named is off."""

    post: Annotated[AuthMethodOrOpen | None, meaning("who may post to the prefix")] = None
    put: Annotated[AuthMethodOrOpen | None, meaning("who may put under a key")] = None
    delete: Annotated[AuthMethodOrOpen | None, meaning("who may delete")] = None
    publish: Annotated[AuthMethodOrOpen | None, meaning("who may publish what waits in the stage")] = None
    recrop: Annotated[AuthMethodOrOpen | None, meaning("who may publish another part under a new name")] = (
        None
    )

    @property
    def is_one_for_all(self) -> bool:
        return all(auth == self.post for auth in (self.put, self.delete, self.publish, self.recrop))

    def of(self, name: str) -> AuthMethod | None:
        """Who may send this method or action; None where it is off."""
        auth: AuthMethod | None = getattr(self, name.lower())
        return auth


class _AnyAuthField:
    """One method of authentication for every request, or one for each."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        auths = handler(schema)
        one = handler.resolve_ref_schema(auths)["properties"]["post"]["anyOf"]
        return {"anyOf": [*(auth for auth in one if auth != {"type": "null"}), auths]}


def _read_any_auth(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() & AuthByRequest.model_fields.keys():
        return value
    return dict.fromkeys(AuthByRequest.model_fields, _read_auth_method(value))


AnyAuth = Annotated[AuthByRequest, BeforeValidator(_read_any_auth), _AnyAuthField()]
