"""MCP servers in the admin."""

from typing import ClassVar
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest

from agents.admin.tenant_rows import TenantRowAdmin
from agents.models import McpServer
from agents.tools.registry import tenant_tools_changed


@admin.register(McpServer)
class McpServerAdmin(TenantRowAdmin):
    """MCP servers: switched off and limited here; registered over the API, which alone takes credentials."""

    list_display: ClassVar = ["name", "tenant", "url", "is_active", "discovered_at", "discovery_error"]
    list_filter: ClassVar = ["tenant", "is_active"]
    search_fields: ClassVar = ["name", "url"]
    fields: ClassVar = [
        "name",
        "tenant",
        "url",
        "is_active",
        "tools_allowed",
        "tools_trusted",
        "timeout_seconds",
        "tools",
        "discovered_at",
        "discovery_error",
        "created_by",
        "created_at",
        "updated_at",
    ]
    readonly_fields: ClassVar = [
        name for name in fields if name not in {"is_active", "tools_allowed", "tools_trusted", "timeout_seconds"}
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Servers are registered over the API."""
        return False

    def row_changed(self, tenant_id: UUID) -> None:
        """Let this process see it."""
        tenant_tools_changed(tenant_id)
