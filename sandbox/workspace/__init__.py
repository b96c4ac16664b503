"""A session's files."""

from sandbox.workspace.paths import path_checked
from sandbox.workspace.store import Workspace, WorkspaceQuota

__all__ = ["Workspace", "WorkspaceQuota", "path_checked"]
