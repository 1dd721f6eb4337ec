"""Uploads while the origin and its store are killed, in the short form: what was acknowledged is there."""

from __future__ import annotations

import pytest

from benchmarks import kills
from benchmarks import kills_pictures
from benchmarks.client import Client
from benchmarks.client import Reply
from benchmarks.kills import Found
from benchmarks.kills_asking import NOTHING
from benchmarks.kills_asking import complaint
from tests.support import warm_origins
from tests.support.s3_servers import NEEDS_WEED


@pytest.mark.parametrize("into", ["folder", pytest.param("s3", marks=NEEDS_WEED)])
def test_kills_lose_nothing_that_was_acknowledged_and_show_nothing_that_was_refused(
    into: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """One kill among uploads, with S3 when that has just come back, and one before all is looked at."""
    arguments = ["--into", into, "--uploads", "100", "--clients", "12"]
    arguments += ["--kills", "2", "--pause", "0.1", "--away", "1"]
    status = kills.main(arguments, warm_origins.serve)
    said, complaints = capfd.readouterr()
    assert status == 0, complaints
    assert "wrong: 0" in said
    assert "under 0 kills" not in said
    for answer in ("PUT 201", "PUT 200", "PUT 415 unsupported", "POST 201", "publish 200", "recrop 200"):
        assert f"| {answer} |" in said
    assert ("While S3 was away" in said) == (into == "s3")


PICTURE, _ = kills_pictures.picture(12)


def test_the_run_sees_what_was_lost_and_what_nobody_sent() -> None:
    found = Found()
    found.ledger.may_hold |= {"a.png": {12}, "b.png": {12, NOTHING}, "c.png": {NOTHING}, "d.png": {14}}
    found.ledger.waiting["w.png"] = 12
    found.ledger.late["a.png"] = {99}
    contents = {"public/pictures/a.png": PICTURE, "stage/w.png": PICTURE}
    assert len(kills._stored_wrongly(dict(contents), found.ledger)) == 1  # d is lost
    contents |= {"public/pictures/c.png": PICTURE, "public/pictures/d.png": PICTURE}
    assert len(kills._stored_wrongly(dict(contents), found.ledger)) == 2  # c is deleted, d another
    contents |= {"public/pictures/d.png": kills_pictures.picture(14)[0]}
    del contents["public/pictures/c.png"]
    assert kills._stored_wrongly(dict(contents), found.ledger) == []
    contents |= {"public/pictures/x.png": PICTURE}  # refused, or never sent
    assert len(kills._stored_wrongly(dict(contents), found.ledger)) == 1
    found.ledger.unanswered.add(12)
    assert kills._stored_wrongly(dict(contents), found.ledger) == []
    del contents["stage/w.png"]
    assert len(kills._stored_wrongly(dict(contents), found.ledger)) == 1


def test_the_run_sees_a_file_that_is_not_of_its_original() -> None:
    found = Found()
    found.ledger.with_files["d"] = {12, 14, NOTHING}
    other = kills_pictures.picture(14)[0]
    original, file = "public/derived/d.png", "public/derived/dMI.png"
    for contents, wrong, wrong_when_repaired in [
        ({}, 0, 0),
        ({original: PICTURE, file: PICTURE}, 0, 0),
        ({original: PICTURE, file: other}, 0, 1),  # a crash in the middle, until it is repaired
        ({file: other}, 0, 1),
        ({original: PICTURE}, 1, 2),  # the original comes last
        ({original: kills_pictures.picture(16)[0], file: PICTURE}, 1, 2),
    ]:
        assert len(kills._files_wrong(contents, found.ledger)) == wrong
        assert len(kills._files_wrong(contents, found.ledger, are_repaired=True)) == wrong_when_repaired


def test_the_run_sees_metadata_of_what_is_not_there() -> None:
    there = ["public/a/x.png", "public/a/y.png", "public/a/.origin/metadata/01/23"]
    assert kills._strays(there) == []
    assert kills._strays([*there, "public/.origin/metadata/01/23"]) == ["public/.origin/metadata"]
    assert kills._strays([*there[1:], "public/a/.origin/metadata/45/67"]) == ["public/a/.origin/metadata"]


class Shown(Client):
    """An origin that shows these pictures."""

    def __init__(self, **bodies: bytes) -> None:
        super().__init__(0)
        self._bodies = bodies

    async def get(self, target: str, headers: str = "") -> Reply:
        name = target.partition("?")[0].rpartition("/")[2].removesuffix(".png")
        return Reply(200, {}, self._bodies[name]) if name in self._bodies else Reply(404, {}, b"")


async def test_the_run_sees_a_file_that_is_of_another_part() -> None:
    """12 is the first panel of the strip, and 14 its last."""
    found = Found()
    found.ledger.parts["p.png"] = {12, 14}
    found.ledger.unanswered_parts.add(14)
    strip, last = kills_pictures.strip(12), kills_pictures.picture(14)[0]
    whole = {"public/cropped/p.png": strip, "public/cropped/pMI.png": last}
    unknown = {"public/cropped/x.png": strip, "public/cropped/xMI.png": last}
    for contents, shown, wrong in [
        (whole, {"p": last, "pMI": last}, 0),
        (whole, {"p": strip, "pMI": strip}, 1),  # the file is of another part
        (whole, {"p": last, "pMI": strip}, 1),  # the origin shows both
        ({}, {}, 1),  # lost
        ({"public/cropped/p.png": strip}, {"p": last, "pMI": last}, 1),  # without its file
        ({**whole, "public/cropped/zMI.png": last}, {"p": last, "pMI": last}, 1),  # without its original
        (whole | unknown, {"p": last, "pMI": last, "x": last, "xMI": last}, 0),
        (whole | unknown, {"p": last, "pMI": last, "x": strip, "xMI": strip}, 3),  # which nobody asked for
    ]:
        problems = await kills._parts_wrong(contents, found.ledger, Shown(**shown))
        assert len(problems) == wrong, problems


@pytest.mark.parametrize(
    ("status", "body", "held", "wrong"),
    [
        (200, PICTURE, {12}, ""),
        (200, PICTURE, {13}, "shows 12"),
        (200, PICTURE[:90], {12}, "no picture"),
        (404, b"", {12}, "404"),
        (404, b"", {12, NOTHING}, ""),
        (422, b"", {12}, "422"),
    ],
)
def test_the_run_sees_a_wrong_answer(status: int, body: bytes, held: set[int | None], wrong: str) -> None:
    said = complaint(Reply(status, {}, body), held)
    assert said.startswith(wrong)
    assert bool(said) == bool(wrong)
