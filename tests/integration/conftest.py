"""What tests of several folders share."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def object_store() -> Iterator[dict[str, Any]]:
    """A real server of S3's protocol with an empty bucket; yields what a storage is made with."""
    import boto3  # noqa: PLC0415 - half a second, for the tests that want it
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - see above

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
