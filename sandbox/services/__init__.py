"""What other apps may ask of the sandbox."""

from sandbox.services.execution import execute, limits_default, shutdown, warm
from sandbox.services.modules import module_delete, module_run, module_upload
from sandbox.services.programs import program_run
from sandbox.services.tables import TABLE_SUFFIXES, tables_query
from sandbox.services.workspaces import memory_files_open, workspace_open
from sandbox.workspace import Match, SearchResult, Workspace, text_diff, text_edit, text_search

__all__ = [
    "TABLE_SUFFIXES",
    "Match",
    "SearchResult",
    "Workspace",
    "execute",
    "limits_default",
    "memory_files_open",
    "module_delete",
    "module_run",
    "module_upload",
    "program_run",
    "shutdown",
    "tables_query",
    "text_diff",
    "text_edit",
    "text_search",
    "warm",
    "workspace_open",
]
