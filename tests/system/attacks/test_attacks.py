"""Attacks over HTTP on tokens, options and caches. Each test is named after its attack.

Others of the same list:
- on the source, the log and secrets: test_attacks_on_sources
- polyglots, confused types, metadata: test_attacks_by_pictures
- paths (traversal, escapes, prefixes, controls, absolute form, 414): test_paths
- spellings, algorithms, expiry and grants of tokens, length ambiguity: tests/signing
- bombs of pixels, frames, pages, scans, memory, SVG's reach: test_bombs
- stampedes: test_coalescing (one key), test_overload (many keys, sweeps, variants)
- decoders that hang, crash or run out of memory: test_overload, test_pool, test_worker; that are taken over:
  test_sandbox, test_seccomp
- slow, lying, endless or redirecting sources, gzip, credentials: test_sources, test_s3_hostile
- links, pickles, swapped and cut values, full disks in the cache: tests/cache
- smuggling, slow loris, header floods, bodies on a GET, cacheable errors (CPDoS): test_connection
- other methods (uploads), truncated originals, text that a client may see: test_answers
- the configuration: tests/config; what a renderer may know: test_pool
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from origin.signing import UrlSigner
from tests.support import pictures
from tests.support.attack_origin import ACCESS
from tests.support.attack_origin import GOOD
from tests.support.attack_origin import KEY
from tests.support.attack_origin import SECRET
from tests.support.attack_origin import TOKEN
from tests.support.attack_origin import url
from tests.support.fake_s3 import Bucket
from tests.support.running import Answer
from tests.support.running import Running
from tests.support.running import settings

LONG = 7000  # characters, the most that a header or an option can be


def meaning(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """All of an answer that caches keep; when, from where and how fast it came is not part of it."""
    of_this_answer = ("date", "cache-status", "server-timing")
    fields = [(name.lower(), value) for name, value in answer.headers.items()]
    return answer.status, sorted(f for f in fields if f[0] not in of_this_answer), answer.body


# --- tokens -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/s/cat.jpg?w=40", id="missing"),
        pytest.param("/s/cat.jpg?w=40&t=", id="empty"),
        pytest.param(GOOD.replace("w=40", "w=41"), id="tampered-option"),
        pytest.param(GOOD.replace("cat", "dog"), id="tampered-key"),
        pytest.param(GOOD.replace("/s/", "/other/"), id="other-handler"),
        pytest.param(GOOD + "&utm=1", id="added-option"),
        pytest.param(GOOD + "&w=40", id="repeated-option"),
        pytest.param(GOOD + "=", id="padded"),
        pytest.param(GOOD.replace(TOKEN, TOKEN.swapcase()), id="other-case"),
        pytest.param(GOOD + f"&t={TOKEN}", id="twice"),
        pytest.param(f"/s/{TOKEN}/cat.jpg?w=40&t={TOKEN}", id="injected-into-the-path"),
        pytest.param(f"/s/cat.jpg?w=40&x={TOKEN}&t={TOKEN}", id="injected-into-the-query"),
        pytest.param(url("cat.jpg", expires_at=2_000_000_000).replace("e=2", "e=3"), id="prolonged"),
        pytest.param("/s/cat.jpg?e=1600000000&t=" + TOKEN, id="expired-and-wrong"),
        pytest.param("/s/cat.jpg?t=" + "A" * 43, id="made-up"),
        pytest.param("/s/cat.jpg?t=" + "A" * LONG, id="endless"),
        pytest.param("/s/cat.jpg?t=e30.AAAA", id="made-up-grant"),
    ],
)
def test_forged_token(origin: Running, asked: list[str], target: str) -> None:
    answer = origin.get(target)
    assert (answer.status, answer.kind) == (403, "forbidden")
    assert answer.headers["Cache-Control"] == "no-store"
    assert asked == []


def test_token_oracle(origin: Running, asked: list[str]) -> None:
    """Without a token nobody learns which originals there are, nor which are in the cache."""
    assert origin.get(GOOD).status == 200
    asked.clear()
    kept, there, absent = (origin.get(f"/s/{key}.jpg?w=40&t={'A' * 43}") for key in ("cat", "dog", "nix"))
    for answer in (there, absent):
        differing = {a[0] for a in set(meaning(kept)[1]) ^ set(meaning(answer)[1])}
        assert differing <= {"content-disposition", "surrogate-key"}  # what the URL itself says
        assert (answer.status, answer.body) == (kept.status, kept.body)
    assert asked == []


def test_token_outlived_by_a_cache(origin: Running) -> None:
    signer = UrlSigner("http://x", "s", [KEY], bucket=1)
    target = signer.url("cat.jpg", w=40, expires_in=90).removeprefix("http://x")
    control = origin.get(target).headers["Cache-Control"]
    ages = {name: int(age) for name, age in re.findall(r"([a-z-]+)=(\d+)", control)}
    after = max(ages.get("stale-while-revalidate", 0), ages.get("stale-if-error", 0))
    assert 0 < ages["max-age"] + after <= 90


# --- options ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        *(
            "w=1&w=2",
            "w=1&width=1",
            "w=1;h=2",
            "w=%D9%A1",
            "w=+5",
            "w=007",
            "w=1_0",
            "w=1e9",
            "w=-1",
            "w=NaN",
        ),
        *("w=%00", "q=0", "q=101", "dpr=-1", "dpr=1e9", "dpr=2x", "f=svg", "f=../../x", "c=maybe", "e=x"),
    ],
)
def test_odd_option(origin: Running, asked: list[str], query: str) -> None:
    answer = origin.get(f"/h/cat.jpg?{query}")
    assert (answer.status, answer.kind) == (400, "bad-request")
    assert answer.headers["Cache-Control"] == "no-store"
    assert asked == []


@pytest.mark.parametrize(
    "query", ["w[]=1", "w%00=1", "W=1", "sepia=9999", "url=http://169.254.169.254/", "&&=&="]
)
def test_option_that_is_none(origin: Running, query: str) -> None:
    """It changes nothing, so that it can neither cost nor poison anything."""
    assert meaning(origin.get(f"/h/cat.jpg?{query}")) == meaning(origin.get("/h/cat.jpg"))


@pytest.mark.parametrize(
    "query",
    ["w=99999", "w=99999&h=1", "w=1&h=99999", "w=4096&h=4096&dpr=4", "w=99&dpr=999", "h=9" + "0" * 30],
)
def test_huge_output(origin: Running, query: str) -> None:
    size = pictures.opened(origin.get(f"/h/cat.jpg?{query}").body).size
    assert size[0] <= 100
    assert size[1] <= 80


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/h/cat.jpg?w=" + "1" * LONG, {}),
        ("/h/cat.jpg?w=0." + "0" * LONG, {}),
        ("/h/cat.jpg?" + "&" * LONG, {}),
        ("/h/cat.jpg?" + "w=" + "%31" * (LONG // 3), {}),
        ("/s/cat.jpg?t=" + "." * LONG, {}),
        ("/s/cat.jpg?" + "a=b&" * (LONG // 4) + "t=" + TOKEN, {}),
        ("/h/" + "%2e/" * (LONG // 4), {}),
        ("/h/cat.jpg?f=auto", {"Accept": "image/webp;" + "q=0;" * (LONG // 4)}),
        ("/h/cat.jpg?f=auto", {"Accept": "*/*," * (LONG // 4)}),
        ("/h/cat.jpg", {"If-None-Match": 'W/"x", ' * (LONG // 7)}),
        ("/h/cat.jpg", {"If-None-Match": '"' * LONG}),
        ("/h/cat.jpg", {"Range": "bytes=" + "0-0," * (LONG // 4)}),
        ("/h/cat.jpg", {"Range": "bytes=" + "9" * LONG + "-"}),
        ("/h/cat.jpg", {"If-Modified-Since": " " * LONG + "GMT"}),
    ],
)
def test_parser_that_takes_for_ever(origin: Running, target: str, headers: dict[str, str]) -> None:
    took = []
    for _ in range(3):
        begun = time.process_time()  # of the origin as well, and of no other process
        assert origin.get(target, headers=headers).status < 500
        took.append(time.process_time() - begun)
    assert min(took) < 0.1


# --- cache poisoning --------------------------------------------------------------------------------

EVIL = "evil.example"
HOSTS = ["Host", "X-Forwarded-Host", "X-Host", "X-Forwarded-Server", "X-HTTP-Host-Override", "Forwarded-Host"]
URLS = [
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Forwarded-Path",
    "X-Forwarded-Prefix",
    "X-Original-Host",
    "Referer",
]
METHODS = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"]
ADDRESSES = [
    "X-Forwarded-For",
    "X-Real-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Client-IP",
    "Client-IP",
    "Via",
]
HINTS = ["DPR", "Width", "Viewport-Width", "Sec-CH-DPR", "Sec-CH-Width", "Save-Data", "ECT", "Downlink"]
LIKES = ["Accept", "Accept-Encoding", "Accept-Language", "Accept-Charset", "TE", "Accept-Datetime"]
KEPT = [
    "Cache-Control",
    "Pragma",
    "X-Cache-Key",
    "Surrogate-Key",
    "Surrogate-Capability",
    "CDN-Loop",
    "Fastly-Debug",
]
WHO = [
    "Cookie",
    "Authorization",
    "Proxy-Authorization",
    "Origin",
    "User-Agent",
    "X-Requested-With",
    "X-Api-Key",
]
S3 = ["x-amz-acl", "x-amz-security-token", "x-amz-copy-source", "x-amz-expected-bucket-owner", "x-amz-date"]
MUTATIONS = [
    *((name, EVIL) for name in HOSTS + URLS + WHO + S3),
    *((name, "/default/dog.jpg") for name in URLS),
    *((name, method) for name in METHODS for method in ("HEAD", "POST", "PURGE", "DELETE")),
    *((name, "127.0.0.1") for name in ADDRESSES),
    *((name, value) for name in HINTS for value in ("1", "on")),
    *((name, value) for name in LIKES for value in ("image/avif,*/*", "gzip")),
    *((name, value) for name in KEPT for value in ("no-cache", "only-if-cached")),
    *((name, "https") for name in ("X-Forwarded-Proto", "X-Forwarded-Scheme", "X-Scheme", "Front-End-Https")),
    ("Forwarded", f"for=127.0.0.1;host={EVIL};proto=https"),
    ("Host", f"127.0.0.1:80@{EVIL}"),
    ("Host", "x" * 300),
    ("X-Forwarded-Port", "1"),
    ("Expect", "100-continue"),
    ("Upgrade", "h2c"),
    ("If-Range", '"x"'),
    ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"),  # the picture here has no date
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Content-Encoding", "gzip"),
    ("Max-Forwards", "0"),
    ("X-Origin-Error", "not-found"),
    ("X-Wap-Profile", f"http://{EVIL}/"),
]


def test_cache_poisoning(origin: Running) -> None:
    """No header of a request changes what is made, kept and told to those who come after it."""
    handler = origin.origin.handlers["h"]
    plain = meaning(origin.get("/h/cat.jpg?w=33"))
    assert plain[0] == 200
    assert len(MUTATIONS) > 100
    for name, value in MUTATIONS:
        assert origin.call(handler.purge("cat.jpg", None)) > 0
        poisoning = origin.get("/h/cat.jpg?w=33", headers={name: value})
        assert meaning(poisoning) == plain, (name, value)
        assert meaning(origin.get("/h/cat.jpg?w=33")) == plain, (name, value)
    assert origin.call(handler.purge("cat.jpg", None)) > 0
    refused = origin.get("/h/cat.jpg?w=33", headers={"If-Match": '"x"'})
    assert (refused.status, refused.headers["Cache-Control"]) == (412, "no-store")
    assert meaning(origin.get("/h/cat.jpg?w=33")) == plain


def test_cache_poisoning_of_a_failure(origin: Running) -> None:
    plain = meaning(origin.get("/default/nix.jpg?w=33"))
    assert plain[0] == 404
    for name, value in [*MUTATIONS, ("If-Match", '"x"')]:
        assert meaning(origin.get("/default/nix.jpg?w=33", headers={name: value})) == plain, (name, value)


def test_cache_filling_by_accept(origin: Running, asked: list[str]) -> None:
    """Whatever clients say they like, there are three results."""
    likes = [
        "*/*",
        "image/webp",
        "image/avif",
        "image/avif,image/webp;q=0.9",
        "text/html",
        ";;q=,",
        "image/*",
    ]
    likes += [f"image/webp;q={n / 100}" for n in range(1, 40)] + [f"image/x{n},*/*" for n in range(40)]
    answers = [origin.get("/h/dog.jpg?w=31&f=auto", headers={"Accept": like}) for like in likes]
    assert len({answer.headers["ETag"] for answer in answers}) == 3
    assert {answer.headers["Vary"] for answer in answers} == {"Accept"}
    assert len(asked) == 1


@pytest.mark.parametrize(
    "target", ["/nowhere/cat.jpg", "/h/nix.jpg", "/h/cat.jpg?w=x", "//evil.example/%2f..", "/h"]
)
def test_reflected_host(origin: Running, target: str) -> None:
    answer = origin.get(target, headers={"Host": EVIL, "X-Forwarded-Host": EVIL})
    assert answer.headers.get("Location") is None
    assert EVIL.encode() not in answer.body
    assert EVIL not in str(answer.headers)


@pytest.mark.parametrize(
    "suffix", [";x.css", "/x.css", "/..;/x.css", "%3fx.css", "%23x.css", "%00.css", "%0a.css", ".css"]
)
def test_web_cache_deception(origin: Running, suffix: str) -> None:
    """What is appended is part of the key: no picture goes out under the name of something else."""
    answer = origin.get(f"/h/cat.jpg{suffix}")
    assert answer.status in (400, 404)


def test_cache_key_collision(stock: Bucket, tmp_path: Path) -> None:
    """Handlers that share a folder of the cache and a key share no picture."""
    config = settings(tmp_path, tmp_path / "cache")
    (handler,) = config["handlers"]
    source = stock.source(access_key=ACCESS, secret_key=SECRET)
    other = source | {"folder": "hidden-folder/sub"}
    stock.put("sub/cat.jpg", pictures.odd())
    config["handlers"] = [
        handler | {"name": "a", "source": source},
        handler | {"name": "b", "source": other},
        handler | {"name": "a/sub", "prefix": "deep/a", "source": other},
    ]
    with Running(config) as origin:
        sizes = [
            pictures.opened(origin.get(f"/{prefix}/cat.jpg").body).size for prefix in ("a", "b", "deep/a")
        ]
    assert sizes == [(100, 80), (333, 257), (333, 257)]
