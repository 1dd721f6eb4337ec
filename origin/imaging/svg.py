"""Takes out of an SVG what a picture does not need: scripts, foreign objects, events, links out of the file.

svg-hush holds the list of elements and attributes that may stay. Three steps around it: the document is read
within bounds and without entities, then filtered, then every reference that does not stay in the file goes,
since svg-hush lets those to the same host pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

import py_svg_hush

from origin.errors import UnsupportedFormat

MAX_BYTES = 4_000_000
MAX_DEPTH = 100  # elements in each other: svg-hush indents each by its depth
MAX_ELEMENTS = 100_000

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_PICTURES = {"image": ["png", "jpeg", "gif", "webp"]}  # that may be embedded as data: URLs
_IMAGE_DATA = re.compile(r"data:image/(png|jpeg|gif|webp)[;,]", re.IGNORECASE)
_LINKS = ("href", "src")
_ANIMATIONS = ("animate", "set")
# In CSS, with what could spell one of these in another way: escapes, and comments in between.
_SIGNS = ("\\", "/*", "//", "@import")
# A pattern that begins with one character is found in a tenth of the time: `src(`, `image(`, `image-set(`
# with its prefixed form, and `expression(` are read from their ends.
_URL = re.compile(r"""url\( (?<! \wurl\( ) (?! \s* ["']? \s* \# )""", re.VERBOSE)
_CALLS_BACKWARDS = re.compile(r"\( \s* (?: crs | (?:tes-)? egami | noisserpxe ) \b", re.VERBOSE)
_INDENTATION = re.compile(r"\n\s*")


def sanitise_svg(svg: bytes) -> bytes:
    """The same picture as a document that nothing can be made to happen with, in UTF-8.

    It takes up to two seconds for the largest documents. Raises UnsupportedFormat for what is not an SVG, has
    entities of its own, or is larger than the bounds above.
    """
    if len(svg) > MAX_BYTES:
        raise UnsupportedFormat(f"svg: {len(svg)} bytes, more than {MAX_BYTES}")
    root = _read(svg)
    _write_blanks(root)
    root.set("xmlns", _SVG)
    try:
        filtered = py_svg_hush.filter_svg(ElementTree.tostring(root, "utf-8"), _PICTURES)
    except ValueError as exc:
        raise UnsupportedFormat(f"svg: {exc}") from exc
    root = _read(filtered)
    _stay_in_file(root)
    root.set("xmlns", _SVG)
    safe: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return safe


def _read(svg: bytes) -> ElementTree.Element:
    """The document as elements and attributes of SVG alone, without namespaces, comments and instructions."""
    reader = _Reader()
    try:
        return reader.read(svg)
    except (expat.ExpatError, ValueError, LookupError) as exc:
        raise UnsupportedFormat(f"svg: {exc}") from exc


class _Reader:
    """Builds the tree of one document, within the bounds."""

    def __init__(self) -> None:
        self._builder = ElementTree.TreeBuilder()
        self._depth = self._elements = 0
        self._foreign = 0  # depth within an element that is not SVG
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.EntityDeclHandler = _refuse_entity
        self._parser.SkippedEntityHandler = _refuse_entity

    def read(self, svg: bytes) -> ElementTree.Element:
        self._parser.Parse(svg, True)
        root = self._builder.close()
        if root.tag != "svg":
            raise ValueError("not an SVG document")
        return root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise ValueError(f"more than {MAX_ELEMENTS} elements, or {MAX_DEPTH} in each other")
        namespace, _, local = name.rpartition(" ")
        if self._foreign or namespace != _SVG:
            if self._depth == 1:
                raise ValueError("not an SVG document")
            self._foreign += 1
            return
        self._builder.start(local, dict(_own_attributes(attributes)))

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._foreign:
            self._foreign -= 1
        else:
            self._builder.end(name.rpartition(" ")[2])

    def _text(self, text: str) -> None:
        if not self._foreign:
            self._builder.data(text)


def _own_attributes(attributes: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in attributes.items():
        namespace, _, local = name.rpartition(" ")
        if not namespace or (namespace == _XLINK and local == "href" and "href" not in attributes):
            yield local, value


def _refuse_entity(name: str, *_: object) -> NoReturn:
    raise ValueError("it declares or uses entities")


def _write_blanks(root: ElementTree.Element) -> None:
    """Make blanks of line ends, which mean the same, so that svg-hush's indentation can be told from text."""
    for element in root.iter():
        element.text = (element.text or "").replace("\n", " ")
        element.tail = (element.tail or "").replace("\n", " ")


def _stay_in_file(root: ElementTree.Element) -> None:
    """Remove references to anything but the document itself and pictures embedded in it."""
    for element in root.iter():
        if element.tag in _ANIMATIONS and "attributeName" not in element.attrib:
            element.attrib.clear()  # svg-hush took out what it would have changed
        for name, value in list(element.items()):
            if _leaves_file(name, value):
                del element.attrib[name]
        if element.tag == "style" and _names_another_file("".join(element.itertext())):
            element.clear()
        for place in ("text", "tail"):
            if _INDENTATION.fullmatch(getattr(element, place) or ""):
                setattr(element, place, None)


def _leaves_file(name: str, value: str) -> bool:
    if name in _LINKS:
        return not (value.startswith("#") or _IMAGE_DATA.match(value))
    return _names_another_file(value)


def _names_another_file(css: str) -> bool:
    css = css.lower()
    if any(sign in css for sign in _SIGNS) or _URL.search(css):
        return True
    return _CALLS_BACKWARDS.search(css[::-1]) is not None
