"""Marks of purges: their names in the bucket, what they cover, and which of them are needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import pytest

from origin.cache.marks import Mark
from origin.cache.marks import Marks
from origin.cache.marks import first_name
from origin.cache.marks import make_mark
from origin.cache.marks import mark_of_object
from origin.cache.marks import object_name
from origin.cache.marks import read_mark
from origin.cache.records import name_original
from origin.cache.records import name_version

NOW = 1_900_000_000.123


@pytest.mark.parametrize(
    ("key", "prefix"),
    [("2024/ü cat.jpg", None), (None, "2024/"), (None, None), ("!/%", None), ("x" * 300, None)],
)
def test_all_of_a_mark_is_in_the_name_of_its_object(key: str | None, prefix: str | None) -> None:
    mark = make_mark(NOW, "photos", key, prefix, ["1900000000000-0123456789abcdef"])
    name = object_name(mark, NOW + 60)
    assert mark_of_object(name) == (NOW + 60, mark)
    assert name.startswith("1900000060123!")
    assert re.fullmatch(r"[\w/!-]+", name)
    assert max(map(len, name.split("/"))) <= 255
    assert len(name) < 800
    assert read_mark(mark.to_text()) == mark
    assert first_name(NOW + 59) < name < first_name(NOW + 61)
    assert mark.time == NOW


def test_a_mark_for_a_very_long_key_covers_more_not_less() -> None:
    key = "ü" * 600
    mark = make_mark(NOW, "photos", key, None)
    assert mark.key is None
    assert mark.prefix
    assert key.startswith(mark.prefix)
    assert len(object_name(mark, NOW)) < 800
    assert mark_of_object(object_name(mark, NOW))[1] == mark


def test_a_mark_for_a_long_key_rather_replaces_fewer() -> None:
    key, old = "x" * 350, [make_mark(NOW, "photos", "a", None).id for _ in range(4)]
    mark = make_mark(NOW, "photos", key, None, old)
    assert mark.key == key
    assert mark.replaces == tuple(old[4 - len(mark.replaces) :])
    assert 0 < len(mark.replaces) < 4


GOOD = json.loads(make_mark(NOW, "photos", "a", None).to_text()) | {"id": "1900000000123-0123456789abcdef"}


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "[]", "{}", "[" * 5000, '{"id": "1"}', "\0"),
        json.dumps(GOOD | {"id": "1900000000000-xyz"}),
        json.dumps(GOOD | {"id": 7}),
        json.dumps(GOOD | {"handler": ""}),
        json.dumps(GOOD | {"key": 7}),
        json.dumps(GOOD | {"prefix": "a"}),  # and a key
        json.dumps(GOOD | {"replaces": "a"}),
        json.dumps(GOOD | {"replaces": [7]}),
        json.dumps(GOOD | {"replaces": ["x"]}),
        json.dumps(GOOD | {"replaces": [GOOD["id"]] * 40}),  # longer than any of ours
        json.dumps(GOOD | {"key": "\ud800"}),
        json.dumps(GOOD | {"more": "a"}),
    ],
)
def test_what_is_no_mark_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_mark(text)


@pytest.mark.parametrize(
    "name",
    [
        *("", "1900000000000", "1900000000000!", "x!e30", "1900000000000!%%%%", "latest!ü"),
        "9" * 400 + object_name(make_mark(NOW, "photos", "a", None), NOW)[13:],
    ],
)
def test_what_is_no_name_of_a_mark_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        mark_of_object(name)


def stamped(marks: Marks, key: str, handler: str = "photos") -> set[str]:
    original = name_original(handler, "source", key)
    assert marks.stamp(original) == marks.stamp(name_version(original))
    return set(marks.stamp(original))


def known(*added: Mark) -> Marks:
    marks = Marks()
    for mark in added:
        assert marks.add(mark)
        assert not marks.add(mark)
    return marks


def ids(marks: Iterable[Mark]) -> set[str]:
    return {mark.id for mark in marks}


def test_a_stamp_has_the_marks_of_its_original() -> None:
    key, folder, all_ = (
        make_mark(NOW, "photos", "2024/a.jpg", None),
        make_mark(NOW, "photos", None, "2024/"),
        make_mark(NOW, "photos", None, None),
    )
    marks = known(key, folder, all_)
    assert stamped(marks, "2024/a.jpg") == ids([key, folder, all_])
    assert stamped(marks, "2024/a.jpg.bak") == ids([folder, all_])
    assert stamped(marks, "2023/a.jpg") == ids([all_])
    assert stamped(marks, "2024/a.jpg", "other") == set()


def test_a_newer_mark_for_the_same_takes_the_place_of_those_that_its_writer_knew() -> None:
    first = make_mark(NOW, "photos", "a", None)
    marks = known(first)
    second = make_mark(NOW + 1, "photos", "a", None, marks.replaced_by("photos", "a", None))
    aside = make_mark(NOW + 1, "photos", "a", None)  # of another origin at the same time
    assert second.replaces == (first.id,)
    for order in ([first, second, aside], [second, aside]):
        marks = known(*order)
        assert not marks.add(first)  # it is needless, also where it is heard of later
        assert stamped(marks, "a") == ids([second, aside])
    assert len(marks) == 2
    assert ids(marks.all()) == ids([second, aside])


def test_old_marks_are_forgotten() -> None:
    old = [make_mark(NOW, "photos", "a", None), make_mark(NOW, "photos", None, "b")]
    new = make_mark(NOW + 100, "photos", "a", None)
    marks = known(*old, new)
    marks.forget(before=NOW + 50)
    assert stamped(marks, "a") == ids([new])
    assert stamped(marks, "b") == set()
    assert len(marks) == 1
