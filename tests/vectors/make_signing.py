"""Writes signing.json, the test vectors for tokens, with nothing but the standard library.

    python tests/vectors/make_signing.py > tests/vectors/signing.json

Keys, names and values below are decoded by hand; no code of the origin takes part. The scheme:

    derived = HMAC-SHA256(key = secret, message = salt)
    token   = base64url(HMAC-SHA256(key = derived, message = text)), unpadded

An exact token has the salt `origin/v1` and signs the three lines. A grant has the salt
`origin/v1/grant`, signs the base64url of its JSON, and is that text, a dot and the signature
(itsdangerous calls this derivation "hmac"; without compression it is URLSafeSerializer's format).
"""

from __future__ import annotations

import base64
import hmac
import json
import sys
from typing import Any

OLD = "an-old-secret-that-is-long-enough-000"
NEW = "correct-horse-battery-staple-0123456789"
ODD = "clé secrète – 鍵 ' \" $HOME \\n %41 + & 0123456789"  # no byte of a key has a meaning
LONG = "0123456789abcdef" * 9  # longer than a block of SHA-256
NOW = 1790000000
UNRESERVED = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

Pairs = list[tuple[str, str]]


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signature(secret: str, salt: str, text: str) -> str:
    derived = hmac.digest(secret.encode(), salt.encode(), "sha256")
    return base64url(hmac.digest(derived, text.encode(), "sha256"))


def escaped(text: str) -> str:
    return "".join(chr(byte) if byte in UNRESERVED else f"%{byte:02X}" for byte in text.encode())


def exact(
    name: str,
    path: str,
    key: str,
    query: str,
    pairs: Pairs,
    *,
    prefix: str = "photos",
    secret: str = NEW,
    keys: tuple[str, ...] = (NEW,),
    now: int = NOW,
    verdict: str = "signed",
) -> dict[str, Any]:
    """A request without its token: `path` and `query` as they are on the wire, `key` and `pairs` decoded."""
    signed = sorted((escaped(name), escaped(value)) for name, value in pairs)
    message = f"{prefix}\n{key}\n" + "&".join(f"{name}={value}" for name, value in signed)
    return {
        "name": name,
        "keys": keys,
        "secret": secret,
        "prefix": prefix,
        "path": path,
        "key": key,
        "query": query,
        "pairs": pairs,
        "message": message,
        "token": signature(secret, "origin/v1", message),
        "now": now,
        "verdict": verdict,
    }


def grant(
    name: str,
    payload: dict[str, Any],
    requests: list[tuple[str, str, str]],
    *,
    secret: str = NEW,
    keys: tuple[str, ...] = (NEW,),
    now: int = NOW,
) -> dict[str, Any]:
    """A token, and requests with it: decoded key, query as on the wire, verdict."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    encoded = base64url(text.encode())
    return {
        "name": name,
        "keys": keys,
        "secret": secret,
        "prefix": "photos",
        "payload": text,
        "token": f"{encoded}.{signature(secret, 'origin/v1/grant', encoded)}",
        "now": now,
        "requests": [dict(zip(("key", "query", "verdict"), row, strict=True)) for row in requests],
    }


W300 = [("w", "300")]
FAMILY = "👨‍👩‍👧"

EXACT = [
    exact("the worked example", "cat.jpg", "cat.jpg", "w=300&f=webp", [("w", "300"), ("f", "webp")]),
    exact("no query", "cat.jpg", "cat.jpg", "", []),
    exact("one option", "cat.jpg", "cat.jpg", "w=300", W300),
    exact("another order", "cat.jpg", "cat.jpg", "f=webp&w=300", [("f", "webp"), ("w", "300")]),
    exact(
        "every option",
        "cat.jpg",
        "cat.jpg",
        "w=300&h=200&c=true&f=avif&q=50&dpr=1.5",
        [("w", "300"), ("h", "200"), ("c", "true"), ("f", "avif"), ("q", "50"), ("dpr", "1.5")],
    ),
    exact("another prefix", "cat.jpg", "cat.jpg", "w=300", W300, prefix="avatars"),
    exact("a nested prefix", "cat.jpg", "cat.jpg", "w=300", W300, prefix="shop/photos"),
    exact("a nested key", "users/42/cat.jpg", "users/42/cat.jpg", "w=300", W300),
    exact("a deep key", "a/b/c/d/e/f/g", "a/b/c/d/e/f/g", "", []),
    exact("a key without an extension", "cat", "cat", "w=300", W300),
    exact("a key of dots", ".../..cat/.hidden", ".../..cat/.hidden", "w=300", W300),
    exact("a space in the key", "my%20cat.jpg", "my cat.jpg", "w=300", W300),
    exact("a space at the end of the key", "cat.jpg%20", "cat.jpg ", "", []),
    exact("a plus in the key", "c+t.jpg", "c+t.jpg", "w=300", W300),
    exact("an escaped plus in the key", "c%2Bt.jpg", "c+t.jpg", "w=300", W300),
    exact("an escaped slash in the key", "users%2F42.jpg", "users/42.jpg", "w=300", W300),
    exact("a percent sign in the key", "100%25.jpg", "100%.jpg", "w=300", W300),
    exact("an escape that is the key", "%2541.jpg", "%41.jpg", "w=300", W300),
    exact("a question mark in the key", "cat%3Fw=1.jpg", "cat?w=1.jpg", "w=300", W300),
    exact("needless escapes in the key", "%63%61t%2Ejpg", "cat.jpg", "w=300", W300),
    exact("lower-case escapes in the key", "caf%c3%a9.jpg", "café.jpg", "w=300", W300),
    exact("a composed letter in the key", "caf%C3%A9.jpg", "caf\u00e9.jpg", "w=300", W300),
    exact("a combining letter in the key", "cafe%CC%81.jpg", "cafe\u0301.jpg", "w=300", W300),
    exact("an emoji in the key", "%F0%9F%90%88.jpg", "🐈.jpg", "w=300", W300),
    exact(
        "joined emoji in the key", "%F0%9F%91%A8%E2%80%8D%F0%9F%91%A9%E2%80%8D%F0%9F%91%A7", FAMILY, "", []
    ),
    exact("delimiters in the key", "a&b=c;d,e'f(g)!*~$@:.jpg", "a&b=c;d,e'f(g)!*~$@:.jpg", "w=300", W300),
    exact("a key that begins with a dash", "-n.jpg", "-n.jpg", "w=300", W300),
    exact("quotes in the key", "%22%27%60%24%28id%29%5C.jpg", "\"'`$(id)\\.jpg", "w=300", W300),
    exact("a plus is a space in the query", "cat.jpg", "cat.jpg", "x=a+b", [("x", "a b")]),
    exact("an escaped space in the query", "cat.jpg", "cat.jpg", "x=a%20b", [("x", "a b")]),
    exact("an escaped plus in the query", "cat.jpg", "cat.jpg", "x=a%2Bb", [("x", "a+b")]),
    exact("an escaped ampersand in the query", "cat.jpg", "cat.jpg", "x=a%26w%3D300", [("x", "a&w=300")]),
    exact("an equals sign in a value", "cat.jpg", "cat.jpg", "x=a=b", [("x", "a=b")]),
    exact("an equals sign in a name", "cat.jpg", "cat.jpg", "a%3Db=c", [("a=b", "c")]),
    exact("an invalid escape", "cat.jpg", "cat.jpg", "x=100%&y=%zz", [("x", "100%"), ("y", "%zz")]),
    exact("a newline in a value", "cat.jpg", "cat.jpg", "x=%0Aw=1", [("x", "\nw=1")]),
    exact("a newline that ends a value", "cat.jpg", "cat.jpg", "x=a%0A&y=b", [("x", "a\n"), ("y", "b")]),
    exact("an emoji in the query", "cat.jpg", "cat.jpg", "x=%F0%9F%90%88", [("x", "🐈")]),
    exact("a combining letter in the query", "cat.jpg", "cat.jpg", "x=e%CC%81", [("x", "e\u0301")]),
    exact("marks that libraries leave alone", "cat.jpg", "cat.jpg", "x=!'()*~-._", [("x", "!'()*~-._")]),
    exact("an empty value", "cat.jpg", "cat.jpg", "w=&h=200", [("w", ""), ("h", "200")]),
    exact("a name without a value", "cat.jpg", "cat.jpg", "w&h=200", [("w", ""), ("h", "200")]),
    exact("a value without a name", "cat.jpg", "cat.jpg", "=x", [("", "x")]),
    exact("empty pieces", "cat.jpg", "cat.jpg", "&&w=300&", W300),
    exact("a repeated name", "cat.jpg", "cat.jpg", "w=2&w=10", [("w", "2"), ("w", "10")]),
    exact("a repeated pair", "cat.jpg", "cat.jpg", "w=2&w=2", [("w", "2"), ("w", "2")]),
    exact(
        "an alias is another name",
        "cat.jpg",
        "cat.jpg",
        "width=300&format=webp",
        [("width", "300"), ("format", "webp")],
    ),
    exact("numbers sort as text", "cat.jpg", "cat.jpg", "x=10&x=9", [("x", "10"), ("x", "9")]),
    exact(
        "names sort before values",
        "cat.jpg",
        "cat.jpg",
        "a-=1&a.=2&a=3&a0=4",
        [("a-", "1"), ("a.", "2"), ("a", "3"), ("a0", "4")],
    ),
    exact("case sorts as bytes", "cat.jpg", "cat.jpg", "b=1&B=2&_=3", [("b", "1"), ("B", "2"), ("_", "3")]),
    exact("sorted after encoding", "cat.jpg", "cat.jpg", "%C3%A9=1&~=2", [("é", "1"), ("~", "2")]),
    exact("a marketing tag", "cat.jpg", "cat.jpg", "utm_source=x&w=3", [("utm_source", "x"), ("w", "3")]),
    exact("an expiry", "cat.jpg", "cat.jpg", f"w=300&e={NOW + 60}", [*W300, ("e", f"{NOW + 60}")]),
    exact("an expiry alias", "cat.jpg", "cat.jpg", f"expires={NOW + 60}", [("expires", f"{NOW + 60}")]),
    exact("within the leeway", "cat.jpg", "cat.jpg", f"e={NOW}", [("e", f"{NOW}")], now=NOW + 30),
    exact(
        "an expiry that has passed", "c", "c", f"e={NOW}", [("e", f"{NOW}")], now=NOW + 31, verdict="expired"
    ),
    exact("an expiry that is no time", "c", "c", "e=tomorrow", [("e", "tomorrow")], verdict="malformed"),
    exact("the oldest key of two", "cat.jpg", "cat.jpg", "w=300", W300, secret=OLD, keys=(OLD, NEW)),
    exact("the newest key of two", "cat.jpg", "cat.jpg", "w=300", W300, secret=NEW, keys=(OLD, NEW)),
    exact("a key that has been removed", "c", "c", "w=3", [("w", "3")], secret=OLD, verdict="wrong"),
    exact("a secret of any text", "cat.jpg", "cat.jpg", "w=300", W300, secret=ODD, keys=(ODD,)),
    exact("a long secret", "cat.jpg", "cat.jpg", "w=300", W300, secret=LONG, keys=(LONG,)),
]

OUTSIDE = "outside the grant"
THUMBNAILS = {"w": {"min": 1, "max": 1600}, "f": ["webp", "avif", "jpg"], "c": True}

GRANTS = [
    grant(
        "a srcset",
        {"k": "cat.jpg", "e": NOW + 3600, "o": THUMBNAILS},
        [
            ("cat.jpg", "w=300&f=webp&c=true", "granted"),
            ("cat.jpg", "c=T&f=JPEG&w=1600", "granted"),
            ("cat.jpg", "width=1&format=jpg&crop=1", "granted"),
            ("cat.jpg", "w=300&f=webp&c=true&utm_source=x", "granted"),
            ("cat.jpg", "w=1601&f=webp&c=true", OUTSIDE),
            ("cat.jpg", "w=1600.5&f=webp&c=true", OUTSIDE),
            ("cat.jpg", "w=0&f=webp&c=true", OUTSIDE),
            ("cat.jpg", "w=&f=webp&c=true", OUTSIDE),
            ("cat.jpg", "f=webp&c=true", OUTSIDE),
            ("cat.jpg", "w=300&f=gif&c=true", OUTSIDE),
            ("cat.jpg", "w=300&f=webp&c=false", OUTSIDE),
            ("cat.jpg", "w=300&f=webp&c=true&h=2", OUTSIDE),
            ("cat.jpg", "w=300&f=webp&c=true&dpr=4", OUTSIDE),
            ("cat.jpg", f"w=300&f=webp&c=true&e={NOW + 9999}", OUTSIDE),
            ("cat.jpg", "w=300&width=9000&f=webp&c=true", "malformed"),
            ("cat.jpg", "w=300&w=300&f=webp&c=true", "malformed"),
            ("cat.jpg", "w=0300&f=webp&c=true", "malformed"),
            ("cat.jpg", "w=0.4&f=webp&c=true", "malformed"),
            ("dog.jpg", "w=300&f=webp&c=true", OUTSIDE),
        ],
    ),
    grant(
        "a folder",
        {"k": "users/42/*", "o": {"w": 300}},
        [
            ("users/42/cat.jpg", "w=300", "granted"),
            ("users/42/a/b.jpg", "w=300.0", "granted"),
            ("users/42", "w=300", OUTSIDE),
            ("users/421/cat.jpg", "w=300", OUTSIDE),
            ("Users/42/cat.jpg", "w=300", OUTSIDE),
            ("users/42/cat.jpg", "w=301", OUTSIDE),
        ],
    ),
    grant(
        "no options",
        {"k": "cat.jpg", "o": {}},
        [("cat.jpg", "", "granted"), ("cat.jpg", "w=", "granted"), ("cat.jpg", "w=1", OUTSIDE)],
    ),
    grant("no bounds", {"k": "cat.jpg"}, [("cat.jpg", "", "granted"), ("cat.jpg", "q=1", OUTSIDE)]),
    grant(
        "a key that is not ASCII",
        {"k": "été/🐈 +%.jpg", "o": {"q": {"max": 50}}},
        [("été/🐈 +%.jpg", "q=50", "granted"), ("e\u0301te\u0301/🐈 +%.jpg", "q=50", OUTSIDE)],
    ),
    grant(
        "decimal bounds",
        {"k": "cat.jpg", "o": {"width": [300, 600], "dpr": {"min": 1, "max": 1.5}}},
        [
            ("cat.jpg", "w=600&dpr=1.5", "granted"),
            ("cat.jpg", "w=600&dpr=1.51", OUTSIDE),
            ("cat.jpg", "w=601&dpr=1", OUTSIDE),
        ],
    ),
    grant("a star is a letter", {"k": "a*"}, [("a*", "", "granted"), ("ab", "", OUTSIDE)]),
    grant("an expired grant", {"k": "c", "e": NOW - 31}, [("c", "", "expired")]),
    grant("a grant within the leeway", {"k": "c", "e": NOW - 30}, [("c", "", "granted")]),
    grant("a grant of the oldest key", {"k": "c"}, [("c", "", "granted")], secret=OLD, keys=(OLD, NEW)),
    grant("a grant of a removed key", {"k": "c"}, [("c", "", "wrong")], secret=OLD),
    grant("a field we do not know", {"k": "c", "x": 1}, [("c", "", "malformed")]),
    grant("no key", {"o": {}}, [("c", "", "malformed")]),
    grant("an expiry that is text", {"k": "c", "e": "1790000000"}, [("c", "", "malformed")]),
    grant("an option we do not know", {"k": "c", "o": {"z": 1}}, [("c", "", "malformed")]),
    grant("a bound on the token", {"k": "c", "o": {"t": "x"}}, [("c", "", "malformed")]),
    grant("an option under two names", {"k": "c", "o": {"w": 1, "width": 2}}, [("c", "w=1", "malformed")]),
    grant("a number that is text", {"k": "c", "o": {"w": "1"}}, [("c", "w=1", "malformed")]),
    grant("a number that is true", {"k": "c", "o": {"w": True}}, [("c", "w=1", "malformed")]),
    grant("a misspelt bound", {"k": "c", "o": {"w": {"maximum": 9}}}, [("c", "w=1", "malformed")]),
]


def url(
    name: str,
    key: str,
    path: str,
    options: dict[str, Any],
    pairs: Pairs,
    *,
    prefix: str = "photos",
    secret: str | None = None,
    expires: int | None = None,
) -> dict[str, Any]:
    """What a program gives to write a URL, and the URL: `path` is prefix and key as they are on the wire,
    `pairs` the options in the order of the table. The expiry is a multiple of an hour."""
    pairs = pairs + ([("e", str(expires))] if expires else [])
    if secret is not None:
        signed = exact("", "", key, "", pairs, prefix=prefix, secret=secret)
        pairs = [*pairs, ("t", signed["token"])]
    query = "&".join(f"{escaped(name)}={escaped(value)}" for name, value in pairs)
    return {
        "name": name,
        "base_url": "https://img.example.com",
        "prefix": prefix,
        "keys": None if secret is None else [OLD, secret],
        "key": key,
        "options": options,
        "expires": expires,
        "now": NOW,
        "url": f"https://img.example.com/{path}" + (f"?{query}" if query else ""),
    }


def made(
    salt: str, name: str, key: str, arguments: dict[str, Any], payload: str, *, secret: str = NEW
) -> dict[str, Any]:
    """What a program gives to make a grant, and the token. HOUR in the payload stands for that second."""
    encoded = base64url(payload.replace("HOUR", str(HOUR)).encode())
    token = f"{encoded}.{signature(secret, salt, encoded)}"
    return {"name": name, "keys": [OLD, secret], "key": key, **arguments, "now": NOW, "token": token}


HOUR = NOW - NOW % 3600 + 3600
CAT = "photos/cat.jpg"
URLS = [
    url("plain", "cat.jpg", CAT, {}, []),
    url("an order of its own", "cat.jpg", CAT, {"f": "webp", "w": 300}, [("w", "300"), ("f", "webp")]),
    url("aliases", "cat.jpg", CAT, {"format": "webp", "width": 300}, [("w", "300"), ("f", "webp")]),
    url("nothing given", "cat.jpg", CAT, {"w": 300, "h": None}, [("w", "300")]),
    url(
        "a key to escape",
        "a/é +%?#&'(1)~*.jpg",
        "photos/a/%C3%A9%20%2B%25%3F%23%26%27%281%29~%2A.jpg",
        {},
        [],
    ),
    url("a nested prefix", "🐈", "shop/photos/%F0%9F%90%88", {"w": 3}, [("w", "3")], prefix="shop/photos"),
    url(
        "decimals",
        "cat.jpg",
        CAT,
        {"w": 12.5, "dpr": 2.0, "blur": 0.3, "rotate": -0.5},
        [("w", "12.5"), ("rotate", "-0.5"), ("blur", "0.3"), ("dpr", "2")],
    ),
    url("yes and no", "cat.jpg", CAT, {"c": False, "gray": True}, [("c", "false"), ("gray", "true")]),
    url("several numbers", "cat.jpg", CAT, {"g": [0.3, 0.6], "pad": 5}, [("g", "0.3,0.6"), ("pad", "5")]),
    url("a colour", "cat.jpg", CAT, {"bg": "#fff"}, [("bg", "#fff")]),
    url("a file name", "cat.jpg", CAT, {"dl": "mein Bild & é.jpg"}, [("dl", "mein Bild & é.jpg")]),
    url("signed", "cat.jpg", CAT, {"w": 300}, [("w", "300")], secret=NEW),
    url("signed without options", "cat.jpg", CAT, {}, [], secret=NEW),
    url("signed by any text", "é/1.jpg", "photos/%C3%A9/1.jpg", {"w": 3}, [("w", "3")], secret=ODD),
    url("signed by a long key", "cat.jpg", CAT, {"ar": "16:9"}, [("ar", "16:9")], secret=LONG),
    url("signed for a time", "cat.jpg", CAT, {"w": 300}, [("w", "300")], secret=NEW, expires=HOUR),
]
MADE_GRANTS = [
    made(
        "origin/v1/grant",
        "a srcset",
        "users/42/*",
        {"bounds": {"w": {"min": 1, "max": 1600}, "f": ["webp", "avif", "jpg"], "c": True}, "expires": HOUR},
        '{"k":"users/42/*","o":{"w":{"min":1,"max":1600},"f":["webp","avif","jpg"],"c":true},"e":HOUR}',
    ),
    made(
        "origin/v1/grant",
        "a key that is not ASCII, and no end",
        'é "\\ 🐈.jpg',
        {"bounds": {"ar": [1.5, "16:9"], "rect": "0,0,1,1"}, "expires": None},
        '{"k":"é \\"\\\\ 🐈.jpg","o":{"ar":[1.5,"16:9"],"rect":"0,0,1,1"}}',
        secret=ODD,
    ),
]
MADE_UPLOADS = [
    made(
        "origin/v1/upload",
        "all that one may say",
        "users/42/*",
        {
            "arguments": {"max_bytes": 5000000, "formats": ["jpeg", "png"], "may_replace": True},
            "expires": HOUR,
        },
        '{"k":"users/42/*","e":HOUR,"b":5000000,"f":["jpg","png"],"r":true}',
    ),
    made(
        "origin/v1/upload",
        "no more than needed",
        "users/42/é.jpg",
        {"arguments": {}, "expires": HOUR},
        '{"k":"users/42/é.jpg","e":HOUR}',
    ),
]
VECTORS = {
    "exact": EXACT,
    "grants": GRANTS,
    "urls": URLS,
    "made_grants": MADE_GRANTS,
    "made_uploads": MADE_UPLOADS,
}

if __name__ == "__main__":
    json.dump(VECTORS, sys.stdout, ensure_ascii=True, indent=1)
    sys.stdout.write("\n")
