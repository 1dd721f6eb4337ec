"""The fallback image: in the size asked for where that costs no wait, and always a picture."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from origin.delivery import fallback as module
from origin.delivery.fallback import Fallback
from origin.delivery.fallback import built_in
from origin.delivery.fallback import load_image
from origin.errors import BadRequest
from origin.errors import Overloaded
from origin.errors import RenderFailed
from origin.errors import RenderTimeout
from origin.formats import Format
from origin.formats import sniff
from origin.imaging.protocol import Job
from origin.render.pool import Rendered
from origin.render.pool import RenderPool
from origin.urls.options import Options
from tests.support import pictures

QUALITY = {"jpg": 80, "webp": 78, "avif": 60}


# What a renderer makes of a picture whose PNG is smaller than its JPEG.
AUTO = {"auto:plain": Format.PNG, "auto:webp": Format.WEBP, "auto:avif": Format.AVIF}


class Pool(RenderPool):
    """Renders text that tells the job, at once or when it is let."""

    def __init__(self) -> None:
        super().__init__(1)
        self.free = True
        self.broken: Exception | None = None
        self.jobs: list[Job] = []
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def idle(self) -> bool:
        return self.free

    async def render(
        self, original: bytes | memoryview, job: Job, timeout: float, *, handler: str = "", wait: bool = True
    ) -> Rendered:
        if not (wait or self.free):
            raise Overloaded("no renderer is free")
        self.jobs.append(job)
        await self.gate.wait()
        if self.broken is not None:
            raise self.broken
        if job.format == "original":
            format = Format.PNG
        else:
            format = AUTO.get(job.format) or Format.named(job.format)
        size = f"{job.options.width}x{job.options.height}"
        return Rendered(f"{size} {format.name}".encode(), format, 1, 1, 0.0, 0.0)


async def settle() -> None:
    """Let every task run until it waits for something that has not come."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def pool() -> Pool:
    return Pool()


@pytest.fixture
async def opened(pool: Pool) -> Fallback:
    """A fallback that has been prepared; the jobs for that are forgotten."""
    fallback = Fallback(pictures.port(), pool, QUALITY)
    await fallback.open()
    pool.jobs.clear()
    return fallback


async def test_no_encoder_tries_hard_for_it(pool: Pool) -> None:
    """A start waits for all of its formats, and a request for its size."""
    fallback = Fallback(pictures.port(), pool, QUALITY)
    await fallback.open()
    await fallback.get(Options(width=30), "avif")
    assert {job.effort.get("avif") for job in pool.jobs} == {"fast"}


async def test_its_own_size_is_prepared_once_in_every_format(pool: Pool) -> None:
    fallback = Fallback(pictures.port(), pool, QUALITY)
    await fallback.open()
    first, *prepared = [job.format for job in pool.jobs]
    assert first == "original"  # which makes a large one smaller
    assert prepared == ["original", "auto:avif", "auto:webp", "auto:plain", "jpg", "gif"]
    pool.jobs.clear()
    for target in ("original", "jpg", "png", "webp", "gif", "avif"):
        format = Format.named("png" if target == "original" else target)
        assert (await fallback.get(Options(format=target), target)).format is format
    for auto, format in AUTO.items():
        assert (await fallback.get(Options(format="auto"), auto)).format is format
    assert pool.jobs == []


async def test_a_size_is_rendered_once_and_then_at_hand(opened: Fallback, pool: Pool) -> None:
    options = Options(width=300, height=200, crop=True, format="jpg", quality=40)
    first = await opened.get(options, "jpg")
    assert (first.body, first.format) == (b"300x200 jpg", Format.JPG)
    pool.free = False
    assert await opened.get(options, "jpg") == first
    [job] = pool.jobs
    # The quality asked for would only make more sizes to render for nothing.
    assert (job.options.width, job.options.height, job.options.crop) == (300, 200, True)
    assert (job.options.quality, job.quality["jpg"]) == (None, QUALITY["jpg"])
    assert await opened.get(replace(options, quality=41), "jpg") == first


async def test_what_is_asked_of_the_missing_picture_is_not_done_to_the_fallback(
    opened: Fallback, pool: Pool
) -> None:
    asked = Options(
        width=300,
        height=200,
        fit="contain",
        gravity="smart",
        rect=(9, 9, 9, 9),
        enlarge=True,
        trim=10,
        rotate=90.0,
        flip="h",
        padding=(1, 2, 3, 4),
        background="ffcc00",
    )
    assert (await opened.get(asked, "png")).body == b"200x300 png"  # as large as the picture would be
    [job] = pool.jobs
    assert job.options == Options(
        200, 300, fit="contain", enlarge=True, padding=(1, 2, 3, 4), background="ffcc00"
    )
    await opened.get(replace(asked, rotate=270.0, flip=None, rect=(1, 2, 3, 4)), "png")
    assert len(pool.jobs) == 1


async def test_where_its_padding_is_too_much_the_prepared_one_goes_out_and_nobody_is_warned(
    opened: Fallback, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    pool.broken = BadRequest("option pad: too much")
    asked = Options(width=300, padding=(5000, 0, 0, 0))
    assert (await opened.get(asked, "png")).body == b"NonexNone png"
    assert caplog.records == []
    await opened.get(asked, "png")
    assert len(pool.jobs) == 1


async def test_where_no_renderer_is_free_the_prepared_one_goes_out(opened: Fallback, pool: Pool) -> None:
    pool.free = False
    assert (await opened.get(Options(width=300, format="webp"), "webp")).body == b"NonexNone webp"
    assert pool.jobs == []


async def test_where_the_last_free_renderer_is_taken_in_between_it_does_not_wait(
    opened: Fallback, pool: Pool
) -> None:
    getting = asyncio.ensure_future(opened.get(Options(width=300), "png"))
    await asyncio.sleep(0)  # it has seen a free renderer, and has not got it yet
    pool.free = False
    assert (await getting).body == b"NonexNone png"
    assert pool.jobs == []


async def test_a_flood_for_one_size_renders_it_once(opened: Fallback, pool: Pool) -> None:
    pool.gate.clear()
    asking = [asyncio.ensure_future(opened.get(Options(width=300), "png")) for _ in range(100)]
    for _ in range(5):
        await asyncio.sleep(0)
    pool.free = False
    pool.gate.set()
    assert {result.body for result in await asyncio.gather(*asking)} == {b"300xNone png"}
    assert len(pool.jobs) == 1


@pytest.mark.parametrize("error", [RenderFailed("died"), RenderTimeout("2 s"), Overloaded("full")])
async def test_a_render_that_fails_leaves_the_prepared_one(
    opened: Fallback, pool: Pool, error: Exception
) -> None:
    pool.broken = error
    assert (await opened.get(Options(width=300), "png")).body == b"NonexNone png"


@pytest.mark.parametrize("error", [RenderFailed("died"), RenderTimeout("10 s")])
async def test_a_size_that_failed_is_not_tried_again(opened: Fallback, pool: Pool, error: Exception) -> None:
    pool.broken = error
    for _ in range(3):
        assert (await opened.get(Options(width=300), "png")).body == b"NonexNone png"
    assert len(pool.jobs) == 1
    pool.broken = None
    assert (await opened.get(Options(width=301), "png")).body == b"301xNone png"


async def test_a_size_that_found_no_renderer_is_tried_again(opened: Fallback, pool: Pool) -> None:
    pool.broken = Overloaded("full")
    await opened.get(Options(width=300), "png")
    pool.broken = None
    assert (await opened.get(Options(width=300), "png")).body == b"300xNone png"


async def test_one_size_is_rendered_at_a_time_over_all_images(pool: Pool) -> None:
    slot = asyncio.Semaphore(1)
    one, two = (Fallback(pictures.port(), pool, QUALITY, slot) for _ in range(2))
    await one.open()
    await two.open()
    pool.jobs.clear()
    pool.gate.clear()
    first = asyncio.ensure_future(one.get(Options(width=300), "png"))
    await settle()
    assert (await one.get(Options(width=301), "png")).body == b"NonexNone png"
    assert (await two.get(Options(width=302), "png")).body == b"NonexNone png"
    pool.gate.set()
    assert (await first).body == b"300xNone png"
    assert len(pool.jobs) == 1


async def test_an_answer_does_not_wait_for_a_slow_size_which_is_there_next_time(
    opened: Fallback, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.01)
    pool.gate.clear()
    assert (await opened.get(Options(width=300), "png")).body == b"NonexNone png"
    pool.gate.set()
    await settle()
    assert (await opened.get(Options(width=300), "png")).body == b"300xNone png"
    assert len(pool.jobs) == 1


async def test_clients_without_permission_get_a_twentieth_of_a_renderers_time(pool: Pool) -> None:
    now = [1000.0]
    fallback = Fallback(pictures.port(), pool, QUALITY, clock=lambda: now[0])
    await fallback.open()
    pool.jobs.clear()
    pool.gate.clear()
    first = asyncio.ensure_future(fallback.get(Options(width=300), "png", forbidden=True))
    await settle()
    now[0] += 2  # seconds that the render takes
    pool.gate.set()
    assert (await first).body == b"300xNone png"
    for later in (0, 20, 39):
        now[0] = 1002 + later
        assert (
            await fallback.get(Options(width=301 + later), "png", forbidden=True)
        ).body == b"NonexNone png"
        assert (await fallback.get(Options(width=300), "png", forbidden=True)).body == b"300xNone png"
    assert len(pool.jobs) == 1
    now[0] = 1042
    assert (await fallback.get(Options(width=350), "png", forbidden=True)).body == b"350xNone png"
    assert (await fallback.get(Options(width=360), "png")).body == b"360xNone png"


async def test_a_size_too_large_to_be_kept_is_rendered_once(
    opened: Fallback, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened._sizes, "capacity", 100)
    await opened.get(Options(width=300), "png")
    assert (await opened.get(Options(width=300), "png")).body == b"NonexNone png"
    assert len(pool.jobs) == 1


async def test_an_image_that_does_not_render_gives_way_to_the_built_in_one(pool: Pool) -> None:
    pool.broken = RenderFailed("died")
    fallback = Fallback(pictures.port(), pool, QUALITY)
    await fallback.open()
    result = await fallback.get(Options(width=300), "jpg")
    assert (result.body, result.format) == (built_in(), Format.PNG)
    assert fallback.prepared("webp").body == built_in()


async def test_it_is_prepared_once_for_all_its_handlers(opened: Fallback, pool: Pool) -> None:
    await opened.open()
    assert pool.jobs == []


async def test_sizes_at_hand_are_bounded(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMORY", 20_000)
    fallback = Fallback(pictures.port(), pool, QUALITY)
    for width in range(1, 500):
        await fallback.get(Options(width=width), "png")
    assert fallback._sizes.weight <= 20_000


async def test_equal_bytes_have_equal_identities_and_no_date(opened: Fallback, pool: Pool) -> None:
    again = Fallback(pictures.port(), pool, QUALITY)
    await again.open()
    assert again.prepared("jpg").digest == opened.prepared("jpg").digest
    assert again.prepared("jpg").digest != opened.prepared("webp").digest
    assert opened.prepared("jpg").last_modified is None


@pytest.mark.slow
async def test_real_renderers_make_it_in_size_and_format() -> None:
    pool = RenderPool(1)
    await pool.start()
    try:
        fallback = Fallback(load_image(None), pool, QUALITY)
        await fallback.open()
        result = await fallback.get(Options(width=40, height=30, crop=True, format="jpg"), "jpg")
        image = pictures.opened(result.body)
        assert (result.format, image.format, image.size) == (Format.JPG, "JPEG", (40, 30))
        assert sniff(fallback.prepared("avif").body) is Format.AVIF
    finally:
        await pool.close()


# Which image


def test_the_built_in_one_is_a_small_picture() -> None:
    image = load_image(None)
    assert sniff(image) is Format.PNG
    assert len(image) < 20_000
    with Image.open(io.BytesIO(image)) as opened:
        opened.load()


def test_the_configured_one_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "oops.jpg"
    path.write_bytes(pictures.small())
    assert load_image(path) == pictures.small()


@pytest.mark.parametrize("content", [None, b"", b"<html>", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_one_that_cannot_be_used_is_told_of_and_replaced(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "oops.jpg"
    if content is not None:
        path.write_bytes(content)
    assert load_image(path) == load_image(None)
    assert "the built-in one is used" in caplog.text
