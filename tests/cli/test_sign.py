"""`origin sign`: what it writes is accepted, what the origin would refuse is wrong use."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import urlsplit

import pytest
from itsdangerous import URLSafeSerializer

from origin.signing import Verdict
from origin.signing import Verifier
from origin.signing import decode_query
from origin.urls.options import OPTIONS
from tests.support.commands import KEY
from tests.support.commands import invoke
from tests.support.commands import write_config
from tests.support.options import example

OLD = "an-old-secret-that-is-long-enough-000"
VERIFIER = Verifier("photos", [OLD, KEY])


def sign(*arguments: str) -> Any:
    """With the keys of `photos` in the environment."""
    kind, *rest = arguments
    return invoke("sign", kind, "--prefix", "photos", *rest, ORIGIN_SIGNING_KEYS=f"{OLD} {KEY}")


def verdict(url: str, key: str = "cat.jpg") -> Verdict:
    return VERIFIER.verify(key, decode_query(urlsplit(url).query.encode()), 1_790_000_000)


def payload(token: str) -> Any:
    """What the serializer of itsdangerous reads from a grant."""
    arguments: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    serializer = URLSafeSerializer([KEY], salt="origin/v1/grant", signer_kwargs=arguments)
    return serializer.loads(token.strip())


def test_a_url_has_a_token_of_the_newest_key() -> None:
    done = sign("url", "--base-url", "https://img.example.com", "photos/a b.jpg", "f=webp", "width=300")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("https://img.example.com/photos/a%20b.jpg?w=300&f=webp&t=")
    assert verdict(done.stdout.strip(), "a b.jpg").key_index == 1


def test_the_keys_of_the_configuration_sign_for_the_handler_above_the_path(tmp_path: Path) -> None:
    source = {"type": "local", "root": "."}
    handlers = [
        {"name": "open", "prefix": "photos", "source": source},
        {"name": "closed", "prefix": "photos/members", "source": source, "signing": {"keys": [KEY]}},
    ]
    path = write_config(tmp_path, {"handlers": handlers})
    done = invoke("sign", "url", "-c", path, "/photos/members/cat.jpg", "w=300")
    assert done.exit_code == 0
    query = decode_query(urlsplit(done.stdout.strip()).query.encode())
    assert Verifier("photos/members", [KEY]).verify("cat.jpg", query, 0).accepted
    done = invoke("sign", "url", "-c", path, "photos/cat.jpg")
    assert (done.exit_code, done.stderr) == (
        2,
        "origin: no handler with signing is mounted above photos/cat.jpg; there are photos/members/\n",
    )


@pytest.mark.parametrize("name", [name for option in OPTIONS if not option.of_token for name in option.names])
def test_every_option_of_a_picture_can_be_signed_and_granted_under_either_name(name: str) -> None:
    (option,) = [option for option in OPTIONS if name in option.names]
    text = f"{name}={example(option)}"
    url = sign("url", "photos/cat.jpg", text).stdout.strip()
    assert f"?{option.name}={quote(example(option), safe='')}&t=" in url
    assert verdict(url).accepted
    token = sign("grant", "photos/cat.jpg", text).stdout.strip()
    assert verdict(f"x?{text}&t={token}").accepted
    assert not verdict(f"x?t={token}").accepted


@pytest.mark.parametrize(
    ("options", "bounds"),
    [
        (["w=1..1600"], {"w": {"min": 1, "max": 1600}}),
        (["width=0..1600", "dpr=..1.5"], {"w": {"min": 0, "max": 1600}, "dpr": {"max": 1.5}}),
        (["q=50.."], {"q": {"min": 50}}),
        (["f=webp,AVIF,jpeg", "c=T"], {"f": ["webp", "avif", "jpg"], "c": True}),
        (["w=300,600.5", "c=true,false"], {"w": [300, 600.5], "c": [True, False]}),
        (["q=80"], {"q": 80}),
        (["g=smart;0.3,0.60;top"], {"g": ["smart", "0.3,0.60", "top"]}),
        (["rect=0,0,100,100", "pad=10,20"], {"rect": "0,0,100,100", "pad": "10,20"}),
        (
            ["ar=1..16:9", "rotate=-10..10"],
            {"ar": {"min": "1:1", "max": "16:9"}, "rotate": {"min": -10, "max": 10}},
        ),
        (["bg=FFF,tomato"], {"bg": ["ffffff", "ff6347"]}),
        ([], {}),
    ],
)
def test_a_grant_has_ranges_lists_and_single_values(options: list[str], bounds: Any) -> None:
    done = sign("grant", "photos/users/42/*", *options)
    assert (done.exit_code, done.stderr) == (0, "")
    assert payload(done.stdout) == {"k": "users/42/*", "o": bounds}


def test_a_srcset_has_a_url_for_each_width_and_keeps_the_shape() -> None:
    done = sign("srcset", "--widths", "300,600", "photos/cat.jpg", "w=3", "h=2", "f=webp")
    assert done.exit_code == 0
    found = [part.split(" ") for part in done.stdout.strip().split(", ")]
    assert [size for _, size in found] == ["300w", "600w"]
    queries = [dict(parse_qsl(urlsplit(url).query)) for url, _ in found]
    assert [(query["w"], query["h"], query["f"]) for query in queries] == [
        ("300", "200", "webp"),
        ("600", "400", "webp"),
    ]
    assert all(verdict(url).accepted for url, _ in found)


def test_an_expiry_is_rounded_up_to_the_hour() -> None:
    url = sign("url", "--expires-in", "60", "photos/cat.jpg").stdout.strip()
    assert int(dict(parse_qsl(urlsplit(url).query))["e"]) % 3600 == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["url", "photos/cat.jpg", "w"], "expected an option such as w=300, got w"),
        (["url", "photos/cat.jpg", "hight=3"], "hight is not an option; did you mean height?"),
        (["url", "photos/cat.jpg", "w=1", "width=1"], "option w comes twice"),
        (
            ["url", "photos/cat.jpg", "q=500"],
            "option q: expected a whole number from 1 to 100, or auto, got '500'",
        ),
        (["url", "photos/cat.jpg", "w="], "option w: '' is the same as absent; leave it out"),
        (
            ["url", "photos/cat.jpg", "expires=5"],
            "expires belongs to the token, which a signer writes: give expires_in or expires_at",
        ),
        (
            ["url", "photos/cat.jpg?w=300"],
            "options stand behind the path, each on its own: photos/cat.jpg w=300",
        ),
        (
            ["url", "https://img.example.com/photos/cat.jpg"],
            "PATH begins with the prefix: photos/cat.jpg; --base-url gives scheme and host",
        ),
        (["grant", "photos/*", "w=1"], "no grant is for all keys of a handler; name what is before /*"),
        (["url", "photos/a//b"], "a key has no empty segment: 'a//b'"),
        (["url", "other/cat.jpg"], "no handler with signing is mounted above other/cat.jpg"),
        (["grant", "photos/cat.jpg", "w=wide"], "option w: expected a number of CSS pixels, got 'wide'"),
        (["grant", "photos/cat.jpg", "w=1..x"], "option w: expected a range such as 1..1600, got 'x'"),
        (
            ["grant", "photos/cat.jpg", "f=a..b"],
            "option f: expected jpg, jpeg, png, webp, gif, avif, auto, original, json, thumbhash or "
            "blurhash, got 'a..b'",
        ),
        (
            ["grant", "photos/cat.jpg", "q=101.."],
            "option q: no value lies between min and max of {'min': 101}",
        ),
        (["grant", "photos/a*", "w=1"], "a grant is for a key, or for a prefix that ends in /*"),
        (
            ["srcset", "--widths", "300,x", "photos/cat.jpg"],
            "--widths: expected whole numbers, separated by commas, got 300,x",
        ),
        (["srcset", "--widths", "300", "photos/cat.jpg", "h=200"], "give w and h beside widths"),
    ],
)
def test_what_cannot_be_signed_is_one_line_and_exit_2(arguments: list[str], message: str) -> None:
    done = sign(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"origin: {message}")
    assert done.stderr.count("\n") == 1


def test_without_keys_it_says_where_they_come_from() -> None:
    done = invoke("sign", "url", "--prefix", "photos", "photos/cat.jpg", ORIGIN_SIGNING_KEYS="")
    assert (done.exit_code, done.stderr) == (2, "origin: ORIGIN_SIGNING_KEYS is not set\n")


def test_a_short_key_is_refused_and_not_shown() -> None:
    done = invoke("sign", "url", "--prefix", "photos", "photos/cat.jpg", ORIGIN_SIGNING_KEYS="hunter2")
    assert done.exit_code == 2
    assert "fewer than 32 characters" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_path_of_thumbor_gets_its_signature(tmp_path: Path) -> None:
    key, source = "a-thumbor-key-16", {"type": "local", "root": "."}
    handlers = [
        {"name": "a/b", "source": source, "dialect": "thumbor", "signing": {"thumbor_key": key}},
        {"name": "free", "source": source, "dialect": "thumbor"},
    ]
    path = write_config(tmp_path, {"handlers": handlers})
    rest = "300x200/smart/a%20c%C3%A4t.jpg"
    signature = base64.urlsafe_b64encode(hmac.digest(key.encode(), rest.encode(), "sha1")).decode()
    for given in ("a/b/300x200/smart/a cät.jpg", "/a/b/300x200/smart/a%20c%C3%A4t.jpg"):
        done = invoke("sign", "url", "-c", path, "--base-url", "https://img.example.com/", given)
        assert (done.exit_code, done.stdout) == (0, f"https://img.example.com/a/b/{signature}/{rest}\n")
    for arguments, message in (
        (["a/b/300x/cat.jpg", "w=300"], "what thumbor can say stands in PATH"),
        (["a/b/300x/cat.jpg", "--expires-in", "60"], "what thumbor can say stands in PATH"),
        (["free/300x/cat.jpg"], "free has no signing"),
    ):
        done = invoke("sign", "url", "-c", path, *arguments)
        assert (done.exit_code, done.stderr) == (2, f"origin: {message}\n")
