"""The demo's pictures show what the demo claims, and its page asks only for what is there."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image

import origin
from origin.formats import Format
from origin.formats import sniff
from origin.pages.demo import PICTURES

PACKAGE = Path(origin.__file__).parent
DEMO = PACKAGE / "pages" / "pictures"
UPRIGHT = {
    "landscape.jpg": (3200, 2133),
    "portrait.jpg": (1800, 2400),
    "logo.png": (800, 800),
    "spinner.gif": (240, 240),
}


@pytest.mark.parametrize(
    ("name", "form", "mode", "size", "max_bytes"),
    [
        ("landscape.jpg", Format.JPG, "RGB", (3200, 2133), 2_500_000),
        ("portrait.jpg", Format.JPG, "RGB", (2400, 1800), 1_000_000),
        ("logo.png", Format.PNG, "RGBA", (800, 800), 200_000),
        ("icon.png", Format.PNG, "RGBA", (64, 64), 10_000),
        ("spinner.gif", Format.GIF, "P", (240, 240), 150_000),
        ("../../delivery/placeholder.png", Format.PNG, "P", (800, 600), 5_000),
    ],
)
def test_each_picture_is_what_its_name_says(
    name: str, form: Format, mode: str, size: tuple[int, int], max_bytes: int
) -> None:
    data = (DEMO / name).read_bytes()
    with Image.open(DEMO / name) as picture:
        assert (sniff(data), picture.mode, picture.size) == (form, mode, size)
    assert len(data) <= max_bytes


@pytest.mark.slow
def test_the_landscape_has_six_megapixels_and_fine_detail() -> None:
    with Image.open(DEMO / "landscape.jpg") as picture:
        grey = np.asarray(picture.convert("L"), np.float64)
    assert grey.size >= 6_000_000
    # Resizing and compression show only where neighbouring pixels differ.
    assert np.abs(np.diff(grey, axis=1)).mean() > 2
    assert grey.std() > 30


@pytest.mark.slow
def test_the_portrait_lies_on_its_side_and_says_so() -> None:
    with Image.open(DEMO / "portrait.jpg") as picture:
        assert picture.getexif()[ExifTags.Base.Orientation] == 6
        # Sand is red where the sky is blue. Turned a quarter clockwise, the stored left is the top.
        stored = np.asarray(picture, np.float64)
    left, right = stored[:, :300].mean(axis=(0, 1)), stored[:, -300:].mean(axis=(0, 1))
    assert left[2] > left[0]
    assert right[0] > right[2]


def test_the_portrait_tells_where_it_was_taken() -> None:
    with Image.open(DEMO / "portrait.jpg") as picture:
        gps = picture.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    assert gps[ExifTags.GPS.GPSLatitude] == (31, 4, 48)
    assert gps[ExifTags.GPS.GPSLongitudeRef] == "W"


def test_the_logo_is_clear_soft_and_solid() -> None:
    with Image.open(DEMO / "logo.png") as picture:
        alpha = np.asarray(picture.getchannel("A"))
    assert alpha[0, 0] == 0
    assert alpha[400, 400] == 255
    assert len(np.unique(alpha)) > 100


def test_the_spinner_moves_without_end() -> None:
    with Image.open(DEMO / "spinner.gif") as picture:
        assert (getattr(picture, "n_frames", 1), picture.info["loop"], picture.info["duration"]) == (
            24,
            0,
            50,
        )
        first = np.asarray(picture.convert("RGB"), np.float64)
        picture.seek(12)
        half = np.asarray(picture.convert("RGB"), np.float64)
    # The head is white: on the right at first, on the left half a turn later.
    assert first[120, 199].min() > 240 > 100 > first[120, 41].min()
    assert half[120, 41].min() > 240 > 100 > half[120, 199].min()


def test_the_placeholder_is_light_and_neutral_with_a_quiet_sign() -> None:
    with Image.open(PACKAGE / "delivery" / "placeholder.png") as picture:
        pixels = np.asarray(picture.convert("RGB"), np.int16)
    assert np.ptp(pixels, axis=2).max() == 0
    assert pixels[0, 0, 0] > 220
    assert 180 < pixels.min() < 210


def test_the_demo_stays_under_four_megabytes() -> None:
    assert sum(path.stat().st_size for path in DEMO.iterdir() if path.is_file()) < 4_000_000


class Page(HTMLParser):
    """What the demo page asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.links: list[str] = []
        self.others: list[str] = []
        self.scripts: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        if tag == "img":
            self.images.append(values)
        elif tag == "a" and values["href"].startswith("/demo/"):
            self.links.append(values["href"])
        elif tag == "a":
            self.others.append(values["href"])
        elif tag == "script":
            self.scripts.append(values.get("src", ""))


PAGE = Page((DEMO / "index.html").read_text("utf-8"))
FALLBACKS = {"no-such-picture.jpg", "README.md"}  # the page asks for these to show the fallback image


def urls() -> list[str]:
    widths = [part.split()[0] for image in PAGE.images for part in image.get("srcset", "").split(",") if part]
    return PAGE.links + widths


@pytest.mark.parametrize("url", urls())
def test_the_page_refers_only_to_pictures_that_exist(url: str) -> None:
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert parts.path.startswith("/demo/")
    assert parts.path.removeprefix("/demo/") in UPRIGHT.keys() | FALLBACKS


def test_every_picture_is_on_the_page_and_has_its_url_as_a_link() -> None:
    assert [image["src"] for image in PAGE.images] == PAGE.links
    assert {urlsplit(url).path.removeprefix("/demo/") for url in PAGE.links} >= UPRIGHT.keys()


def test_the_page_needs_nothing_from_elsewhere() -> None:
    assert not PAGE.tags & {"link", "iframe", "object", "video"}
    assert PAGE.scripts == ["/demo.js"]
    assert "url(" not in (DEMO / "index.html").read_text("utf-8")


def test_it_leads_to_the_playground_with_pictures_that_are_there() -> None:
    to, *examples = [url for url in PAGE.others if url != "#sizes"]
    assert to == "/-/playground"
    assert len(examples) == 9
    for url in examples:
        page, _, address = url.partition("#")
        assert page == to
        assert urlsplit(address).path.removeprefix("/demo/") in UPRIGHT


def test_the_playground_offers_the_pictures_of_the_demo() -> None:
    assert set(PICTURES) == UPRIGHT.keys()


@pytest.mark.parametrize("image", PAGE.images, ids=lambda image: image["src"])
def test_the_layout_never_jumps(image: dict[str, str]) -> None:
    """The size in the page is the one that the URL gives, by the size rules of the contract."""
    parts = urlsplit(image["src"])
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    width, height = UPRIGHT.get(
        parts.path.removeprefix("/demo/"), (int(options["w"]), int(options.get("h", 0)))
    )
    box_width, box_height = int(options["w"]), int(options.get("h", 0))
    if not box_height or options.get("c") == "false":
        scale = min(box_width / width, box_height / height if box_height else 1)
        box_width, box_height = round(width * scale), round(height * scale)
    assert (int(image["width"]), int(image["height"])) == (box_width, box_height)
