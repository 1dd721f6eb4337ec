"""HTML as a browser's parser reads it: its tags, with their attributes."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote
from urllib.parse import urlsplit

from origin.signing import decode_query
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from tests.support.signing import verifier

# Texts that end an attribute, a tag or a candidate where something writes them as they are.
ATTACKS = (
    '"><script>alert(1)</script>',
    "' onerror='alert(1)",
    '" onerror="alert(1)',
    "</picture><script>",
    "<!-- -->",
    "&quot;&#34;&amp;",
    "`x`",
    "\u2028\u2029\ufeff\u202e",
    "日本語 🐈",
    "{{ 7*7 }}{% x %}",
    "a, b 2x",
)

Tag = tuple[str, dict[str, str | None]]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[Tag] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), "an attribute comes twice"
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read_tags(text: str) -> list[Tag]:
    """The start tags of a text that holds nothing beside tags."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.text.strip() == ""
    return reader.tags


def read_tag(text: str) -> dict[str, str | None]:
    """The attributes of the one tag."""
    ((_, attributes),) = read_tags(text)
    return attributes


def list_urls(text: str) -> list[str]:
    """Every URL in the `src` and `srcset` of the tags."""
    urls = []
    for _, attributes in read_tags(text):
        urls += [attributes["src"] or ""] if "src" in attributes else []
        urls += [part.split()[0] for part in (attributes.get("srcset") or "").split(", ") if part]
    return urls


def key_of(url: str, prefix: str) -> str:
    return unquote(urlsplit(url).path).removeprefix(f"/{prefix}/")


def check_urls(text: str, least: int = 1) -> list[str]:
    """The URLs of img.example.com in a text, all of which the origin takes; a token in one is right."""
    urls = re.findall(r"https://img\.example\.com/photos/[^\s\"'<>)]+", unescape(text))
    assert len(urls) >= least, text
    for url in urls:
        parts = urlsplit(url)
        pairs = decode_query(parts.query.encode())
        parse_options([pair for pair in pairs if pair[0] not in (b"t", b"e")], OptionDefaults())
        if any(name == b"t" for name, _ in pairs):
            assert verifier.verify(key_of(url, "photos"), pairs, 0).accepted, url
    return urls
