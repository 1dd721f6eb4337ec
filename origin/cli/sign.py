"""`origin sign`: signed URLs, the text of a srcset, grants, and URLs for uploads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import TypeVar
from urllib.parse import quote

import click

from origin.cli.common import end_as_misused
from origin.cli.common import read_config
from origin.signing import UrlSigner
from origin.urls.dialects import SIGNING
from origin.urls.dialects import signs_in_path
from origin.urls.options import Option
from origin.urls.path import find_mount
from origin.urls.writing import find_picture_option
from origin.urls.writing import write_value

KEYS_VARIABLE = "ORIGIN_SIGNING_KEYS"

# What a path of another system is signed with as it stands: RFC 3986 section 3.3, and escapes.
_AS_IT_IS = "/%:@!$&'()*+,;=-._~|"

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def sign() -> None:
    """Write signed URLs. Keys come from the configuration, or from ORIGIN_SIGNING_KEYS (oldest first,
    separated by spaces) with --prefix; never from an argument, which other users of the machine can read.

    PATH is prefix and key, as in a URL: photos/cat.jpg. Options are written as in a URL: w=300 f=webp.
    """


def _takes_what_to_sign(command: Command) -> Command:
    """Give a command what every way of signing takes."""
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
@_takes_what_to_sign
def sign_url(
    path: str,
    options: tuple[str, ...],
    config_path: str,
    prefix: str | None,
    base_url: str,
    expires_in: float | None,
) -> None:
    """One URL with its own token; in a handler with dialect thumbor, with thumbor's signature.

    PATH then has prefix, options and original as thumbor has them: photos/300x200/cat.jpg.
    """
    with _errors_as_misuse():
        if prefix is None and (url := _sign_in_dialect(path, options, config_path, expires_in)) is not None:
            click.echo(base_url.rstrip("/") + url)
            return
        signer, key = _find_signer(path, config_path, prefix, base_url)
        click.echo(signer.url(key, expires_in=expires_in, **_split_options(options)))


@sign.command("srcset")
@click.option("--widths", required=True, help="Widths, separated by commas: 300,600,1200.")
@_takes_what_to_sign
def sign_srcset(
    path: str,
    options: tuple[str, ...],
    config_path: str,
    prefix: str | None,
    base_url: str,
    expires_in: float | None,
    widths: str,
) -> None:
    """The text of a srcset attribute. With w and h, each width gets its height in that proportion."""
    with _errors_as_misuse():
        signer, key = _find_signer(path, config_path, prefix, base_url)
        steps = _split_widths(widths)
        click.echo(signer.srcset(key, widths=steps, expires_in=expires_in, **_split_options(options)))


@sign.command("grant")
@_takes_what_to_sign
def sign_grant(
    path: str,
    options: tuple[str, ...],
    config_path: str,
    prefix: str | None,
    base_url: str,
    expires_in: float | None,
) -> None:
    """A token for many URLs: bounds as w=1..1600, f=webp,avif,jpg or c=true; PATH may end in /*.

    Values of g, rect, pad, p and dl hold commas, so lists of them have semicolons: 'g=smart;0.3,0.6'.
    """
    with _errors_as_misuse():
        signer, key = _find_signer(path, config_path, prefix, base_url)
        texts = _split_options(options)
        bounds = {name: _read_bound(find_picture_option(name), text) for name, text in texts.items()}
        click.echo(signer.grant(key, expires_in=expires_in, **bounds))


@sign.command("upload")
@click.argument("path")
@click.option("-c", "--config", "config_path", default="config.json", show_default=True)
@click.option("--prefix", help="Take the keys from ORIGIN_SIGNING_KEYS, for this prefix.")
@click.option("--base-url", default="", help="Scheme and host before the path.")
@click.option(
    "--expires-in", type=click.FloatRange(1, 10**9), required=True, help="Seconds; rounded up to the hour."
)
@click.option("--max-bytes", type=click.IntRange(1), help="Bytes that the body of a request may have.")
@click.option("--formats", help="Formats that may be sent, separated by commas: jpg,png.")
@click.option("--replace", is_flag=True, help="Let it replace pictures that are there already.")
def sign_upload(
    path: str,
    config_path: str,
    prefix: str | None,
    base_url: str,
    expires_in: float,
    max_bytes: int | None,
    formats: str | None,
    replace: bool,
) -> None:
    """The URL to which a browser may send a picture: PATH is a key, or ends in /* for any name below."""
    with _errors_as_misuse():
        signer, key = _find_signer(path, config_path, prefix, base_url)
        url = signer.upload(
            key,
            max_bytes=max_bytes,
            formats=formats.split(",") if formats is not None else None,
            may_replace=replace,
            expires_in=expires_in,
        )
        click.echo(url)


def _find_signer(path: str, config_path: str, prefix: str | None, base_url: str) -> tuple[UrlSigner, str]:
    """The signer of the handler that `path` leads to, and the key in it."""
    path = path.removeprefix("/")
    if "?" in path:
        end_as_misused("options stand behind the path, each on its own: photos/cat.jpg w=300")
    if "://" in path:
        end_as_misused("PATH begins with the prefix: photos/cat.jpg; --base-url gives scheme and host")
    if prefix is not None:
        prefix = prefix.strip("/")
        keys = os.environ.get(KEYS_VARIABLE, "").split()
        if not keys:
            end_as_misused(f"{KEYS_VARIABLE} is not set")
        mounts = {prefix: keys}
    else:
        handlers = read_config(config_path).handlers
        foreign = find_mount(path, {h.prefix: h.dialect for h in handlers})
        if foreign is not None and foreign[0] in SIGNING:
            end_as_misused(f"{path} is signed as {foreign[0]} signs, by the libraries of {foreign[0]}")
        signing = {h.prefix: h.signing.keys for h in handlers if h.signing and h.signing.keys}
        mounts = {mount: [key.get_secret_value() for key in keys] for mount, keys in signing.items()}
    mounted = find_mount(path, mounts)
    if mounted is None:
        there_are = "; there are " + ", ".join(f"{mount}/" for mount in mounts) if mounts else ""
        end_as_misused(f"no handler with signing is mounted above {path}{there_are}")
    keys, key = mounted
    return UrlSigner(base_url, path[: -len(key) - 1], keys), key


def _sign_in_dialect(
    path: str, options: tuple[str, ...], config_path: str, expires_in: float | None
) -> str | None:
    """The path with its signature, where the handler's dialect has both in the path."""
    path = path.removeprefix("/")
    found = find_mount(path, {handler.prefix: handler for handler in read_config(config_path).handlers})
    if found is None or not signs_in_path(found[0].dialect):
        return None
    handler, rest = found
    name = handler.dialect or ""
    if options or expires_in is not None:
        end_as_misused(f"what {name} can say stands in PATH")
    secrets = handler.signing.secrets(name) if handler.signing is not None else ()
    if not secrets:
        end_as_misused(f"{handler.name} has no signing")
    return quote(handler.path_above.removesuffix("/")) + SIGNING[name].sign_url(
        secrets[0], "/" + quote(rest, safe=_AS_IT_IS)
    )


def _split_options(texts: tuple[str, ...]) -> dict[str, Any]:
    """Names and texts of `w=300 f=webp`. Raises TypeError for a name that no option has."""
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            end_as_misused(f"expected an option such as w=300, got {text}")
        option = find_picture_option(name)
        if option.name in options:
            end_as_misused(f"option {option.name} comes twice")
        options[option.name] = value
    return options


def _split_widths(text: str) -> list[int]:
    try:
        return [int(width) for width in text.split(",")]
    except ValueError:
        end_as_misused(f"--widths: expected whole numbers, separated by commas, got {text}")


def _read_bound(option: Option, text: str) -> Any:
    """`1..1600` is a range, `a,b` a list, anything else the one value. Raises ValueError.

    Where values hold commas themselves, semicolons stand between those of a list.
    """
    if option.kind.is_ordered and ".." in text:
        low, _, high = text.partition("..")
        return {end: _read_end(option, value) for end, value in (("min", low), ("max", high)) if value}
    values = [_read_constant(option, value) for value in text.split(option.kind.separator)]
    return values if len(values) > 1 else values[0]


def _read_constant(option: Option, text: str) -> Any:
    return option.kind.to_constant(option.kind.parse_exactly(write_value(option, text)))


def _read_end(option: Option, text: str) -> Any:
    """The end of a range, which may lie outside of what the option takes."""
    try:
        return option.kind.to_constant(option.kind.parse_limit(text.encode(errors="replace")))
    except ValueError:
        raise ValueError(f"option {option.name}: expected a range such as 1..1600, got {text!r}") from None


@contextlib.contextmanager
def _errors_as_misuse() -> Iterator[None]:
    """What the signer refuses is wrong use of the command."""
    try:
        yield
    except (ValueError, TypeError) as error:
        end_as_misused(str(error))
