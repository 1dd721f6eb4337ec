"""What is wrong with a Valkey is told with what to do about it: real servers refuse, in their own words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis.exceptions import MovedError

from benchmarks.ports import closed_port
from origin.cache.mark_log import BusDown
from origin.cache.valkey import Valkey
from origin.cache.valkey_faults import LONGEST
from origin.cache.valkey_faults import fault_of
from origin.errors import ConfigError
from tests.support.certificates import self_signed
from tests.support.documents import page
from tests.support.redis_servers import RedisServer
from tests.support.redis_servers import redis_server

PASSWORD = "p@ss/word"
ESCAPED = "p%40ss%2Fword"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where they listen: one with a password and users, and with TLS on another port; one of neither."""
    cert, key = self_signed(tmp_path_factory.mktemp("tls"))
    tls = str(closed_port())
    options = ["--tls-port", tls, "--tls-cert-file", str(cert), "--tls-key-file", str(key)]
    with redis_server(*options, "--tls-auth-clients", "no") as guarded, redis_server() as free:
        set_up_users(guarded)
        yield {
            "guarded": f"127.0.0.1:{guarded.port}",
            "tls": f"127.0.0.1:{tls}",
            "free": f"127.0.0.1:{free.port}",
            "nobody": f"127.0.0.1:{closed_port()}",
            "cert": str(cert),
        }


def set_up_users(server: RedisServer) -> None:
    """`page` is the user of docs/scaling.md; `reader` may read alone."""
    (rule,) = [text for text in page("docs/scaling.md").blocks("text") if text.startswith("ACL SETUSER")]
    server.command(*rule.replace("SETUSER origin", "SETUSER page").replace(">...", f">{PASSWORD}").split())
    server.command("ACL", "SETUSER", "reader", "on", ">r", "~*", "&*", "+@read", "+@connection")
    server.command("CONFIG", "SET", "requirepass", PASSWORD)


async def told(url: str) -> str:
    """What is wrong; empty where all works."""
    valkey = Valkey(url, "image-origin:t:", answer_seconds=5)
    try:
        await valkey.open()
        await valkey.try_all()
    except BusDown as error:
        return str(error)
    finally:
        await valkey.close()
    return ""


@pytest.mark.slow
async def test_what_is_wrong_is_told_with_what_to_do(servers: dict[str, str]) -> None:
    cases = {
        "redis://{free}": "",
        f"redis://:{ESCAPED}@{{guarded}}": "",
        f"redis://page:{ESCAPED}@{{guarded}}/0": "",
        f"rediss://:{ESCAPED}@{{tls}}?ssl_ca_certs={{cert}}": "",
        "redis://{guarded}": "it wants a password: redis://:PASSWORD@HOST:PORT/0",
        "redis://:wrong@{guarded}": "the URL has a wrong user or password; %-escape special characters",
        "redis://reader:r@{guarded}": (
            "the user in the URL may not do all that is needed, see docs/scaling.md"
        ),
        "redis://{free}/99": "it has no database of this number; 0 is always there",
        "redis://{nobody}": "cannot connect to {nobody}: Connection refused",
        "redis://valkey.invalid:6379": "cannot connect to valkey.invalid:6379: ",
        f"rediss://:{ESCAPED}@{{tls}}": (
            "its certificate is not trusted: self-signed certificate; "
            "?ssl_ca_certs=FILE in the URL names its CA"
        ),
        "redis://{tls}": "one with TLS wants rediss://",
    }
    for url, expected in cases.items():
        found = await told(url.format_map(servers))
        assert expected.format_map(servers) in found, url
        assert bool(found) == bool(expected), (url, found)
        assert PASSWORD not in found
        assert ESCAPED not in found


def test_what_only_a_server_of_another_kind_says_is_told_too() -> None:
    essay = "DENIED Redis is running in protected mode because " + "protected mode is enabled " * 50
    assert fault_of(Exception(essay), "redis://h", 1).startswith("it has no password and so answers its own")
    assert "cluster" in fault_of(MovedError("3999 127.0.0.1:6381"), "redis://h", 1)
    assert fault_of(TimeoutError(), "redis://h", 0.1) == "no answer within 0.1 s"
    assert fault_of(TimeoutError(), "rediss://h", 2) == "no answer within 2 s; one without TLS wants redis://"
    assert len(fault_of(Exception("x " * 1000), "redis://h", 1)) < LONGEST + 20


def test_an_option_of_the_url_that_is_none_is_refused_at_the_start() -> None:
    for option in ("nonsense=1", "socket_timeout=soon"):
        with pytest.raises(ConfigError, match=r"shared.url: what follows the `\?` is not understood"):
            Valkey(f"redis://127.0.0.1:1/0?{option}", "t:")
