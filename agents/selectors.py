"""Reads of the agents app."""

from agents.sessions.reading import messages_before, messages_recent, session_for, sessions_page
from agents.tools.arguments import arguments_check
from agents.tools.registry import tool_definitions, tool_for, tool_infos

__all__ = [
    "arguments_check",
    "messages_before",
    "messages_recent",
    "session_for",
    "sessions_page",
    "tool_definitions",
    "tool_for",
    "tool_infos",
]
