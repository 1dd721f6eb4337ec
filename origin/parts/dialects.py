"""What a handler does with URLs in the words of another system."""

from __future__ import annotations

from origin.config.handler import Handler
from origin.config.signing import foreign_verifier
from origin.signing import Verifier
from origin.signing.foreign import ForeignVerifier
from origin.sources import make_key_reader
from origin.sources.http import HttpSettings
from origin.urls.dialects import DIALECTS
from origin.urls.dialects import SIGNING
from origin.urls.dialects import signs_in_path
from origin.urls.dialects.dialect import SourceNames
from origin.urls.dialects.dialect import Translate
from origin.urls.dialects.dialect import keep_words
from origin.urls.dialects.dialect import translate_behind
from origin.urls.path import ROOT
from origin.urls.url_keys import ReadKey


def make_translate(handler: Handler) -> Translate:
    """What turns URLs of this handler into our words."""
    if handler.dialect is None:
        return keep_words
    return translate_behind(DIALECTS[handler.dialect], handler.prefix)


def make_reader(handler: Handler, *, signed: bool) -> ReadKey:
    """What turns the key in a URL of this handler into the key that its source is asked for."""
    read = make_key_reader(handler.source, signed=signed)
    if handler.dialect is None or handler.dialect not in SIGNING:
        return read
    names = SourceNames(getattr(handler.source, "bucket", None), _takes_urls(handler))
    return SIGNING[handler.dialect].key_reader(read, names)


def make_token_verifier(handler: Handler) -> Verifier:
    """What judges our tokens in URLs of a handler that has signing keys."""
    signing = handler.signing
    assert signing is not None
    keys = [key.get_secret_value() for key in signing.keys]
    # In the words of another system options stand in the path, and the query belongs to the original.
    takes_query = handler.dialect is not None and _takes_urls(handler)
    return Verifier(handler.prefix, keys, signing.required, without_query=takes_query)


def begins_with_key(handler: Handler) -> bool:
    """Whether what stands behind the prefix of a handler's URLs is the key that its source is asked for, so
    that a CDN finds a picture by its path."""
    if isinstance(handler.source, HttpSettings) and handler.source.keys is not None:
        return False
    return handler.dialect is None or DIALECTS[handler.dialect].begins_with_key


def begins_with_signature(handler: Handler) -> bool:
    """Whether what stands behind the prefix of a handler's URLs is a signature or a digest of Camo's, so that
    no log shows it."""
    has_digest = isinstance(handler.source, HttpSettings) and handler.source.keys == "camo"
    return has_digest or signs_in_path(handler.dialect)


def make_verifier(handler: Handler, dialect: str) -> tuple[ForeignVerifier, str]:
    """What judges the signatures of a handler with that dialect, and the prefix behind which the path is
    signed."""
    signing = handler.signing
    behind = SIGNING[dialect].signs_in_path or (signing is not None and signing.signed_path == "key")
    return foreign_verifier(signing, dialect), handler.prefix if behind else ROOT


def _takes_urls(handler: Handler) -> bool:
    """Whether a key is the URL of the original, as it stands."""
    return isinstance(handler.source, HttpSettings) and handler.source.keys == "url"
