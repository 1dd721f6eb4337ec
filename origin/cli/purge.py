"""`origin purge HANDLER`: asks a running origin to forget pictures."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import click

from origin.cli.common import end_as_failed
from origin.cli.common import end_as_misused
from origin.cli.common import read_config
from origin.cli.common import takes_config
from origin.config.model import Config

TIMEOUT = 60  # seconds for the whole purge


@click.command()
@takes_config
@click.option("--key", help="One original, by its key.")
@click.option("--prefix", help="All originals whose key starts with this.")
@click.option("--url", help="The origin to ask.  [default: that of the configuration, on this machine]")
@click.argument("handler")
def purge(config_path: str, key: str | None, prefix: str | None, url: str | None, handler: str) -> None:
    """Forget results and originals of HANDLER in a running origin; all, or those of a key or prefix."""
    config = read_config(config_path)
    if config.admin.token is None:
        end_as_misused("the configuration has no admin.token, so there is no purge")
    part = {name: text for name, text in (("key", key), ("prefix", prefix)) if text is not None}
    if len(part) > 1 or "" in part.values():
        end_as_misused(
            "give --key or --prefix, not both, and not empty; without them the whole handler is purged"
        )
    base = url or _default_base(config)
    if not base.startswith(("http://", "https://")):
        end_as_misused(f"--url: expected http://HOST:PORT or https://…, got {base}")
    try:
        answer = _post(base, config.admin.token.get_secret_value(), {"handler": handler, **part})
    except urllib.error.HTTPError as error:
        told = error.read(500).decode(errors="replace").strip()
        if error.code == 404 and not told.startswith("{"):
            end_as_failed(
                f"{base} answered 404, so nothing there takes purges; --url names the listener for "
                "operators, with admin.port"
            )
        end_as_failed(f"{base} answered {error.code}: {told}")
    except (OSError, ValueError) as error:
        end_as_failed(f"{base} cannot be reached: {error}; --url names another address")
    click.echo(answer)
    hint = _find_hint(config, handler, key or prefix or "", is_prefix=bool(prefix))
    if hint and json.loads(answer).get("purged") == 0:
        click.echo(f"origin: nothing of it was kept; {hint}", err=True)


def _find_hint(config: Config, handler: str, text: str, *, is_prefix: bool) -> str:
    """What is probably wrong with a key or prefix of which nothing is kept; empty where nothing looks so."""
    mount = next((f"{each.prefix}/" for each in config.handlers if each.name == handler and each.prefix), "")
    if text.startswith("/"):
        return "a key begins without a slash"
    if mount and (text.startswith(mount) or ("://" in text and f"/{mount}" in text)):
        return f"a key is what stands behind {mount} in a URL"
    if is_prefix and text.endswith("*"):
        return "a prefix is the beginning itself, without *"
    return "a key has no options" if "?" in text else ""


def _default_base(config: Config) -> str:
    """The listener of this configuration that takes purges, on this machine."""
    host = config.http_host if config.admin.port is None else config.admin.host or config.http_host
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    address = f"[{host}]" if ":" in host else host
    return f"http://{address}:{config.admin.port or config.http_port}"


def _post(base: str, token: str, wanted: dict[str, str]) -> str:
    """The answer of the origin at `base` to a purge. Raises HTTPError, OSError, ValueError."""
    request = urllib.request.Request(
        f"{base.rstrip('/')}/-/purge",
        json.dumps(wanted).encode(),
        {"authorization": f"Bearer {token}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        text: str = response.read().decode()
        return text
