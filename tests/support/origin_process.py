"""`origin serve` as processes of their own, for tests of how they start, end and live beside others."""

from __future__ import annotations

import datetime
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.ports import closed_port
from tests.support import warm_origins
from tests.support.running import PATIENCE
from tests.support.running import Client
from tests.support.running import settings
from tests.support.running import wait_until

DRAIN = 1  # seconds


class Process(Client):
    """An origin of a configuration, from when it is ready; its log is in `log`. Its clock is `ahead` by so
    many seconds."""

    def __init__(self, folder: Path, config: dict[str, Any], ahead: float = 0.0) -> None:
        super().__init__(config["http_port"])
        folder.mkdir(exist_ok=True)
        self.log = folder / "log"
        self.process = warm_origins.start(
            "serve", "-c", "-", given=json.dumps(config).encode(), log=self.log, ahead=ahead
        )

    def started(self) -> Process:
        wait_until(lambda: self.is_ready() or self.process.poll() is not None, "the origin is ready")
        assert self.process.poll() is None, self.log.read_text()
        return self

    def is_ready(self) -> bool:
        try:
            return self.get("/-/ready").status == 200
        except OSError:
            return False

    @property
    def children(self) -> list[int]:
        """Its renderers."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def ask_to_stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Its exit code."""
        return self.process.wait(PATIENCE)

    def pause(self) -> None:
        """Let it stand still. The system takes connections and requests for it meanwhile."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def process(folder: Path, config: dict[str, Any]) -> Iterator[Process]:
    """A ready origin; killed at the end where it has not ended by itself."""
    running = Process(folder, config)
    try:
        yield running.started()
    finally:
        running.kill()


def on_loopback(root: Path, cache: Path, **top: Any) -> dict[str, Any]:
    """A configuration of one handler, `h`, over a folder, for a free port of this machine."""
    plain = {"http_host": "127.0.0.1", "http_port": closed_port(), "drain": DRAIN}
    return settings(root, cache) | plain | top


def certificate(folder: Path) -> tuple[str, str]:
    """Of `pictures.example`, signed by itself: the paths of certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pictures.example")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("pictures.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(signed.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")
