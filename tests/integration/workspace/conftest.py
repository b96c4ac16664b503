"""One workspace for each place where its files may lie: a disk, and an object store that speaks S3's protocol."""

from pathlib import Path
from typing import Any

import pytest
from storages.backends.s3 import S3Storage


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
