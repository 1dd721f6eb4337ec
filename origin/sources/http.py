"""The keys of a source of other web servers. Its client is in `http_source`, which takes 0.2 s to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Annotated
from typing import Literal
from urllib.parse import quote

from origin.errors import BadRequest
from origin.errors import Forbidden
from origin.sources.addresses import parse_network
from origin.sources.base import segments
from origin.sources.remote_url import HostPattern
from origin.sources.remote_url import RemoteUrl
from origin.sources.remote_url import parse_url
from origin.sources.settings import Secret
from origin.sources.settings import Setting
from origin.sources.settings import identity_digest
from origin.sources.url_registry import RedisRegistrySettings
from origin.sources.url_registry import SqliteRegistrySettings
from origin.urls.query import Pair
from origin.urls.url_keys import ReadKey
from origin.urls.url_keys import camo_key_reader
from origin.urls.url_keys import read_base64url_key
from origin.urls.url_keys import read_encoded_key
from origin.urls.url_keys import read_hex_key
from origin.urls.url_keys import read_plain_key
from origin.urls.url_keys import read_signed_encoded_key

_OWN_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "cookie",
        "host",
        "if-modified-since",
        "if-none-match",
    }
    | {"range", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via"}
)
_NETWORK = "networks such as 10.0.0.0/8 or fd00::/8"


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """`"type": "http"`, for other web servers"""

    base_url: Annotated[
        str | None,
        Setting(
            "keys are appended to it, and none leads out of it; this, or `keys`",
            pattern="^https?://[^/?#@]+(/[^?#]*)?$",
            expects="an http or https URL without a user, a query and a fragment",
        ),
    ] = None
    keys: Annotated[
        Literal["hex", "base64url", "url", "camo"] | None,
        Setting(
            "the key is the original's URL: in `hex`, `base64url`, percent-encoded (`url`), or as `camo`, "
            "which `camo_key` alone says too"
        ),
    ] = None
    camo_key: Annotated[Secret | None, Setting("key of the digests in URLs of `camo`")] = None
    hosts: Annotated[
        tuple[str, ...],
        Setting(
            "hosts that `keys` may name and redirects may lead to: `a.example`, `*.a.example`, `host:port`"
        ),
    ] = ()
    registry: Annotated[
        SqliteRegistrySettings | RedisRegistrySettings | None,
        Setting("only URLs that this registry knows are fetched"),
    ] = None
    open: Annotated[bool, Setting("true lets `keys` name any public host, without any other rule")] = False
    allow_private: Annotated[
        tuple[str, ...],
        Setting("networks that may be reached although they are not public", expects=_NETWORK),
    ] = ()
    max_redirects: Annotated[int, Setting("redirects that are followed, each checked as the first URL")] = 5
    timeout: Annotated[
        float | None,
        Setting("seconds for one fetch in all; without it, `limits.source_timeout`", unit="seconds"),
    ] = None
    connect_timeout: Annotated[float, Setting("seconds to connect", unit="seconds")] = 2.0
    verify_tls: Annotated[bool, Setting("false takes any certificate, so that anybody can answer")] = True
    ca: Annotated[Path | None, Setting("path of the trusted certificates, PEM; without it, the system's")] = (
        None
    )
    user_agent: Annotated[str | None, Setting("without one, `image-origin/{version}`")] = None
    headers: Annotated[
        dict[str, Secret],
        Setting("sent with each request, but not to where a redirect leads to another host or port"),
    ] = field(default_factory=dict)
    retry_errors_after: Annotated[
        int,
        Setting(
            "seconds for which an answer that is no picture is remembered (another status, too big)",
            unit="seconds",
        ),
    ] = 3600
    keep_removed: Annotated[
        bool,
        Setting("true goes on serving a picture that its server has no more, as if the server were down"),
    ] = False

    def __post_init__(self) -> None:
        if self.camo_key is not None and self.keys is None and self.base_url is None:
            object.__setattr__(self, "keys", "camo")
        if (self.base_url is None) == (self.keys is None):
            raise ValueError('either base_url or keys (camo_key alone is "keys": "camo")')
        if (self.camo_key is not None) != (self.keys == "camo"):
            raise ValueError('camo_key with "keys": "camo", and only there')
        if self.camo_key is not None and not self.camo_key.reveal():
            raise ValueError("a camo_key: with an empty one anybody can write digests")
        if self.open and (self.hosts or self.keys is None):
            raise ValueError("open only with keys, and without hosts")
        if self.registry is not None and self.keys is None:
            raise ValueError("registry only with keys")
        for text in self.hosts:
            HostPattern.parse(text)
        for text in self.allow_private:
            _check_network(text)
        _check_headers(self.headers, self.user_agent or "")
        if self.base_url is not None:
            _check_base(self.base_url)

    @property
    def is_guarded(self) -> bool:
        """Whether something but a token decides which URLs are fetched."""
        return bool(self.hosts or self.registry or self.open or self.keys in (None, "camo"))

    @property
    def patterns(self) -> tuple[HostPattern, ...]:
        """The hosts that may be asked; empty for any."""
        patterns = tuple(map(HostPattern.parse, self.hosts))
        if self.base_url is None:
            return patterns
        return (HostPattern(parse_url(self.base_url).host), *patterns)

    def url_of(self, key: str) -> RemoteUrl:
        """The URL of the original with this key: the text of a URL with `keys`.

        Raises BadRequest and Forbidden; NotFound for a key that could leave `base_url`.
        """
        if self.base_url is not None:
            return _below(parse_url(self.base_url), segments(key))
        url = parse_url(key)
        self.check_host(url)
        return url

    def check_host(self, url: RemoteUrl) -> None:
        """Raises Forbidden for a host that is not among those that may be asked."""
        patterns = self.patterns
        if patterns and not any(pattern.matches(url) for pattern in patterns):
            raise Forbidden(f"{url.origin} is not one of hosts")

    def server_of(self, key: str) -> str:
        """Scheme, host and port of the original with this key, where a key may name any of them."""
        return "" if self.keys is None else self.url_of(key).origin

    def describe(self) -> str:
        if self.base_url is not None:
            return f"{self.base_url.rstrip('/')}/"
        return f"other web servers ({', '.join(self.hosts) or 'any host'})"

    def locate(self, key: str) -> str:
        try:
            return str(self.url_of(key))
        except (BadRequest, Forbidden):
            return key

    def place(self) -> str:
        return self.describe()

    def identity(self) -> str:
        # How a URL is spelled in keys makes no other originals.
        return identity_digest("http", None if self.base_url is None else self.base_url.rstrip("/"))


def key_reader(settings: HttpSettings, signed: bool) -> ReadKey:
    """What turns a key in a URL of the origin into the text of the original's URL, and checks its host."""
    if settings.keys is None:
        return read_plain_key
    read = _reader(settings, signed)

    def read_and_check(key: str, pairs: Sequence[Pair], raw_path: bytes) -> str:
        text = read(key, pairs, raw_path)
        settings.url_of(text)
        return text

    return read_and_check


def _reader(settings: HttpSettings, signed: bool) -> ReadKey:
    match settings.keys:
        case "hex":
            return read_hex_key
        case "base64url":
            return read_base64url_key
        case "camo":
            assert settings.camo_key is not None
            return camo_key_reader(settings.camo_key.reveal().encode())
    return read_signed_encoded_key if signed else read_encoded_key


def _below(base: RemoteUrl, names: list[str]) -> RemoteUrl:
    path = "/".join([base.target.rstrip("/"), *(quote(name, safe="") for name in names)])
    return RemoteUrl(base.scheme, base.host, base.port, path)


def _check_base(base_url: str) -> None:
    try:
        url = parse_url(base_url)
    except (BadRequest, Forbidden) as error:
        raise ValueError(f"base_url as an http or https URL without a user: {error}") from error
    if "?" in url.target or "#" in base_url:
        raise ValueError("base_url without a query and a fragment")


def _check_network(text: str) -> None:
    try:
        parse_network(text)
    except ValueError as error:
        raise ValueError(f"{_NETWORK} in allow_private: {error}") from error


def _check_headers(headers: dict[str, Secret], user_agent: str) -> None:
    own = sorted(name for name in headers if name.lower() in _OWN_HEADERS)
    if own:
        raise ValueError(f"other headers than {own[0]}, which this origin writes itself")
    for name, text in [*((name, value.reveal()) for name, value in headers.items()), ("U", user_agent)]:
        is_token = name.isascii() and all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name)
        if not is_token or not all(" " <= c <= "~" for c in text):
            raise ValueError(
                "names and values of headers as RFC 9110 section 5 has them, in one line of ASCII"
            )
