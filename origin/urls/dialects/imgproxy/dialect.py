"""imgproxy's URLs in our words, and how imgproxy signs them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from functools import partial

from origin.errors import BadRequest
from origin.urls.dialects.asked import Asked
from origin.urls.dialects.asked import Refusal
from origin.urls.dialects.dialect import Signature
from origin.urls.dialects.dialect import SourceNames
from origin.urls.dialects.dialect import Translation
from origin.urls.dialects.imgproxy import look
from origin.urls.dialects.imgproxy import size
from origin.urls.dialects.imgproxy.given import Given
from origin.urls.dialects.imgproxy.path import PLAIN
from origin.urls.dialects.imgproxy.path import UNSIGNED
from origin.urls.dialects.imgproxy.path import Source
from origin.urls.dialects.imgproxy.path import read_options
from origin.urls.dialects.imgproxy.path import read_source
from origin.urls.dialects.imgproxy.path import split_options
from origin.urls.dialects.segments import decode
from origin.urls.dialects.segments import split_key
from origin.urls.dialects.segments import split_signature
from origin.urls.query import Pair
from origin.urls.url_keys import ReadKey

DIGEST_SIZE = 32  # bytes of HMAC-SHA256
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/{1,3}(.*)", re.DOTALL)  # proxies make one slash of two
_SECONDS = re.compile("[0-9]{1,15}")
_STEPS = (
    size.settle_size,
    size.settle_turn,
    size.settle_trim,
    size.settle_crop,
    look.settle_tone,
    look.settle_surroundings,
)
_WITH_SOURCE = (look.settle_format, look.settle_answer)


class Imgproxy:
    """See `SigningDialect`. Nothing is enlarged without `enlarge`, as at imgproxy."""

    name = "imgproxy"
    begins_with_key = False
    signs_in_path = True
    signature_name = ""
    signature_form = re.compile(
        rb"[A-Za-z0-9_-]{43}"
    )  # base64url of a whole digest; shorter ones have no form

    def translate(self, key: str, pairs: Sequence[Pair], raw_key: bytes = b"", /) -> Translation:
        first, *rest = split_key(key, raw_key)
        asked, given, source = Asked(self.name), Given(), Source("")
        signature = decode([first])
        if not signature or ":" in signature or signature == PLAIN:
            asked.note(Refusal("path", "expected a signature in front, or _"))
        options, original = split_options(rest)
        asked.attempt(partial(given.take, options, asked))
        try:
            source = read_source(original)
        except Refusal as refusal:
            asked.note(refusal)
        for step in _STEPS:
            asked.attempt(partial(step, given, asked))
        for step_with_source in _WITH_SOURCE:
            asked.attempt(partial(step_with_source, given, asked, source))
        for name, _ in pairs:  # which imgproxy neither reads nor signs
            asked.ignore_unknown(name.decode("utf-8", "replace"))
        return asked.translated(source.text)

    def key_reader(self, read: ReadKey, source: SourceNames) -> ReadKey:
        """`local:///key`, `s3://bucket/key`, URLs where the source takes them, or the key itself."""

        def read_original(key: str, pairs: Sequence[Pair], raw_path: bytes) -> str:
            match = _SCHEME.fullmatch(key)
            if match is None:
                return read(key, (), b"")
            scheme, rest = match[1].lower(), match[2]
            if scheme in ("http", "https") and source.takes_urls:
                return read(f"{scheme}://{rest}", (), b"")
            if scheme == "local" and not source.takes_urls:
                return read(rest, (), b"")
            bucket, _, rest = rest.partition("/")
            if scheme != "s3" or source.bucket is None:
                raise BadRequest(f"imgproxy option source: {_describe_wanted(source)}, got one of {scheme}")
            if bucket != source.bucket:
                text = "this handler has another bucket; each needs a handler of its own"
                raise BadRequest(f"imgproxy option source: {text}")
            if "?" in rest:
                raise BadRequest("imgproxy option source: a version is not read here")
            return read(rest, (), b"")

        return read_original

    def read_signature(self, raw_path: bytes, query: bytes) -> Signature:
        """The path behind the signature is signed as it stands in the URL, and the query is not."""
        first, rest = split_signature(raw_path)
        options, _ = split_options(rest.split(b"/"))
        try:
            ends = [(*arguments, "")[0] for _, name, arguments in read_options(options) if name == "expires"]
        except Refusal as refusal:
            raise ValueError(str(refusal)) from None
        expires = ends[-1] if ends else ""
        if expires and not _SECONDS.fullmatch(expires):
            raise ValueError("expires is a number of Unix seconds")
        text = first.decode("latin-1")
        return Signature("" if text in UNSIGNED else text, b"/" + rest, int(expires) if expires else None)

    def sign(self, secret: str, message: bytes) -> str:
        key, salt, count = secret.split(":")
        digest = hmac.digest(bytes.fromhex(key), bytes.fromhex(salt) + message, hashlib.sha256)
        return base64.urlsafe_b64encode(digest[: int(count)]).decode().rstrip("=")

    def sign_url(self, secret: str, raw_path: str) -> str:
        return f"/{self.sign(secret, raw_path.encode())}{raw_path}"

    def write_url(self, secret: str | None, path: str, expires: int) -> str:
        return (
            f"/_/{PLAIN}{path}" if secret is None else self.sign_url(secret, f"/exp:{expires}/{PLAIN}{path}")
        )


def _describe_wanted(source: SourceNames) -> str:
    if source.takes_urls:
        return "expected a URL of http or https"
    wanted = "a key, local:/// or s3://" if source.bucket is not None else "a key or local:///"
    return f'expected {wanted}, since URLs need a source of type http with "keys": "url"'


def join_secret(key: str, salt: str, size: int) -> str:
    """The secret with which URLs are signed: key and salt in hex, and how many bytes of a digest count."""
    return f"{key}:{salt}:{size}"
