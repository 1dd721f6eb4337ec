"""Bodies to post, written by hand (RFC 7578), and a client that posts them as they are."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from collections.abc import Mapping

from tests.support.running import Answer
from tests.support.running import Client
from tests.support.running import Exchange

BOUNDARY = "----x7f0"


def form(
    picture: bytes | None = None, name: str = "file", file_name: str = "a", **fields: str
) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a multipart form: texts first, then the picture."""
    parts = [f'name="{key}"\r\n\r\n'.encode() + value.encode() for key, value in fields.items()]
    if picture is not None:
        head = f'name="{name}"; filename="{file_name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        parts.append(head.encode() + picture)
    start = f"--{BOUNDARY}\r\nContent-Disposition: form-data; ".encode()
    body = b"".join(start + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, body


def post(
    client: Client,
    target: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    length: int | None = None,
    method: str = "POST",
) -> Exchange:
    """Send a request with a body and do not wait. `length` is what its head says of the body's."""
    fields = {"Content-Length": str(len(body) if length is None else length), **(headers or {})}
    exchange = client.send(target, method, fields)
    push(exchange.socket, [body])
    return exchange


def push(connection: socket.socket, pieces: Iterable[bytes]) -> None:
    """Send, for as long as the other end takes it: it may have refused already."""
    try:
        for piece in pieces:
            connection.sendall(piece)
    except (BrokenPipeError, ConnectionResetError):
        pass


def posted(client: Client, target: str, picture: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """The answer to a picture that is the body itself."""
    return post(client, target, picture, headers).answer()


def uploaded(client: Client, target: str, picture: bytes | None, **fields: str) -> Answer:
    """The answer to a picture in a form."""
    headers, body = form(picture, **fields)
    return post(client, target, body, headers).answer()
