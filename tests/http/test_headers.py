"""Expected values are the examples of RFC 9110, 8187 and 9211, the standard library's own readers of the
same headers, and models so plain that they can be checked by eye.
"""

from __future__ import annotations

import email.message
import email.utils
import hashlib
import random
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import http_sf
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from origin.formats import Format
from origin.http import caching
from origin.http import conditional
from origin.http import dates
from origin.http import disposition
from origin.http import message
from origin.http import negotiation
from origin.http.conditional import ByteRange
from origin.http.conditional import UnsatisfiableRange
from tests.support.texts import any_text

TAG = '"xyzzy"'
EXAMPLE_DATE = "Sun, 06 Nov 1994 08:49:37 GMT"  # RFC 9110 section 5.6.7
EXAMPLE_TIME = 784111777.0  # date -u -d '1994-11-06 08:49:37' +%s


# Validators


def test_an_entity_tag_is_quoted_hex_and_differs_with_the_digest() -> None:
    assert conditional.etag(b"\x00\xff") == '"00ff"'
    assert conditional.etag(b"\x01\xff") != conditional.etag(b"\x00\xff")


@pytest.mark.parametrize("text", [EXAMPLE_DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
def test_the_three_forms_of_rfc_9110_section_5_6_7_are_one_moment(text: str) -> None:
    assert dates.parse_http_date(text) == EXAMPLE_TIME


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Wed Nov 16 08:49:37 1994", "Wed, 16 Nov 1994 08:49:37 GMT"),
        ("Sunday, 06-Nov-16 08:49:37 GMT", "Sun, 06 Nov 2016 08:49:37 GMT"),
        ("Wednesday, 06-Nov-76 08:49:37 GMT", "Fri, 06 Nov 2076 08:49:37 GMT"),
        ("Sunday, 06-Nov-77 08:49:37 GMT", "Sun, 06 Nov 1977 08:49:37 GMT"),
        ("Thu, 29 Feb 2024 00:00:00 GMT", "Thu, 29 Feb 2024 00:00:00 +0000"),
        ("Tue, 30 Jun 2015 23:59:60 GMT", "Wed, 01 Jul 2015 00:00:00 GMT"),  # a leap second that was
    ],
)
def test_a_date_is_read_as_its_full_form(text: str, same: str) -> None:
    assert dates.parse_http_date(text) == email.utils.parsedate_to_datetime(same).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "784111777",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun, 0² Nov 1994 08:49:37 GMT",
        "Sun, ０６ Nov 1994 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sol, 06 Nov 1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  06 08:49:37 1994",
        f"{EXAMPLE_DATE}, {EXAMPLE_DATE}",
    ],
)
def test_any_other_date_is_no_date(text: str) -> None:
    assert dates.parse_http_date(text) is None


@given(st.integers(0, 253402300799))
def test_a_written_date_reads_back_here_and_in_the_standard_library(seconds: int) -> None:
    text = dates.http_date(seconds + 0.75)
    assert dates.parse_http_date(text) == seconds
    assert email.utils.parsedate_to_datetime(text).timestamp() == seconds
    assert len(text) == len(EXAMPLE_DATE)


def test_a_written_date_is_cut_never_rounded_up() -> None:
    assert dates.http_date(EXAMPLE_TIME + 0.9999997) == EXAMPLE_DATE


@given(any_text() | st.text("SunMo, 0123456789:-GMT"))
def test_reading_a_date_never_raises(text: str) -> None:
    assert dates.parse_http_date(text) is None or len(text) > 20


@pytest.mark.parametrize(
    ("if_none_match", "expected"),
    [
        # RFC 9110 section 13.1.2, all its examples
        ('"xyzzy"', True),
        ('W/"xyzzy"', True),
        ('"xyzzy", "r2d2xxxx", "c3piozzzz"', True),
        ('W/"xyzzy", W/"r2d2xxxx", W/"c3piozzzz"', True),
        ("*", True),
        ('"r2d2xxxx","c3piozzzz" ,\tW/"xyzzy"', True),
        (', , "xyzzy"', True),
        ('"a,b", "xyzzy"', True),
        ('"", "xyzzy"', True),
        ('"r2d2xxxx"', False),
        ('"a,"xyzzy","b"', False),
        ('"XYZZY"', False),
        ('"xyzz", "yzzy"', False),
        ('"xyzzy', False),
        ("xyzzy", False),
        ('w/"xyzzy"', False),
        ('"a" "xyzzy"', False),
        ('junk, "xyzzy"', False),
        ('"a", *', False),
        ("", False),
    ],
)
def test_if_none_match_compares_each_tag_weakly(if_none_match: str, expected: bool) -> None:
    assert conditional.not_modified(TAG, None, if_none_match, None) is expected


def test_the_quotes_between_two_tags_are_not_a_tag() -> None:
    assert not conditional.not_modified('","', None, '"a","b"', None)
    assert conditional.not_modified('","', None, '"a","b",","', None)


@pytest.mark.parametrize(
    ("last_modified", "since", "expected"),
    [
        (EXAMPLE_TIME, EXAMPLE_DATE, True),
        (EXAMPLE_TIME + 0.9, EXAMPLE_DATE, True),  # Last-Modified can only say whole seconds
        (EXAMPLE_TIME - 1, EXAMPLE_DATE, True),
        (EXAMPLE_TIME + 1, EXAMPLE_DATE, False),
        (EXAMPLE_TIME, "Sunday, 06-Nov-94 08:49:37 GMT", True),
        (EXAMPLE_TIME, "yesterday", False),
        (EXAMPLE_TIME, f"{EXAMPLE_DATE}, {EXAMPLE_DATE}", False),
        (None, EXAMPLE_DATE, False),
        (EXAMPLE_TIME, None, False),
    ],
)
def test_if_modified_since_compares_whole_seconds(
    last_modified: float | None, since: str | None, expected: bool
) -> None:
    assert conditional.not_modified(TAG, last_modified, None, since) is expected


@pytest.mark.parametrize(("if_none_match", "expected"), [('"other"', False), ("junk", False), (TAG, True)])
def test_if_none_match_wins_over_if_modified_since(if_none_match: str, expected: bool) -> None:
    """RFC 9110 section 13.2.2, steps 3 and 4."""
    for since in (EXAMPLE_DATE, "Sun, 06 Nov 1993 08:49:37 GMT"):
        assert conditional.not_modified(TAG, EXAMPLE_TIME, if_none_match, since) is expected


@pytest.mark.parametrize(
    ("if_match", "failed"),
    [
        (TAG, False),
        ("*", False),
        (f'"a", {TAG}', False),
        (f' {TAG}\t, W/"b"', False),
        (f"W/{TAG}", True),  # strong comparison: RFC 9110 section 13.1.1
        (f'"a", W/{TAG}', True),
        ('"a"', True),
        ("xyzzy", True),
        ("", True),
    ],
)
def test_if_match_compares_each_tag_strongly(if_match: str, failed: bool) -> None:
    assert conditional.precondition_failed(TAG, None, if_match, None) is failed
    for date in (EXAMPLE_DATE, "Sun, 06 Nov 1993 08:49:37 GMT"):  # section 13.2.2, step 2: it counts alone
        assert conditional.precondition_failed(TAG, EXAMPLE_TIME, if_match, date) is failed


@pytest.mark.parametrize(
    ("last_modified", "since", "failed"),
    [
        (EXAMPLE_TIME, EXAMPLE_DATE, False),
        (EXAMPLE_TIME + 0.5, EXAMPLE_DATE, False),
        (EXAMPLE_TIME + 1, EXAMPLE_DATE, True),
        (EXAMPLE_TIME + 1, "yesterday", False),
        (EXAMPLE_TIME + 1, None, False),
        (None, EXAMPLE_DATE, False),
    ],
)
def test_if_unmodified_since_compares_whole_seconds(
    last_modified: float | None, since: str | None, failed: bool
) -> None:
    assert conditional.precondition_failed(TAG, last_modified, None, since) is failed


TAGS = st.text("ab,W/*", max_size=3)


@given(TAGS, st.lists(st.tuples(st.booleans(), TAGS)))
def test_a_list_matches_when_it_holds_the_tag(ours: str, listed: list[tuple[bool, str]]) -> None:
    header = ", ".join(f'{"W/" if weak else ""}"{tag}"' for weak, tag in listed)
    expected = ours in [tag for _, tag in listed]
    assert conditional.not_modified(f'"{ours}"', None, header, None) is expected


# Ranges


def part(header: str | None, length: int = 10000, if_range: str | None = None) -> ByteRange | None:
    return conditional.byte_range(header, if_range, TAG, EXAMPLE_TIME, length)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        # RFC 9110 section 14.1.2, its examples for a representation of 10000 bytes
        ("bytes=0-499", ByteRange(0, 499)),
        ("bytes=500-999", ByteRange(500, 999)),
        ("bytes=-500", ByteRange(9500, 9999)),
        ("bytes=9500-", ByteRange(9500, 9999)),
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=0-", ByteRange(0, 9999)),
        ("bytes=0-10000", ByteRange(0, 9999)),
        ("bytes=-10001", ByteRange(0, 9999)),
        ("Bytes=007-8", ByteRange(7, 8)),
        (f"bytes=1-{'9' * 50}", ByteRange(1, 9999)),
        (f"bytes=-{'9' * 50}", ByteRange(0, 9999)),
    ],
)
def test_a_single_range_is_answered(header: str, expected: ByteRange) -> None:
    assert part(header) == expected


@pytest.mark.parametrize("header", ["bytes=10000-", "bytes=10000-10001", "bytes=-0", f"bytes={'9' * 50}-"])
def test_a_range_behind_the_end_says_where_the_end_is(header: str) -> None:
    with pytest.raises(UnsatisfiableRange) as raised:
        part(header)
    assert raised.value.content_range == "bytes */10000"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=1",
        "bytes=2-1",
        "bytes=10001-10000",
        "bytes=a-b",
        "bytes=1-2-3",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=1_0-20",
        "bytes= 0-1",
        "bytes=0 -1",
        "bytes=0x0-0x1",
        "bytes=²-³",
        "bytes=٠-١",
        "0-1",
        "items=0-1",
        "bytes =0-1",
        "bytes:0-1",
        "bytes=0-0,-1",  # RFC 9110 section 14.1.2: the first and last bytes only
        "bytes= 0-999, 4500-5499, -1000",  # the same: first, middle, and last 1000 bytes
        "bytes=0-499,",
        "bytes=20000-,0-1",
        f"bytes=0-{'9' * 5000}",
    ],
)
def test_lists_other_units_and_nonsense_are_the_whole(header: str | None) -> None:
    assert part(header) is None


def test_a_range_of_nothing_is_the_whole() -> None:
    assert part("bytes=-5", length=0) is None
    assert part("bytes=0-", length=0) is None


@pytest.mark.parametrize(
    ("if_range", "applies"),
    [
        (TAG, True),
        (EXAMPLE_DATE, True),
        ("Sun Nov  6 08:49:37 1994", True),
        (f"W/{TAG}", False),
        ('"other"', False),
        (f'{TAG}, "other"', False),
        ("*", False),
        ("", False),
        ("Sun, 06 Nov 1994 08:49:36 GMT", False),
        ("Sun, 06 Nov 1994 08:49:38 GMT", False),
    ],
)
def test_if_range_is_the_very_tag_or_the_very_date(if_range: str, applies: bool) -> None:
    """RFC 9110 section 13.1.5: a later date is no match, and neither is a weak tag."""
    assert part("bytes=0-1", if_range=if_range) == (ByteRange(0, 1) if applies else None)
    if not applies:
        assert part("bytes=99999-", if_range=if_range) is None


def test_if_range_by_date_fails_where_the_date_is_not_known() -> None:
    assert conditional.byte_range("bytes=0-1", EXAMPLE_DATE, TAG, None, 10) is None


def test_content_range_counts_from_zero() -> None:
    assert ByteRange(0, 499).content_range(1234) == "bytes 0-499/1234"  # RFC 9110 section 14.4


def naive_part(first: int | None, last: int | None, body: bytes) -> bytes | None:
    """The bytes asked for, by walking over all of them; empty is unsatisfiable, None malformed."""
    if first is None:
        return body[::-1][: last or 0][::-1]
    if last is not None and last < first:
        return None
    return bytes(byte for at, byte in enumerate(body) if first <= at and (last is None or at <= last))


POSITION = st.none() | st.integers(0, 30)


@given(POSITION, POSITION, st.integers(1, 25))
def test_ranges_agree_with_a_naive_model(first: int | None, last: int | None, length: int) -> None:
    body = bytes(range(length))
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    expected = None if first is last is None else naive_part(first, last, body)
    if expected == b"":
        with pytest.raises(UnsatisfiableRange):
            part(header, length)
        return
    found = part(header, length)
    assert (found and body[found.first : found.last + 1]) == expected


@given(any_text() | st.text("bytes=-,0123456789"), st.integers(0, 100))
def test_any_range_lies_inside_or_is_refused(header: str, length: int) -> None:
    try:
        found = part(header, length)
    except UnsatisfiableRange:
        return
    assert found is None or 0 <= found.first <= found.last < length


# Negotiation

CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SAFARI_13 = "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"
CHROME_80 = "image/webp,image/apng,image/*,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "plain"),
        ("", "plain"),
        ("*/*", "plain"),
        ("image/*", "plain"),
        ("image/*;q=1, */*;q=0.1", "plain"),
        (CHROME, "avif"),
        (CHROME_80, "webp"),
        (SAFARI_13, "plain"),
        ("IMAGE/WebP", "webp"),
        ("image/webp,image/avif", "avif"),
        ("image/webp;q=0.9,image/avif;q=0.8", "webp"),
        ("image/webp;q=0.8,image/avif;q=0.800", "avif"),
        ("image/webp;q=0.001", "webp"),
        ("image/webp;q=0.5 , */*", "webp"),
        ("image/avif;q=0", "plain"),
        ("image/avif;q=0.000,image/webp", "webp"),
        ("image/avif;q=0,image/*", "plain"),
        ("image/avif;Q=0 , image/webp ; q=0.5", "webp"),
        ("image/jpeg,image/avif;q=0.9", "plain"),
        ("image/png,image/avif;q=0.9,image/webp;q=0.9", "plain"),
        ("image/jpeg,image/avif", "avif"),
        ("image/gif,image/avif;q=0.5", "avif"),
        ("image/jpeg;q=0.5,image/webp;q=0.6", "webp"),
        ("image/avif;profile=main;q=0.2,image/webp;q=0.3", "webp"),
        ("image/avif;profile=main", "avif"),
        ("image/avif;q=1;ext=2", "avif"),
        ("image/avif;", "avif"),
        (",, ,image/webp\t,", "webp"),
        ("image/avifx,ximage/avif,image/avif-sequence", "plain"),
        ("image / avif", "plain"),
        ("image/avif/x", "plain"),
    ],
)
def test_accept_is_read_by_explicit_mention_and_weight(accept: str | None, expected: str) -> None:
    assert negotiation.accept_class(accept) == expected


@pytest.mark.parametrize(
    "weight",
    [
        "",
        "2",
        "1.001",
        "1.1",
        "0.1234",
        "0.0001",
        "-0.5",
        "+0.5",
        ".5",
        "0,5",
        " 0",
        '"1"',
        "one",
        "²",
        "1e0",
    ],
)
def test_a_piece_with_a_malformed_weight_is_skipped(weight: str) -> None:
    assert negotiation.accept_class(f"image/avif;q={weight}") == "plain"
    assert negotiation.accept_class(f"image/webp;q=0.1, image/avif;q={weight}") == "webp"


def test_a_space_before_the_equals_sign_does_not_undo_a_refusal() -> None:
    assert negotiation.accept_class("image/avif;q =0") == "plain"


@pytest.mark.parametrize(
    "accept",
    [
        'text/html;x=",image/avif,"',
        r'text/html;x="\",image/avif,"',
        r'text/html;x="\\\",image/avif,"',
        'text/html;x=",image/avif,',
        '"image/avif"',
    ],
)
def test_a_type_inside_a_quoted_string_is_not_mentioned(accept: str) -> None:
    assert negotiation.accept_class(accept) == "plain"
    assert negotiation.accept_class(f"image/webp, {accept}") == "webp"


def test_a_quoted_string_does_not_hide_what_follows() -> None:
    assert negotiation.accept_class(r'text/html;x="a\\", image/avif') == "avif"
    assert negotiation.accept_class('image/avif;x=",";q=0, image/webp;x="a;q=0"') == "webp"


PIECES = st.builds(
    "{}{}".format,
    st.sampled_from(["image/avif", "image/webp", "image/jpeg", "image/png", "image/*", "*/*", "Image/AVIF "]),
    st.sampled_from(["", ";q=0", ";q=0.5", ";q=1", " ; Q=0.25", ";q=x", ";q=0.x", ';a=",";q=0.7', ";a"]),
)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(PIECES).map(",".join) | any_text() | st.text('imagevfwp/*;,q=01." \\'))
def test_no_accept_header_raises_or_makes_a_fourth_class(accept: str) -> None:
    found = negotiation.accept_class(accept)
    assert found in ("avif", "webp", "plain")
    assert found == "plain" or f"image/{found}" in accept.lower()


@given(st.lists(PIECES), st.randoms())
def test_the_order_of_accept_does_not_matter(pieces: list[str], random: random.Random) -> None:
    shuffled = random.sample(pieces, len(pieces))
    assert negotiation.accept_class(", ".join(shuffled)) == negotiation.accept_class(",".join(pieces))


def test_an_endless_accept_is_no_preference() -> None:
    assert negotiation.accept_class("image/avif," * 1000) == "plain"


# Freshness


@pytest.mark.parametrize(
    ("expires_in", "expected"),
    [
        (None, "public, max-age=100, stale-while-revalidate=50, stale-if-error=500"),
        (1000, "public, max-age=100, stale-while-revalidate=50, stale-if-error=500"),
        (600, "public, max-age=100, stale-while-revalidate=50, stale-if-error=500"),
        (599, "public, max-age=100, stale-while-revalidate=50, stale-if-error=499"),
        (120, "public, max-age=100, stale-while-revalidate=20, stale-if-error=20"),
        (100, "public, max-age=100"),
        (1, "public, max-age=1"),
        (0, "no-store"),
        (-25, "no-store"),  # inside the leeway of a token that has just expired
    ],
)
def test_freshness_ends_with_the_token(expires_in: int | None, expected: str) -> None:
    assert caching.cache_control(100, 50, 500, expires_in) == expected


def test_a_stale_window_of_zero_is_left_out() -> None:
    assert caching.cache_control(100, 0, 0) == "public, max-age=100"
    assert caching.cache_control(0, 0, 9) == "public, max-age=0, stale-if-error=9"


SECONDS = st.integers(0, 10**6)


@pytest.mark.slow
@given(SECONDS, SECONDS, SECONDS, st.integers(1, 10**6))
def test_no_cache_may_serve_a_signed_picture_past_its_expiry(
    max_age: int, revalidate: int, error: int, expires_in: int
) -> None:
    text = caching.cache_control(max_age, revalidate, error, expires_in)
    seconds = {name: int(value) for name, value in re.findall(r"([a-z-]+)=(\d+)", text)}
    stale = max(seconds.get("stale-while-revalidate", 0), seconds.get("stale-if-error", 0))
    assert seconds["max-age"] + stale <= expires_in


@pytest.mark.parametrize(
    ("error_max_age", "expires_in", "expected"),
    [
        (10, None, "public, max-age=10"),
        (10, 4, "public, max-age=4"),
        (10, 40, "public, max-age=10"),
        (0, None, "no-store"),
        (10, 0, "no-store"),
        (10, -3, "no-store"),
    ],
)
def test_a_missing_original_is_remembered_briefly(
    error_max_age: int, expires_in: int | None, expected: str
) -> None:
    assert caching.missing_cache_control(error_max_age, expires_in) == expected


status = caching.cache_status


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (status(hit=True, ttl=376), "hit; ttl=376"),
        (status(hit=True, ttl=376, detail="memory"), "hit; ttl=376; detail=memory"),
        (status(hit=True, ttl=-4, detail="stale-if-error"), "hit; ttl=-4; detail=stale-if-error"),
        (status(fwd="uri-miss", fwd_status=200, stored=True), "fwd=uri-miss; fwd-status=200; stored"),
        (caching.collapsed(status(fwd="uri-miss")), "fwd=uri-miss; collapsed"),
        (status(fwd="stale", fwd_status=304), "fwd=stale; fwd-status=304"),
        (status(detail="forbidden"), "detail=forbidden"),
    ],
)
def test_cache_status_reads_as_rfc_9211_writes_it(text: str, expected: str) -> None:
    assert text == f"origin; {expected}"


FORWARDS: list[caching.Forward | None] = [None, "stale", "vary-miss"]


@given(
    st.booleans(),
    st.sampled_from(FORWARDS),
    st.none() | st.integers(-(10**9), 10**9),
    st.booleans(),
    st.sampled_from([None, "memory", "stale-while-revalidate"]),
)
def test_cache_status_is_a_structured_field_without_a_key(
    hit: bool, fwd: caching.Forward | None, number: int | None, stored: bool, detail: str | None
) -> None:
    text = status(hit=hit, fwd=fwd, fwd_status=number, ttl=number, stored=stored, detail=detail)
    text = caching.collapsed(text) if stored else text
    members: Any = http_sf.parse(text.encode(), tltype="list")
    [(name, parameters)] = members
    sent = {"hit": hit or None, "fwd": fwd, "fwd-status": number, "ttl": number, "detail": detail}
    sent |= {"stored": stored or None, "collapsed": stored or None}
    assert isinstance(name, http_sf.Token)
    assert str(name) == "origin"
    assert parameters == {key: value for key, value in sent.items() if value is not None}


# Names and tags


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("cat.jpg", 'inline; filename="cat.webp"'),
        ("users/42/cat.jpg", 'inline; filename="cat.webp"'),
        ("holiday photo (1).JPEG", 'inline; filename="holiday photo (1).webp"'),
        ("archive.tar.gz", 'inline; filename="archive.tar.webp"'),
        ("no-extension", 'inline; filename="no-extension.webp"'),
        (".hidden", 'inline; filename="hidden.webp"'),
        ("...", 'inline; filename="image.webp"'),
        ("a/..jpg", 'inline; filename="jpg.webp"'),
        ("a. .jpg", 'inline; filename="a.webp"'),
        ('a"b.jpg', 'inline; filename="a_b.webp"'),
        ("a\r\nSet-Cookie: x.jpg", 'inline; filename="a__Set-Cookie_ x.webp"'),
        ("..\\..\\etc\\passwd.jpg", 'inline; filename="_.._etc_passwd.webp"'),
        # RFC 8187 section 3.2.3: the pound and euro signs and "rates"
        ("£ and € rates.jpg", "inline; filename=\"_ and _ rates.webp\"; "
         "filename*=UTF-8''%C2%A3%20and%20%E2%82%AC%20rates.webp"),
        ("100%25.jpg", "inline; filename=\"100_25.webp\"; filename*=UTF-8''100%2525.webp"),
        ("\u202egpj.exe", 'inline; filename="_gpj.webp"'),
        ("a\u2066b\u200fc.jpg", 'inline; filename="a_b_c.webp"'),
    ],
)  # fmt: skip
def test_a_picture_is_saved_under_a_safe_name(key: str, expected: str) -> None:
    assert disposition.content_disposition(key, "webp") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat.jpg", 'attachment; filename="cat.jpg"'),
        ("cat.JPEG", 'attachment; filename="cat.JPEG"'),
        ("cat.jpe", 'attachment; filename="cat.jpe"'),
        ("cat", 'attachment; filename="cat.jpg"'),
        ("cat.png", 'attachment; filename="cat.jpg"'),  # it is a JPEG
        ("cat.tar.webp", 'attachment; filename="cat.tar.jpg"'),
        ("my.holiday", 'attachment; filename="my.holiday.jpg"'),
        ("setup.exe", 'attachment; filename="setup.exe.jpg"'),
        (".jpg", 'attachment; filename="jpg.jpg"'),
        ("../../etc/passwd", 'attachment; filename="_.._etc_passwd.jpg"'),
        ('a"; filename="b.exe', 'attachment; filename="a_; filename=_b.exe.jpg"'),
        ("\\\\server\\x", 'attachment; filename="__server_x.jpg"'),
        ("été", "attachment; filename=\"_t_.jpg\"; filename*=UTF-8''%C3%A9t%C3%A9.jpg"),
    ],
)
def test_a_download_has_the_name_that_the_url_gives(name: str, expected: str) -> None:
    assert disposition.attachment(name, Format.JPG) == expected


@given(any_text() | st.text(st.sampled_from('"\\/\r\n\0;=.%\u202eéx'), max_size=300))
def test_a_hostile_name_of_a_download_ends_in_the_type_served(name: str) -> None:
    header = disposition.attachment(name, Format.WEBP)
    assert header.isascii()
    assert header.isprintable()
    assert saved_name(header, "attachment").endswith((".webp", ".WEBP"))


def saved_name(header: str, kind: str = "inline") -> str:
    """What the standard library's reader of the same grammar (RFC 2231) makes of the header."""
    message = email.message.Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == kind
    return message.get_filename() or ""


HOSTILE = st.text(
    st.sampled_from("\"\\/\r\n\0\x1b\x7f\x85%;=.' \u202e\u2066\u2028\ud800é猫😀ab"), max_size=300
)


@given(any_text() | HOSTILE)
def test_a_hostile_key_never_leaves_printable_ascii_or_its_quotes(key: str) -> None:
    header = disposition.content_disposition(key, "avif")
    assert re.fullmatch(
        r"inline; filename=\"[ !#-.0-9;=@-\[\]-{}~]+\.avif\""
        r"(; filename\*=UTF-8''([A-Za-z0-9._~-]|%[0-9A-F]{2})+\.avif)?",
        header,
    )
    assert len(header) < 1100


@given(any_text() | HOSTILE)
def test_a_saved_name_is_one_visible_file_of_the_type_served(key: str) -> None:
    header = disposition.content_disposition(key, "avif")
    _, extended, encoded = header.partition("filename*=UTF-8''")
    name = unquote(encoded, errors="strict") if extended else saved_name(header)
    assert name.endswith(".avif")
    assert name.isprintable()
    assert not name.startswith((".", " "))
    assert not set(name) & set('"/\\<>:|?*')
    assert len(name.encode()) <= 255


def test_a_long_name_is_cut_between_characters() -> None:
    header = disposition.content_disposition("猫" * 341 + ".jpg", "webp")
    assert unquote(header.partition("''")[2], errors="strict") == "猫" * 66 + ".webp"


def test_tags_are_lowercase_hex_one_for_the_handler_and_one_for_the_original() -> None:
    handler, original = caching.surrogate_tags("photos", "users/42/cat.jpg")
    assert handler == hashlib.sha256(b"photos").hexdigest()[:16]
    assert re.fullmatch("[0-9a-f]{16}", original)
    assert caching.surrogate_tags("photos", "dog.jpg")[0] == handler


def test_no_two_originals_share_a_tag() -> None:
    pairs = [("a", "bc"), ("ab", "c"), ("abc", ""), ("a", "b/c"), ("a/b", "c"), ("a", "猫"), ("", "abc")]
    tags = {tag for pair in pairs for tag in caching.surrogate_tags(*pair)}
    assert len(tags) == len({handler for handler, _ in pairs}) + len(pairs)


# All


def test_the_security_headers_are_those_of_the_contract() -> None:
    assert dict(message.SECURITY_HEADERS) == {
        b"x-content-type-options": b"nosniff",
        b"content-security-policy": b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
        b"access-control-allow-origin": b"*",
        b"cross-origin-resource-policy": b"cross-origin",
    }


@pytest.mark.parametrize(
    "read",
    [
        lambda: part("bytes=" + "0-1," * 10**4),
        lambda: part("bytes=0-" + "9" * 10**5),
        lambda: negotiation.accept_class("image/avif;q=0.5," * 10**4),
        lambda: negotiation.accept_class('"\\' * 10**5),
        lambda: conditional.not_modified(TAG, None, '"a",' * 10**4 + TAG, None),
        lambda: conditional.not_modified(TAG, None, "W/" * 10**5 + TAG, None),
        lambda: dates.parse_http_date(" " * 10**5),
        lambda: disposition.content_disposition("é" * 10**5, "webp"),
    ],
)
def test_no_header_is_slow_to_read(read: Callable[[], object]) -> None:
    took = []
    for _ in range(3):  # the collector of garbage may meet one of them
        start = time.process_time()
        read()
        took.append(time.process_time() - start)
    assert min(took) < 0.05  # measured: 3 ms at most
