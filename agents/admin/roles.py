"""The roles of tenants: made and changed here or over the API, by the same rules."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin

from agents.admin.tenant_rows import TenantRowAdmin, TenantRowForm
from agents.llm.types import ModelTier
from agents.models import AgentRole
from agents.roles.rows import NAME, ROWS, RoleChanges, role_values
from shannon_project.foundation.errors import ShannonError


class RoleForm(TenantRowForm):
    """A role; its name cannot be changed, since tasks and templates know it by it."""

    rows = ROWS

    tier = forms.ChoiceField(choices=[(tier, tier) for tier in map(str, ModelTier)])

    def clean(self) -> dict[str, Any] | None:
        """Refuse a name that is not fit, and tools that the tenant has not."""
        cleaned = super().clean()
        values = cleaned or {}
        is_new = self.instance._state.adding
        tenant = values.get("tenant") if is_new else self.instance.tenant
        if is_new and not NAME.fullmatch(values.get("name", "")):
            self.add_error("name", "A letter a-z, then up to 31 letters a-z, digits, _ and -.")
        if tenant is None:
            return cleaned  # the field says so itself
        tools = values.get("tools") or []
        if not isinstance(tools, list) or not all(isinstance(name, str) for name in tools):
            self.add_error("tools", "A JSON list of names.")
            return cleaned
        try:
            role_values(tenant.id, RoleChanges(tools=tuple(tools)))
        except ShannonError as error:
            self.add_error("tools", error.message)
        return cleaned


@admin.register(AgentRole)
class AgentRoleAdmin(TenantRowAdmin):
    """Roles of tenants; the shipped ones are in `agents/roles/roles.yaml`."""

    form = RoleForm
    list_display: ClassVar = ["name", "tenant", "description", "tier", "is_active", "updated_at"]
    list_filter: ClassVar = ["tenant", "tier", "is_active"]
    search_fields: ClassVar = ["name", "description"]
    fields: ClassVar = [
        "tenant",
        "name",
        "description",
        "brief",
        "tools",
        "tier",
        "max_turns",
        "max_output_tokens",
        "budget_tokens",
        "budget_usd",
        "budget_ask_person_percent",
        "is_active",
        "created_by",
        "created_at",
        "updated_at",
    ]
