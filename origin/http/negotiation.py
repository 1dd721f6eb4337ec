"""Which of our formats an Accept header asks for (RFC 9110 section 12.5.1)."""

from __future__ import annotations

from functools import lru_cache

from origin.formats import ACCEPT_CLASSES
from origin.formats import OUTPUTS
from origin.formats import PLAIN

_LONGEST_ACCEPT = 2048  # ten times what browsers send
_CLASS_OF = {
    format.mime: format.name if format.accept_rank else PLAIN
    for format in OUTPUTS
    if format.accept_rank is not None
}
_BETTER_THAN_PLAIN = tuple(mime for mime, name in _CLASS_OF.items() if name != PLAIN)


def accept_class(accept: str | None) -> str:
    """The best of `ACCEPT_CLASSES` that Accept names outright (RFC 9110 section 12.5.1); on a tie the first.

    Wildcards never imply a format: clients that cannot show AVIF send `image/*`. JPEG or PNG is asked for
    by a weight above both. What cannot be read is skipped. Repeated fields come joined by a comma.
    """
    if not accept or len(accept) > _LONGEST_ACCEPT:
        return PLAIN
    return _class_of(accept)


@lru_cache(maxsize=128)  # browsers send one of a few; at most 256 kB of others' making
def _class_of(accept: str) -> str:
    accept = accept.lower()
    for mime in _BETTER_THAN_PLAIN:
        if mime in accept:
            break
    else:
        return PLAIN
    if '"' in accept:
        accept = _without_quoted(accept)
    weights = dict.fromkeys(ACCEPT_CLASSES, 0)
    for piece in accept.split(","):
        media_type, _, parameters = piece.partition(";")
        named = _CLASS_OF.get(media_type.strip(" \t"))
        if named:
            weights[named] = max(weights[named], _weight(parameters) if parameters else 1000)
    plain = weights.pop(PLAIN)
    best = max(weights, key=weights.__getitem__)
    return PLAIN if weights[best] == 0 or plain > weights[best] else best


def _without_quoted(text: str) -> str:
    """The text with every quoted string made `?`, so that commas and types inside do not count."""
    text = text.replace("\\\\", "?").replace('\\"', "?")
    return "?".join(text.split('"')[::2])


def _weight(parameters: str) -> int:
    """q in thousandths (RFC 9110 section 12.4.2): 1000 without one, 0 for one that is malformed."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip(" \t") == "q":
            return _thousandths(value.rstrip(" \t"))
    return 1000


def _thousandths(value: str) -> int:
    whole, _, fraction = value.partition(".")
    digits = whole + fraction
    if whole not in ("0", "1") or len(fraction) > 3 or not (digits.isascii() and digits.isdigit()):
        return 0
    thousandths = int(whole + fraction.ljust(3, "0"))
    return thousandths if thousandths <= 1000 else 0
