"""`dialect` and its secrets: what is accepted, and the one line that says what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from origin.config.handler import Handler
from origin.config.load import build_config
from origin.errors import ConfigError
from origin.urls.dialects import DIALECTS
from tests.support.configurations import any_of

LOCAL = {"type": "local", "root": "/srv/photos"}
TOKEN = "an-imgix-token-1"
KEY = "k" * 32
IMGPROXY = {"imgproxy_key": "ab" * 32, "imgproxy_salt": "cd" * 32}
CAMO_SOURCE = "a source of type http with camo_key beside camo"


def handler(**own: Any) -> Handler:
    return build_config({"handlers": [{"name": "photos", "source": LOCAL, **own}]}).handlers[0]


def test_an_empty_prefix_is_the_root_and_none_is_the_name() -> None:
    assert (handler(prefix="", dialect="imgix").prefix, handler(prefix="").prefix) == ("", "")
    assert (handler().prefix, handler(prefix=None).prefix) == ("photos", "photos")
    assert (handler(dialect="imgix").prefix, handler(prefix="a/b", dialect="imgix").prefix) == (
        "photos",
        "a/b",
    )
    assert handler(prefix="", dialect="imgix").path_above == "/"
    assert handler(prefix="a/b").path_above == "/a/b/"


def test_the_token_comes_from_the_environment_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGIX_TOKEN", TOKEN)
    config = build_config(
        {
            "handlers": [
                {
                    **{"name": "photos", "source": LOCAL, "dialect": "imgix"},
                    "signing": {"imgix_token": "env:IMGIX_TOKEN", "signed_path": "key"},
                }
            ]
        }
    )
    signing = config.handlers[0].signing
    assert signing is not None
    assert signing.secrets("imgix") == (TOKEN,)
    assert signing.signed_path == "key"
    assert TOKEN not in repr(config)


def test_the_secret_of_imgproxy_has_three_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGPROXY_KEY", "AB" * 32)
    given = {"imgproxy_key": "env:IMGPROXY_KEY", "imgproxy_salt": "cdef", "imgproxy_signature_size": 16}
    config = handler(dialect="imgproxy", signing=given)
    assert config.signing is not None
    assert config.signing.secrets("imgproxy") == (f"{'AB' * 32}:cdef:16",)
    assert "cdef" not in repr(config)
    assert handler(dialect="imgproxy").signing is None
    several = {"imgproxy_key": "ab" * 8 + "," + "12" * 9, "imgproxy_salt": "cd,ef"}
    signing = handler(dialect="imgproxy", signing=several).signing
    assert signing is not None
    assert signing.secrets("imgproxy") == (f"{'ab' * 8}:cd:32", f"{'12' * 9}:ef:32")


def test_camo_is_one_thing_in_both_spellings() -> None:
    camo = {"type": "http", "camo_key": "a-key-of-camo"}
    spellings: list[dict[str, Any]] = [
        {"source": {**camo, "keys": "camo"}},
        {"source": camo},
        {"source": camo, "dialect": "camo"},
        {"source": {**camo, "keys": "camo"}, "dialect": "camo"},
    ]
    sources = [handler(**each).source for each in spellings]
    assert sources == [sources[0]] * len(spellings)
    named = {"sources": {"sites": camo}, "handlers": [{"name": "a", "source": "sites", "dialect": "camo"}]}
    assert build_config(named).handlers[0].source == sources[0]


def test_tokens_of_ours_sign_where_the_other_system_does_not() -> None:
    assert handler(dialect="cloudflare", signing={"keys": [KEY]}).signing is not None


MISTAKES = [
    *(
        ({"dialect": "camo", "source": source}, f"dialect: expected {CAMO_SOURCE}, got {there}")
        for source, there in (
            (LOCAL, "local"),
            ({"type": "http", "base_url": "https://example.com"}, "http with base_url"),
            ({"type": "http", "keys": "hex", "open": True}, 'http with "keys": "hex"'),
        )
    ),
    (
        {"dialect": "camo", "source": {"type": "http"}},
        'source: expected either base_url or keys (camo_key alone is "keys": "camo")',
    ),
    (
        {"dialect": "cloudflare", "write": {"auth": "open"}},
        "dialect: expected another handler for write, since URLs of cloudflare begin with options, "
        "and those of what is stored do not",
    ),
    (
        {"dialect": "cloudflare", "signing": {"imgix_token": TOKEN}},
        'signing.imgix_token: expected "dialect": "imgix" beside signing',
    ),
    (
        {"dialect": "thumbor2"},
        f'dialect: expected {any_of(DIALECTS)}, got "thumbor2"',
    ),
    ({"dialect": True}, f"dialect: expected {any_of(DIALECTS)}, got true"),
    (
        {"dialect": "imgix", "signing": {"keys": [KEY]}},
        "signing: expected imgix_token, with which imgix signs",
    ),
    (
        {"signing": {"imgix_token": TOKEN}},
        'signing.imgix_token: expected "dialect": "imgix" beside signing',
    ),
    (
        {"signing": {"keys": [KEY], "signed_path": "key"}},
        'signing.signed_path: expected "dialect": "imgix" beside signing',
    ),
    (
        {"dialect": "imgix", "signing": {"imgix_token": "short-token"}},
        "signing.imgix_token: expected a token of 16 characters or more, got a value that is not shown here",
    ),
    (
        {"dialect": "imgix", "signing": {"imgix_token": TOKEN, "signed_path": "prefix"}},
        'signing.signed_path: expected full or key, got "prefix"',
    ),
    (
        {"dialect": "thumbor", "signing": {"imgix_token": TOKEN}},
        'signing.imgix_token: expected "dialect": "imgix" beside signing',
    ),
    (
        {"dialect": "thumbor", "signing": {"keys": [KEY]}},
        "signing: expected thumbor_key, with which thumbor signs",
    ),
    (
        {"dialect": "thumbor", "signing": {"thumbor_key": "short-key"}},
        "signing.thumbor_key: expected a key of 16 characters or more, got a value that is not shown here",
    ),
    (
        {"dialect": "imgproxy", "signing": {"imgproxy_key": "ab" * 32}},
        "signing: expected imgproxy_key and imgproxy_salt, with which imgproxy signs",
    ),
    (
        {"dialect": "imgproxy", "signing": {"imgproxy_key": "ab" * 32, "imgproxy_salt": "not-hex-at-all!!"}},
        "signing.imgproxy_salt: expected hexadecimal digits, in pairs, and commas between several salts, "
        "got a value that is not shown here",
    ),
    *(
        (
            {"dialect": "imgproxy", "signing": {"imgproxy_key": key, "imgproxy_salt": "cd" * 32}},
            "signing.imgproxy_key: expected 16 hexadecimal digits or more, in pairs, and commas between "
            "several keys, got a value that is not shown here",
        )
        for key in ("ab" * 32 + ",abab", "ab" * 32 + ",", "ab" * 32 + " , " + "ab" * 32)
    ),
    (
        {"dialect": "imgproxy", "signing": {**IMGPROXY, "imgproxy_salt": "cd,ef"}},
        "signing.imgproxy_salt: expected one for each key",
    ),
    (
        {"dialect": "imgproxy", "signing": {"imgproxy_key": "abc" * 9, "imgproxy_salt": "cd" * 32}},
        "signing.imgproxy_key: expected 16 hexadecimal digits or more, in pairs, and commas between several "
        "keys, got a value that is not shown here",
    ),
    (
        {"dialect": "imgproxy", "signing": {**IMGPROXY, "imgproxy_signature_size": 33}},
        "signing.imgproxy_signature_size: expected a whole number from 8 to 32, got 33",
    ),
    (
        {"dialect": "thumbor", "signing": {**IMGPROXY, "thumbor_key": TOKEN}},
        'signing.imgproxy_key: expected "dialect": "imgproxy" beside signing',
    ),
    (
        {"dialect": "thumbor", "signing": {"thumbor_key": TOKEN, "signed_path": "key"}},
        'signing.signed_path: expected "dialect": "imgix" beside signing',
    ),
    (
        {"dialect": "imgix", "signing": {}},
        "signing: expected at least one key in `keys`; without one nothing is signed",
    ),
    (
        {
            **{"dialect": "imgix", "signing": {"imgix_token": TOKEN}},
            "write": {"auth": {"signed": True}},
        },
        "write.auth: expected signing.keys in the handler, with which upload grants are made",
    ),
]


@pytest.mark.parametrize(("own", "mistake"), MISTAKES)
def test_a_mistake_is_told_in_one_line(own: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ConfigError) as refused:
        handler(**own)
    assert str(refused.value).partition("handlers[0].")[2] == mistake


def test_two_handlers_cannot_both_be_at_the_root() -> None:
    root = {"source": LOCAL, "prefix": "", "dialect": "imgix"}
    with pytest.raises(ConfigError, match="a prefix of its own"):
        build_config({"handlers": [{"name": "a", **root}, {"name": "b", **root}]})


def test_other_paths_of_uploads_are_free_beside_a_root() -> None:
    writer = {"name": "w", "source": LOCAL, "write": {"auth": "open", "routes": {"upload": "/upload"}}}
    root = {"name": "a", "source": LOCAL, "prefix": "", "dialect": "imgix"}
    assert len(build_config({"handlers": [root, writer]}).handlers) == 2
