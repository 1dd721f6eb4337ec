"""The command line: one function a command. Results go to stdout, messages to people to stderr."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NoReturn
from typing import TypeVar

import click

from origin import __version__
from origin.config.load import load_config
from origin.config.load import parse_config
from origin.config.model import Config
from origin.config.schema import json_schema
from origin.errors import ConfigError
from origin.signing import ALIASES
from origin.signing import UrlSigner
from origin.urls.path import find_mount

FAILED = 1  # a check that failed
MISUSED = 2  # wrong use, a wrong configuration among it

SIGNED_OPTIONS = ("w", "h", "c", "f", "q", "dpr")

Command = TypeVar("Command", bound=Callable[..., Any])


def _takes_config(command: Command) -> Command:
    return click.option(
        "-c",
        "--config",
        "path",
        default="config.json",
        show_default=True,
        help="The configuration; - for stdin.",
    )(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="origin")
def main() -> None:
    """An image origin for CDNs: originals from S3, rendered with libvips, cached on disk."""


@main.command()
@_takes_config
def serve(path: str) -> None:
    """Serve pictures until SIGTERM."""
    _serve(_load(path))


@main.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="The port on 127.0.0.1."
)
def demo(port: int) -> None:
    """Serve pictures of its own: no configuration, no S3."""
    from origin.cli.demo import demo_config
    from origin.cli.demo import demo_urls
    from origin.pages.demo import add_demo_page

    with demo_config(port) as config:
        for line in demo_urls(port):
            click.echo(line)
        _serve(config, add_demo_page)


@main.command()
@_takes_config
def check(path: str) -> None:
    """Say, handler by handler, whether the configuration and the source work."""
    from origin.cli import check

    config = _load(path)
    failures = 0
    for line, works in asyncio.run(check.run(config)):
        click.echo(line)
        failures += not works
    if failures:
        sys.exit(FAILED)


@main.command()
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    click.echo(json.dumps(json_schema(), indent=2))


@main.command()
@_takes_config
@click.argument("url")
def explain(path: str, url: str) -> None:
    """Say what the origin understands of URL, and what would happen."""
    from origin.cli.explain import explain as explained

    lines, goes_on = explained(_load(path), url, time.time())
    for line in lines:
        click.echo(line)
    if not goes_on:
        sys.exit(FAILED)


@main.command()
@_takes_config
@click.option("--key", help="One original, by its key.")
@click.option("--prefix", help="All originals whose key starts so.")
@click.option("--url", help="The origin to ask.  [default: the port of the configuration on 127.0.0.1]")
@click.argument("handler")
def purge(path: str, key: str | None, prefix: str | None, url: str | None, handler: str) -> None:
    """Forget results and originals of HANDLER in a running origin; all, or those of a key or prefix."""
    config = _load(path)
    if config.admin.token is None:
        _misuse("the configuration has no admin.token, so there is no purge")
    part = {name: text for name, text in (("key", key), ("prefix", prefix)) if text is not None}
    if len(part) > 1 or "" in part.values():
        _misuse("give --key or --prefix, not both, and not empty; neither purges the whole handler")
    wanted = {"handler": handler, **part}
    base = url or f"http://127.0.0.1:{config.admin.port or config.http_port}"
    try:
        request = urllib.request.Request(
            f"{base.rstrip('/')}/-/purge",
            json.dumps(wanted).encode(),
            {
                "authorization": f"Bearer {config.admin.token.get_secret_value()}",
                "content-type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            click.echo(response.read().decode())
    except urllib.error.HTTPError as error:
        click.echo(
            f"origin: {base} answered {error.code}: {error.read(500).decode(errors='replace')}", err=True
        )
        sys.exit(FAILED)
    except (OSError, ValueError) as error:
        click.echo(f"origin: {base} cannot be reached: {error}", err=True)
        sys.exit(FAILED)


@main.group()
def sign() -> None:
    """Write signed URLs. Keys come from the configuration, or from ORIGIN_SIGNING_KEYS (oldest first,
    separated by spaces) with --prefix; never from an argument, which other users of the machine can read.

    PATH is prefix and key, as in a URL: photos/cat.jpg. Options are written as in a URL: w=300 f=webp.
    """


def _signs(command: Command) -> Command:
    """What every way of signing takes."""
    for decorate in (
        click.argument("options", nargs=-1),
        click.argument("path"),
        click.option(
            "--expires-in", type=click.FloatRange(1, 10**9), help="Seconds; rounded up to the hour."
        ),
        click.option("--base-url", default="", help="Scheme and host before the path."),
        click.option("--prefix", help="Take the keys from ORIGIN_SIGNING_KEYS, for this prefix."),
        click.option("-c", "--config", "config_path", default="config.json", show_default=True),
    ):
        command = decorate(command)
    return command


@sign.command("url")
@_signs
def sign_url(
    path: str,
    options: tuple[str, ...],
    config_path: str,
    prefix: str | None,
    base_url: str,
    expires_in: float | None,
) -> None:
    """One URL with its own token."""
    signer, key = _signer(path, config_path, prefix, base_url)
    with _misuse_of_signing():
        click.echo(signer.url(key, expires_in=expires_in, **_options(options)))


@sign.command("srcset")
@click.option("--widths", required=True, help="Widths, separated by commas: 300,600,1200.")
@_signs
def sign_srcset(
    path: str,
    options: tuple[str, ...],
    config_path: str,
    prefix: str | None,
    base_url: str,
    expires_in: float | None,
    widths: str,
) -> None:
    """The text of a srcset attribute."""
    signer, key = _signer(path, config_path, prefix, base_url)
    with _misuse_of_signing():
        steps = [int(width) for width in widths.split(",")]
        click.echo(signer.srcset(key, widths=steps, expires_in=expires_in, **_options(options)))


@sign.command("grant")
@_signs
def sign_grant(
    path: str,
    options: tuple[str, ...],
    config_path: str,
    prefix: str | None,
    base_url: str,
    expires_in: float | None,
) -> None:
    """A token for many URLs: bounds as w=1..1600, f=webp,avif,jpg or c=true; PATH may end in /*."""
    signer, key = _signer(path, config_path, prefix, base_url)
    with _misuse_of_signing():
        bounds = {name: _bound(name, text) for name, text in _options(options).items()}
        click.echo(signer.grant(key, expires_in=expires_in, **bounds))


def _signer(path: str, config_path: str, prefix: str | None, base_url: str) -> tuple[UrlSigner, str]:
    """The signer of the handler that `path` leads to, and the key in it."""
    path = path.removeprefix("/")
    if "?" in path:
        _misuse("options stand behind the path, each on its own: photos/cat.jpg w=300")
    if prefix is not None:
        prefix = prefix.strip("/")
        keys = os.environ.get("ORIGIN_SIGNING_KEYS", "").split()
        if not keys:
            _misuse("ORIGIN_SIGNING_KEYS is not set")
        mounts = {prefix: keys}
    else:
        signing = {h.prefix: h.signing.keys for h in _load(config_path).handlers if h.signing}
        mounts = {mount: [key.get_secret_value() for key in keys] for mount, keys in signing.items()}
    found = find_mount(path, mounts)
    if found is None:
        _misuse(f"no handler with signing is mounted above {path}")
    keys, key = found
    with _misuse_of_signing():
        return UrlSigner(base_url, path[: -len(key) - 1], keys), key


def _options(texts: tuple[str, ...]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in (*SIGNED_OPTIONS, *ALIASES):
            _misuse(f"expected an option such as w=300, got {text}")
        if name in options:
            _misuse(f"option {name} comes twice")
        options[name] = value
    return options


def _bound(name: str, text: str) -> Any:
    """`1..1600` is a range, `a,b` a list, anything else the one value."""
    if ".." in text:
        low, _, high = text.partition("..")
        return {end: _value(name, value) for end, value in (("min", low), ("max", high)) if value}
    values = [_value(name, value) for value in text.split(",")]
    return values if len(values) > 1 else values[0]


def _value(name: str, text: str) -> Any:
    if name in ("c", "crop"):
        return {"true": True, "false": False}.get(text.lower(), text)
    if name in ("f", "format"):
        return text
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        _misuse(f"expected a number or a range such as 1..1600 for {name}, got {text}")
    return float(text) if "." in text else int(text)


@contextlib.contextmanager
def _misuse_of_signing() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError) as error:
        _misuse(str(error))


def _load(path: str) -> Config:
    path = path.removeprefix("=")  # s3imageserver was started with -c=config.json
    try:
        if path == "-":
            return parse_config(sys.stdin.read(), name="stdin")
        return load_config(Path(path))
    except ConfigError as error:
        _misuse(str(error))


def _serve(config: Config, prepare: Callable[[Any], None] = lambda app: None) -> None:
    from origin.app import create_app
    from origin.ops import logs
    from origin.render.pool import RendererBroken
    from origin.server import listener

    logs.configure(config.log.format)
    try:
        app = create_app(config)
        prepare(app)
        listener.run(app)
    except (ConfigError, RendererBroken) as error:
        _misuse(str(error))


def _misuse(message: str) -> NoReturn:
    click.echo(f"origin: {message}", err=True)
    sys.exit(MISUSED)
