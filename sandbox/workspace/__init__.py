"""A session's files."""

from sandbox.workspace.paths import path_checked
from sandbox.workspace.store import Workspace, WorkspaceQuota
from sandbox.workspace.texts import Match, SearchResult, text_diff, text_edit, text_search

__all__ = [
    "Match",
    "SearchResult",
    "Workspace",
    "WorkspaceQuota",
    "path_checked",
    "text_diff",
    "text_edit",
    "text_search",
]
