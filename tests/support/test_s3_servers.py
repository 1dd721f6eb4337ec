"""S3 servers of the tests leave nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.ports import ABOVE
from tests.support.s3_servers import NEEDS_WEED
from tests.support.s3_servers import seaweed


@NEEDS_WEED
@pytest.mark.slow
def test_no_socket_of_seaweedfs_is_left(tmp_path: Path) -> None:
    with seaweed(tmp_path) as server:
        port = int(server.url.rpartition(":")[2])
        sockets = [path for n in (port, port + ABOVE) for path in Path("/tmp").glob(f"seaweedfs-*-{n}.sock")]
        assert len(sockets) >= 2
    assert not [path for path in sockets if path.exists()]
