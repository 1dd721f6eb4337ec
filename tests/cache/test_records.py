"""The records of a cache as bytes."""

from __future__ import annotations

import hashlib
import json

import pytest

from origin.cache.records import OriginalBody
from origin.cache.records import Record
from origin.cache.records import Result
from origin.cache.records import Version
from origin.cache.records import name_body
from origin.cache.records import name_original
from origin.cache.records import name_result
from origin.cache.records import name_version
from origin.cache.records import pack
from origin.cache.records import seal
from origin.cache.records import unpack
from origin.cache.records import unseal
from origin.formats import Format

CAT = name_original("photos", "bucket", "cat.jpg")
RECORDS: dict[str, Record] = {
    name_version(CAT): Version('a"\n', 1_700_000_000.0, 1_800_000_000.5),
    name_body(CAT): OriginalBody("x" * 10_000, b"\n\0body"),
    name_result(CAT, "v1", "300"): Result(b"\n\0body", Format.WEBP, bytes(range(16)), None),
}


@pytest.mark.parametrize("name", RECORDS)
def test_what_is_written_is_one_line_of_json_and_the_body(name: str) -> None:
    record = RECORDS[name]
    packed = b"".join(pack(record))
    head, _, body = packed.partition(b"\n")
    assert isinstance(json.loads(head), dict)
    assert body == (b"" if isinstance(record, Version) else record.body)
    assert unpack(name, packed) == unpack(name, memoryview(packed)) == record


def test_a_sealed_record_is_whole_and_under_its_name_or_refused() -> None:
    sealed = b"".join(seal("name", (b"pack", b"ed")))
    assert bytes(unseal("name", sealed)) == b"packed"
    for harmed in (sealed[:-1], sealed + b"x", b"x" + sealed[1:], b"", sealed[:32]):
        with pytest.raises(ValueError, match="cut or changed"):
            unseal("name", harmed)
    with pytest.raises(ValueError, match="cut or changed"):
        unseal("other", sealed)
    assert seal("name1", (b"23",))[0] != seal("name", (b"123",))[0]


def test_what_earlier_releases_sealed_is_still_read() -> None:
    sealed = hashlib.sha256(b"4:name" + b"packed").digest() + b"packed"
    assert bytes(unseal("name", sealed)) == b"packed"
    with pytest.raises(ValueError, match="cut or changed"):
        unseal("name", sealed[:-1] + b"D")


def test_the_bytes_of_an_original_are_read_without_a_copy() -> None:
    name = name_body(CAT)
    packed = memoryview(b"".join(pack(OriginalBody("v1", b"picture"))))
    record = unpack(name, packed)
    assert isinstance(record, OriginalBody)
    assert isinstance(record.body, memoryview)
    assert record.body.obj is packed.obj


def test_the_name_of_a_result_tells_etag_and_variant_apart() -> None:
    assert name_result(CAT, "v1", "2") != name_result(CAT, "v", "12")
