"""What users of s3imageserver have today and get from us, or get better.

The rows are what was observed on the running original, each with what the contract now makes of it;
where that is something else, the note says what it was.
"""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from typing import NamedTuple

import pytest
from PIL import Image
from starlette.requests import Request

from benchmarks import ports
from origin.config.load import parse_config
from origin.errors import ConfigError
from tests.support import pictures
from tests.support import s3_servers
from tests.support.running import Client
from tests.support.running import Clock
from tests.support.running import Running
from tests.support.running import Shelf
from tests.support.running import serving
from tests.support.running import settings
from tests.support.running import wait_until

ERROR_IMAGE = pictures.encoded(Image.new("RGB", (300, 300), (200, 30, 30)), "JPEG")
HTML = b"<!doctype html><script>alert(document.domain)</script>"


def lying() -> bytes:
    """1000x600 as stored, and a tag that says to turn it right."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return pictures.encoded(pictures.field(1000, 600), "JPEG", exif=exif)


@cache
def originals() -> dict[str, bytes]:
    return {
        "land.jpg": pictures.land(),
        "land.png": pictures.alpha(),
        "UPPER.JPG": pictures.land(),
        "sub/land.jpg": pictures.land(),
        "a b.jpg": pictures.land(),
        "a+b.jpg": pictures.land(),
        "q?x.jpg": pictures.land(),
        "port.png": pictures.port(),
        "small.jpg": pictures.small(),
        "odd.jpg": pictures.odd(),
        "wide.webp": pictures.wide(),
        "alpha.png": pictures.alpha(),
        "anim.gif": pictures.animation(),
        "cmyk.jpg": pictures.cmyk(),
        "rot.jpg": lying(),
        "fake.jpg": HTML,
        "empty.jpg": b"",
        "one.jpg": b"x",
        "file.txt": b"a text\n",
        "file": b"a text\n",
    }


class Row(NamedTuple):
    target: str  # below the prefix
    outcome: str  # "ok", or the class of the failure
    type: str  # image/...
    size: tuple[int, int]
    note: str = ""  # what s3imageserver did instead


ROWS = [
    Row("land.jpg", "ok", "webp", (1000, 600)),
    Row("land.jpg?f=jpg", "ok", "jpeg", (1000, 600)),
    Row("land.jpg?f=png", "ok", "png", (1000, 600)),
    Row("land.jpg?f=webp&w=64", "ok", "webp", (64, 38)),
    Row("land.jpg?f=jpeg", "ok", "jpeg", (1000, 600), "f ignored: webp"),
    Row("land.jpg?f=JPG", "ok", "jpeg", (1000, 600), "f ignored: webp"),
    Row("land.jpg?f=gif", "ok", "gif", (1000, 600), "f ignored: webp"),
    Row("land.jpg?f=bmp", "bad-request", "webp", (300, 300), "f ignored: webp"),
    # Sizes
    Row("land.jpg?w=300", "ok", "webp", (300, 180)),
    Row("land.jpg?h=200", "ok", "webp", (333, 200)),
    Row("land.jpg?w=300&h=300", "ok", "webp", (300, 300)),
    Row("land.jpg?w=300&h=300&c=", "ok", "webp", (300, 300)),
    Row("land.jpg?w=300&h=300&c=TRUE", "ok", "webp", (300, 300)),
    Row("land.jpg?w=300&h=300&c=t", "ok", "webp", (300, 300)),
    Row("land.jpg?w=300&h=300&c=false", "ok", "webp", (300, 180)),
    Row("land.jpg?w=300&h=300&c=0", "ok", "webp", (300, 180)),
    Row("land.jpg?w=300&h=300&c=F", "ok", "webp", (300, 180)),
    Row("land.jpg?w=300&h=300&c=yes", "bad-request", "webp", (300, 300), "c=false: 300x180"),
    Row("land.jpg?w=2000", "ok", "webp", (1000, 600)),
    Row("land.jpg?w=9999", "ok", "webp", (1000, 600)),
    Row("land.jpg?w=2000&h=2000", "ok", "webp", (1000, 600)),
    Row("land.jpg?w=2000&h=2000&c=false", "ok", "webp", (1000, 600)),
    Row("land.jpg?w=2000&h=300", "ok", "webp", (1000, 300), "enlarged: 2000x300"),
    Row("land.jpg?w=300&h=2000", "ok", "webp", (300, 600), "enlarged: 300x2000"),
    Row("land.jpg?w=300&h=2000&c=false", "ok", "webp", (300, 180)),
    Row("land.jpg?w=3064&h=10", "ok", "webp", (1000, 10), "enlarged: 3064x10"),
    Row("land.jpg?w=3065&h=10", "ok", "webp", (1000, 10), "enlarged: 3064x10"),
    Row("land.jpg?w=1&h=1", "ok", "webp", (1, 1)),
    Row("small.jpg?w=200&h=200", "ok", "webp", (100, 80)),
    Row("small.jpg?w=200", "ok", "webp", (100, 80)),
    Row("small.jpg?w=200&h=50", "ok", "webp", (100, 50), "enlarged: 200x50"),
    Row("small.jpg?w=200&h=50&c=false", "ok", "webp", (63, 50)),
    Row("small.jpg?w=50&h=200", "ok", "webp", (50, 80), "enlarged: 50x200"),
    Row("odd.jpg?w=100", "ok", "webp", (100, 77)),
    Row("odd.jpg?h=100", "ok", "webp", (130, 100), "rounded down: 129x100"),
    Row("odd.jpg?w=100&h=100", "ok", "webp", (100, 100)),
    Row("odd.jpg?w=100&h=100&c=false", "ok", "webp", (100, 77)),
    Row("odd.jpg?w=111&h=77", "ok", "webp", (111, 77)),
    Row("port.png?w=300&h=300&f=png", "ok", "png", (300, 300)),
    Row("port.png?w=301&h=77&c=false&f=png", "ok", "png", (46, 77)),
    Row("alpha.png?w=50&f=png", "ok", "png", (50, 25)),
    Row("alpha.png?w=50&f=jpg", "ok", "jpeg", (50, 25)),
    Row("wide.webp?w=300&f=jpg", "ok", "jpeg", (300, 180)),
    Row("anim.gif?w=50", "ok", "webp", (50, 40), "the original's bytes: image/gif 100x80"),
    Row("cmyk.jpg?w=300&f=jpg", "ok", "jpeg", (300, 180)),
    Row("rot.jpg?w=300", "ok", "webp", (300, 500), "lay on its side: 300x180"),
    # What is no picture
    Row("fake.jpg?w=50", "unprocessable", "webp", (50, 50), "200 text/html"),
    Row("empty.jpg?w=50", "unprocessable", "webp", (50, 50), "200, no bytes"),
    Row("one.jpg?w=50", "unprocessable", "webp", (50, 50), "200 text/plain"),
    # Numbers
    Row("land.jpg?w=-5", "bad-request", "webp", (300, 300), "w ignored"),
    Row("land.jpg?w=abc", "bad-request", "webp", (300, 300), "w ignored"),
    Row("land.jpg?w=300px", "bad-request", "webp", (300, 300), "w ignored"),
    Row("land.jpg?w=%20300", "bad-request", "webp", (300, 300), "w ignored"),
    Row("land.jpg?w=NaN", "bad-request", "webp", (300, 300), "w ignored"),
    Row("land.jpg?w=1e400", "bad-request", "webp", (300, 300), "w ignored"),
    Row("land.jpg?w=1e2", "bad-request", "webp", (300, 300), "w=100: 100x60"),
    Row("land.jpg?w=-300&h=100", "bad-request", "webp", (100, 100), "w ignored: 166x100"),
    Row("land.jpg?w=100&w=200", "bad-request", "webp", (100, 100), "the first counted: 100x60"),
    Row("land.jpg?w=0&h=0", "ok", "webp", (1000, 600)),
    Row("land.jpg?W=300", "ok", "webp", (1000, 600)),
    Row("land.jpg?w=12.9", "ok", "webp", (13, 8), "cut off: 12x7"),
    # Keys
    Row("missing.jpg", "not-found", "webp", (300, 300), "the error image twice in one body"),
    Row("missing.jpg?w=100&h=50&f=jpg", "not-found", "jpeg", (100, 50)),
    Row("file.txt", "unprocessable", "webp", (300, 300)),
    Row("file", "unprocessable", "webp", (300, 300)),
    Row("missing.txt", "not-found", "webp", (300, 300)),
    Row("UPPER.JPG?w=20", "ok", "webp", (20, 12), "404: only lower-case extensions"),
    Row("a%20b.jpg?w=20", "ok", "webp", (20, 12)),
    Row("a+b.jpg?w=20", "ok", "webp", (20, 12)),
    Row("q%3Fx.jpg?w=20", "ok", "webp", (20, 12), "asked S3 for q"),
    Row("sub/land.jpg?w=20", "ok", "webp", (20, 12), "404: one path segment"),
    Row("sub%2Fland.jpg?w=20", "ok", "webp", (20, 12), "404: one path segment"),
    # Two originals whose names differ in the extension alone
    Row("land.png?w=40", "ok", "webp", (40, 20), "the bytes of land.jpg?w=40, when that came first"),
    Row("land.jpg?w=40", "ok", "webp", (40, 24)),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The originals, and the error image beside their folder."""
    top = tmp_path_factory.mktemp("old")
    for key, body in originals().items():
        path = top / "originals" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (top / "err.jpg").write_bytes(ERROR_IMAGE)
    return top


def bucket_on(server: s3_servers.S3Server, objects: Mapping[str, bytes]) -> str:
    name = f"bucket-{uuid.uuid4().hex}"
    server.client.create_bucket(Bucket=name)
    for key, body in objects.items():
        server.client.put_object(Bucket=name, Key=f"imagesLarge/{key}", Body=body)
    return name


def old_form(server: s3_servers.S3Server, bucket: str, **more: Any) -> dict[str, Any]:
    """A handler as s3imageserver has it; where its S3 is, the environment has to say."""
    aws = {"bucket_name": bucket, "file_path": "imagesLarge"}
    aws |= {"aws_access": server.access_key, "aws_secret": server.secret_key}
    return {"name": "h", "aws": aws, **more}


def new_form(server: s3_servers.S3Server, bucket: str) -> dict[str, Any]:
    source = {"type": "s3", "bucket": bucket, "folder": "imagesLarge/", "endpoint_url": server.url}
    source |= {"access_key": server.access_key, "secret_key": server.secret_key}
    return {"name": "h", "source": source, "output_format": "webp"}


def config(handler: dict[str, Any], folder: Path, **more: Any) -> dict[str, Any]:
    cache = {"path": str(folder / f"cache-{uuid.uuid4().hex}")}
    return {"handlers": [handler | more], "cache": cache, "renderers": 1}


@pytest.fixture(scope="module")
def old_s3(moto_server: s3_servers.S3Server) -> Iterator[s3_servers.S3Server]:
    """Moto, found through the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", moto_server.url)
        yield moto_server


@pytest.fixture(scope="module")
def old_bucket(old_s3: s3_servers.S3Server) -> str:
    """With the originals, which stay as they are."""
    return bucket_on(old_s3, originals())


WHERE = ("old form", "seaweed", "folder")
KEYS = [row.target.partition("?")[0] for row in ROWS]


# Every row through an old configuration; through the others, the first of each original.
CASES = [
    pytest.param(where, row, id=f"{where}-{row.target}")
    for where in WHERE
    for at, row in enumerate(ROWS)
    if where == "old form" or KEYS.index(KEYS[at]) == at
]


@pytest.fixture(scope="module")
def origins(request: pytest.FixtureRequest, folder: Path) -> Iterator[Callable[[str], Running]]:
    """The originals in S3 through an old configuration, in SeaweedFS, and in a folder; started when asked."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start(where: str) -> Running:
            if where == "old form":
                server = request.getfixturevalue("old_s3")
                handler = old_form(server, request.getfixturevalue("old_bucket"))
            elif where == "seaweed":
                server = request.getfixturevalue("seaweed")
                handler = new_form(server, bucket_on(server, originals()))
            else:
                handler = {"name": "h", "source": {"type": "local", "root": str(folder / "originals")}}
                handler["output_format"] = "webp"
            error_image = str(folder / "err.jpg")
            return stack.enter_context(Running(config(handler, folder, error_image=error_image)))

        yield start


@pytest.fixture(params=WHERE)
def origin(request: pytest.FixtureRequest, origins: Callable[[str], Running]) -> Running:
    return origins(request.param)


@pytest.mark.parametrize(("origin", "row"), CASES, indirect=["origin"])
def test_the_cases_of_the_old_program(origin: Running, row: Row) -> None:
    answer = origin.get(f"/h/{row.target}")

    assert (answer.status, answer.kind) == ((200, None) if row.outcome == "ok" else (404, row.outcome))
    assert answer.type == f"image/{row.type}"
    assert answer.headers["Content-Length"] == str(len(answer.body))
    picture = pictures.opened(answer.body)
    assert (picture.format or "").lower() == row.type
    assert picture.size == row.size


def test_a_failure_shows_the_error_image(origin: Running) -> None:
    answer = origin.get("/h/missing.jpg?w=100&h=50&f=png")

    red, green, blue = pictures.pixels(answer.body)[25, 50]
    assert (abs(red - 200) < 8, abs(green - 30) < 8, abs(blue - 30) < 8) == (True, True, True)


def test_transparency_is_white_on_jpeg_and_kept_on_png(origin: Running) -> None:
    """It was black on JPEG."""
    flat = pictures.pixels(origin.get("/h/alpha.png?w=50&f=jpg").body)
    kept = pictures.pixels(origin.get("/h/alpha.png?w=50&f=png").body, "RGBA")

    assert (flat[12, 5] > 250).all()
    assert kept[12, 5, 3] == 0
    assert kept[12, 45].tolist() == [255, 0, 0, 255]


def test_an_animation_stays_one(origin: Running) -> None:
    assert getattr(pictures.opened(origin.get("/h/anim.gif?w=50").body), "n_frames", 1) == 5


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "PUT", "DELETE"])
def test_other_methods_are_told_which_are_allowed(origin: Running, method: str) -> None:
    answer = origin.get("/h/land.jpg", method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_head_is_answered(origin: Running) -> None:
    """It was 405."""
    assert origin.get("/h/land.jpg?w=20", method="HEAD").status == 200


@pytest.mark.parametrize("path", ["/h", "/h/", "/", "/H/land.jpg", "//h/land.jpg", "/h/land.jpg/"])
def test_what_is_no_handler_s_is_404_and_never_a_redirect(origin: Running, path: str) -> None:
    """The last three were redirects."""
    assert origin.get(path).status == 404


def test_a_failure_may_not_be_kept_by_heuristics(origin: Running) -> None:
    """It came without Cache-Control, and a 404 is cacheable by default (RFC 9110 section 15.1)."""
    assert origin.get("/h/missing.jpg").headers["Cache-Control"] == "public, max-age=10"


# One configuration each


def originals_of(folder: Path, **more: Any) -> dict[str, Any]:
    return settings(folder / "originals", folder / f"cache-{uuid.uuid4().hex}", **more)


def test_a_prefix_takes_the_place_of_the_name(folder: Path) -> None:
    with Running(originals_of(folder, prefix="images")) as origin:
        assert origin.get("/images/land.jpg?w=20").status == 200
        answer = origin.get("/h/land.jpg?w=20")
    assert (answer.status, answer.type) == (404, "text/plain; charset=utf-8")


def test_every_prefix_serves_from_its_own_bucket(
    old_s3: s3_servers.S3Server, old_bucket: str, folder: Path
) -> None:
    """All served from the last one's."""
    second = bucket_on(old_s3, {"land.jpg": pictures.small()})
    handlers = [old_form(old_s3, old_bucket), old_form(old_s3, second) | {"name": "i"}]
    with Running({"handlers": handlers, "cache": {"path": str(folder / "two")}, "renderers": 1}) as origin:
        sizes = [pictures.opened(origin.get(f"/{name}/land.jpg").body).size for name in "hi"]
    assert sizes == [(1000, 600), (100, 80)]


@pytest.mark.parametrize("file_path", ["imagesLarge", "imagesLarge/", "/imagesLarge/"])
def test_a_file_path_is_a_folder_with_one_slash(
    old_s3: s3_servers.S3Server, old_bucket: str, folder: Path, file_path: str
) -> None:
    """Without its slash it was the beginning of a name."""
    handler = old_form(old_s3, old_bucket)
    handler["aws"]["file_path"] = file_path
    with Running(config(handler, folder)) as origin:
        assert origin.get("/h/land.jpg?w=20").status == 200


def test_an_output_format_is_honoured(folder: Path) -> None:
    """It was never read."""
    with Running(originals_of(folder, output_format="png")) as origin:
        assert origin.get("/h/land.jpg?w=20").type == "image/png"


def test_without_an_error_image_there_is_one_of_our_own(folder: Path) -> None:
    """The body was empty."""
    with Running(originals_of(folder)) as origin:
        answer = origin.get("/h/missing.jpg?w=40&h=30&f=png")
    assert (answer.status, pictures.opened(answer.body).size) == (404, (40, 30))


def test_an_unreachable_source_is_a_404_with_the_fallback(folder: Path) -> None:
    """The connection broke off."""
    source = {"type": "s3", "bucket": "nowhere", "access_key": "a", "secret_key": "b"}
    source |= {"endpoint_url": f"http://127.0.0.1:{ports.closed_port()}"}
    with Running(config({"name": "h", "source": source}, folder)) as origin:
        answer = origin.get("/h/land.jpg?w=40&f=png")
    assert (answer.status, answer.kind) == (404, "source-unavailable")
    assert pictures.opened(answer.body).width == 40


def test_a_bucket_without_a_name_serves_the_fallback(old_s3: s3_servers.S3Server, folder: Path) -> None:
    with Running(config(old_form(old_s3, ""), folder)) as origin:
        answer = origin.get("/h/land.jpg?w=40")
    assert (answer.status, answer.kind) == (404, "source-unavailable")


def test_a_verify_function_sees_the_token(folder: Path) -> None:
    seen: list[str] = []

    def verify(token: str, request: Request) -> bool:
        seen.append(token)
        return token == "good"

    shelf = Shelf(**{"land.jpg": pictures.land()})
    with Running(originals_of(folder), source=shelf, verify=verify) as origin:
        answers = [
            origin.get(f"/h/land.jpg?w=100&h=50&f=jpg{t}") for t in ("", "&t=bad", "&t=good", "&t=good")
        ]
    assert seen == ["", "bad", "good", "good"]
    assert [answer.status for answer in answers] == [404, 404, 200, 200]
    assert [answer.kind for answer in answers] == ["forbidden", "forbidden", None, None]
    assert {pictures.opened(answer.body).size for answer in answers} == {(100, 50)}
    assert len(shelf.gets) == 1


def test_within_cache_time_the_source_is_asked_once(folder: Path) -> None:
    clock, shelf = Clock(), Shelf(**{"land.jpg": pictures.land()})
    with Running(originals_of(folder, cache_time=2), source=shelf, clock=clock) as origin:
        origin.get("/h/land.jpg?w=20")
        origin.get("/h/land.jpg?w=20")
        assert len(shelf.gets) == 1
        clock.now += 2.2
        origin.get("/h/land.jpg?w=20")
    assert [etag is not None for _, etag in shelf.gets] == [False, True]


@pytest.mark.parametrize(("stale", "then"), [(0, "not-found"), (60, None)])
def test_a_deleted_original_is_served_until_cache_time_is_over(
    folder: Path, stale: int, then: str | None
) -> None:
    """Within `stale_while_revalidate`, whoever comes first after that still sees it."""
    clock, shelf = Clock(), Shelf(**{"land.jpg": pictures.land()})
    config = originals_of(folder, cache_time=60, stale_while_revalidate=stale)
    with Running(config, source=shelf, clock=clock) as origin:
        origin.get("/h/land.jpg?w=20")
        del shelf.originals["land.jpg"]
        clock.now += 59
        assert origin.get("/h/land.jpg?w=20").status == 200
        clock.now += 2
        assert origin.get("/h/land.jpg?w=20").kind == then
        wait_until(lambda: origin.get("/h/land.jpg?w=20").kind == "not-found", "it is gone")


def test_cache_time_minus_one_keeps_nothing(folder: Path) -> None:
    shelf = Shelf(**{"land.jpg": pictures.land()})
    with Running(originals_of(folder, cache_time=-1), source=shelf) as origin:
        statuses = [origin.get("/h/land.jpg?w=20").status for _ in range(2)]
    assert (statuses, len(shelf.gets)) == ([200, 200], 2)


def test_cache_time_zero_is_refused(folder: Path) -> None:
    """Said to be for ever, it was never."""
    with pytest.raises(ConfigError, match=r'handlers\[0\]\.cache_time: .*"for ever".*"always expired"'):
        Running(originals_of(folder, cache_time=0))


# The sample of its README, rebuilt with all that JSON does not allow and with files that need not be there

SAMPLE = """{
\t// the ports
\t"http_port": HTTP_PORT,
\t"https_enabled": true,
\t"https_strict": false, // true: redirect all to https
\t"https_port": HTTPS_PORT,
\t"https_cert": "bundle.crt",
\t"https_key": "cert.key",
\t/* one entry
\t   per folder */
\t"handlers": [
\t\t{
\t\t\t"name": "large",
\t\t\t"prefix": "large",
\t\t\t"aws": {
\t\t\t\t"bucket_name": "BUCKET",
\t\t\t\t"file_path": "imagesLarge/", // the folder in the bucket
\t\t\t\t"aws_access": "AKIAORIGINTESTS",
\t\t\t\t"aws_secret": "not-a-secret-0123456789abcdefghijklmnop"
\t\t\t},
\t\t\t"error_image": "error_image.jpg",
\t\t\t"output_format": "jpg",
\t\t\t"allowed_formats": [".png", ".jpg", ".jpeg", ".gif", ".webp"],
\t\t\t"cache_path": "./cache",
\t\t\t"cache_enabled": true,
\t\t\t"cache_time": 604800 // seconds
\t\t},
\t\t{
\t\t\t"name": "small",
\t\t\t"prefix": "",
\t\t\t"aws": {
\t\t\t\t"bucket_name": "BUCKET",
\t\t\t\t"file_path": "imagesLarge/sub",
\t\t\t\t"aws_access": "AKIAORIGINTESTS",
\t\t\t\t"aws_secret": "not-a-secret-0123456789abcdefghijklmnop",
\t\t\t},
\t\t\t"error_image": "error_image.jpg",
\t\t\t"allowed_formats": [".png", ".jpg", ".jpeg", ".gif", ".webp"],
\t\t\t"cache_path": "./cache",
\t\t\t"cache_enabled": true,
\t\t\t"cache_time": 604800
\t\t},
\t]
}
"""


@pytest.mark.usefixtures("old_s3")
def test_the_sample_configuration_starts_unchanged(old_bucket: str, tmp_path: Path) -> None:
    port = ports.closed_port()
    sample = SAMPLE.replace("HTTP_PORT", str(port)).replace("HTTPS_PORT", str(ports.closed_port()))
    path = tmp_path / "config.json"
    path.write_text(sample.replace("BUCKET", old_bucket))
    log = tmp_path / "stderr"
    with serving(tmp_path, "serve", "-c", str(path), port=port) as process:
        origin = Client(port)
        large, small = origin.get("/large/land.jpg?w=20"), origin.get("/small/land.jpg?w=30")
        missing = origin.get("/large/missing.jpg?w=40&h=30")
        process.terminate()  # `serving` does it once more, which cuts the drain short
        wait_until(lambda: "stopping" in log.read_text(), "it drains")

    assert (large.status, large.type, pictures.opened(large.body).size) == (200, "image/jpeg", (20, 12))
    assert (small.status, small.type, pictures.opened(small.body).size) == (200, "image/webp", (30, 18))
    assert (missing.status, pictures.opened(missing.body).size) == (404, (40, 30))
    assert (tmp_path / "cache").is_dir()
    complaints = log.read_text()
    assert "https is off" in complaints
    assert "not-a-secret" not in complaints


def test_the_sample_keeps_its_secrets_to_itself(tmp_path: Path) -> None:
    text = SAMPLE.replace("HTTP_PORT", "80").replace("HTTPS_PORT", "443")
    assert "not-a-secret" not in repr(parse_config(text, base=tmp_path))


def test_what_go_left_blank_is_as_absent() -> None:
    blank = """{"http_port": 0, "https_port": 0, "https_cert": "", "handlers": [{
        "name": "large", "prefix": "", "error_image": "", "output_format": "",
        "aws": {"bucket_name": "b", "file_path": "", "aws_access": "", "aws_secret": ""}}]}"""
    config = parse_config(blank)
    handler = config.handlers[0]
    assert (config.http_port, config.https_port, config.https_cert) == (80, 443, None)
    assert (handler.prefix, handler.error_image, handler.output_format) == ("large", None, "webp")
