"""Tags as text that templates do not escape again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

Attribute = str | int | float | bool | None
# Names that HTML's parser takes whole: no space, quote, slash, `>`, `=` or control character.
_NAME = re.compile(r"[A-Za-z_:@][A-Za-z0-9_.:@-]*")


class Html(str):
    """HTML that is safe as it stands, by the protocol that Jinja, Django and markupsafe share. What is made
    of it by `+` or `%` is plain text again, and is escaped."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def write_tag(name: str, attributes: Mapping[str, Attribute]) -> Html:
    """The start tag. None and False leave an attribute out; True is an attribute without a value.

    Raises ValueError for a name that HTML has no place for.
    """
    texts = [name]
    for attribute, value in attributes.items():
        if not _NAME.fullmatch(attribute):
            raise ValueError(f"{attribute!r} is not the name of an attribute")
        if value is True:
            texts.append(attribute)
        elif value is not None and value is not False:
            texts.append(f'{attribute}="{escape(str(value))}"')
    return Html(f"<{' '.join(texts)}>")
