"""What the tests of attacks share: an origin over a bucket that notes what it is asked, and its secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from origin.signing import UrlSigner
from tests.support.fake_s3 import Bucket
from tests.support.running import settings

KEY = "canary-signing-key-of-more-than-32-characters"
ACCESS, SECRET, SESSION = "CANARYACCESSKEYID", "canary-secret-access-key", "canary-session-token"
ADMIN = "canary-admin-token-0123456789"


def configured(stock: Bucket, folder: Path) -> dict[str, Any]:
    """`h` is open, `s` and `other` are signed with the same key, `default` answers as by default."""
    config = settings(folder, folder / "cache", error_status="exact")
    keys = {"access_key": ACCESS, "secret_key": SECRET, "session_token": SESSION}
    handler = config["handlers"][0] | {"source": stock.source(**keys)}
    signing = {"signing": {"keys": [KEY]}}
    config["handlers"] = [
        handler,
        handler | {"name": "s"} | signing,
        handler | {"name": "other"} | signing,
        handler | {"name": "default", "error_status": 404},
    ]
    return config | {"admin": {"token": ADMIN}}


def url(key: str, prefix: str = "s", **options: Any) -> str:
    return UrlSigner("http://x", prefix, [KEY]).url(key, **options).removeprefix("http://x")


GOOD = url("cat.jpg", w=40)
TOKEN = GOOD.rpartition("t=")[2]
