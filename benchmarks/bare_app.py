"""`python -m benchmarks.bare_app FILE PORT`: uvicorn as ours has it, and nothing behind it but one body."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import uvicorn


def main() -> None:
    body = Path(sys.argv[1]).read_bytes()
    head = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"image/jpeg"), (b"content-length", b"%d" % len(body))],
    }

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(head)
        await send({"type": "http.response.body", "body": body})

    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[2]),
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
        ws="none",
    )


if __name__ == "__main__":
    main()
