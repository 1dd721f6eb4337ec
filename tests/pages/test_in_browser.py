"""The demo page and the playground in a real browser, as `origin demo` serves them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from benchmarks import ports
from origin.signing import UrlSigner
from tests.support import pictures
from tests.support.browser import Chromium
from tests.support.browser import Page
from tests.support.running import serving

pytestmark = pytest.mark.slow
TOKEN = "0123456789abcdef"
WATCH_SHIFTS = (
    "window.shift = 0; new PerformanceObserver(l => l.getEntries().forEach(e => shift += e.value))"
    ".observe({type: 'layout-shift', buffered: true})"
)
SETTLED = (
    "!document.querySelector('.frame.busy') && document.querySelector('#code-explain code')?.textContent"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, yours = ports.closed_port(), tmp_path_factory.mktemp("yours")
    (yours / "0 notes.txt").write_text("no picture")
    for name, format in (("line\nbreak.png", "PNG"), ("my cat.png", "PNG"), ("logo.png", "PNG")):
        (yours / name).write_bytes(pictures.encoded(pictures.field(90, 60), format))
    arguments = ("demo", "--port", str(port), "--pictures", str(yours))
    with serving(tmp_path_factory.mktemp("demo"), *arguments, port=port):
        yield f"http://127.0.0.1:{port}"


def play(page: Page, site: str, address: str = "", *, wait: str = SETTLED) -> Page:
    page.open(f"{site}/-/playground{'#' + quote(address, safe='/?&=%') if address else ''}")
    page.wait_for(wait, "the result is there")
    return page


def write(page: Page, selector: str, value: str, event: str = "input") -> None:
    """As a user does who replaces what stands in a field."""
    change = f"e.focus(); e.value = {json.dumps(value)}; e.dispatchEvent(new Event({json.dumps(event)}))"
    page.evaluate(f"(e => {{ {change} }})(document.querySelector({json.dumps(selector)}))")


def press(page: Page, key: str, times: int = 1) -> None:
    codes = {"Tab": 9, "ArrowLeft": 37, "ArrowRight": 39, "Enter": 13}
    for _ in range(times):
        for kind in ("rawKeyDown", "keyUp"):
            event = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
            if key == "Enter" and kind == "rawKeyDown":
                event |= {"type": "keyDown", "text": "\r"}
            page.call("Input.dispatchKeyEvent", **event)


def code(page: Page, name: str) -> str:
    return str(page.evaluate(f"document.querySelector('#code-{name} code').textContent"))


def shown(page: Page, id: str = "result") -> list[int]:
    size: list[int] = page.evaluate(f"[{id}.naturalWidth, {id}.naturalHeight]")
    return size


def test_options_are_changed_by_control_and_by_hand(chromium: Chromium, site: str) -> None:
    page = play(chromium.page(), site)
    page.evaluate(WATCH_SHIFTS)
    assert shown(page) == [600, 400]
    assert "1.35 MB · jpg · 3200 × 2133" in page.text("#original-facts")
    assert " · avif · 600 × 400 · " in page.text("#result-facts")
    assert "Cache-Status" in page.text("#details")

    assert page.evaluate("shift") < 0.02  # good is 0.1, by Core Web Vitals

    write(page, "#option-w", "300")
    write(page, "#option-h", "300")
    write(page, "#option-fit", "contain")
    page.wait_for("document.querySelector('#result').naturalHeight === 300", "the change shows")
    page.wait_for(SETTLED, "all of it is there")
    assert code(page, "url") == f"{site}/demo/landscape.jpg?w=300&h=300&fit=contain&f=auto"
    assert page.evaluate("location.hash").startswith("#/demo/landscape.jpg?")
    assert code(page, "explain").startswith("handler: demo, mounted at /demo/")

    write(page, "#address", f"{site}/demo/portrait.jpg?width=90&amp;q=5&utm_source=x")  # from a page's source
    page.wait_for("document.querySelector('#result').naturalWidth === 90", "the address shows")
    page.wait_for(SETTLED, "all of it is there")
    assert page.evaluate("[picture.value, document.querySelector('#option-w').value]") == [
        "portrait.jpg",
        "90",
    ]
    assert "utm_source" in page.text("#note")
    assert page.evaluate("document.querySelector('#option-q').closest('.option').classList.contains('set')")

    write(page, "#option-q", "101")
    page.wait_for("!problem.hidden", "the mistake is told")
    assert "option q: expected a whole number from 1 to 100, or auto" in page.text("#problem")
    invalid = "[...document.querySelectorAll('[aria-invalid=true]')].map(e => e.id)"
    assert page.evaluate(invalid) == ["option-q"]
    page.look(320, 640)  # where the address is out of sight
    assert page.text(".mini").startswith("option q: expected a whole number")
    assert least_contrast(page) >= (4.5, "")
    page.look(1280)
    write(page, "#option-q", "")
    page.wait_for("problem.hidden", "the mistake is over")
    assert page.evaluate(invalid) == []
    assert page.evaluate("document.querySelector('.mini').textContent.trim()").endswith("\xa0ms")
    assert [text for text in page.problems if "400 (Bad Request)" not in text] == []
    assert {url.split("/")[2] for _, url in page.requests if not url.startswith("blob:")} == {
        site.split("/")[2]
    }


SLIDERS = """Object.fromEntries([...document.querySelectorAll('.option input[type=range]')].map((e) =>
  [e.closest('.option').querySelector('code').textContent, [e.min, e.value, e.ariaValueText]]))"""


def test_what_is_unset_rests_at_its_default_and_is_not_in_the_address(chromium: Chromium, site: str) -> None:
    page = play(chromium.page(), site, "/demo/landscape.jpg?f=jpg&w=60")
    sliders = page.evaluate(SLIDERS)
    assert sliders["q"] == ["1", "80", "default 80"]  # of JPEG, by docs/configuration.md
    assert sliders["w"] == ["0", "60", "60"]
    for name in ("h", "trim", "blur", "sharpen"):  # the left end stands for none
        assert sliders[name] == ["0", "0", "as it is"]
    assert sliders["rotate"][1:] == ["0", "default 0"]
    for name in ("brightness", "contrast", "saturation", "dpr"):
        assert sliders[name][1:] == ["1", "default 1"]
    unset = "[...document.querySelectorAll('.option select')].map(e => e.selectedOptions[0].textContent)"
    assert page.evaluate(unset) == [
        *("default cover", "default true", "default false", "as it is", "default true", "default false"),
        *("jpg", "default false"),
    ]
    assert page.evaluate("document.querySelector('input[type=color]').value") == "#ffffff"
    assert page.evaluate("location.hash") == "#/demo/landscape.jpg?f=jpg&w=60"

    write(page, "#option-f", "webp")
    write(page, "#option-p", "faded")
    write(page, "#option-bg", "tomato")
    page.wait_for("document.querySelector('#result-facts').textContent.includes('webp')", "it is another")
    sliders = page.evaluate(SLIDERS)
    assert (sliders["q"][1], sliders["saturation"][1:]) == ("75", ["0.3", "default 0.3"])
    assert page.evaluate("document.querySelector('input[type=color]').value") == "#ff6347"  # by CSS

    write(page, "#option-f", "")
    write(page, "#option-p", "card")  # which has f=auto: AVIF, in this browser
    page.wait_for("document.querySelector('#result-facts').textContent.includes('avif')", "it is another")
    assert page.evaluate(unset)[6] == "default auto"
    assert page.evaluate(SLIDERS)["q"][1] == "78"

    # A slider sets its option when it is moved, and takes it away at an end that stands for none.
    page.evaluate("document.querySelector('[aria-label=\"blur, slider\"]').focus()")
    press(page, "ArrowRight", 3)
    assert page.evaluate("document.querySelector('#option-blur').value") == "0.3"
    press(page, "ArrowLeft", 1)
    assert page.evaluate("document.querySelector('#option-blur').value") == ""
    assert "blur" not in page.evaluate("location.hash")


def test_another_handler_shows_a_picture_that_it_has(chromium: Chromium, site: str) -> None:
    page = play(chromium.page(), site, "/demo/landscape.jpg?w=60")
    shows = "[handler.value, picture.value, document.querySelector('#problem').textContent]"
    for name, key, width in (
        ("yours", "logo.png", 60),  # the first: what is no picture, or has no URL, is not offered
        ("demo", "logo.png", 60),  # which it has, too
        ("signed", "logo.png", 60),
    ):
        write(page, "#handler", name, event="change")
        page.wait_for(f"location.hash.startsWith('#/{name}/{key}') && ({SETTLED})", "its picture shows")
        assert page.evaluate(shows) == [name, key, ""]
        assert shown(page)[0] == width
    assert page.evaluate("document.querySelector('#grant-field').hidden")  # all URLs are signed anyway
    assert page.problems == []
    play(page, site, "/yours/?w=30", wait=f"location.hash.includes('logo.png') && ({SETTLED})")
    keys = "[...picture.options].map(e => e.value)"
    assert page.evaluate(keys) == ["logo.png", "my cat.png", ""]


def paste(page: Page, tag: str) -> None:
    """A page of nothing but the tag, as somebody has it who knows only HTML."""
    frame = page.call("Page.getFrameTree")["frameTree"]["frame"]["id"]
    page.evaluate(WATCH_SHIFTS)
    html = f"<!doctype html><title>My page</title><p>Look:</p>{tag}<p>Nice."
    page.call("Page.setDocumentContent", frameId=frame, html=html)


def test_a_picture_is_made_and_copied_and_works_in_a_page_of_its_own(chromium: Chromium, site: str) -> None:
    """From the demo's first page to a `<picture>` in another page, by what can be seen and clicked."""
    page = chromium.page()
    page.open(f"{site}/")
    page.click(".hero .button")
    page.wait_for(f"location.pathname === '/-/playground' && document.body && ({SETTLED})", "it is there")
    page.call(
        "Browser.grantPermissions", origin=site, permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    page.call("Page.bringToFront")
    write(page, "#option-w", "400")
    page.wait_for("document.querySelector('#result').naturalWidth === 400", "the change shows")
    page.click("#go")
    assert page.evaluate("document.querySelector('#to-copy').getBoundingClientRect().top") < 400
    assert "only a decoration" in page.text("#alt-note")
    write(page, "#alt", "A lake")
    page.wait_for(f"document.querySelector('#alt-note').hidden && ({SETTLED})", "the text is in the tags")
    assert page.evaluate("[widths.value, sizes.value]") == [
        "200, 400, 800",
        "(max-width: 400px) 100vw, 400px",
    ]
    page.click("#code-picture button")
    page.wait_for("document.querySelector('#code-picture button').textContent === 'Copied'", "it is copied")
    tag = page.evaluate("navigator.clipboard.readText()")
    assert tag == code(page, "picture")

    for width, scale, shown_width, asked in ((1280, 1, 400, 400), (1280, 2, 400, 800), (320, 1, 304, 400)):
        other = chromium.page()
        other.look(width, 800, scale=scale)
        paste(other, tag)
        (url,) = other.shown().values()
        assert url == f"{site}/demo/landscape.jpg?w={asked}&f=avif"
        facts = "[i.alt, i.width, i.width / i.height, i.style.backgroundImage.slice(0, 15)]"
        told = other.evaluate(f"(i => {facts})(document.images[0])")
        assert told[:2] == ["A lake", shown_width]  # a window of 320 less the margins of the page
        assert told[2] == pytest.approx(1.5, abs=0.01)
        assert told[3] == 'url("data:image'
        assert other.evaluate("[document.documentElement.scrollWidth, shift]") == [width, 0]


REACHED = """((e) => {
  const box = e.getBoundingClientRect(), x = Math.min(Math.max(box.x + box.width / 2, 0), innerWidth - 1);
  const heights = [0.2, 0.5, 0.8].map((part) => box.y + box.height * part);
  const ringed = getComputedStyle(e).outlineStyle !== "none" || e.id === "edge"; // whose box has the ring
  const seen = heights.some((y) => e.contains(document.elementFromPoint(x, y)));
  return [e.id || e.ariaLabel || e.textContent, seen && ringed];
})(document.activeElement)"""


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is there. Each thing on the way is in sight, with a ring."""
    for _ in range(80):
        press(page, "Tab")
        name, is_seen = page.evaluate(REACHED)
        assert is_seen, name
        if page.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
            return
    raise AssertionError(f"{selector} cannot be reached")


def test_a_picture_is_made_by_keyboard_alone_on_a_phone(chromium: Chromium, site: str) -> None:
    page = chromium.page(320, 640, dark=True)
    page.open(f"{site}/")
    page.call(
        "Browser.grantPermissions", origin=site, permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    page.call("Page.bringToFront")
    tab_to(page, ".hero .button")
    press(page, "Enter")
    page.wait_for(f"location.pathname === '/-/playground' && document.body && ({SETTLED})", "it is there")
    tab_to(page, "#group-shape summary")
    press(page, "Enter")
    tab_to(page, "#option-w")
    page.call("Input.insertText", text="400")  # in place of what was there
    page.wait_for("document.querySelector('#result').naturalWidth === 400", "the change shows")
    tab_to(page, "#alt")
    page.call("Input.insertText", text="A lake")
    page.wait_for(f"document.querySelector('#alt-note').hidden && ({SETTLED})", "the text is in the tags")
    tab_to(page, "#code-picture button")
    press(page, "Enter")
    page.wait_for("document.querySelector('#code-picture button').textContent === 'Copied'", "it is copied")
    tag = page.evaluate("navigator.clipboard.readText()")
    assert 'alt="A lake"' in tag
    assert "w=400&amp;f=avif 400w" in tag


def test_how_large_it_is_on_the_page_can_be_chosen(chromium: Chromium, site: str) -> None:
    page = play(chromium.page(), site, "/demo/logo.png?w=100&f=webp")
    write(page, "#layout", "fixed")
    page.wait_for(
        "document.querySelector('#code-srcset code').textContent.endsWith('dpr=2 2x')", "two densities"
    )
    assert 'width="100" height="100"' in code(page, "img")
    assert "sizes=" not in code(page, "picture")
    write(page, "#layout", "full")
    page.wait_for("document.querySelector('#sizes').value === '100vw'", "it is as wide as the window")
    assert page.evaluate("widths.value") == "400, 800"  # the original has no more
    write(page, "#widths", "50, 90")
    page.wait_for("document.querySelector('#code-srcset code').textContent.endsWith(' 90w')", "own widths")
    assert page.evaluate("layout.value") == ""


def test_a_handler_that_signs(chromium: Chromium, site: str) -> None:
    page = play(chromium.page(), site, "/signed/logo.png?w=200&f=webp")
    assert shown(page) == [200, 200]
    url = code(page, "url")
    assert url.startswith(f"{site}/signed/logo.png?w=200&f=webp&t=")
    assert page.text("#code-url h3") == "Signed URL"
    assert "verdict: " in code(page, "explain")
    assert code(page, "picture").count("t=") >= 4
    expires = (
        "const e = document.querySelector('#expires'); e.value = '3600'; e.dispatchEvent(new Event('input'))"
    )
    page.evaluate(expires)
    page.wait_for("document.querySelector('#code-url code').textContent.includes('&e=')", "it ends")
    assert page.problems == []


def test_text_and_failures_are_shown(chromium: Chromium, site: str) -> None:
    page = play(chromium.page(), site, "/demo/logo.png?f=json")
    assert json.loads(page.text("#result-text"))["width"] == 800
    assert "no picture" in code(page, "picture")
    play(page, site, "/demo/no-such-picture.jpg?w=100", wait="!problem.hidden")
    assert page.text("#problem").startswith("404: the origin answers not-found")

    write(page, "#address", "/demo/logo.png?w=100&gray&p=nosuch&utm_source=x")
    page.wait_for("problem.textContent.includes('bad-request')", "the refusal is told")
    assert page.text("#problem").endswith("got 'nosuch'; there are card, faded")
    assert page.text("#note").split(". ") == [
        "Ignored, since no option here has this name: utm_source",
        "Ignored, since it has no value behind =: gray",
    ]
    write(page, "#address", "/nowhere/logo.png")
    page.wait_for("problem.textContent.includes('No handler')", "the wrong place is told")
    assert page.text("#note") == ""


HOSTILE = '"><img src=x onerror=pwned=1><svg onload=pwned=1>'


@pytest.mark.parametrize(
    "address",
    [
        f"/demo/{HOSTILE.replace('/', '')}.jpg?w=10",
        f"/demo/logo.png?w=10&dl={HOSTILE}",
        f"/demo/logo.png?w=10&{HOSTILE}=1&fit={HOSTILE}",
        f"/{HOSTILE}/logo.png",
        "javascript:pwned=1",
        "//evil.example/demo/logo.png?w=10",
        "/demo/../-/metrics?w=1",
        "/demo/%zz",
    ],
)
def test_no_address_becomes_markup_or_a_script(chromium: Chromium, site: str, address: str) -> None:
    page = chromium.page()
    page.evaluate("1")
    play(page, site, address, wait=f"!problem.hidden || ({SETTLED})")
    assert page.evaluate(
        "[typeof pwned, document.scripts.length, document.querySelectorAll('svg, img').length]"
    ) == [
        "undefined",
        1,
        5,
    ]
    assert {url.split("/")[2] for _, url in page.requests if url.startswith("http")} == {site.split("/")[2]}


def test_it_works_by_keyboard(chromium: Chromium, site: str) -> None:
    page = play(chromium.page(), site)
    page.evaluate("document.querySelector('#edge').focus()")
    press(page, "ArrowRight", 5)
    assert page.evaluate("document.querySelector('#compare-box').style.getPropertyValue('--edge')") == "55%"
    assert page.evaluate("getComputedStyle(document.querySelector('#compare-box')).outlineStyle") == "solid"
    page.evaluate("document.querySelector('#handler').focus()")
    visited = []
    for _ in range(90):
        press(page, "Tab")
        visited.append(
            page.evaluate(
                "(e => [e.id || e.getAttribute('aria-label') || e.className || e.tagName,"
                " !!(e.labels?.length || e.ariaLabel || e.textContent.trim()),"
                " getComputedStyle(e).outlineStyle !== 'none' || e.id === 'edge'])(document.activeElement)"
            )
        )
    names = [name for name, _, _ in visited]
    assert {"picture", "address", "edge", "reset", "option-w", "option-f", "base", "Copy URL"} <= set(names)
    # Whatever can be reached has a name, and shows that it was.
    assert [name for name, named, ringed in visited if not (named and ringed) and name != "BODY"] == []


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_overflows(chromium: Chromium, site: str, tmp_path: Path, width: int) -> None:
    page = chromium.page(width)
    for address in ("/demo/landscape.jpg?w=600&f=auto", f"/demo/{'a' * 200}.jpg?w=10&dl={'b' * 150}"):
        play(page, site, address, wait="!problem.hidden || !document.querySelector('#compare-box').hidden")
        page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        for dark in (False, True):
            page.look(width, dark=dark)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (sum(map(int, colour[4:-1].split(","))) < 3 * 128) == dark
            assert least_contrast(page) >= (4.5, "")
    page.open(f"{site}/")
    for dark in (False, True):
        page.look(width, dark=dark)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(tmp_path / "page.png")
        assert pictures.opened((tmp_path / "page.png").read_bytes()).size == (width, 800)


def least_contrast(page: Page) -> tuple[float, str]:
    """The least contrast of a text to what is behind it, by WCAG 2.2, and where. What lies on pictures does
    not count."""
    ratio, where = page.evaluate(
        """(() => {
              const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
              const light = (colour) => numbers(colour).slice(0, 3).map((c) => c / 255)
                .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
                .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
              const behind = (e) => {
                for (; e; e = e.parentElement) {
                  const colour = getComputedStyle(e).backgroundColor;
                  if ((numbers(colour)[3] ?? 1) === 1) return colour;
                }
              };
              let least = [21, ""];
              const texts = "h1, h2, h3, p, label, small, code, pre, dt, dd, span, button, summary, a, input"
                + ", select";
              for (const e of document.querySelectorAll(texts)) {
                if (e.closest(".compare") || !e.checkVisibility()) continue;
                if (["range", "color", "checkbox"].includes(e.type)) continue;
                const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => x - y);
                const ratio = (b + 0.05) / (a + 0.05);
                if (ratio < least[0]) least = [ratio, e.outerHTML.slice(0, 99)];
              }
              return least;
            })()"""
    )
    return float(ratio), str(where)


# The demo page


# Of each picture of a page: what it says, what of it came, and how large it is shown. The browser divides
# `naturalWidth` by the density of the `srcset`, so each is decoded once more, from the cache.
PICTURES = """Promise.all([...document.images].map(async (e) => {
  const again = new Image();
  again.src = e.currentSrc;
  await again.decode();
  const { type } = await (await fetch(e.currentSrc, {
    cache: "force-cache", headers: { accept: "image/avif,image/webp,image/*,*/*;q=0.8" } })).blob();
  return { url: e.currentSrc, alt: e.alt, lazy: e.loading === "lazy", type, pixels: again.naturalWidth,
    shown: e.getBoundingClientRect().width, top: e.getBoundingClientRect().top + scrollY,
    sized: e.hasAttribute("width") && e.hasAttribute("height"), failed: !!e.closest(".failures") };
}))"""
# Slowly, as a reader does who looks at everything.
SCROLL = """(async () => {
  for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) {
    scrollTo(0, y);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  }
})()"""
HEAVY = 750_000  # bytes of the whole page, with PNG and GIF for comparison among them


@pytest.mark.parametrize(("width", "scale", "dark"), [(320, 2, True), (1280, 1, False)])
def test_the_demo_is_a_good_page(chromium: Chromium, site: str, width: int, scale: int, dark: bool) -> None:
    """What Lighthouse asks of a page, as far as it does not depend on the machine: nothing moves, pictures
    come in the size and format that is needed and no sooner, everything can be read, and all is from here."""
    page = chromium.page()
    page.look(width, 800, scale=scale, dark=dark)
    page.open(f"{site}/")
    page.evaluate(WATCH_SHIFTS)
    before = {url for _, url in page.requests}
    page.evaluate(SCROLL)
    every = "(facts => facts.every(f => f.textContent))([...document.querySelectorAll('.facts')])"
    page.wait_for(every, "every picture says what it is")
    assert page.evaluate("shift") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert least_contrast(page) >= (4.5, "")
    assert not [text for text in page.problems if "(Not Found)" not in text]  # the section of failures
    assert {url.split("/")[2] for _, url in page.requests} == {site.split("/")[2]}
    # Each URL once: the line below a picture is from a second, cached answer.
    weights = "performance.getEntries().map(e => [e.name, e.encodedBodySize ?? 0])"
    assert sum(dict(page.evaluate(weights)).values()) < HEAVY

    told: list[dict[str, Any]] = page.evaluate(PICTURES)
    assert len(told) == len({one["url"] for one in told})
    hero, *others = told
    assert (hero["lazy"], hero["type"]) == (False, "image/avif")
    for one in told:
        assert one["alt"]
        assert one["sized"]
        assert one["shown"] <= width
        # The density shows what is too much; a fallback comes as it is while the origin is busy.
        if "dpr=" not in one["url"] and not one["failed"]:
            assert one["pixels"] <= 2 * one["shown"] * scale, one
    assert {one["type"].removeprefix("image/") for one in told} == {"avif", "webp", "jpeg", "png", "gif"}
    assert all(one["lazy"] for one in others if one["top"] > 800)
    assert told[-1]["url"] not in before


def test_the_demo_can_be_read_by_machines(chromium: Chromium, site: str) -> None:
    page = chromium.page()
    page.open(f"{site}/")
    found = page.evaluate("[document.documentElement.lang, document.title, document.contentType]")
    assert found == ["en", "An image origin at work", "text/html"]
    for name in ("viewport", "description"):
        assert page.evaluate(f"document.querySelector('meta[name={name}]').content.length > 20"), name
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(e => +e.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert page.evaluate("[...document.links].every(e => e.textContent.trim())")


def test_the_demo_says_on_one_screen_what_it_is(chromium: Chromium, site: str) -> None:
    page = chromium.page(1280, 800)
    page.open(f"{site}/")
    parts = "document.querySelectorAll('.hero h1, .hero p, .hero li, .hero img')"
    inside = f"[...{parts}].every(e => e.getBoundingClientRect().bottom <= 800)"
    assert page.evaluate(inside)
    page.click(".hero .button")
    page.wait_for("location.pathname === '/-/playground'", "the playground opens")


# Beside the public listener


def test_operators_play_on_their_own_listener(chromium: Chromium, tmp_path: Path) -> None:
    (tmp_path / "originals").mkdir()
    (tmp_path / "originals" / "land.png").write_bytes(pictures.encoded(pictures.field(90, 60), "PNG"))
    public, admin = ports.closed_port(), ports.closed_port()
    config = {
        "handlers": [
            {
                "name": HOSTILE,
                "prefix": "own",
                "source": {"type": "local", "root": str(tmp_path / "originals")},
                "signing": {"keys": ["a-key-of-the-origin-0123456789abcdefgh"]},
            }
        ],
        "http_host": "127.0.0.1",
        "http_port": public,
        "hosts": ["img.example.com"],
        "renderers": 1,
        "drain": 0,
        "cache": {"path": str(tmp_path / "cache")},
        "admin": {"port": admin, "token": TOKEN, "playground": True},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    with serving(tmp_path, "serve", "-c", str(tmp_path / "config.json"), port=public):
        page = play(chromium.page(), f"http://127.0.0.1:{admin}", wait="!problem.hidden")
        assert page.text("#problem").endswith("or the admin token to choose from a list.")
        assert page.evaluate("[codes, compare].every(e => e.hidden)")  # there is nothing yet
        write(page, "#address", "/own/land.png?w=45")
        page.wait_for("problem.textContent.includes('signed')", "the token is asked for")
        assert page.text("#problem").endswith("are signed. This needs the admin token.")
        grant = UrlSigner("", "own", ["a-key-of-the-origin-0123456789abcdefgh"]).grant(
            "land.png", w={"max": 60}
        )
        write(page, "#address", f"/own/land.png?w=30&t={grant}")
        page.wait_for("problem.hidden && document.querySelector('#result').naturalWidth === 30", "it shows")
        assert code(page, "url") == f"https://img.example.com/own/land.png?w=30&t={grant}"
        write(page, "#option-w", "70")
        page.wait_for("!problem.hidden", "it is outside the grant")
        assert "outside the grant" in page.text("#problem")
        write(page, "#grant", "")
        write(page, "#option-w", "45")
        write(page, "#token", TOKEN)
        page.wait_for("problem.hidden && document.querySelector('#result').naturalWidth === 45", "it shows")
        page.wait_for(SETTLED, "all of it is there")
        assert code(page, "url").startswith("https://img.example.com/own/land.png?w=45&t=")
        assert page.evaluate("[typeof pwned, handler.value]") == ["undefined", HOSTILE]
        offered = "[...document.querySelectorAll('#keys option')].map(e => e.value)"
        page.wait_for(f"({offered}).length", "the keys of the folder are offered")
        assert page.evaluate(offered) == ["land.png"]
        assert [text for text in page.problems if "400 (Bad Request)" not in text] == []
        page.open(f"http://127.0.0.1:{public}/-/playground")
        assert "404" in page.text("body")
