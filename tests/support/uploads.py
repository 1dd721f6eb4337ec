"""A client that sends pictures, and configurations of handlers that take them."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN = "bearer-token-of-the-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
KEY = "upload-signing-key-0123456789abcdef"


@dataclass(frozen=True)
class Answered:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str | None:
        return self.headers.get("X-Origin-Error")


def send(
    port: int, method: str, target: str, body: Any = b"", headers: Mapping[str, str] | None = None
) -> Answered:
    """One request on a connection of its own. A body that is an iterator goes out in chunks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answered(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def send_raw(port: int, request: bytes) -> bytes:
    """What comes back for these bytes, behind which the client sends no more."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
        return received


def multipart(
    *parts: tuple[str, str | None, bytes], boundary: str = "border"
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a form: name, file name and content of each field."""
    body = b""
    for name, file_name, content in parts:
        file = "" if file_name is None else f'; filename="{file_name}"'
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n'.encode()
        body += b"Content-Type: application/octet-stream\r\n\r\n" if file else b"\r\n"
        body += content + b"\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return body + f"--{boundary}--\r\n".encode(), headers


def writing(folder: Path, cache: Path, write: dict[str, Any] | None = None, **handler: Any) -> dict[str, Any]:
    """An origin with one handler `up`, which takes pictures into a folder."""
    own = {
        "name": "up",
        "source": {"type": "local", "root": str(folder)},
        "error_status": "exact",
        "write": {"auth": {"bearer": TOKEN}, "methods": ["POST", "PUT", "DELETE"], **(write or {})},
        **handler,
    }
    return {"handlers": [own], "cache": {"path": str(cache)}, "renderers": 1}


def files(folder: Path) -> set[str]:
    """Every file below a folder, those of the store's own included."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def pictures_in(folder: Path) -> set[str]:
    """The same without the store's own."""
    return {name for name in files(folder) if "/.origin/" not in f"/{name}"}
