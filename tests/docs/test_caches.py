"""docs/caches.md: its programs compute what the origin computes. Its recipes are tested in tests/system."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from origin.config.handler import Handler
from origin.delivery.responses import STALE_MAX_AGE
from origin.http.caching import surrogate_tags
from origin.http.negotiation import accept_class
from origin.urls.options import OPTIONS
from tests.support.documents import code
from tests.support.documents import need
from tests.support.documents import page

CACHES = page("docs/caches.md")
CLASSES = {"avif": "image/avif", "webp": "image/webp", "plain": "image/*"}
ACCEPTS = [
    "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5",
    "image/*,*/*;q=0.8",
    "*/*",
    "",
]


def test_the_tags_are_computed_as_the_page_says() -> None:
    given = "import hashlib\nhandler_name, key = 'photos', '2024/cat.jpg'\n"
    program = f"{given}{CACHES.block('python', 'sha256')}print(handler_tag, original_tag)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert tuple(done.stdout.split()) == surrogate_tags("photos", "2024/cat.jpg")


@pytest.mark.parametrize("accept", ACCEPTS)
def test_the_function_for_cloudfront_folds_accept_as_the_origin_does(accept: str) -> None:
    need("node", "nodejs")
    headers = {"accept": {"value": accept}} if accept else {}
    event = json.dumps({"request": {"headers": headers}})
    program = f"{CACHES.block('js', 'handler(event)')}\nconsole.log(handler({event}).headers.accept.value)"
    done = subprocess.run(["node", "-e", program], check=True, capture_output=True, text=True)
    assert done.stdout == f"{CLASSES[accept_class(accept)]}\n"


def test_the_options_for_a_cache_policy_are_all_of_them() -> None:
    (listed,) = re.findall(r"or those of the options \(`([a-z ]+)` and their long names\)", CACHES.line)
    assert listed.split() == [option.name for option in OPTIONS]


def test_the_times_are_keys_of_a_handler() -> None:
    (brief,) = [kept for answer, kept in CACHES.table("| answer | kept for |") if "later" in answer]
    assert brief == f"{STALE_MAX_AGE}, then as above"
    named = {name for row in CACHES.table("| answer | kept for |") for name in code(row[1])} - {"no-store"}
    assert len(named) == 4
    assert named <= Handler.model_fields.keys()
