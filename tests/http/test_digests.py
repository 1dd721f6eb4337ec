"""`Content-Digest`, `Repr-Digest` and `Content-MD5` of a request."""

from __future__ import annotations

import pytest

from origin.http.digests import BodyDigests

BODY = b'{"hello": "world"}\n'  # of RFC 9530, with its digest; the others are from `openssl dgst`
SHA256 = b"sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
SHA512 = b"sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:"
MD5 = b"UFIauregE76D7gDe0/n0JA=="


@pytest.mark.parametrize(
    ("headers", "matches"),
    [
        ({}, True),
        ({b"content-digest": SHA256}, True),
        ({b"content-digest": SHA512 + b" ,  " + SHA256}, True),
        ({b"content-digest": b"crc32c=:AAAA:, " + SHA256}, True),
        ({b"content-digest": b"crc32c=:AAAA:"}, True),
        ({b"content-digest": b"*x_y.z-1=:AAAA:, " + SHA256}, True),  # RFC 9651 section 3.1.2, of names
        ({b"content-digest": SHA256 + b"; a=1;b ,crc32c=:AAAA:;c=?0"}, True),  # and of parameters
        ({b"content-digest": SHA256.replace(b"RK", b"RL") + b";a"}, False),
        ({b"content-digest": SHA256.replace(b"RK", b"RL")}, False),
        ({b"content-digest": SHA512.replace(b"YM", b"YN") + b"," + SHA256}, False),
        ({b"content-digest": b"sha-256=::"}, False),
        (
            {b"content-digest": b"sha-256=:AAAA:, " + SHA256},
            True,
        ),  # RFC 9651 section 3.2: the last one counts
        ({b"content-digest": SHA256 + b", sha-256=:AAAA:"}, False),
        ({b"repr-digest": SHA256, b"content-digest": SHA256}, True),
        ({b"repr-digest": SHA256.replace(b"RK", b"RL")}, False),
        ({b"repr-digest": SHA256.replace(b"RK", b"RL"), b"content-digest": SHA256}, False),
        ({b"content-md5": MD5}, True),
        ({b"content-md5": MD5, b"content-digest": SHA256}, True),
        ({b"content-md5": b"AAAAAAAAAAAAAAAAAAAAAA=="}, False),
    ],
)
def test_a_body_is_what_its_head_tells_of(headers: dict[bytes, bytes], matches: bool) -> None:
    digests = BodyDigests(headers)
    for i in range(len(BODY)):
        digests.update(BODY[i : i + 1])
    assert digests.match() is matches


@pytest.mark.parametrize(
    "headers",
    [
        {b"content-digest": b"sha-256=RK"},
        {b"content-digest": b"sha-256=:R:"},
        {b"repr-digest": b"sha-256=:R:"},
        {b"content-digest": SHA256 + b" " + SHA512},
        {b"content-digest": SHA256 + b"; =1"},
        {b"content-md5": b"0e4e"[:3]},
        {b"content-md5": b"\xff"},
    ],
)
def test_a_digest_that_cannot_be_read_is_told(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="no digest"):
        BodyDigests(headers)


def test_a_body_is_hashed_once_by_each_algorithm() -> None:
    many = b",".join([b"sha-256=::", b"sha-512=::"] * 700)  # as many as a head of 16 kB takes
    assert len(BodyDigests({b"content-md5": MD5, b"content-digest": many})._expected) == 3
