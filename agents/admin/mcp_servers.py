"""MCP servers in the admin: registered, limited, trusted and asked again here or over the API, by the same rules."""

from functools import partial
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from agents.admin.tenant_rows import NamesField, TenantRowAdmin, TenantRowForm, owner_of
from agents.models import McpServer
from agents.tools.mcp.servers import (
    ROWS,
    McpServerChanges,
    mcp_server_add,
    mcp_server_check,
    mcp_server_refresh,
    mcp_server_set,
)
from shannon_project.foundation.admin import json_shown
from shannon_project.foundation.errors import ShannonError


class McpServerForm(TenantRowForm):
    """A server; its name cannot be changed, since roles and tasks know its tools by it."""

    rows = ROWS

    request: ClassVar[HttpRequest]
    tools_allowed = NamesField(required=False, help_text="Names of its tools to offer; empty: all.")
    tools_trusted = NamesField(
        required=False,
        # Trust may end while somebody looks at the page: it is given again by whoever changed this, not by any change.
        show_hidden_initial=True,
        help_text="Names of its tools that are not dangerous, as they are described below. Another address ends it, "
        "and so does another description.",
    )
    timeout_seconds = forms.FloatField(
        min_value=1, max_value=settings.SHANNON_MCP_TIMEOUT_SECONDS, initial=30, help_text="Of one call."
    )
    headers = forms.JSONField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="A JSON object of names and values that it is sent, for credentials. Kept encrypted and never shown: "
        "leave it empty to keep those that are there, and write {} to remove them.",
    )

    def clean_headers(self) -> dict[str, str] | None:
        """Return the headers; None: they stay."""
        text = self.data.get(self.add_prefix("headers"), "")
        headers = self.cleaned_data["headers"]
        if not text.strip():
            return None
        if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
            raise forms.ValidationError("A JSON object of names and texts.")
        return headers

    def clean(self) -> dict[str, Any] | None:
        """Refuse what the API would refuse."""
        cleaned = super().clean()
        if self.errors:
            return cleaned
        is_new = self.instance._state.adding
        tenant_id = (cleaned or {})["tenant"].id if is_new else self.instance.tenant_id
        try:
            mcp_server_check(
                principal=owner_of(self.request, tenant_id),
                name=(cleaned or {})["name"] if is_new else None,
                changes=self.changes(),
            )
        except ShannonError as error:
            self.add_error(None, error.message)
        return cleaned

    def changes(self) -> McpServerChanges:
        """Return what was changed, or all of a new one."""
        names = ("url", "headers", "tools_allowed", "tools_trusted", "timeout_seconds", "is_active")
        is_new = self.instance._state.adding
        return McpServerChanges(
            **{name: self.cleaned_data[name] for name in names if is_new or name in self.changed_data}
        )


@admin.register(McpServer)
class McpServerAdmin(TenantRowAdmin):
    """MCP servers of tenants; those of the operator are in the settings."""

    form = McpServerForm
    list_display: ClassVar = [
        "name",
        "tenant",
        "url",
        "is_active",
        "trust_ended_shown",
        "discovered_at",
        "discovery_error",
    ]
    list_filter: ClassVar = ["tenant", "is_active"]
    search_fields: ClassVar = ["name", "url"]
    fields: ClassVar = [
        "tenant",
        "name",
        "url",
        "headers",
        "has_headers",
        "is_active",
        "tools_allowed",
        "tools_trusted",
        "trust_ended_shown",
        "timeout_seconds",
        "tools_shown",
        "asked_at",
        "discovered_at",
        "discovery_error",
        "created_by",
        "created_at",
        "updated_at",
    ]
    readonly_fields: ClassVar = [
        "has_headers",
        "trust_ended_shown",
        "tools_shown",
        "asked_at",
        "discovered_at",
        "discovery_error",
        *TenantRowAdmin.readonly_fields,
    ]
    actions: ClassVar = ["ask_again"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form who asks."""
        form = super().get_form(request, obj, change, **kwargs)
        form.request = request
        return form

    def save_model(self, request: HttpRequest, obj: McpServer, form: Any, change: bool) -> None:
        """Register or change it, and ask it for its tools when that is committed."""
        principal = owner_of(request, obj.tenant_id)
        if change:
            is_to_be_asked = mcp_server_set(principal=principal, server_id=obj.id, changes=form.changes())
        else:
            obj.id = mcp_server_add(principal=principal, name=obj.name, changes=form.changes()).id
            is_to_be_asked = True
        obj.refresh_from_db()
        if is_to_be_asked:
            transaction.on_commit(partial(mcp_server_refresh, principal=principal, server_id=obj.id))

    @admin.action(description="Ask for the tools again")
    def ask_again(self, request: HttpRequest, queryset: "QuerySet[McpServer]") -> None:
        """Ask the servers that were chosen, one after another."""
        for server in queryset:
            asked = mcp_server_refresh(principal=owner_of(request, server.tenant_id), server_id=server.id)
            said = asked.discovery_error or f"{len(asked.tools)} tools"
            self.message_user(request, f"{server.name}: {said}", "ERROR" if asked.discovery_error else "SUCCESS")

    @admin.display(description="headers are stored", boolean=True)
    def has_headers(self, server: McpServer) -> bool:
        """Tell whether there are any; they are never shown."""
        return bool(server.encrypted_headers)

    @admin.display(description="trust ended")
    def trust_ended_shown(self, server: McpServer) -> str:
        """Return which tools were trusted until they were described anew, and when that was."""
        return ", ".join(f"{name} ({at[:16]})" for name, at in sorted(server.trust_ended.items()))

    @admin.display(description="tools")
    def tools_shown(self, server: McpServer) -> str:
        """Return what it offered when it answered last."""
        return json_shown([{key: value for key, value in tool.items() if key != "parameters"} for tool in server.tools])
