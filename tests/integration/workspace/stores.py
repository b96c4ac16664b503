"""Workspaces by the place where their files lie."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from storages.backends.s3 import S3Storage

from sandbox.workspace import DiskWorkspace, StoredWorkspace, Workspace, WorkspaceQuota

Make = Callable[..., Workspace]
QUOTA = WorkspaceQuota(file_count=10, total_bytes=1000, file_bytes=500)


def on_disk(root: Path) -> Make:
    """Make workspaces of one tenant below a folder."""
    return lambda quota, folder="session": DiskWorkspace(root / folder, quota)


def in_store(storage: S3Storage) -> Make:
    """Make workspaces of one tenant in a storage."""
    tenant_id = uuid4()
    return lambda quota, folder="session": StoredWorkspace(
        tenant_id=tenant_id, folder=folder, quota=quota, storage=storage
    )
