"""Writing signed URLs, in an application that need not have the server."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from collections.abc import Sequence
from numbers import Real
from typing import Any

from origin.signing.grants import Grant
from origin.signing.message import message
from origin.signing.tokens import MAX_GRANT
from origin.signing.tokens import exact_signer
from origin.signing.tokens import make_grant
from origin.signing.uploads import check_star
from origin.signing.uploads import write_upload_grant
from origin.signing.verifier import HORIZON
from origin.signing.verifier import Verifier
from origin.urls.address import Address
from origin.urls.address import check_key
from origin.urls.options import BY_NAME
from origin.urls.options import EXPIRES
from origin.urls.options import TOKEN
from origin.urls.options import Option
from origin.urls.options import find_option
from origin.urls.query import Pair
from origin.urls.srcset import list_candidates
from origin.urls.values import spell
from origin.urls.writing import Given
from origin.urls.writing import write_options
from origin.urls.writing import write_value

_BOUNDS = '{"min": 1, "max": 1600}, a list, or the one value'


class UrlSigner:
    """Writes URLs and tokens for one handler. `keys` are the handler's, oldest first; the newest signs.

    Expiries are rounded up to a multiple of `bucket` seconds, so that the pages of an hour share their
    URLs and the CDN its objects. Options are those of a URL, under either name; None is left out. A value
    or a key that the origin would refuse raises ValueError, a wrong name TypeError.
    """

    def __init__(self, base_url: str, prefix: str, keys: Sequence[str], bucket: int = 3600) -> None:
        if bucket < 1:
            raise ValueError(f"bucket: expected seconds >= 1, got {bucket!r}")
        self._address = Address(base_url, prefix)
        self._verifier = Verifier(self._address.prefix, keys)
        self._signer = exact_signer(keys)
        self._secrets = list(keys)
        self._bucket = bucket

    def url(
        self,
        key: str,
        *,
        expires_in: float | None = None,
        expires_at: float | None = None,
        now: float | None = None,
        grant: str | None = None,
        **options: Given,
    ) -> str:
        """The URL of a picture, with a token of its own, or with a grant if it is inside that one.

        `expires_in` counts seconds from now, `expires_at` is a Unix second.
        """
        check_key(key)
        now = time.time() if now is None else now
        expires = self._expiry(expires_in, expires_at, now)
        pairs = write_options(options)
        if expires is not None:
            pairs.append((EXPIRES.name.encode(), b"%d" % expires))
        pairs.append((TOKEN.name.encode(), (grant or self.token(key, pairs)).encode()))
        verdict = self._verifier.verify(key, pairs, now)
        if not verdict.accepted:
            raise ValueError(f"the origin would refuse this URL: {verdict}")
        return self._address.url(key, pairs)

    def token(self, key: str, pairs: Iterable[Pair]) -> str:
        """The exact token of a URL that is written elsewhere, from its `decode_query`."""
        return self._signer.get_signature(message(self._address.prefix, key, pairs)).decode()

    def srcset(
        self,
        key: str,
        *,
        widths: Sequence[int] = (),
        densities: Sequence[float] = (),
        expires_in: float | None = None,
        expires_at: float | None = None,
        now: float | None = None,
        grant: str | None = None,
        **options: Given,
    ) -> str:
        """The text of a `srcset` attribute over widths (`300w`) or densities (`2x`), each URL with its token.

        Over widths, `w` and `h` together give the shape, which every candidate keeps: widths 300 and 600
        with w=3, h=2 are 300x200 and 600x400. Either alone raises TypeError, as `dpr` does: widths are
        device pixels already. Over densities, `w` or `h` is the size at 1x.

        The text has to be escaped like any attribute where it is put into HTML.
        """
        now = time.time() if now is None else now
        urls = (
            (self.url(key, expires_in=expires_in, expires_at=expires_at, now=now, grant=grant, **own), size)
            for own, size in list_candidates(options, widths, densities)
        )
        return ", ".join(f"{url} {size}" for url, size in urls)

    def grant(
        self,
        key: str,
        *,
        expires_in: float | None = None,
        expires_at: float | None = None,
        now: float | None = None,
        **bounds: Any,
    ) -> str:
        """A token for a key, or for every key below a prefix that ends in `/*`.

        Each bound is `{"min": 1, "max": 1600}` (either end may be left out), a list, or the one value; of an
        option with several numbers, such as `rect`, a tuple is one value.
        A URL has to hold each of the options that are bound here, and no other.
        """
        check_key(key)
        check_star(key)
        for name, bound in bounds.items():
            if not isinstance(bound, dict | list | tuple | str | bool | Real):
                raise TypeError(f"{name}: expected {_BOUNDS}, got {type(bound).__name__}")
        bounds = {name: _spell_tuples(name, bound) for name, bound in bounds.items()}
        fields: dict[str, Any] = {"k": key, "o": bounds}
        expires = self._expiry(expires_in, expires_at, time.time() if now is None else now)
        if expires is not None:
            fields["e"] = expires
        token = make_grant(self._secrets, fields)
        Grant.read(token.rpartition(".")[0].encode())
        for name, bound in bounds.items():
            _check_bound(BY_NAME[name.encode()], bound)
        if len(token) > MAX_GRANT:
            raise ValueError(f"a grant has at most {MAX_GRANT} characters")
        return token

    def upload(
        self,
        key: str,
        *,
        max_bytes: int | None = None,
        formats: Sequence[str] | None = None,
        may_replace: bool = False,
        expires_in: float | None = None,
        expires_at: float | None = None,
        now: float | None = None,
    ) -> str:
        """The URL to which a browser may send pictures: with PUT for a key, with POST to the prefix for
        every name below one that ends in `/*`. The expiry is required, and rounded up as others are.

        `max_bytes` bounds the body of a request, `formats` are names such as `jpg`. Unless `may_replace`,
        no picture is replaced. Raises ValueError for what the origin would refuse.
        """
        expires = self._expiry(expires_in, expires_at, time.time() if now is None else now)
        if expires is None:
            raise TypeError("an upload grant needs expires_in or expires_at")
        if max_bytes is not None and (isinstance(max_bytes, bool) or not isinstance(max_bytes, int)):
            raise TypeError(f"max_bytes: expected a number of bytes, got {max_bytes!r}")
        if isinstance(formats, str):
            raise TypeError(f"formats: expected a list such as ['jpg', 'png'], got {formats!r}")
        token = write_upload_grant(self._secrets, key, expires, max_bytes, formats, may_replace)
        if key.endswith("/*"):
            return self._address.mount(f"{TOKEN.name}={token}")
        return self._address.url(key, [(TOKEN.name.encode(), token.encode())])

    def _expiry(self, expires_in: float | None, expires_at: float | None, now: float) -> int | None:
        if expires_in is not None and expires_at is not None:
            raise TypeError("give expires_in or expires_at")
        _check_seconds("expires_in", "seconds from now", expires_in)
        _check_seconds("expires_at", "a Unix second", expires_at)
        if expires_in is not None:
            expires_at = now + expires_in
        if expires_at is None:
            return None
        if expires_at <= now:
            raise ValueError("the expiry has passed")
        if expires_at > now + HORIZON:
            raise ValueError("the expiry is a hundred years away; it is in seconds, not milliseconds")
        return math.ceil(expires_at / self._bucket) * self._bucket


def _check_seconds(name: str, expected: str, seconds: object) -> None:
    """Raises TypeError for what is no number, such as a datetime or timedelta."""
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, Real)):
        raise TypeError(f"{name}: expected {expected}, got {type(seconds).__name__}")


def _check_bound(option: Option, bound: Any) -> None:
    """Raises ValueError for a bound that no URL can meet."""
    if not isinstance(bound, dict):
        for value in bound if isinstance(bound, list | tuple) else [bound]:
            write_value(option, value)
    elif not option.kind.has_values_between(bound.get("min"), bound.get("max")):
        raise ValueError(f"option {option.name}: no value lies between min and max of {bound}")


def _spell_tuples(name: str, bound: Any) -> Any:
    """The bound as JSON has it: of an option whose values hold several numbers, a tuple is one value."""
    option = find_option(name)
    if option is None or option.kind.separator == ",":
        return bound
    if isinstance(bound, list):
        return [_spell_tuples(name, value) for value in bound]
    is_number = isinstance(bound, int | float) and not isinstance(bound, bool)
    return spell(bound) if is_number or isinstance(bound, tuple) else bound
