"""`write` of a handler: what comes in there, and what becomes of it."""

from __future__ import annotations

import re
from typing import Annotated
from typing import Any
from typing import Literal

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import Field
from pydantic import WithJsonSchema
from pydantic import model_validator

from origin.config.answers import WITHOUT_CONTENT
from origin.config.authentication import AnyAuth
from origin.config.authentication import AuthMethod
from origin.config.part import Part
from origin.config.part import defaults
from origin.config.part import meaning
from origin.config.pictures import PresetList
from origin.config.pictures import Suffix
from origin.config.sources import SourceOrName
from origin.config.storing import Normalise
from origin.config.storing import Storable
from origin.config.storing import StoredAs
from origin.config.types import Count
from origin.config.types import Flag
from origin.config.types import Seconds
from origin.config.types import Size
from origin.config.types import Text
from origin.config.types import expected
from origin.config.types import expects
from origin.config.types import one_of

METHODS = ("POST", "PUT", "DELETE")
ACTIONS = ("publish", "recrop", "delete")
_EXTENSION = re.compile(r"[A-Za-z0-9]{1,10}")
_REPLY_NAMES = ("post", "publish", "recrop", "delete")
_REPLY_SCHEMA = {
    "type": "object",
    "properties": {"status": {"type": "integer", "minimum": 200, "maximum": 299}, "json": {}},
    "additionalProperties": False,
}
_REPLY_STATUSES = range(200, 300)
_REPLIES = 'templates such as {"post": {"status": 201, "json": {"key": "{key}", "url": "{url}"}}}'


_Origin = Annotated[
    str,
    Field(pattern=r"^(\*|https?://[^/\s*]+)$"),
    AfterValidator(str.lower),  # as browsers write it (Fetch standard, section 3.1)
    expects('"https://www.example.com" or "*"'),
]
_Method = Annotated[str, Field(pattern=r"^(\*|[A-Z-]+)$"), expects("a method such as POST")]
_FieldName = Annotated[
    str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"), expects("the name of a header such as X-Request-Id")
]


class WriteCors(Part):
    """Pages of other sites that may write from a script."""

    origins: Annotated[
        tuple[_Origin, ...],
        Field(min_length=1),
        meaning('their origins, such as `"https://www.example.com"`; `"*"` for all'),
    ]
    methods: Annotated[tuple[_Method, ...], meaning("methods; without a list those of the handler")] = ()
    headers: Annotated[
        tuple[_FieldName, ...], meaning("headers of requests; without a list those asked for")
    ] = ()
    max_age: Annotated[Seconds, meaning("seconds for which browsers need not ask again")] = 86_400


def _read_cors(value: Any) -> Any:
    return {"origins": value} if isinstance(value, list) else value


_RoutePath = Annotated[str, Field(pattern=r"^/[^?#\s%]*$"), expects("a path such as /upload")]


class WriteRoutes(Part):
    """Other paths for the same requests."""

    upload: Annotated[_RoutePath | None, meaning("for POST to the prefix")] = None
    publish: Annotated[_RoutePath | None, meaning("for POST to `-/publish`")] = None
    recrop: Annotated[_RoutePath | None, meaning("for POST to `-/recrop`")] = None
    delete: Annotated[_RoutePath | None, meaning("for POST to `-/delete`")] = None


class StagePart(Part):
    """Uploads wait in another place until they are published."""

    source: Annotated[
        SourceOrName,
        meaning("where they wait: a source that no handler reads, or the name of one of `sources`"),
    ]
    expire: Annotated[Count, meaning("seconds after which what was not published is removed")] = 7200


def _read_replies(value: Any) -> Any:
    if not isinstance(value, dict) or not value.keys() <= set(_REPLY_NAMES):
        raise ValueError(value)
    for reply in value.values():
        if not isinstance(reply, dict) or not reply.keys() <= {"status", "json"}:
            raise ValueError(value)
        status = reply.get("status", 201)
        if status not in _REPLY_STATUSES or type(status) is not int:
            raise ValueError(value)
        if status in WITHOUT_CONTENT and "json" in reply:
            raise expected(f"no json beside a status of {status}, whose answer has no content", got="")
    return value


def _read_extensions(value: Any) -> Any:
    for extension in value.values():
        if not isinstance(extension, str) or not _EXTENSION.fullmatch(extension):
            raise ValueError(extension)
    return value


class Write(Part):
    """Pictures come in at this handler."""

    auth: Annotated[
        AnyAuth,
        meaning(
            'who may write: `{"bearer": "env:…"}`, `{"signed": true}`, `{"form": {"field", "value"}}` or '
            '`"open"`; or one for each of `post`, `put`, `delete`, `publish` and `recrop`, and those not '
            "named are off"
        ),
    ]
    methods: Annotated[
        tuple[Annotated[Literal["POST", "PUT", "DELETE"], expects(one_of(list(METHODS)))], ...],
        Field(min_length=1),
        meaning("methods that are taken, of `POST`, `PUT` and `DELETE`"),
    ] = ("POST",)
    accept: Annotated[
        tuple[Storable, ...], Field(min_length=1), meaning("formats that are taken, told by content")
    ] = ("jpg", "png", "webp", "gif", "avif")
    max_bytes: Annotated[
        Annotated[Size, Field(ge=1), expects('a size of 1 byte or more, such as "20MB"')],
        meaning("bytes of a request's body, counted while it arrives"),
    ] = 20_000_000
    field: Annotated[Text, meaning("field of a form that holds the picture")] = "file"
    data_uri: Annotated[Flag, meaning("whether that field may be a text, `data:image/…;base64,…`")] = False
    name: Annotated[Text, meaning("template of the names of posted pictures, without extension")] = (
        "{yyyy}/{mm}/{uuid}"
    )
    extensions: Annotated[
        dict[Storable, str],
        BeforeValidator(_read_extensions),
        expects('extensions by the format sent, such as {"png": "jpg", "jpg": "jpeg"}'),
        meaning("extensions of names by the format sent; without one, that of the format stored"),
    ] = defaults()
    normalise: Annotated[Normalise, meaning("what is done to a picture before it is stored")] = defaults()
    derive: Annotated[
        dict[Suffix, PresetList],
        meaning(
            'files that are made of each original and stored with it: with `{"MI": "medium"}`, 1MI.jpg of '
            "1.jpg"
        ),
    ] = defaults()
    object: Annotated[StoredAs, meaning("what is kept beside the bytes")] = defaults()
    reply: Annotated[
        dict[str, Any],
        BeforeValidator(_read_replies),
        expects(_REPLIES),
        WithJsonSchema(
            {
                "type": "object",
                "properties": dict.fromkeys(_REPLY_NAMES, _REPLY_SCHEMA),
                "additionalProperties": False,
            }
        ),
        meaning(
            "status and JSON of the answers to `post`, `publish`, `recrop` and `delete`, with `{key}` and "
            "others in it"
        ),
    ] = defaults()
    cors: Annotated[
        WriteCors | None,
        BeforeValidator(_read_cors),
        meaning("pages of other sites that may write from a script: a list of their origins, or an object"),
    ] = None
    stage: Annotated[StagePart | None, meaning("where what is posted waits until it is published")] = None
    routes: Annotated[WriteRoutes, meaning("other paths for the same requests")] = defaults()

    @model_validator(mode="after")
    def _check_ways(self) -> Write:
        for method in self.methods:
            auth = self.auth.of(method)
            if auth is not None and auth.form is not None and method != "POST":
                raise expected(f"another way than form for {method}, which has no form", key="auth", got="")
        return self

    def list_open(self) -> list[str]:
        """The methods and actions that need no authentication."""
        return [name for name, auth in self.auths() if auth.is_open]

    def list_futile(self) -> list[str]:
        """The methods and actions for which upload grants are asked, which permit none of them."""
        return [name for name, auth in self.auths() if auth.signed and name in ("DELETE", *ACTIONS)]

    def list_off(self) -> list[str]:
        """The methods of which `auth` says who may send them, and which `methods` leaves out."""
        if self.auth.is_one_for_all:
            return []
        named = [method for method in METHODS if self.auth.of(method) is not None]
        may_be_action = {"DELETE"} if self.stage else frozenset()
        return [method for method in named if method not in self.methods and method not in may_be_action]

    def auths(self) -> list[tuple[str, AuthMethod]]:
        """Who may send which method or action, as far as somebody may."""
        names = [*self.open_methods, *(ACTIONS if self.stage else ())]
        return [(name, auth) for name in names if (auth := self.auth.of(name)) is not None]

    @property
    def open_methods(self) -> tuple[str, ...]:
        """The methods that somebody may use."""
        return tuple(
            method for method in METHODS if method in self.methods and self.auth.of(method) is not None
        )
