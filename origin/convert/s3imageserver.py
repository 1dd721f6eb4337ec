"""s3imageserver: originals of one S3 bucket a handler, resized and kept on disk.

Its settings are a file of JSON, which this origin reads as it is. What is printed here says in our words what
such a file means, with the limits of the old program, and where it differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from origin.convert.conversion import CannotConvert
from origin.convert.conversion import Conversion
from origin.convert.flags import read_flags

HTTP_PORT = 80
MAX_SIDE = 3064  # pixels to which w and h were lowered
QUALITY = {"jpg": 75, "webp": 75}
FORMATS = (".png", ".jpg", ".jpeg", ".gif", ".webp")  # where the file has no allowed_formats
_TOP = {"handlers", "http_port", "https_enabled", "https_strict", "https_port", "https_cert", "https_key"}
_HANDLER = {"name", "prefix", "aws", "error_image", "output_format", "allowed_formats", "cache_path"} | {
    "cache_time",
    "cache_enabled",
}
_AWS = {"bucket_name", "file_path", "aws_access", "aws_secret"}


def config_path(arguments: Sequence[str]) -> str:
    """Where the old program reads its settings: `-c`, else `config.json`. Raises CannotConvert."""
    return read_flags(arguments, {"c": "config.json"})["c"]


def convert(data: Any) -> Conversion:
    """The configuration for the parsed file of the old program. Raises CannotConvert."""
    notes: list[str] = []
    top = _known(data, {*_TOP, "hosts"}, "the file", notes)
    handlers = top.get("handlers")
    if not isinstance(handlers, list) or not handlers:
        raise CannotConvert("handlers: expected a list with at least one entry")
    config = {
        "http_port": top.get("http_port") or HTTP_PORT,
        **({"hosts": top["hosts"]} if top.get("hosts") else {}),
        **_tls(top, notes),
        "limits": {"max_dimension": MAX_SIDE},
        "handlers": [_handler(handler, f"handlers[{i}]", notes) for i, handler in enumerate(handlers)],
    }
    return Conversion(config, (*notes, *_notes(len(handlers))))


def _tls(top: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """HTTPS where the old program really started it: with a certificate, a key and a port of its own."""
    if not top.get("https_enabled"):
        return {}
    own_port = top.get("https_port") and top["https_port"] != (top.get("http_port") or HTTP_PORT)
    if not (top.get("https_cert") and top.get("https_key") and own_port):
        notes.append("https_enabled is left out: without https_cert, https_key and https_port it did nothing")
        return {}
    names = ("https_enabled", "https_port", "https_cert", "https_key")
    tls: dict[str, Any] = {name: top[name] for name in names}
    if top.get("https_strict"):
        if not top.get("hosts"):
            raise CannotConvert(
                "https_strict redirected to whatever host was asked for; add the host names of this server "
                'to the file, as in "hosts": ["img.example.com"]'
            )
        tls["https_strict"] = True
    return tls


def _handler(data: Any, place: str, notes: list[str]) -> dict[str, Any]:
    own = _known(data, _HANDLER, place, notes)
    prefix = own.get("prefix") or own.get("name")
    if not isinstance(prefix, str):
        raise CannotConvert(f"{place}: expected a name or a prefix")
    handler: dict[str, Any] = {
        "name": own.get("name") or prefix,
        "prefix": prefix,
        "source": _source(own.get("aws"), f"{place}.aws", notes),
        "allowed_formats": own.get("allowed_formats") or list(FORMATS),
        "output_format": _output_format(own, place, notes),
        "quality": QUALITY,
        **_cache(own, place, notes),
    }
    if own.get("error_image"):
        handler["error_image"] = own["error_image"]
    else:
        notes.append(f"{place}: without an error_image a failure shows a neutral picture; before, nothing")
    return handler


def _source(data: Any, place: str, notes: list[str]) -> dict[str, Any]:
    if data is None:
        raise CannotConvert(
            f"{place}: missing, so this is no file of s3imageserver; one with `source` needs no conversion"
        )
    aws = _known(data, _AWS, place, notes)
    if not aws.get("bucket_name"):
        raise CannotConvert(f"{place}.bucket_name: without one every request was a 404; drop this handler")
    source = {"type": "s3", "bucket": aws["bucket_name"]}
    folder = aws.get("file_path")
    if folder:
        source["folder"] = folder
        if not str(folder).endswith("/"):
            notes.append(f"{place}.file_path: {folder}/cat.jpg is asked for; before, {folder}cat.jpg")
    access, secret = aws.get("aws_access"), aws.get("aws_secret")
    if bool(access) != bool(secret):
        raise CannotConvert(f"{place}: expected aws_access and aws_secret together")
    if access:
        source |= {"access_key": access, "secret_key": secret}
        notes.append(f"{place}: the secret stands in this configuration; env:NAME keeps it out of it")
    return source


def _output_format(own: Mapping[str, Any], place: str, notes: list[str]) -> str:
    given = str(own.get("output_format") or "webp").removeprefix(".")
    if given != "webp":
        notes.append(f"{place}.output_format: {given} counts now; before, every answer without f was WebP")
    return given


def _cache(own: Mapping[str, Any], place: str, notes: list[str]) -> dict[str, Any]:
    cache: dict[str, Any] = {}
    if own.get("cache_enabled") is False:
        cache["cache_enabled"] = False
        notes.append(f"{place}.cache_enabled: false counts now; before, results were kept all the same")
    if "cache_time" in own:
        if own["cache_time"] == 0:
            raise CannotConvert(
                f'{place}.cache_time: 0 meant "for ever" in the comment and "always expired" in the code; '
                "give seconds, or -1 for no cache"
            )
        cache["cache_time"] = own["cache_time"]
    if own.get("cache_path"):
        cache["cache_path"] = own["cache_path"]
        notes.append(f"{place}.cache_path: bounded by cache.max_size; old files are neither read nor removed")
    return cache


def _known(data: Any, names: set[str], place: str, notes: list[str]) -> dict[str, Any]:
    """The keys that the old program read, in whatever case, as Go's package `encoding/json` does."""
    if not isinstance(data, Mapping):
        raise CannotConvert(f"{place}: expected an object")
    known = {str(name).lower(): value for name, value in data.items()}
    for name in known.keys() - names:
        notes.append(f"{place}: {name} is left out; the old program did not read it")
    return {name: value for name, value in known.items() if name in names}


def _notes(handlers: int) -> Iterator[str]:
    if handlers > 1:
        yield "each handler has its own bucket and settings; before, all had those of the last one"
    yield "formats of originals are told by content, not by name; what is no picture is a 404, and never sent"
    yield "pictures are turned upright, and never enlarged: w=2000&h=300 of 1000 x 600 is 1000 x 300"
    yield "w=1e2, w=-5, w=300px, c=yes and an option that is given twice are refused; before, they passed"
    yield "f=jpeg, f=JPG and f=gif count; GIFs are resized, still animated; JPEG has white for transparency"
    yield "answers have Cache-Control, ETag and ranges; HEAD is as GET; too busy is 503 and not 404"
    yield 'requests to S3 are signed for us-east-1 unless AWS_DEFAULT_REGION or "region" in a source differs'
