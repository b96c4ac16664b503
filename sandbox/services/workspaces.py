"""Opening workspaces."""

from pathlib import Path
from uuid import UUID

from django.conf import settings

from sandbox.workspace import Workspace, WorkspaceQuota


def workspace_open(*, tenant_id: UUID, session_id: UUID) -> Workspace:
    """Return the workspace of a session; its folder is made with the first file.

    Args:
        tenant_id: Who owns it. The caller has checked that the session is this tenant's.
        session_id: The session.
    """
    root = Path(settings.SHANNON_WORKSPACE_DIR) / str(UUID(str(tenant_id))) / str(UUID(str(session_id)))
    quota = WorkspaceQuota(
        file_count=settings.SHANNON_WORKSPACE_MAX_FILES,
        total_bytes=settings.SHANNON_WORKSPACE_MAX_BYTES,
        file_bytes=settings.SHANNON_WORKSPACE_FILE_MAX_BYTES,
    )
    return Workspace(root, quota)
