"""Answers that the configuration spells out: fixed ones, and those to a failure."""

from __future__ import annotations

from typing import Annotated
from typing import Any

from pydantic import Field
from pydantic import model_validator

from origin.config.part import Part
from origin.config.part import meaning
from origin.config.types import AnyText
from origin.config.types import FilePath
from origin.config.types import Flag
from origin.config.types import expected
from origin.config.types import expects

# Their answers have no content (RFC 9110 sections 15.3.5, 15.3.6, 15.4.5): clients would read on in it.
WITHOUT_CONTENT = (204, 205, 304)


class OnError(Part):
    """What a failure is answered with; one of the keys."""

    image: Annotated[FilePath | None, meaning("path of a fallback image, as in `error_image`")] = None
    redirect: Annotated[
        Annotated[
            str,
            Field(pattern=r"^(https?:/)?/[\x21-\x7e]*$"),
            expects("a URL such as https://example.com/default.svg, //host/path or /path"),
        ]
        | None,
        meaning("302 to this URL, apart from classes that `error_status` gives a status of their own"),
    ] = None
    text: Annotated[Flag, meaning("the status and the class, one line of text")] = False
    json_: Annotated[Flag, Field(alias="json"), meaning('`{"error": class}`')] = False

    @model_validator(mode="after")
    def _check_one(self) -> OnError:
        if sum(map(bool, (self.image, self.redirect, self.text, self.json_))) != 1:
            raise expected("one of image, redirect, text and json", got="")
        return self


class FixedAnswer(Part):
    """An answer that needs no picture."""

    status: Annotated[
        Annotated[int, Field(strict=True, ge=200, le=599)],
        expects("a status of 200 to 599"),
        meaning("status"),
    ] = 200
    text: Annotated[AnyText | None, meaning("the body, plain text; `{uptime}` stands for seconds")] = None
    json_: Annotated[
        Any, Field(alias="json"), meaning("the body, JSON; a text `{uptime}` stands for a number of seconds")
    ] = None
    location: Annotated[
        Annotated[str, Field(pattern=r"^(https?:/)?/[\x21-\x7e]*$"), expects("a URL or a path")] | None,
        meaning("where a redirect leads"),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, data: Any) -> Any:
        return {"text": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _check_one(self) -> FixedAnswer:
        if self.text is not None and self.json_ is not None:
            raise expected("either text or json", got="")
        if self.status in WITHOUT_CONTENT and (self.text or self.json_ is not None):
            raise expected(f"no text and no json: an answer of {self.status} has no content", got="")
        return self
