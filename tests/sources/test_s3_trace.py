"""`traceparent` in what S3 is asked: beside what is signed, in each request, whoever sends it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from origin.errors import OriginError
from origin.http.trace_context import note_trace
from origin.sources import s3_get
from tests.support.recording_server import recording_server
from tests.support.s3_servers import S3Server
from tests.support.s3_sources import s3_store

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TOLD = {"ETag": '"1"', "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}


@pytest.fixture(params=[True, False], ids=["fast", "botocore"])
def traced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(s3_get, "FAST", request.param)
    note_trace(TRACE)
    yield
    note_trace("")


@pytest.mark.usefixtures("traced")
async def test_each_request_names_the_trace_and_signs_nothing_of_it() -> None:
    with recording_server() as server:
        server.default = (200, TOLD, b"")
        server.answers += [server.default, (200, TOLD, b"a cat")]
        store = s3_store(
            "b", endpoint_url=server.url, region="us-east-1", access_key="A", secret_key="k" * 40
        )
        await store.open()
        note_trace(TRACE)  # in the task of this test
        await store.get("cat.png", '"0"')
        await store.put("cat.png", b"a cat", if_match='"1"')
        await store.delete("cat.png")
        note_trace("")
        await store.head("cat.png")
        await store.close()
    assert [request.method for request in server.requests] == ["HEAD", "GET", "PUT", "DELETE", "HEAD"]
    assert [request.headers.get("traceparent") for request in server.requests] == [TRACE] * 4 + [None]
    assert not any("traceparent" in request.headers["authorization"] for request in server.requests)


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
async def test_a_server_that_checks_signatures_takes_them(seaweed: S3Server) -> None:
    bucket = f"traced-{uuid.uuid4().hex}"
    seaweed.client.create_bucket(Bucket=bucket)
    place = {"endpoint_url": seaweed.url, "region": "us-east-1", "access_key": seaweed.access_key}
    store = s3_store(bucket, secret_key=seaweed.secret_key, **place)
    note_trace(TRACE)
    version = await store.put("cat.png", b"a cat", if_none_match=True)
    found = await store.get("cat.png")
    assert found is not None
    assert (bytes(found.body), found.etag) == (b"a cat", version)
    assert [each.key async for each in store.objects()] == ["cat.png"]
    await store.delete("cat.png", if_match=version)
    await store.close()
    stranger = s3_store(bucket, secret_key="k" * 40, **place)
    with pytest.raises(OriginError):
        await stranger.get("cat.png")
    await stranger.close()
