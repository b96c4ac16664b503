"""One workspace for each place where its files may lie: a disk, and an object store that speaks S3's protocol."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from storages.backends.s3 import S3Storage


@pytest.fixture(scope="session")
def object_store() -> Iterator[dict[str, Any]]:
    """A real server with an empty bucket; yields what a storage is made with."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {
        "bucket_name": "shannon",
        "endpoint_url": f"http://{host}:{port}",
        "access_key": "key",
        "secret_key": "secret",
        "region_name": "us-east-1",
    }
    names = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=options["endpoint_url"], **names).create_bucket(Bucket="shannon")
    yield options
    server.stop()


@pytest.fixture
def storage(object_store: dict[str, Any]) -> S3Storage:
    """The storage that the settings would make."""
    return S3Storage(**object_store)


@pytest.fixture(params=["disk", "object store"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Make workspaces of one tenant: `make(quota, folder=…)`."""
    from tests.integration.workspace import stores  # noqa: PLC0415 - pytest loads this file before Django is ready

    if request.param == "disk":
        return stores.on_disk(tmp_path / "tenant")
    return stores.in_store(request.getfixturevalue("storage"))
