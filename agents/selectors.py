"""Reads of the agents app."""

from agents.forms import FORMS
from agents.journal.viewing import (
    EntryView,
    JournalSums,
    entries_of,
    entries_until,
    entry_sums,
    sums_before,
    usage_until,
)
from agents.llm.breakdown import model_breakdown
from agents.llm.catalogues import catalogue_of
from agents.loop.formats import FORMATS
from agents.loop.json_answers import json_in, problems_of
from agents.memory.reading import memories_newest, memory_find
from agents.roles.catalogue import Role, role_for, role_names, roles_of
from agents.roles.rows import role_from_row, role_row, role_row_of, role_rows
from agents.sessions.reading import messages_before, messages_recent, session_for, session_id_for, sessions_page
from agents.skills.catalogue import skill_for, skill_versions, skills
from agents.skills.rows import skill_from_row, skill_row_of
from agents.tools.arguments import arguments_check, arguments_problem
from agents.tools.mcp.servers import mcp_server_for, mcp_servers
from agents.tools.openapi.apis import openapi_api_for, openapi_apis
from agents.tools.own.rows import own_tool_row, own_tool_row_of
from agents.tools.registry import builtin_tool_infos, is_tenant_tool, tool_definitions, tool_for, tool_infos

__all__ = [
    "FORMATS",
    "FORMS",
    "EntryView",
    "JournalSums",
    "Role",
    "arguments_check",
    "arguments_problem",
    "builtin_tool_infos",
    "catalogue_of",
    "entries_of",
    "entries_until",
    "entry_sums",
    "is_tenant_tool",
    "json_in",
    "mcp_server_for",
    "mcp_servers",
    "memories_newest",
    "memory_find",
    "messages_before",
    "messages_recent",
    "model_breakdown",
    "openapi_api_for",
    "openapi_apis",
    "own_tool_row",
    "own_tool_row_of",
    "problems_of",
    "role_for",
    "role_from_row",
    "role_names",
    "role_row",
    "role_row_of",
    "role_rows",
    "roles_of",
    "session_for",
    "session_id_for",
    "sessions_page",
    "skill_for",
    "skill_from_row",
    "skill_row_of",
    "skill_versions",
    "skills",
    "sums_before",
    "tool_definitions",
    "tool_for",
    "tool_infos",
    "usage_until",
]
