"""Opening workspaces: folders of a disk, or objects of a store."""

import hashlib
from pathlib import Path
from uuid import UUID

from django.conf import settings

from sandbox.storage import storage_in_use
from sandbox.workspace import DiskWorkspace, StoredWorkspace, Workspace, WorkspaceQuota


def workspace_open(*, tenant_id: UUID, session_id: UUID) -> Workspace:
    """Return the workspace of a session; it begins to be with its first file.

    Args:
        tenant_id: Who owns it. The caller has checked that the session is this tenant's.
        session_id: The session.
    """
    return _open(tenant_id, str(UUID(str(session_id))))


def memory_files_open(*, tenant_id: UUID, user_id: str) -> Workspace:
    """Return the memory files of a person: what is kept across the sessions, with the quota of one workspace.

    Args:
        tenant_id: Who owns it. The caller has checked that the person is this tenant's.
        user_id: The tenant's own name for the person; empty: what is nobody's in particular.
    """
    # The name is the tenant's and may be anything; a hash of it is a name of a folder, and no session's.
    return _open(tenant_id, f"memory-{hashlib.sha256(user_id.encode()).hexdigest()[:32]}")


def _open(tenant_id: UUID, folder: str) -> Workspace:
    quota = WorkspaceQuota(
        file_count=settings.SHANNON_WORKSPACE_MAX_FILES,
        total_bytes=settings.SHANNON_WORKSPACE_MAX_BYTES,
        file_bytes=settings.SHANNON_WORKSPACE_FILE_MAX_BYTES,
    )
    tenant = UUID(str(tenant_id))
    storage = storage_in_use()
    if storage is not None:
        return StoredWorkspace(tenant_id=tenant, folder=folder, quota=quota, storage=storage)
    return DiskWorkspace(Path(settings.SHANNON_WORKSPACE_DIR) / str(tenant) / folder, quota)
