"""What is left of hostile SVGs, judged by a parser and by the text, and that pictures look as before."""

from __future__ import annotations

import re
from xml.dom import minidom

import numpy as np
import pytest

from origin.errors import UnsupportedFormat
from origin.formats import Format
from origin.formats import sniff
from origin.imaging.pipeline import render
from origin.imaging.svg import MAX_BYTES
from origin.imaging.svg import MAX_DEPTH
from origin.imaging.svg import MAX_ELEMENTS
from origin.imaging.svg import sanitise_svg
from tests.support import pictures
from tests.support.cases import check_each
from tests.support.jobs import job

NAMESPACES = (
    'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:h="http://www.w3.org/1999/xhtml" xmlns:ev="http://www.w3.org/2001/xml-events"'
)
PIXEL = "data:image/png;base64,iVBORw0KGgo="
# What browsers run, fetch or follow: OWASP's cheat sheets, html5sec.org, the SVG and CSS specifications.
VECTORS = {
    "script": "<script>alert(1)</script>",
    "script in CDATA": "<script><![CDATA[alert(1)]]></script>",
    "script by reference": '<script href="https://evil.example/x.js"/>',
    "script by xlink": '<script xlink:href="data:text/javascript,alert(1)"/>',
    "script of XHTML": "<h:script>alert(1)</h:script>",
    "script with a prefix": '<s:script xmlns:s="http://www.w3.org/2000/svg">alert(1)</s:script>',
    "script within what is foreign": "<x xmlns='urn:x'><script xmlns='http://www.w3.org/2000/svg'/></x>",
    "script in another case": "<SCRIPT>alert(1)</SCRIPT>",
    "script behind a character reference": "<script>&#97;lert(1)</script>",
    "onload": '<g onload="alert(1)"/>',
    "onclick": '<rect onclick="alert(1)" width="9" height="9"/>',
    "event in another case": '<rect ONCLICK="alert(1)" onMouseOver="alert(1)"/>',
    "event with a new name": '<rect onbeforetoggle="alert(1)" onfuture="alert(1)"/>',
    "event of an animation": '<animate onbegin="alert(1)" attributeName="x" dur="1s"/>',
    "event over lines": '<rect onfocus\n=\n"alert(1)" tabindex="1"/>',
    "handler": '<handler type="text/javascript" ev:event="load">alert(1)</handler>',
    "listener": '<ev:listener event="load" handler="#a"/>',
    "foreignObject": "<foreignObject><h:body><h:img src='x' onerror='alert(1)'/></h:body></foreignObject>",
    "foreignObject with a frame": '<foreignObject><h:iframe src="javascript:alert(1)"/></foreignObject>',
    "form in foreignObject": '<foreignObject><h:form action="https://evil.example"/></foreignObject>',
    "frame": '<h:iframe src="https://evil.example"/>',
    "embed": '<h:embed src="https://evil.example/x.swf"/>',
    "object": '<h:object data="https://evil.example/x.html"/>',
    "video": '<h:video src="https://evil.example/x.mp4"/><video href="https://evil.example/x.mp4"/>',
    "audio": '<audio xlink:href="https://evil.example/x.mp3"/>',
    "meta refresh": '<h:meta http-equiv="refresh" content="0;url=https://evil.example"/>',
    "base": '<h:base href="https://evil.example/"/>',
    "xml:base": '<g xml:base="https://evil.example/"><use href="#a"/></g>',
    "link to a script": '<a href="javascript:alert(1)"><text>x</text></a>',
    "link to a script by xlink": '<a xlink:href="javascript:alert(1)"><text>x</text></a>',
    "link to a script behind blanks": '<a href=" &#9;java&#10;script:alert(1)"><text>x</text></a>',
    "link to a script in another case": '<a href="JaVaScRiPt:alert(1)"><text>x</text></a>',
    "link to data": '<a href="data:text/html,&lt;script&gt;alert(1)&lt;/script&gt;"><text>x</text></a>',
    "link elsewhere": '<a href="https://evil.example/"><text>x</text></a>',
    "link on this host": '<a href="/logout"><text>x</text></a>',
    "link animated": '<a><animate attributeName="href" to="javascript:alert(1)"/><text>x</text></a>',
    "link animated by xlink": '<a><set attributeName="xlink:href" to="javascript:alert(1)"/></a>',
    "link animated by values": '<a><animate attributeName="href" values="javascript:alert(1)"/></a>',
    "event animated": '<rect><set attributeName="onmouseover" to="alert(1)"/></rect>',
    "image elsewhere": '<image href="https://evil.example/pixel.png" width="1" height="1"/>',
    "image by xlink": '<image xlink:href="https://evil.example/pixel.png" width="1" height="1"/>',
    "image without a scheme": '<image href="//evil.example/pixel.png" width="1" height="1"/>',
    "image on this host": '<image href="/private/pixel.png" width="1" height="1"/>',
    "image beside it": '<image href="pixel.png" width="1" height="1"/>',
    "image from a disk": '<image href="file:///etc/passwd" width="1" height="1"/>',
    "image that is an SVG": '<image href="data:image/svg+xml;base64,PHN2Zz4=" width="1" height="1"/>',
    "image with a srcset": '<image srcset="https://evil.example/x 2x" src="https://evil.example/x"/>',
    "use of another file": '<use href="https://evil.example/x.svg#a"/>',
    "use of a file beside it": '<use xlink:href="x.svg#a"/>',
    "use of data": '<use href="data:image/svg+xml;base64,PHN2Zz4=#a"/>',
    "feImage": '<filter id="f"><feImage href="https://evil.example/x.png"/></filter>',
    "paint of another file": '<rect fill="url(https://evil.example/x.svg#a)"/>',
    "filter of another file": '<rect filter="url(x.svg#a)"/>',
    "mask of another file": "<rect mask='url(\"x.svg#a\")'/>",
    "marker of another file": '<path marker-end="url( x.svg#a )" d="M0 0"/>',
    "cursor": '<rect cursor="url(https://evil.example/x.cur)"/>',
    "style with a URL": '<rect style="fill:url(https://evil.example/x#a)"/>',
    "style with an escape": '<rect style="fill:\\75 rl(https://evil.example/x)"/>',
    "style with image-set": "<rect style=\"background:image-set('https://evil.example/x' 1x)\"/>",
    "style with a prefixed image-set": "<rect style=\"background:-webkit-IMAGE-SET ('https://evil.example/x')\"/>",
    "style with an image": "<rect style=\"background:Image\t('https://evil.example/x')\"/>",
    "style with a src": "<rect style=\"background:SRC('https://evil.example/x')\"/>",
    "style with an expression": '<rect style="width:expression(alert(1))"/>',
    "style with a binding": '<rect style="-moz-binding:url(https://evil.example/x.xml#a)"/>',
    "sheet with @import": "<style>@import 'https://evil.example/x.css';</style>",
    "sheet with @import of a URL": "<style>@import url(//evil.example/x.css);</style>",
    "sheet with an escape": "<style>@\\69mport 'https://evil.example/x.css';</style>",
    "sheet with a comment": "<style>rect{fill:u/**/rl(https://evil.example/x)}</style>",
    "sheet with a font": "<style>@font-face{font-family:x;src:url(https://evil.example/x.woff)}</style>",
    "sheet with a local URL": "<style>rect{background:url(/private)}</style>",
    "sheet in CDATA": "<style><![CDATA[@import 'https://evil.example/x.css';]]></style>",
    "sheet that ends early": "<style>&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;</style>",
    "stylesheet instruction": '<?xml-stylesheet href="https://evil.example/x.xsl" type="text/xsl"?>',
    "comment that ends early": "<!--><script>alert(1)</script>-->",
    "animated paint": '<animate attributeName="fill" values="url(https://evil.example/x#a);red"/>',
    "metadata": '<metadata><r xmlns="urn:r" about="https://evil.example">x</r></metadata>',
    "namespace of its own": '<x:g xmlns:x="urn:x" x:href="https://evil.example"/>',
}
ELEMENTS = {"script", "foreignobject", "iframe", "embed", "object", "video", "audio", "handler", "listener"}
HARMFUL = re.compile(
    r"evil\.example|javascript:|attributeName=\"(?:on|href|xlink:href)|\bon\w+\s*=|<!|<\?(?!xml version)"
    r"|@import|expression\(|//(?!www\.w3\.org/2000/svg)"
    r"|(?:href|src)=\"(?!#|data:image/(?:png|jpeg|gif|webp))|url\((?!#|&quot;#)",
    re.IGNORECASE,
)


def document(inside: str) -> bytes:
    return f'<svg {NAMESPACES} width="20" height="10">{inside}<rect width="3" height="3"/></svg>'.encode()


def tags(svg: bytes) -> list[str]:
    return [element.tagName.lower() for element in minidom.parseString(svg).getElementsByTagName("*")]


def test_a_hostile_svg_is_disarmed_or_refused() -> None:
    def check(vector: str) -> None:
        try:
            safe = sanitise_svg(document(vector))
        except UnsupportedFormat:
            return
        assert ELEMENTS.isdisjoint(tags(safe))
        assert HARMFUL.search(safe.decode()) is None
        assert "rect" in tags(safe)  # of the picture behind it
        assert sniff(safe) is Format.SVG

    check_each(VECTORS, check)


@pytest.mark.parametrize("name", ["src", "image", "image-set", "expression", "url"])
def test_a_word_that_only_ends_in_a_name_stays(name: str) -> None:
    kept = f'style="a:my{name}(1)"'
    assert kept in sanitise_svg(document(f"<g {kept}/>")).decode()
    assert "style" not in sanitise_svg(document(f"<g {kept.replace('my', '')}/>")).decode()


def test_the_judges_see_what_is_hostile() -> None:
    """They find each vector as it came."""
    for name, vector in VECTORS.items():
        original = document(vector)
        found = HARMFUL.search(original.decode().replace(NAMESPACES, ""))
        names = {tag.rpartition(":")[2] for tag in tags(original)}
        assert found or names & ELEMENTS or name == "sheet that ends early", name


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "no element"),
        (b"GIF89a", "syntax error"),
        (b"<html/>", "not an SVG"),
        (b"<svg/>", "not an SVG"),
        (b'<html xmlns="urn:html"><svg xmlns="http://www.w3.org/2000/svg"/></html>', "not an SVG"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><g></svg>', "mismatched tag"),
        (b'<svg xmlns="http://www.w3.org/2000/svg">', "no element"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/><svg/>', "junk"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" a="\xff"/>', "invalid token"),
        (b'<?xml version="1.0" encoding="utf-7"?><svg xmlns="http://www.w3.org/2000/svg"/>', "encoding"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><text>&nbsp;</text></svg>', "entity"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"/>', "entities"),
        (
            b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"/>',
            "entities",
        ),
        (
            b'<!DOCTYPE svg [<!ENTITY % a SYSTEM "http://evil.example/x.dtd"> %a;]>'
            b'<svg xmlns="http://www.w3.org/2000/svg"/>',
            "entities",
        ),
    ],
)  # fmt: skip
def test_what_is_no_svg_or_brings_entities_is_refused(document: bytes, reason: str) -> None:
    with pytest.raises(UnsupportedFormat, match=reason):
        sanitise_svg(document)


@pytest.mark.slow
def test_depth_elements_and_bytes_are_bounded() -> None:
    with pytest.raises(UnsupportedFormat, match="in each other"):
        sanitise_svg(document("<g>" * MAX_DEPTH + "</g>" * MAX_DEPTH))
    with pytest.raises(UnsupportedFormat, match="elements"):
        sanitise_svg(document("<g/>" * MAX_ELEMENTS))
    with pytest.raises(UnsupportedFormat, match="bytes"):
        sanitise_svg(document(" " * MAX_BYTES))
    deep = document("<g>" * (MAX_DEPTH - 2) + "</g>" * (MAX_DEPTH - 2))
    assert tags(sanitise_svg(deep)).count("g") == MAX_DEPTH - 2


def test_a_bomb_of_entities_is_refused_before_it_grows() -> None:
    levels = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(12))
    bomb = f'<!DOCTYPE svg [<!ENTITY l0 "lol">{levels}]><svg {NAMESPACES}><text>&l12;</text></svg>'
    with pytest.raises(UnsupportedFormat, match="entities"):
        sanitise_svg(bomb.encode())


DRAWING = f"""
  <defs>
    <linearGradient id="a"><stop stop-color="red"/><stop offset="1" stop-color="blue"/></linearGradient>
    <linearGradient id="b" xlink:href="#a" gradientTransform="rotate(90)"/>
    <clipPath id="c"><circle cx="50" cy="50" r="45"/></clipPath>
    <filter id="f"><feGaussianBlur stdDeviation="2"/></filter>
    <symbol id="s" viewBox="0 0 10 10"><path d="M0 0 L10 0 L5 10 Z"/></symbol>
    <style type="text/css"><![CDATA[
      .line > path {{ stroke: green; fill: none }} g.line {{ stroke-width: 4 }} ]]></style>
  </defs>
  <rect width="200" height="100" fill="url(#b)" clip-path="url(#c)"/>
  <g class="line"><path d="M10 90 C 60 10, 120 10, 190 90"/></g>
  <use xlink:href="#s" x="120" y="10" width="40" height="40" style="fill:url(#a); opacity:.5"/>
  <circle cx="150" cy="70" r="20" filter="url(#f)" transform="skewX(10)"/>
  <image width="30" height="30" xlink:href="{PIXEL}"/>
  <text x="5" y="60" font-family="sans-serif">one<tspan>two</tspan><tspan fill="red">three</tspan>
    <tspan>four</tspan></text>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_drawing_looks_as_before(encoding: str) -> None:
    drawing = f'<svg {NAMESPACES} width="200" height="100">{DRAWING}</svg>'
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>\n<!-- by hand -->\n'
    safe = sanitise_svg((declaration + drawing).encode(encoding))
    assert tags(safe).count("tspan") == 3
    before = render(drawing.encode(), job()).body
    assert np.array_equal(pictures.pixels(render(safe, job()).body), pictures.pixels(before))
    assert len(np.unique(pictures.pixels(before).reshape(-1, 3), axis=0)) > 500  # it shows something


def test_what_is_safe_already_stays_as_it_is() -> None:
    once = sanitise_svg(document(DRAWING))
    assert sanitise_svg(once) == once


def test_names_with_a_prefix_lose_it() -> None:
    prefixed = b'<s:svg xmlns:s="http://www.w3.org/2000/svg" s:x="1"><s:g><s:circle r="1"/></s:g></s:svg>'
    assert tags(sanitise_svg(prefixed)) == ["svg", "g", "circle"]


def test_a_document_type_without_entities_is_dropped() -> None:
    dtd = (
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    )
    assert b"DOCTYPE" not in sanitise_svg(dtd + document("<title>a</title>"))
