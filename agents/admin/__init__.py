"""The admin of models, sessions, memory, the journal, and what tenants register. Run data is read-only."""

from agents.admin import gateway, journal, mcp_servers, memory, openapi_apis, own_tools, roles, sessions, skills

__all__ = ["gateway", "journal", "mcp_servers", "memory", "openapi_apis", "own_tools", "roles", "sessions", "skills"]
