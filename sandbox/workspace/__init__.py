"""A session's files."""

from sandbox.workspace.base import Workspace, WorkspaceQuota
from sandbox.workspace.disk import DiskWorkspace
from sandbox.workspace.paths import path_checked
from sandbox.workspace.stored import StoredWorkspace
from sandbox.workspace.texts import Match, SearchResult, text_diff, text_edit, text_search

__all__ = [
    "DiskWorkspace",
    "Match",
    "SearchResult",
    "StoredWorkspace",
    "Workspace",
    "WorkspaceQuota",
    "path_checked",
    "text_diff",
    "text_edit",
    "text_search",
]
