"""Signatures of other systems, in a handler with a dialect: what that system signed, judged by our rules."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from origin.signing.verdict import Reason
from origin.signing.verdict import Verdict
from origin.signing.verifier import LEEWAY
from origin.urls.dialects.dialect import SigningDialect

MIN_SECRET = 16  # characters: the other system made them, and shorter than ours


class ForeignVerifier:
    """Checks the URLs of one handler. Without a secret none is signed, and an expiry counts all the same.

    Raises ValueError for a secret that is too short; the error does not repeat it.
    """

    def __init__(self, dialect: SigningDialect, secrets: Sequence[str], required: bool = True) -> None:
        if any(len(secret) < MIN_SECRET for secret in secrets):
            raise ValueError(f"a secret has fewer than {MIN_SECRET} characters")
        self._dialect = dialect
        self._secrets = tuple(secrets)
        self._required = required and bool(secrets)

    def verify(self, raw_path: bytes, query: bytes, now: float) -> Verdict:
        """Judges a URL as it stands. `raw_path` is the path that was signed, with its leading slash."""
        try:
            text, message, expires = self._dialect.read_signature(raw_path, query)
        except ValueError as exc:
            return Verdict(Reason.MALFORMED, str(exc))
        reason, index = Reason.UNSIGNED, None
        if self._secrets and text:
            # All are tried, so that the time it takes does not depend on which one matches.
            right = [self._dialect.sign(secret, message) for secret in self._secrets]
            matches = [hmac.compare_digest(each.encode(), text.encode()) for each in right]
            if True not in matches:
                return Verdict(Reason.WRONG, "no secret made this signature for this URL")
            reason, index = Reason.SIGNED, matches.index(True)
        elif self._required:
            return Verdict(Reason.MISSING, "the URL has no signature")
        if expires is not None and now > expires + LEEWAY:
            return Verdict(Reason.EXPIRED, f"{now - expires:.0f} s ago")
        return Verdict(reason, "", index, expires)

    def describe(self, raw_path: bytes, query: bytes, now: float) -> list[str]:
        """Lines for a person who asks why a URL is accepted or refused; none holds the secret."""
        try:
            message = self._dialect.read_signature(raw_path, query).message
            lines = [f"signed text: the secret, then {message.decode('latin-1')}"] if self._secrets else []
        except ValueError:
            lines = []
        return [*lines, f"verdict: {self.verify(raw_path, query, now)}"]
