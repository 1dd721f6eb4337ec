"""`origin check` tells what works and what does not, part by part."""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import ports
from origin.cli.check import check_config
from origin.cli.check_settings import check_cdn
from origin.config.load import build_config
from origin.config.write import Write
from origin.render.process import Renderer
from origin.render.template import Template
from tests.support import pictures
from tests.support import s3_servers
from tests.support import warm_templates
from tests.support.commands import invoke
from tests.support.commands import write_config
from tests.support.running import command
from tests.support.running import settings
from tests.support.web_servers import WebServer

SECRET = "canary-0123456789abcdefghijklmnopqrstuvw"


@pytest.fixture(autouse=True)
def _warm_renderers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renderers that are forked from a warm process, as those of pools are here. What `check` starts by
    itself, a program, is in the tests that run the command as a process."""
    start = Renderer.start

    async def start_warm(arguments: Sequence[str], _: Template | None = None) -> Renderer:
        template = warm_templates.warm_template()
        try:
            return await start(arguments, template)
        finally:
            if template is not None:
                await template.close()

    monkeypatch.setattr(Renderer, "start", start_warm)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "originals"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(pictures.small())
    return folder


def s3(server: s3_servers.S3Server, name: str, **more: Any) -> dict[str, Any]:
    source = {"type": "s3", "bucket": name, "endpoint_url": server.url}
    return {"name": name, "source": source | {"access_key": SECRET, "secret_key": SECRET} | more}


@pytest.mark.slow
def test_check_tells_of_each_handler_and_exits_0_when_all_work(
    tmp_path: Path, root: Path, moto_server: s3_servers.S3Server
) -> None:
    bucket = f"bucket-{uuid.uuid4().hex}"
    moto_server.client.create_bucket(Bucket=bucket)
    config = settings(root, tmp_path / "cache")
    config["handlers"].append(s3(moto_server, bucket))
    config["handlers"].append({"name": "images", "transform": ["render", "fit"]})
    config["handlers"][0]["write"] = {"auth": {"bearer": SECRET}, "derive": {"MI": "medium"}}
    config["presets"] = {"medium": {"w": 100}}

    done = invoke("check", "-c", write_config(tmp_path, config))

    assert (done.exit_code, done.stderr) == (0, "")
    first, second, third, derived, fourth, fifth = done.stdout.splitlines()
    assert first == f"handler h at /h/: ok: {root}/ is readable, such as 'cat.jpg'"
    assert second == f"handler {bucket} at /{bucket}/: warning: no objects below s3://{bucket}/"
    assert third == "handler images at /images/: warning: posting needs no authentication: render, fit"
    assert derived == "handler h: ok: derive stores with each original: MI (medium)"
    assert fourth.startswith("renderer: ok, libvips 8.")
    assert fifth == "optional decoders: heic installed, jxl installed, pdf installed"


@pytest.mark.slow
def test_check_tells_which_decoders_are_missing_and_who_needs_them(tmp_path: Path, root: Path) -> None:
    for package in ("pillow_heif", "pypdfium2"):
        (tmp_path / f"{package}.py").write_text("raise ImportError")
    config = settings(root, tmp_path / "cache", allowed_formats=["jpg", "heic", "jxl"])
    path = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"

    done = command("check", "-c", write_config(tmp_path, config), PYTHONPATH=path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-2:] == [
        "optional decoders: heic missing (pip install 'image-origin[heic]'), jxl installed, "
        "pdf missing (pip install 'image-origin[pdf]')",
        "handler h: warning: originals in heic are unprocessable: no decoder",
    ]


@pytest.mark.slow
def test_check_tells_what_does_not_work_and_exits_1(
    tmp_path: Path, root: Path, moto_server: s3_servers.S3Server
) -> None:
    (tmp_path / "error.jpg").write_text("not a picture")
    (tmp_path / "logo.png").write_bytes(pictures.alpha()[:100])
    config = settings(root, tmp_path / "cache", error_image="error.jpg")
    config["watermarks"] = {"logo": {"picture": "logo.png"}}
    gone = {"name": "gone", "source": {"type": "local", "root": str(tmp_path / "no-such-folder")}}
    nobody = {"endpoint_url": f"http://127.0.0.1:{ports.closed_port()}"}
    config["handlers"] += [gone, s3(moto_server, "no-such-bucket"), s3(moto_server, "no-server", **nobody)]

    done = invoke("check", "-c", write_config(tmp_path, config))

    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert [line for line in lines if "FAILED" not in line] == [lines[0], *lines[-2:]]
    assert re.fullmatch(r"handler h: error_image \S+error\.jpg: FAILED: it is not a picture", lines[1])
    assert "no-such-folder" in lines[2]
    assert "there is no such bucket" in lines[3]
    assert "no-server" in lines[4]
    assert lines[5].startswith("watermark logo: FAILED: the watermark cannot be decoded")
    assert SECRET not in done.stdout + done.stderr


# One original


@pytest.mark.slow
def test_check_follows_one_key_from_the_source_to_a_result(
    tmp_path: Path, root: Path, moto_server: s3_servers.S3Server
) -> None:
    bucket = f"bucket-{uuid.uuid4().hex}"
    moto_server.client.create_bucket(Bucket=bucket)
    moto_server.client.put_object(Bucket=bucket, Key="2024/dog.png", Body=pictures.alpha())
    config = settings(root, tmp_path / "cache")
    config["handlers"].append(s3(moto_server, bucket))
    path = write_config(tmp_path, config)
    for handler, key, kind in (("h", "cat.jpg", "jpg"), (bucket, "2024/dog.png", "png")):
        done = invoke("check", "-c", path, "--handler", handler, "--key", key)
        assert (done.exit_code, done.stderr) == (0, "")
        pattern = (
            rf"handler {handler}: {key}: ok: {kind} of \d+ bytes fetched in \d+ ms, "
            rf"{kind} of \d+x\d+ and \d+ bytes rendered in \d+ ms"
        )
        assert [line for line in done.stdout.splitlines() if re.fullmatch(pattern, line)], done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("none.jpg", None, "No such file or directory"),
        ("page.jpg", b"<html>", "html is not one of allowed_formats"),
        ("cut.jpg", pictures.small()[:-200], "jpg: "),
    ],
)
def test_check_says_why_a_key_does_not_work(
    tmp_path: Path, root: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (root / name).write_bytes(content)
    path = write_config(tmp_path, settings(root, tmp_path / "cache"))
    done = invoke("check", "-c", path, "--key", name)
    assert done.exit_code == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"handler h: {name}: FAILED: ")]
    assert reason in line


@pytest.mark.slow
def test_a_key_needs_its_handler_where_there_are_several(tmp_path: Path, root: Path) -> None:
    config = settings(root, tmp_path / "cache")
    config["handlers"].append({**config["handlers"][0], "name": "other"})
    path = write_config(tmp_path, config)
    for arguments in (["--key", "cat.jpg"], ["--key", "cat.jpg", "--handler", "nobody"], ["--handler", "h"]):
        done = invoke("check", "-c", path, *arguments)
        assert done.exit_code == 2
        assert done.stderr.startswith("origin: --handler")


@pytest.mark.slow
@pytest.mark.parametrize(("more", "warned"), [({}, True), ({"widths": [100], "prefix": ""}, False)])
def test_check_warns_of_variants_that_strangers_can_use_up(
    tmp_path: Path, root: Path, more: dict[str, Any], warned: bool
) -> None:
    path = write_config(tmp_path, settings(root, tmp_path / "cache", variants=5, **more))
    done = invoke("check", "-c", path)
    assert done.exit_code == 0
    assert ("handler h: warning: `variants` without `widths`" in done.stdout) == warned
    assert ('handler h: ok: prefix "" is the root: every path' in done.stdout) != warned


@pytest.mark.slow
def test_check_tells_who_may_write_and_tries_the_stage(tmp_path: Path, root: Path) -> None:
    (tmp_path / "waiting").mkdir()
    stage = {"source": {"type": "local", "root": str(tmp_path / "waiting")}}
    write = {"auth": "open", "stage": stage, "accept": ["jpg", "svg"]}
    path = write_config(tmp_path, settings(root, tmp_path / "cache", write=write))
    done = invoke("check", "-c", path)
    assert done.exit_code == 0
    opened = "POST and publish and recrop and delete"
    assert f"handler h: warning: write.auth is open: anybody may send {opened}" in done.stdout
    assert (
        "handler h: warning: pictures in svg are taken in and not served: see allowed_formats" in done.stdout
    )
    assert f"handler h, stage at /h/: warning: no objects below {tmp_path}/waiting/" in done.stdout
    write |= {"auth": {"signed": True}, "methods": ["POST", "DELETE"]}
    handler = {"write": write, "signing": {"keys": ["k" * 32]}}
    off = {"auth": {"post": "open", "put": "open"}}
    path = write_config(tmp_path, settings(root, tmp_path / "cache", write=off))
    assert "handler h: warning: PUT is off: " in invoke("check", "-c", path).stdout
    path = write_config(tmp_path, settings(root, tmp_path / "cache", **handler))
    futile = "DELETE and publish and recrop and delete: upload grants permit none"
    assert f"handler h: warning: nobody may send {futile}" in invoke("check", "-c", path).stdout
    (tmp_path / "waiting").rmdir()
    assert invoke("check", "-c", path).exit_code == 1


def test_methods_that_have_a_way_and_are_off_are_told() -> None:
    way = {"bearer": "a token of some length"}
    stage = {"source": {"type": "local", "root": "/srv/waiting"}}
    for more, off in [
        ({"auth": way}, []),
        ({"auth": {"post": way}}, []),
        ({"auth": {"post": way, "put": way}}, ["PUT"]),
        ({"auth": {"post": way, "put": way, "delete": way}, "methods": ["POST", "PUT"]}, ["DELETE"]),
        ({"auth": {"post": way, "delete": way}, "stage": stage}, []),  # the action
    ]:
        assert Write.model_validate(more).list_off() == off


@pytest.mark.slow
def test_check_tries_to_make_what_the_cache_needs(tmp_path: Path, root: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path, fault in (
        ("/proc/cache", "nothing can be made in /proc: No such file or directory"),  # to root as well
        (str(tmp_path / "file"), f"nothing can be made in {tmp_path}/file: Not a directory"),
        (str(tmp_path / "new" / "cache"), None),
    ):
        config = settings(root, Path(path)) | {"cache": {"path": path, "max_size": "1MB"}}
        done = invoke("check", "-c", write_config(tmp_path, config))
        told = [line for line in done.stdout.splitlines() if line.startswith("cache ")]
        assert told == ([] if fault is None else [f"cache {path}: FAILED: {fault}"])
        assert done.exit_code == (0 if fault is None else 1)
    assert not (tmp_path / "new").exists()


def test_check_warns_of_a_cache_that_its_disk_cannot_hold(tmp_path: Path, root: Path) -> None:
    config = settings(root, tmp_path / "cache")
    config["cache"]["max_size"] = "1000000TB"
    done = invoke("check", "-c", write_config(tmp_path, config))
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("cache ")]
    assert re.fullmatch(
        r"cache .*/cache: warning: max_size is 1000000000\.0 GB, .* has [\d.]+ GB in all", told
    )
    assert done.exit_code == 0


@pytest.mark.slow
def test_check_tells_of_sources_of_other_sites(tmp_path: Path, root: Path, web: WebServer) -> None:
    url = web.put("/cat.jpg", pictures.small())
    keys = {"type": "http", "keys": "hex"}
    sources: dict[str, dict[str, Any]] = {
        "any": {**keys, "open": True, "allow_private": ["127.0.0.1"]},
        "shop": {"type": "http", "base_url": web.url, "allow_private": ["127.0.0.1"]},
        "inside": {"type": "http", "base_url": web.url},
        "listed": {**keys, "registry": {"type": "redis", "url": "redis://127.0.0.1:1/0"}},
    }
    config = settings(root, tmp_path / "cache")
    config["handlers"] += [{"name": name, "source": source} for name, source in sources.items()]

    done = invoke(
        *("check", "-c", write_config(tmp_path, config), "--handler", "any", "--key", url.encode().hex())
    )

    assert done.exit_code == 1
    lines = "\n".join(done.stdout.splitlines())
    assert "handler any at /any/: ok: other web servers (any host) are asked for single originals" in lines
    assert f"handler any: {url.encode().hex()}: ok: jpg of {len(pictures.small())} bytes fetched in" in lines
    assert "handler any: warning: open: anybody can fetch any public URL through this origin" in lines
    assert f"handler shop at /shop/: warning: {web.url}/ is reachable" in lines
    assert "handler inside at /inside/: FAILED: 127.0.0.1 is not a public address" in lines
    assert "handler listed at /listed/: FAILED: the registry in Redis" in lines


@pytest.mark.slow
async def test_check_asks_all_sources_at_once() -> None:
    """Where a store hangs, each waits for its timeout."""
    both = asyncio.Event()
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if len(asked) == 2:
            both.set()
        await both.wait()
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    source = {"type": "http", "base_url": base, "allow_private": ["127.0.0.0/8"]}
    handlers = [{"name": name, "source": source} for name in ("one", "two")]
    async with server:
        findings = await check_config(build_config({"handlers": handlers, "limits": {"source_timeout": 60}}))
    assert [line.partition(":")[0] for line, _ in findings[:2]] == [
        "handler one at /one/",
        "handler two at /two/",
    ]


@pytest.mark.slow
def test_check_tells_of_the_queue_of_events_and_of_tags_that_the_cdn_does_not_see(
    tmp_path: Path, root: Path, moto_server: s3_servers.S3Server
) -> None:
    config = settings(root, tmp_path / "cache")
    queue = f"{moto_server.url}/123456789012/absent"
    keys = {"access_key": SECRET, "secret_key": SECRET}
    config["events"] = {
        "queue": {"url": queue, "endpoint_url": moto_server.url, "region": "us-east-1", **keys},
        "topics": ["arn:aws:sns:eu-central-1:123456789012:photos"],
    }
    config["cdn"] = {"type": "cloudflare", "zone": "z", "token": SECRET}

    done = invoke("check", "-c", write_config(tmp_path, config))

    assert done.exit_code == 1
    assert "events: warning: topics without admin.token: nobody may post to /-/events/s3\n" in done.stdout
    assert f"events: FAILED: {queue}: 400 AWS.SimpleQueueService.NonExistentQueue\n" in done.stdout
    assert "handler h: warning: cdn cloudflare purges by tag; set tag_header to Cache-Tag\n" in done.stdout
    assert SECRET not in done.stdout


@pytest.mark.slow
def test_check_tells_whether_what_is_shared_works(tmp_path: Path, root: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    config = settings(root, tmp_path / "cache") | {
        "shared": {
            "results": {"type": "local", "root": str(results)},
            "url": f"redis://:{SECRET}@127.0.0.1:{ports.closed_port()}",
        }
    }
    done = invoke("check", "-c", write_config(tmp_path, config))
    told = [line for line in done.stdout.splitlines() if line.startswith("shared")]
    assert told[0] == f"shared results: ok: {results}/ can be written, listed, read and deleted from"
    assert told[1].startswith("shared url: FAILED: cannot connect to 127.0.0.1:")
    assert done.exit_code == 1
    assert SECRET not in done.stdout + done.stderr
    assert [path for path in results.rglob("*") if path.is_file()] == []
    config["shared"]["results"]["root"] = str(tmp_path / "none")
    del config["shared"]["url"]
    done = invoke("check", "-c", write_config(tmp_path, config))
    assert "shared results: FAILED: " in done.stdout


def test_check_tells_where_no_path_tells_the_cdn_of_one_picture(tmp_path: Path) -> None:
    config = settings(tmp_path, tmp_path / "cache") | {"cdn": {"type": "cloudfront", "distribution": "E1"}}
    own = {"name": "th", "dialect": "thumbor"}
    config["handlers"].append(config["handlers"][0] | own)
    ((line, is_well),) = check_cdn(build_config(config))
    assert is_well
    assert line.startswith("handler th: warning: its URLs do not begin with the key")
    config["cdn"]["by"] = "tags"
    assert not any("begin with" in line for line, _ in check_cdn(build_config(config)))
