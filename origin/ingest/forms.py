"""What the body of a POST holds: a raw picture, the fields of a form, or a picture as a data URI in one.

multipart/form-data (RFC 7578) is read by python-multipart, piece by piece as it arrives.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from dataclasses import field
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser
from python_multipart.multipart import parse_options_header

from origin.errors import Malformed
from origin.errors import NothingSent
from origin.errors import Unsupported
from origin.http.message import Request
from origin.ingest.spool import Spool
from origin.ingest.urlencoded import UrlencodedParser
from origin.ingest.urlencoded import unescape_data_uri

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # or strangers fill the log with warnings

MULTIPART = b"multipart/form-data"
URLENCODED = b"application/x-www-form-urlencoded"
MAX_PARTS = 50
MAX_TEXT = 8_192  # bytes of a field that is no picture; a longer one is as absent
MAX_PREAMBLE = 8_192  # bytes before the first part, which count for nothing
_EXTENDED_NAME = re.compile(r"""filename\*\s*=\s*utf-8'[^']*'([^\s;"]+)""", re.IGNORECASE)  # RFC 8187
# As the Fetch standard reads one (section 6): in any case, with spaces around it and before "base64".
_DATA_URI = re.compile(rb"\s*data:image/[^,;]{1,60}(?:;[^,;]{0,60}){0,4};\s*base64\s*,", re.IGNORECASE)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


@dataclass
class Form:
    """What came. `spool` holds the picture, or the text of its data URI."""

    spool: Spool
    file_name: str = ""  # as the client calls it
    is_data_uri: bool = False
    is_escaped: bool = False  # whether its text is still that of application/x-www-form-urlencoded
    pairs: list[tuple[str, str]] = field(default_factory=list)

    @property
    def fields(self) -> dict[str, str]:
        """The texts by name; of several with one name the first."""
        return dict(reversed(self.pairs))

    async def picture(self) -> bytes:
        """Raises NothingSent, and Unsupported for a text that is no data URI of a picture."""
        body = await self.spool.read()
        if not body:
            raise NothingSent("there is no picture in the request")
        return await asyncio.to_thread(self._decode, body) if self.is_data_uri else body

    def _decode(self, text: bytes) -> bytes:
        return decode_data_uri(unescape_data_uri(text) if self.is_escaped else text)


def decode_data_uri(text: bytes) -> bytes:
    """The bytes of `data:image/...;base64,...` (RFC 2397). Padding may be missing. Raises Unsupported."""
    match = _DATA_URI.match(text[:400])
    if match is None:
        raise Unsupported("expected data:image/...;base64,...")
    data = text[match.end() :].translate(None, b" \t\r\n").rstrip(b"=")
    if _NOT_BASE64.search(data):
        raise Unsupported("the data URI is not base64")
    try:
        return base64.b64decode(data + b"=" * (-len(data) % 4))
    except binascii.Error:
        raise Unsupported("the data URI is not base64") from None


def content_type(request: Request) -> bytes:
    """The media type of the body, in lower case."""
    return (request.header(b"content-type") or "").partition(";")[0].strip().lower().encode("latin-1")


async def read_form(
    request: Request, pieces: AsyncIterator[bytes], spool: Spool, name: str, data_uri: bool
) -> Form:
    """Read a body to its end. `name` is the field of the picture, which with `data_uri` may be a text too.

    Raises Malformed and what `pieces` raises.
    """
    form, kind = Form(spool), content_type(request)
    if kind == MULTIPART:
        await _Multipart(request, form, name, data_uri).read(pieces)
    elif kind == URLENCODED:
        await _read_urlencoded(pieces, form, name, data_uri)
    else:
        async for piece in pieces:
            spool.write(piece)
    return form


async def _read_urlencoded(pieces: AsyncIterator[bytes], form: Form, name: str, data_uri: bool) -> None:
    def is_picture(field_name: str) -> bool:
        if field_name != name or not data_uri or form.spool.size:
            return False
        form.is_data_uri = form.is_escaped = True
        return True

    parser = UrlencodedParser(
        is_picture,
        form.spool.write,
        lambda field_name, value: form.pairs.append((field_name, value)),
        max_fields=MAX_PARTS,
        max_text=MAX_TEXT,
    )
    async for piece in pieces:
        parser.write(piece)
    parser.end()


class _Multipart:
    """The parts of a multipart body: the first file in the field of the picture, and short texts."""

    def __init__(self, request: Request, form: Form, name: str, data_uri: bool) -> None:
        self._form = form
        self._name = name
        self._data_uri = data_uri
        self._parts = 0
        self._header = self._value = b""
        self._disposition = self._type = self._field = ""
        self._text: bytearray | None = None  # of the field that arrives
        self._is_picture = False
        self._ended = False
        _, parameters = parse_options_header(request.header(b"content-type"))
        boundary = parameters.get(b"boundary", b"")
        if not 1 <= len(boundary) <= 70:  # RFC 2046 section 5.1.1
            raise Malformed("a multipart body needs a boundary of 1 to 70 characters")
        self._boundary = boundary
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._on_header_name,
                "on_header_value": self._on_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    async def read(self, pieces: AsyncIterator[bytes]) -> None:
        try:
            async for piece in self._from_first_part(pieces):
                self._parser.write(piece)
        except FormParserError:
            raise Malformed("the multipart body cannot be read") from None
        if not self._ended:
            raise Malformed("the multipart body ends before its last boundary")

    async def _from_first_part(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The body without its preamble, which is to be ignored (RFC 2046 section 5.1.1)."""
        line_end, delimiter = b"\r\n", b"\r\n--" + self._boundary
        head: bytes | None = line_end  # what the first line would end
        async for piece in pieces:
            if head is None:
                yield piece
                continue
            head += piece
            start = head.find(delimiter)
            preamble = start if start >= 0 else len(head) - len(delimiter)
            if preamble > MAX_PREAMBLE:
                raise Malformed("the multipart body does not begin with its boundary")
            if start >= 0:
                yield head[start + len(line_end) :]
                head = None

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Malformed(f"a form has at most {MAX_PARTS} fields")
        self._header = self._value = b""
        self._disposition = self._type = self._field = ""
        self._text, self._is_picture = None, False

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value.decode("utf-8", "replace")
        elif self._header.lower() == b"content-type":
            self._type = self._value.decode("latin-1").strip().lower()
        self._header = self._value = b""

    def _end_headers(self) -> None:
        _, parameters = parse_options_header(self._disposition.encode("utf-8").decode("latin-1"))
        self._field = parameters.get(b"name", b"").decode("utf-8", "replace")
        file_name = self._file_name(parameters.get(b"filename"))
        wanted = self._field == self._name and not self._form.spool.size
        if file_name and self._field == self._name and (wanted or self._form.is_data_uri):
            self._form.spool.clear()  # a file counts for more than a text
            self._is_picture, self._form.is_data_uri = True, False
            self._form.file_name = file_name
        elif file_name:
            return
        elif file_name is None and wanted and self._data_uri:
            self._is_picture = self._form.is_data_uri = True
        elif file_name is None:
            self._text = bytearray()

    def _file_name(self, given: bytes | None) -> str | None:
        """The client's name for the file of a part; None for a text.

        RFC 7578 section 4.2 asks for `filename` and does not demand it: some clients spell it as RFC 8187
        does, and some name the type of a picture alone.
        """
        if given is not None:
            return given.decode("utf-8", "replace")
        if extended := _EXTENDED_NAME.search(self._disposition):
            return unquote(extended[1])
        return "picture" if self._type.startswith("image/") else None

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_picture:
            self._form.spool.write(data[start:end])
        elif self._text is not None:
            self._text += data[start:end]
            if len(self._text) > MAX_TEXT:  # nothing here needs one as long; its form may hold a picture
                self._text = None

    def _end_part(self) -> None:
        if self._text is not None:
            self._form.pairs.append((self._field, self._text.decode("utf-8", "replace")))

    def _end(self) -> None:
        self._ended = True
