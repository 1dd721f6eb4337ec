"""A real browser: Chromium without a window, driven over its DevTools protocol.

    with browser() as chromium:
        page = chromium.page(width=320, dark=True)
        page.open("http://127.0.0.1:8080/upload.html")
        page.click("button")
        page.wait_for("document.querySelector('img')?.complete", "the picture is there")
        page.screenshot(tmp_path / "narrow.png")

It talks over a pipe (`--remote-debugging-pipe`), so that no port is open, and reaches loopback alone.
https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.running import PATIENCE

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_NOWHERE = "127.0.0.1:9"  # a proxy that is not there; loopback goes past it
_FLAGS = [
    "--headless=new",
    "--remote-debugging-pipe",
    f"--proxy-server={_NOWHERE}",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--disable-back-forward-cache",  # a page that was left is gone
    "--disable-dev-shm-usage",
    # What opens below the address bar is pages as well, in a process of their own.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-startup-window",
]
# What it says to a question about a page that goes meanwhile.
_LEFT = ("navigated or closed", "Cannot find context", "context was destroyed", "Promise was collected")
# The browser reads 3 and writes 4; no shell can be relied upon to move descriptors of two digits there.
_EXEC = """
import fcntl, os, sys
out_of_the_way = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for number, descriptor in zip((3, 4), out_of_the_way):
    os.dup2(descriptor, number)
    os.close(descriptor)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_browser() -> str | None:
    """The program; None where there is none."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


class BrowserError(Exception):
    """The browser has not done what it was asked for."""


class PageLeft(BrowserError):
    """The page was left while it was asked: another one is there, or will be."""


class Chromium:
    """The browser itself: commands, their results, and the events in between."""

    def __init__(self, send: int, receive: int, log: Path) -> None:
        self._send = send
        self._receive = receive
        self._log = log
        self._numbers = itertools.count(1)
        self._received = b""
        self._pages: dict[str, Page] = {}
        self._empty: str | None = None

    def page(self, width: int = 1280, height: int = 800, *, dark: bool = False) -> Page:
        """An empty tab with a window of so many CSS pixels; `dark`: what its user prefers."""
        target, self._empty = self._empty, None
        if target is None:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, target)
        for domain in ("Page", "Network", "Runtime", "Log", "DOM"):
            page.call(f"{domain}.enable")
        page.look(width, height, dark=dark)
        return page

    def close_pages(self) -> None:
        """Each is a process, and takes memory until it is closed. One stays for the next test, empty: what it
        pretended to be ends with its session, and to start another takes 0.2 s."""
        for session, page in self._pages.items():
            if self._empty is None:
                page.call("Page.navigate", url="about:blank")
                self.call("Target.detachFromTarget", sessionId=session)
                self._empty = page.target
            else:
                self.call("Target.closeTarget", targetId=page.target)
        self._pages.clear()

    def call(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """The result of a command. Raises BrowserError."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        text = memoryview(json.dumps(message).encode() + b"\0")
        try:
            while text:
                text = text[os.write(self._send, text) :]
        except BrokenPipeError:
            raise self._ended() from None
        while (answer := self._next()).get("id") != number:
            self._tell(answer)
        if "error" in answer:
            left = any(text in answer["error"]["message"] for text in _LEFT)
            raise (PageLeft if left else BrowserError)(f"{method}: {answer['error']}")
        return answer["result"]

    def _next(self) -> Any:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._receive], [], [], max(deadline - time.monotonic(), 0))
            piece = os.read(self._receive, 1 << 20) if ready else b""
            if not piece:
                raise self._ended() if ready else BrowserError("the browser does not answer")
            self._received += piece
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)

    def _ended(self) -> BrowserError:
        return BrowserError(f"the browser has ended: {self._log.read_text()[-2000:]}")

    def _tell(self, event: Any) -> None:
        page = self._pages.get(event.get("sessionId", ""))
        if page is not None:
            page.note(event["method"], event["params"])


class Page:
    """One tab. `requests` has method and URL of all that it has sent, `problems` what it complains of."""

    def __init__(self, chromium: Chromium, session: str, target: str) -> None:
        self.target = target
        self.requests: list[tuple[str, str]] = []
        self.problems: list[str] = []
        self._chromium = chromium
        self._session = session

    def call(self, method: str, **parameters: Any) -> Any:
        return self._chromium.call(method, self._session, **parameters)

    def note(self, event: str, told: Any) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append((told["request"]["method"], told["request"]["url"]))
        elif event == "Runtime.exceptionThrown":
            self.problems.append(str(told["exceptionDetails"].get("exception", told)))
        elif event == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.problems.append(" ".join([told["entry"]["text"], told["entry"].get("url", "")]))

    def look(self, width: int, height: int = 800, *, dark: bool = False, scale: float = 1) -> None:
        """Change the window, in CSS pixels, and what its user prefers."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        """Returns when all that the page names is loaded."""
        result = self.call("Page.navigate", url=url)
        if "errorText" in result:
            raise BrowserError(f"{url}: {result['errorText']}")
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'", "it is loaded")

    def evaluate(self, script: str) -> Any:
        """The value of an expression, of a promise the one that it comes to. Raises BrowserError."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise BrowserError(f"{script}: {result['result'].get('description', result)}")
        return result["result"].get("value")

    def wait_for(self, script: str, what: str) -> Any:
        """Poll until the expression is true, in whatever page is there; its value. Raises BrowserError, which
        says `what`."""
        deadline = time.monotonic() + PATIENCE
        pause = 0.01  # seconds; each look keeps the browser from what is waited for
        while True:
            left: PageLeft | None = None
            try:
                if value := self.evaluate(script):
                    return value
            except PageLeft as error:
                left = error
            if time.monotonic() > deadline:
                raise BrowserError(f"waited in vain until {what}; {self.problems}") from left
            time.sleep(pause)
            pause = min(1.3 * pause, 0.1)

    def text(self, selector: str) -> str:
        """What a reader sees of an element."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def shown(self) -> dict[str, str]:
        """The URL that was picked for each picture, by its alternative text. Raises BrowserError unless all
        arrive."""
        loaded = "[...document.images].every(i => i.complete && i.naturalWidth)"
        self.wait_for(f"document.images.length && {loaded}", "every picture is there")
        picked = self.evaluate("[...document.images].map(i => [i.alt, i.currentSrc])")
        urls: dict[str, str] = dict(picked)
        assert len(urls) == len(picked), "two pictures have one text"
        return urls

    def choose_file(self, selector: str, *files: Path) -> None:
        """As a user does in the dialogue of an <input type=file>."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])

    def click(self, selector: str) -> None:
        """Press and release the mouse in the middle of an element."""
        box = self.evaluate(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect();"
            f" return [b.x + b.width / 2, b.y + b.height / 2] }})"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            event = {"type": kind, "x": box[0], "y": box[1], "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", **event)

    def screenshot(self, file: Path) -> None:
        """A PNG of the window."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser() -> Iterator[Chromium]:
    """A browser with a profile of its own, which is gone at the end."""
    program = find_browser()
    assert program, "chromium is not installed"
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        theirs, send = os.pipe()
        receive, ours = os.pipe()
        with (folder / "log").open("wb") as log:
            command = [program, *_FLAGS, f"--user-data-dir={name}"]
            if os.geteuid() == 0:
                command.append("--no-sandbox")  # which root cannot have
            process = subprocess.Popen(
                [sys.executable, "-c", _EXEC, str(theirs), str(ours), *command],
                pass_fds=(theirs, ours),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": name},
            )
        os.close(theirs)
        os.close(ours)
        try:
            yield Chromium(send, receive, folder / "log")
        finally:
            os.close(send)  # which ends it
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(receive)
